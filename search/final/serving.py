"""The model that `mlflow models serve` runs: text in, label and scores out.

MLflow executes this file instead of unpickling an object.
"""

import json
from typing import Any

import mlflow
import numpy
import pandas
from mlflow.exceptions import MlflowException
from mlflow.models import set_model

from search.final.predictor import Predictor


class ServedClassifier(mlflow.pyfunc.PythonModel):
    """From a column `text` of strings to columns `label`, `score` and `scores` (JSON)."""

    def load_context(self, context: Any) -> None:
        """Load the model folder that was logged with this model."""
        self.predictor = Predictor(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pandas.DataFrame, params: dict[str, Any] | None = None
    ) -> pandas.DataFrame:
        """Classify the texts. An invalid text is the client's mistake: HTTP 400."""
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
    """A text per row. MLflow turns `{"inputs": ["one", "two"]}` into one row with both texts."""
    cells = [cell if isinstance(cell, list | numpy.ndarray) else [cell] for cell in column]
    return [text for cell in cells for text in cell]


set_model(ServedClassifier())
