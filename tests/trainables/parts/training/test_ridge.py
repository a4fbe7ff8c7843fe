"""The ridge classifier against scikit-learn's, and against refitting without each sentence."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score
from torch.nn.functional import cross_entropy

from trainables.parts.data.tokens import Metric
from trainables.parts.training.ridge import PENALTIES, ridge


def clouds(
    sentences: int, width: int, intents: int, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors (N, D) float32 in one overlapping cloud per intent, and their labels (N,)."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(sentences) % intents
    centres = torch.randn(intents, width, generator=random)
    return 3 + 2 * (centres[labels] + torch.randn(sentences, width, generator=random)), labels


def standardised(vectors: torch.Tensor, by: torch.Tensor) -> np.ndarray:
    return (
        (vectors.double() - by.double().mean(dim=0)) / by.double().std(dim=0, correction=0)
    ).numpy()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(
    ("sentences", "width", "intents"),
    [(60, 5, 3), (60, 5, 2), (20, 40, 4)],
    ids=["tall", "two intents", "wide"],
)
def test_outputs_are_scikit_learns(
    sentences: int, width: int, intents: int, penalty: float
) -> None:
    train, labels = clouds(sentences, width, intents)
    new, truth = clouds(30, width, intents, seed=1)
    solution = ridge(train, labels, intents, (penalty,))
    reference = RidgeClassifier(alpha=penalty).fit(standardised(train, train), labels)
    expected = reference.decision_function(standardised(new, train))
    outputs = (new.double() @ solution.weight.T + solution.bias).numpy()
    np.testing.assert_allclose(outputs[:, 1] if intents == 2 else outputs, expected, atol=1e-9)
    assert solution.scores(new, truth).accuracy == pytest.approx(
        reference.score(standardised(new, train), truth)
    )


@pytest.mark.parametrize("penalty", [0.1, 100.0])
@pytest.mark.parametrize("width", [4, 30])
def test_leave_one_out_outputs_are_those_of_refitting(penalty: float, width: int) -> None:
    train, labels = clouds(24, width, 3)
    x = standardised(train, train)
    solution = ridge(train, labels, 3, (penalty,))
    for row in range(len(x)):
        others = np.arange(len(x)) != row
        expected = (
            RidgeClassifier(alpha=penalty)
            .fit(x[others], labels[others])
            .decision_function(x[row : row + 1])
        )
        np.testing.assert_allclose(solution.left_out[row : row + 1].numpy(), expected, atol=1e-8)


def test_the_penalty_has_the_highest_leave_one_out_accuracy() -> None:
    """With few sentences in many dimensions, a small penalty overfits."""
    train, labels = clouds(40, 60, 8)
    x = standardised(train, train)

    def right(penalty: float) -> int:
        fits = ((row, np.arange(len(x)) != row) for row in range(len(x)))
        return sum(
            RidgeClassifier(alpha=penalty).fit(x[o], labels[o]).predict(x[row : row + 1])[0]
            == labels[row]
            for row, o in fits
        )

    counts = {penalty: right(penalty) for penalty in PENALTIES}
    assert len(set(counts.values())) > 1
    assert ridge(train, labels, 8).penalty == max(
        PENALTIES, key=lambda penalty: (counts[penalty], penalty)
    )


@pytest.mark.parametrize(("metric", "penalty"), [("accuracy", 1000.0), ("macro_f1", 1.0)])
def test_with_rare_labels_the_penalty_is_another_by_macro_f1(
    metric: Metric, penalty: float
) -> None:
    random = torch.Generator().manual_seed(9)
    labels = torch.tensor([0] * 40 + [1] * 6 + [2] * 6)
    centres = torch.randn(3, 20, generator=random)
    train = centres[labels] + 2 * torch.randn(len(labels), 20, generator=random)
    by_penalty = {one: ridge(train, labels, 3, (one,)).left_out.argmax(dim=1) for one in PENALTIES}
    scores = {
        one: f1_score(labels, answers, average="macro", zero_division=0)
        if metric == "macro_f1"
        else accuracy_score(labels, answers)
        for one, answers in by_penalty.items()
    }
    best = max(PENALTIES, key=lambda one: (scores[one], one))
    assert ridge(train, labels, 3, metric=metric).penalty == best == penalty


def test_the_scale_minimises_the_loss_of_the_leave_one_out_outputs() -> None:
    train, labels = clouds(60, 5, 3)
    solution = ridge(train, labels, 3)
    losses = {
        factor: cross_entropy(factor * solution.left_out, labels).item()
        for factor in np.geomspace(0.05, 400, 200)
    }
    assert (
        cross_entropy(solution.scale(labels) * solution.left_out, labels).item()
        <= min(losses.values()) + 1e-6
    )
    assert min(losses.values()) < math.log(3)


def test_a_constant_component_and_a_label_without_sentences_do_no_harm() -> None:
    train, labels = torch.eye(4).repeat(3, 1), torch.arange(4).repeat(3)
    train[:, 0] = 1.0
    solution = ridge(train, labels, 5)
    assert torch.isfinite(solution.weight).all() and solution.scores(train, labels).accuracy == 1.0


def test_a_component_that_hardly_varies_gets_no_large_weight() -> None:
    """MiniLM has such a component."""
    train, labels = clouds(60, 5, 3)
    train[:, 2] = 1e-9 * torch.randn(60, generator=torch.Generator().manual_seed(0))
    solution = ridge(train, labels, 3)
    assert solution.weight[:, 2].abs().max() < solution.weight.abs().max()
