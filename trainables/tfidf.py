"""TF-IDF of words and characters under a linear SVM: no encoder at all.

The classical baseline of text classification, which takes seconds; see Wang and Manning, 2012
(https://aclanthology.org/P12-2018). scikit-learn's TfidfVectorizer and LinearSVC. The SVM's outputs
are no probabilities: they are scaled so that their softmax fits a fifth of train, left out of a
first fit.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch

from trainables.parts.config import Inverse
from trainables.parts.data.tokens import Data, Tokens
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.ngrams import NgramClassifier, Ngrams, side_by_side, vectorizers
from trainables.parts.training.calibration import logit_scale
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.linear import linear_layer
from trainables.parts.training.scores import scores

EPOCHS = MAX_EPOCHS = 1
"""A single fit, whatever the budget."""
HELD_OUT = 5
"""One row in so many is left out of the first fit."""


@dataclass(frozen=True, kw_only=True)
class Config(Ngrams):
    """scikit-learn's defaults, on the n-grams in common use."""

    C: Inverse = 1.0
    """The SVM's C: the inverse of the strength of its regularisation."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, NgramClassifier]:
    """Yield a single Epoch, whatever the budget; return the classifier."""
    began = time.perf_counter()
    model = _fitted(config, data.train, data.labels, seed)
    targets = data.validation.targets
    validation = scores(model.logits(data.validation), targets)
    yield Epoch.closed_form("classifier", validation, time.perf_counter() - began)
    return model


def _fitted(config: Config, train: Tokens, labels: tuple[str, ...], seed: int) -> NgramClassifier:
    if train.texts is None:
        raise ValueError("n-grams need the texts of a split, not only its tokens")
    from sklearn.svm import LinearSVC  # Takes seconds to import.

    words_and_characters = vectorizers(config)
    features = side_by_side([each.fit_transform(train.texts) for each in words_and_characters])

    def layer(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        svm = LinearSVC(C=config.C, random_state=seed)
        return linear_layer(svm, features[rows], train.labels[rows], len(labels))

    order = np.random.default_rng(seed).permutation(len(train))
    left_out, rest = np.split(order, [len(order) // HELD_OUT])
    scale = 1.0
    if len(left_out):
        weight, bias = layer(rest)
        outputs = torch.from_numpy(features[left_out] @ weight.T + bias)
        scale = logit_scale(outputs, torch.from_numpy(train.labels[left_out]))
    weight, bias = layer(np.arange(len(train)))
    return NgramClassifier(config, labels, words_and_characters, weight, bias, scale)
