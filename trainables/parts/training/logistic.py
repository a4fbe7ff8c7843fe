"""Logistic regression on the vectors of a frozen encoder, and its cross-validation on train.

scikit-learn's LogisticRegression, on vectors that are standardised by the training split. So a
value of C means the same for every encoder.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from trainables.parts.data.tokens import Features, Metric
from trainables.parts.model.pooling import Pooling
from trainables.parts.training.linear import linear_layer
from trainables.parts.training.scores import scores_of
from trainables.parts.training.standardisation import divisors

if TYPE_CHECKING:  # scikit-learn takes seconds to import, and few workers need it.
    from sklearn.linear_model import LogisticRegression

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Values of C that cross-validation compares."""
FOLDS = 3
MAX_CV_ROWS = 3000
"""Rows of train that cross-validation uses at most."""
ITERATIONS = 200
CV_TOLERANCE = 1e-3
"""Ten times scikit-learn's own: enough to compare values of C."""


def logistic(vectors: Tensor, labels: Tensor, intents: int, C: float) -> tuple[np.ndarray, ...]:
    """Fit vectors (N, D) to labels (N,): weight (K, D) and bias (K,) of a layer that gives logits.

    The layer takes the vectors as they are: their standardisation is part of it.
    """
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression(C=C, max_iter=ITERATIONS)
    return _fit(estimator, vectors.cpu().numpy(), labels.cpu().numpy(), intents)


def _fit(
    estimator: "LogisticRegression", x: np.ndarray, labels: np.ndarray, intents: int
) -> tuple[np.ndarray, np.ndarray]:
    mean, deviation = x.mean(axis=0), divisors(torch.from_numpy(x.std(axis=0))).numpy()
    weight, bias = linear_layer(estimator, (x - mean) / deviation, labels, intents)
    weight = weight / deviation
    return weight, bias - weight @ mean


def choose(
    encoded: dict[Pooling, Features], seed: int, metric: Metric = "accuracy"
) -> dict[str, object]:
    """The pooling and the C of the highest score in cross-validation; on ties the first.

    `encoded` are the training sentences. Of many, a stratified part is used. Where no label has two
    rows, nothing can be compared: the result is empty.
    """
    labels = next(iter(encoded.values())).targets.cpu().numpy()
    rows = stratified(labels, MAX_CV_ROWS, seed)
    labels = labels[rows]
    folds = min(FOLDS, int(np.bincount(labels).max()))
    if folds < 2 or len(np.unique(labels)) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        scores = {
            (pooling, C): scores_of(torch.from_numpy(answers), torch.from_numpy(labels)).of(metric)
            for pooling, features in encoded.items()
            for C, answers in _predicted(
                features.vectors.cpu().numpy()[rows], labels, folds, seed
            ).items()
        }
    pooling, C = max(scores, key=lambda pair: scores[pair])
    return {"pooling": pooling, "C": C}


def _predicted(x: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> dict[float, np.ndarray]:
    """What fits to the other folds predict for the rows (N,), for each C."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    predicted = {C: np.empty_like(labels) for C in STRENGTHS}
    for train, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, labels):
        # From each C to the next, the solution moves little: a fit starts from the one before.
        estimator = LogisticRegression(tol=CV_TOLERANCE, max_iter=ITERATIONS, warm_start=True)
        for C in STRENGTHS:
            estimator.set_params(C=C)
            weight, bias = _fit(estimator, x[train], labels[train], int(labels.max()) + 1)
            predicted[C][held_out] = (x[held_out] @ weight.T + bias).argmax(axis=1)
    return predicted


def stratified(labels: np.ndarray, max_rows: int, seed: int) -> np.ndarray:
    """At most so many rows, at random, with each label's share of them as in the whole."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)[labels[order]]
    starts = np.searchsorted(labels[order], labels[order])
    place = (np.arange(len(order)) - starts + 0.5) / counts  # of a row among those of its label
    rows: np.ndarray = np.sort(order[np.argsort(place, kind="stable")[:max_rows]])
    return rows
