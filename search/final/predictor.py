"""Prediction with a trained model's folder."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from search.final.record import read_threshold
from trainables.parts.data.text import valid_text
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.ngrams import NgramClassifier
from trainables.parts.model.onnx_classifier import OnnxClassifier, OnnxPrecision
from trainables.parts.model.text_classifier import AnyClassifier, load_folder
from trainables.parts.quote import quoted

FIRST_BATCH, LARGEST_BATCH = 256, 4096
"""Texts that `stream` classifies at once. The first answers come soon; many texts at once can be
put into mini-batches of equal lengths, which leaves hardly any padding."""


class Predictor:
    """A loaded model folder."""

    def __init__(
        self,
        folder: str | Path,
        min_confidence: float | Literal["auto"] = 0.0,
        onnx: OnnxPrecision | None = None,
    ) -> None:
        """A label of lower probability than `min_confidence` is not answered.

        "auto": the threshold that `search.train` found. `onnx`: answer with the folder's ONNX file
        of this precision. Raises ValueError where `search.train` did not write the folder, found no
        threshold, or wrote no ONNX file.
        """
        if not os.path.isdir(folder):
            raise ValueError(f"no folder {quoted(str(folder))}")
        self.min_confidence = (
            read_threshold(Path(folder)) if min_confidence == "auto" else min_confidence
        )
        self.model: AnyClassifier | OnnxClassifier = (
            load_folder(folder) if onnx is None else OnnxClassifier.from_pretrained(folder, onnx)
        )
        reads_tokens = not isinstance(self.model, NgramClassifier)
        self.tokenizer = load_tokenizer(str(folder)) if reads_tokens else None

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Classify texts.

        Each result has `text`, `label`, `score` (the best label's probability) and `scores` (every
        label's). `label` is None where the score is below `min_confidence`. Raises ValueError for
        a text that is invalid.
        """
        texts = [valid_text(text) for text in texts]
        if not texts:
            return []
        scores = self.model.predict(texts, self.tokenizer).double().numpy()
        best = scores.argmax(axis=1).tolist()
        sure = (scores.max(axis=1) >= self.min_confidence).tolist()
        rows = zip(texts, best, sure, scores.round(6).tolist(), strict=True)
        return [self._result(*row) for row in rows]

    def stream(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Classify any number of texts, some hundred at first and then more at a time."""
        source, size = iter(texts), FIRST_BATCH
        while batch := list(islice(source, size)):
            yield from self.predict(batch)
            size = min(2 * size, LARGEST_BATCH)

    def _result(self, text: str, best: int, sure: bool, scores: list[float]) -> dict[str, Any]:
        labels = self.model.labels
        return {
            "text": text,
            "label": labels[best] if sure else None,
            "score": scores[best],
            "scores": dict(zip(labels, scores)),
        }
