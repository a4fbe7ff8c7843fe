"""Accuracy, loss and the paper's loss against hand-made numbers."""

import math

import pytest
import torch
from sklearn.metrics import f1_score

from trainables.parts.training.scores import LabelCounts, paper_loss, scores, scores_of


def test_scores_are_accuracy_and_mean_cross_entropy() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    measured = scores(logits, torch.tensor([0, 1, 1]))
    by_hand = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1)), math.log(1 + math.exp(3))]
    assert measured.accuracy == pytest.approx(2 / 3)
    assert measured.loss == pytest.approx(sum(by_hand) / 3, rel=1e-6)


def test_paper_loss_is_a_sum_over_batches_divided_by_sentences() -> None:
    """Three sentences in batches of two: ((a + b) / 2 + c) / 3."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    a, b, c = math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1)), math.log(1 + math.exp(3))
    assert paper_loss(logits, torch.tensor([0, 1, 1]), 2) == pytest.approx(
        ((a + b) / 2 + c) / 3, rel=1e-6
    )
    assert paper_loss(logits, torch.tensor([0, 1, 1]), 1) == pytest.approx(
        (a + b + c) / 3, rel=1e-6
    )
    assert paper_loss(logits, torch.tensor([0, 1, 1]), 256) == pytest.approx(
        (a + b + c) / 9, rel=1e-6
    )


def test_paper_loss_of_a_guess_over_sixty_intents_is_near_the_papers_first_row() -> None:
    """2,974 sentences make 12 batches of 256: 12 ln 60 / 2974 = 0.01652. Table 7 has 0.0166073."""
    loss = paper_loss(torch.zeros(2974, 60), torch.zeros(2974, dtype=torch.long), 256)
    assert loss == pytest.approx(12 * math.log(60) / 2974, rel=1e-5)
    assert round(loss, 3) == round(0.0166073, 3)


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_is_that_of_scikit_learn(seed: int) -> None:
    """Also where a label is never true, never predicted, or neither."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 7, (40,), generator=random) % (seed + 2)
    predicted = torch.where(
        torch.rand(40, generator=random) < 0.6, labels, torch.randint(0, 9, (40,), generator=random)
    )
    expected = f1_score(labels, predicted, average="macro", zero_division=0)
    assert scores_of(predicted, labels).macro_f1 == pytest.approx(expected, abs=1e-12)
    parts = [LabelCounts.of(predicted[part], labels[part]) for part in (slice(9), slice(9, 40))]
    assert LabelCounts.sum(parts).macro_f1 == pytest.approx(expected, abs=1e-12)
