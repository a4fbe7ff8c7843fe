"""Prediction with a trained model's folder."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from search.final.record import read_threshold
from trainables.parts.data.text import valid_text
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.text_classifier import load_folder
from trainables.parts.quote import quoted

BATCH_SIZE = 256


class Predictor:
    """A loaded model folder."""

    def __init__(self, folder: str | Path, min_confidence: float | Literal["auto"] = 0.0) -> None:
        """A label of lower probability than `min_confidence` is not answered.

        "auto": the threshold that `search.train` found. Raises ValueError where it did not write
        the folder, or found none.
        """
        if not os.path.isdir(folder):
            raise ValueError(f"no folder {quoted(str(folder))}")
        self.min_confidence = (
            read_threshold(Path(folder)) if min_confidence == "auto" else min_confidence
        )
        self.model = load_folder(folder)
        reads_tokens = isinstance(self.model, Classifier)
        self.tokenizer = load_tokenizer(str(folder)) if reads_tokens else None

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Classify texts.

        Each result has `text`, `label`, `score` (the best label's probability) and `scores` (every
        label's). `label` is None where the score is below `min_confidence`. Raises ValueError for
        a text that is invalid.
        """
        texts = [valid_text(text) for text in texts]
        probabilities = self.model.predict(texts, self.tokenizer).tolist()
        return [self._result(text, row) for text, row in zip(texts, probabilities)]

    def stream(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Classify any number of texts, `BATCH_SIZE` at a time."""
        source = iter(texts)
        while batch := list(islice(source, BATCH_SIZE)):
            yield from self.predict(batch)

    def _result(self, text: str, probabilities: Sequence[float]) -> dict[str, Any]:
        labels = self.model.labels
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return {
            "text": text,
            "label": labels[best] if probabilities[best] >= self.min_confidence else None,
            "score": round(probabilities[best], 6),
            "scores": {label: round(score, 6) for label, score in zip(labels, probabilities)},
        }
