"""The model that `mlflow models serve` runs: text in, label and scores out.

MLflow executes this file; nothing is pickled.
"""

import json
from typing import Any

import mlflow
import numpy
import pandas
from mlflow.exceptions import MlflowException
from mlflow.models import set_model

from search.predict import Predictor


class ServedClassifier(mlflow.pyfunc.PythonModel):
    """A column `text` of strings to columns `label`, `score` and `scores` (JSON)."""

    def load_context(self, context: Any) -> None:
        """Load the folder that was logged with the model."""
        self.predictor = Predictor(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pandas.DataFrame, params: dict[str, Any] | None = None
    ) -> pandas.DataFrame:
        """Classify the texts. What is no text, or blank, is the caller's mistake: HTTP 400."""
        try:
            rows = self.predictor.predict(_texts(model_input["text"]))
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return pandas.DataFrame(
            {
                "label": [row["label"] for row in rows],
                "score": [row["score"] for row in rows],
                "scores": [json.dumps(row["scores"], ensure_ascii=False) for row in rows],
            }
        )


def _texts(column: pandas.Series) -> list[Any]:
    """A text a row; of `{"inputs": ["one text", "another"]}` MLflow makes one row with all of
    them."""
    rows = [one if isinstance(one, list | numpy.ndarray) else [one] for one in column]
    return [text for row in rows for text in row]


set_model(ServedClassifier())
