"""A text classifier without an encoder: TF-IDF of words and characters under a linear layer.

Saved without a pickle: config.json, the n-grams as JSON, their weights as safetensors.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from trainables.parts.config import Count, Hyperparameters, Range, checked
from trainables.parts.data.tokens import Tokens
from trainables.parts.model.model_folder import (
    CONFIG,
    WEIGHTS,
    loading,
    require_finite,
    weights_file,
)
from trainables.parts.quote import error_text

if TYPE_CHECKING:  # scikit-learn takes seconds to import, and few workers need it.
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

VOCABULARY = "vocabulary.json"
KIND = "ngrams"
"""The entry of config.json by which such a folder is recognised."""
TOKEN = r"(?u)\w+|[^\w\s]"
"""A word, or a single other character: every text has one at least."""


@dataclass(frozen=True, kw_only=True)
class Ngrams(Hyperparameters):
    """Which n-grams are counted, and how."""

    word_ngrams: Count = 2
    """Words in the longest n-gram of words."""
    character_ngrams: Annotated[int, Range(2)] = 5
    """Characters in the longest n-gram of characters, which stay within a word; the shortest have
    two."""
    sublinear: bool = True
    """Whether an n-gram that occurs n times in a text counts 1 + log n times."""


def vectorizers(config: Ngrams) -> "tuple[TfidfVectorizer, TfidfVectorizer]":
    """For words and for characters, not fitted yet."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(
        ngram_range=(1, config.word_ngrams), token_pattern=TOKEN, sublinear_tf=config.sublinear
    )
    characters = TfidfVectorizer(
        ngram_range=(2, config.character_ngrams),
        analyzer="char_wb",
        sublinear_tf=config.sublinear,
    )
    return words, characters


def side_by_side(features: "Sequence[csr_matrix]") -> "csr_matrix":
    """The features (N, D) of words and characters as one matrix."""
    from scipy.sparse import hstack

    return hstack(features, format="csr")


class NgramClassifier:
    """Texts to logits: `scale * (TF-IDF @ weight.T + bias)`.

    It has the methods of `Classifier`, and needs no tokenizer.
    """

    def __init__(
        self,
        config: Ngrams,
        labels: tuple[str, ...],
        fitted: "Sequence[TfidfVectorizer]",
        weight: np.ndarray,
        bias: np.ndarray,
        scale: float,
    ) -> None:
        """`fitted`: as `vectorizers` made them. Weight (K, D) and bias (K,) are float64."""
        self.config, self.labels, self.fitted = config, labels, fitted
        self.weight, self.bias, self.scale = weight, bias, scale

    def decisions(self, texts: Sequence[str]) -> np.ndarray:
        """The linear classifier's own outputs (N, K), before they are scaled to be logits."""
        features = side_by_side([vectorizer.transform(texts) for vectorizer in self.fitted])
        outputs: np.ndarray = features @ self.weight.T + self.bias
        return outputs

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order. Raises ValueError without its texts."""
        if tokens.texts is None:
            raise ValueError("n-grams need the texts of a split, not only its tokens")
        return self._logits(tokens.texts)

    def _logits(self, texts: Sequence[str]) -> Tensor:
        return torch.from_numpy(self.scale * self.decisions(texts)).float()

    def scale_logits(self, scale: float) -> None:
        """Multiply all logits by `scale`."""
        self.scale *= scale

    def predict(self, texts: list[str], tokenizer: Any = None) -> Tensor:
        """Probabilities (N, K) of raw texts; the tokenizer is not used.

        They are the softmax of the scaled outputs. Raises ValueError for damaged weights.
        """
        return require_finite(self._logits(texts).softmax(dim=1))

    def save(self, folder: Path, tokenizer: Any = None) -> None:
        """Write config.json, vocabulary.json and model.safetensors to `folder`.

        Raises OSError if the weights cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        own = {field.name: getattr(self.config, field.name) for field in fields(Ngrams)}
        config = {
            "id2label": dict(enumerate(self.labels)),
            "regimen": {KIND: own, "scale": self.scale},
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        vocabularies = [vectorizer.get_feature_names_out().tolist() for vectorizer in self.fitted]
        (folder / VOCABULARY).write_text(json.dumps(vocabularies), encoding="utf-8")
        weights = {"weight": np.ascontiguousarray(self.weight), "bias": self.bias}
        weights |= {f"idf.{i}": vectorizer.idf_ for i, vectorizer in enumerate(self.fitted)}
        with weights_file(folder) as path:
            save_file(weights, path)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load a folder that `save` wrote.

        Raises ValueError with one line if it is not such a folder.
        """
        folder = Path(folder)
        with loading(folder):
            values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            vocabularies = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
            return cls._restored(values, vocabularies, load_file(folder / WEIGHTS))

    @classmethod
    def _restored(cls, values: Any, vocabularies: Any, weights: dict[str, np.ndarray]) -> Self:
        try:
            names, saved = values["id2label"], values["regimen"]
            labels = tuple(checked("a label", names[str(i)], str) for i in range(len(names)))
            config = Ngrams.from_dict(saved[KIND])
            scale = checked("scale", saved["scale"], float)
            weight, bias = weights["weight"], weights["bias"]
            fitted = vectorizers(config)
            for i, (vectorizer, terms) in enumerate(zip(fitted, vocabularies, strict=True)):
                vectorizer.vocabulary = {term: index for index, term in enumerate(terms)}
                vectorizer.idf_ = weights[f"idf.{i}"]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its files lack something: {error_text(error)}") from error
        shape = (len(labels), sum(map(len, vocabularies)))
        if weight.shape != shape or bias.shape != shape[:1]:
            raise ValueError(f"its weight is {weight.shape} and not {shape}")
        return cls(config, labels, fitted, weight, bias, scale)
