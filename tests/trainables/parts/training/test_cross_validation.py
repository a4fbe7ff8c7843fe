"""Cross-validation against its slow definition: the folds trained one after the other."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainables.runs import REGIMES, SENSIBLE, TRAINING, curve, finish, start
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training import frozen
from trainables.parts.training.cross_validation import cross_validate, folds, refit
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.scores import scores

FOLDS, SEED = 3, 5


@pytest.fixture
def small(data: Data) -> Data:
    """A few sentences of each label, divided into folds."""
    rows = np.arange(0, len(data.train), 4)
    train = data.train.select(rows)
    return replace(data, train=train, validation=train, folds=FOLDS)


def training_of(regime: str, pretrained: Pretrained) -> Callable[[Data], Any]:
    return lambda data: start(regime, pretrained.build(), data, epochs=3, seed=SEED, **SENSIBLE)


@pytest.mark.parametrize("regime", REGIMES)
def test_a_run_is_the_mean_of_its_folds_each_trained_alone(
    regime: str, pretrained: Pretrained, small: Data
) -> None:
    train = training_of(regime, pretrained)
    epochs, logits = finish(cross_validate(train, small, SEED))
    steps = 0
    correct, seen = np.zeros((len(epochs), len(small.train))), np.zeros(len(small.train), int)
    for rows, held_out in folds(small, SEED):
        alone, model = finish(train(small.divided(rows, held_out)))
        assert [each.stage for each in alone] == [each.stage for each in epochs]
        for number, each in enumerate(alone):
            correct[number, held_out] = each.validation_accuracy
        torch.testing.assert_close(
            model.logits(small.train.select(held_out)).cpu(), logits[held_out], rtol=0, atol=0
        )
        seen[held_out] += 1
        steps += alone[-1].steps
    assert (seen == 1).all()
    # A fold's accuracy stands in each of its sentences, so that their mean is that of all.
    expected = correct.mean(axis=1).tolist()
    assert [each.validation_accuracy for each in epochs] == pytest.approx(expected)
    # The last epoch's scores are those of what is returned, against the labels of all sentences.
    measured, last = scores(logits, small.train.targets), epochs[-1]
    assert last.best_validation_accuracy == pytest.approx(measured.accuracy)
    assert last.best_validation_macro_f1 == pytest.approx(measured.macro_f1)
    if last.validation_loss is not None:
        assert last.validation_loss == pytest.approx(measured.loss, rel=1e-4)
    assert last.steps == steps


@dataclass(frozen=True)
class WithNorm(Epoch):
    """An epoch with a metric that somebody has added."""

    gradient_norm: float | None = None


def test_a_metric_that_is_added_is_pooled_like_the_others(small: Data) -> None:
    learning_rates, norms = iter([0.1, 0.2, 0.6]), iter([1.0, 2.0, 6.0])

    def train(part: Data) -> Generator[Epoch, None, Any]:
        measured = scores(torch.zeros(len(part.validation), 60), part.validation.targets)
        epoch = WithNorm.closed_form("fine-tune", measured, seconds=1.0)
        yield replace(epoch, learning_rate=next(learning_rates), gradient_norm=next(norms))

    epoch = next(cross_validate(train, small, SEED))
    assert isinstance(epoch, WithNorm)
    assert epoch.gradient_norm == pytest.approx(3.0)
    assert epoch.learning_rate == pytest.approx(0.3)


@pytest.mark.parametrize("regime", REGIMES)
def test_the_refitted_model_has_learned_from_all_sentences_and_is_judged_by_none(
    regime: str, pretrained: Pretrained, small: Data
) -> None:
    """As a run on all of them whose validation, whatever it is, chooses no epoch."""
    train = training_of(regime, pretrained)
    every = np.arange(len(small.train))
    _, other = finish(train(small.divided(every, every[::-1])))
    model = refit(train, small)
    torch.testing.assert_close(model.logits(small.train), other.logits(small.train), rtol=0, atol=0)


@pytest.mark.parametrize("regime", [name for name in REGIMES if name in TRAINING])
def test_each_fold_keeps_its_last_epoch(regime: str, pretrained: Pretrained, small: Data) -> None:
    """Its held-out sentences choose no epoch, as none can be chosen for a model of all."""
    rows, held_out = folds(small, SEED)[0]
    epochs, model = finish(training_of(regime, pretrained)(small.divided(rows, held_out)))
    assert all(each.best_validation_accuracy == each.validation_accuracy for each in epochs)
    right = model.logits(small.train.select(held_out)).argmax(dim=1).cpu()
    accuracy = (right == small.train.select(held_out).targets).double().mean().item()
    assert accuracy == pytest.approx(epochs[-1].validation_accuracy)


def test_folds_hold_out_each_label_alike(small: Data) -> None:
    labels = small.train.labels
    counts = [np.bincount(labels[rows], minlength=4) for _, rows in folds(small, SEED)]
    assert len(counts) == FOLDS
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp([count.sum() for count in counts]) <= 1


def test_sentences_that_are_alike_are_held_out_together(small: Data) -> None:
    """Also where a copy differs in case and punctuation, or in its label."""
    rows = np.arange(len(small.train)).repeat(2)
    doubled = small.train.select(rows)
    assert doubled.texts is not None
    copies = tuple(text.upper() + "!" if i % 2 else text for i, text in enumerate(doubled.texts))
    labels = doubled.labels.copy()
    labels[1] = (labels[1] + 1) % 4
    train = replace(doubled, texts=copies, labels=labels)
    parts = folds(replace(small, train=train), SEED)
    assert sorted(row for _, held_out in parts for row in held_out) == list(range(len(rows)))
    for trained, held_out in parts:
        assert not {rows[row] for row in trained} & {rows[row] for row in held_out}
    assert np.ptp([len(held_out) for _, held_out in parts]) <= 2


def test_folds_depend_on_the_seed(small: Data) -> None:
    first, again, other = (
        [rows.tolist() for _, rows in folds(small, seed)] for seed in (SEED, SEED, SEED + 1)
    )
    assert first == again != other


@pytest.mark.parametrize("regime", ["probe", "lp_ft", "proto"])
def test_vectors_that_the_search_has_encoded_change_nothing(
    regime: str, pretrained: Pretrained, small: Data
) -> None:
    train = training_of(regime, pretrained)
    encoded = replace(small, encoded=frozen.encode(pretrained.build(), small))
    epochs, logits = finish(cross_validate(train, small, SEED))
    again, other = finish(cross_validate(train, encoded, SEED))
    assert curve(again) == curve(epochs)
    torch.testing.assert_close(other, logits, rtol=0, atol=0)
