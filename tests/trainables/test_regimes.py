"""The contract of a regime, for every regime in the folder."""

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import binom

import trainables
from tests import tiny
from tests.trainables.runs import REGIMES, SENSIBLE, TRAINING, Run, curve, few, finish, run, start
from trainables.parts.config import Hyperparameters
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ngrams import NgramClassifier
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training.scores import scores


@pytest.mark.parametrize("regime", REGIMES)
def test_module_says_what_it_is(regime: str) -> None:
    module = trainables.load(regime)
    assert (module.__doc__ or "").strip() and (module.Config.__doc__ or "").strip()
    assert isinstance(module.EPOCHS, int) and module.EPOCHS >= 1


@pytest.mark.parametrize("regime", REGIMES)
def test_config_is_frozen_and_has_a_default_for_every_field(regime: str) -> None:
    config = trainables.load(regime).Config()
    assert is_dataclass(config) and isinstance(config, Hyperparameters)
    with pytest.raises(FrozenInstanceError):
        setattr(config, fields(config)[0].name, 0.5)


@pytest.mark.parametrize("regime", REGIMES)
def test_epochs_are_numbered_from_one(regime: str, runs: dict[str, Run]) -> None:
    numbers = [epoch.epoch for epoch in runs[regime].epochs]
    assert numbers == list(range(1, len(numbers) + 1)) and numbers


@pytest.mark.parametrize("regime", REGIMES)
def test_best_accuracy_is_the_highest_of_its_stage_so_far(
    regime: str, runs: dict[str, Run]
) -> None:
    best: dict[str, float] = {}
    for epoch in runs[regime].epochs:
        best[epoch.stage] = max(best.get(epoch.stage, 0.0), epoch.validation_accuracy)
        assert epoch.best_validation_accuracy == best[epoch.stage]


@pytest.mark.parametrize("regime", REGIMES)
def test_stages_follow_one_another(regime: str, runs: dict[str, Run]) -> None:
    stages = [epoch.stage for epoch in runs[regime].epochs]
    changes = sum(one != other for one, other in pairwise(stages))
    assert changes == len(set(stages)) - 1


@pytest.mark.parametrize("regime", REGIMES)
def test_what_epochs_report_is_finite_and_within_bounds(regime: str, runs: dict[str, Run]) -> None:
    for epoch in runs[regime].epochs:
        numbers = [value for value in epoch.to_dict().values() if isinstance(value, float)]
        assert (
            np.isfinite(numbers).all()
            and epoch.seconds > 0
            and epoch.steps >= 0
            and epoch.learning_rate >= 0
        )
        accuracies = [
            epoch.validation_accuracy,
            epoch.best_validation_accuracy,
            epoch.train_accuracy or 0.0,
        ]
        assert all(0 <= accuracy <= 1 for accuracy in accuracies)


@pytest.mark.parametrize("regime", REGIMES)
def test_returned_classifier_is_the_best_of_the_last_stage(
    regime: str, runs: dict[str, Run], data: Data
) -> None:
    measured = scores(runs[regime].logits, torch.from_numpy(data.validation.labels))
    last = runs[regime].epochs[-1]
    assert (
        isinstance(runs[regime].model, Classifier | NgramClassifier)
        and runs[regime].model.labels == data.labels
    )
    assert measured.accuracy == last.best_validation_accuracy
    of_stage = [epoch for epoch in runs[regime].epochs if epoch.stage == last.stage]
    best = [
        epoch for epoch in of_stage if epoch.validation_accuracy == last.best_validation_accuracy
    ][-1]  # of equals the later
    assert measured.loss == pytest.approx(best.validation_loss, rel=1e-6)


@pytest.mark.parametrize("regime", REGIMES)
def test_same_seed_gives_the_same_curve_to_the_last_bit(
    regime: str, runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    torch.manual_seed(12345)  # earlier random draws make no difference
    epochs, model = run(regime, pretrained, data)
    assert curve(epochs) == curve(runs[regime].epochs)
    assert torch.equal(model.logits(data.validation), runs[regime].logits)


@pytest.mark.parametrize("regime", [regime for regime in REGIMES if regime != "majority"])
def test_another_seed_gives_another_curve(
    regime: str, runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    if regime in TRAINING:
        first = next(start(regime, pretrained.build(), data, seed=1))
        assert first.train_loss != runs[regime].epochs[0].train_loss
    else:
        _, model = run(regime, pretrained, data, seed=1)
        assert not torch.equal(model.logits(data.validation), runs[regime].logits)


@pytest.mark.parametrize("regime", [regime for regime in TRAINING if regime != "probe"])
def test_an_epoch_of_fewer_sentences_takes_fewer_steps(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    part = replace(few(data), epoch_size=20)
    epochs, _ = run(regime, pretrained, part, epochs=3)
    first = [epoch for epoch in epochs if epoch.stage == epochs[0].stage]
    assert [epoch.steps for epoch in first] == [2] * 3  # of 16 and of 4 sentences


@pytest.mark.parametrize("regime", REGIMES)
def test_training_can_be_stopped_after_any_epoch(
    regime: str, runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    training = start(regime, pretrained.build(), data)
    first = next(training)
    training.close()
    assert curve([first]) == curve(runs[regime].epochs[:1])
    assert list(training) == []


@pytest.mark.parametrize("regime", REGIMES)
def test_training_leaves_the_data_and_the_pretrained_weights_as_they_were(
    regime: str, runs: dict[str, Run]
) -> None:
    assert runs[regime].changed == []


@pytest.mark.parametrize("regime", TRAINING)
def test_a_loss_that_is_not_a_number_stops_training(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained.build()
    with torch.no_grad():
        next(encoder.parameters()).fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="nan in epoch 1"):
        finish(start(regime, encoder, data))


@pytest.mark.parametrize("regime", TRAINING)
def test_weights_that_grow_beyond_all_bounds_stop_training(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    wild = {
        "optimizer": "sgd",
        "momentum": 0.0,
        "sgd_weight_decay": 10.0,
        "sgd_learning_rate": 10.0,
        "sgd_head_learning_rate": 10.0,
    }
    with pytest.raises(FloatingPointError, match="the loss became"):
        run(
            regime,
            pretrained,
            data,
            epochs=8,
            batch_size=4,
            schedule="constant",
            warmup_ratio=0.0,
            head_epochs=8,
            **wild,
        )


@pytest.mark.parametrize("regime", REGIMES)
def test_the_same_holds_in_bf16(regime: str, pretrained: Pretrained, data: Data) -> None:
    (first, one), (second, other) = (
        finish(start(regime, pretrained.build("bf16"), few(data), epochs=1, head_epochs=1))
        for _ in range(2)
    )
    logits = one.logits(data.validation)
    assert curve(first) == curve(second) and torch.equal(logits, other.logits(data.validation))
    assert logits.dtype == torch.float32 and torch.isfinite(logits).all()
    assert (
        scores(logits, torch.from_numpy(data.validation.labels)).accuracy
        == first[-1].best_validation_accuracy
    )


@pytest.fixture(scope="module")
def taught(pretrained: Pretrained, data: Data) -> Pretrained:
    """The tiny BERT fine-tuned to tell verbs apart, so that it knows words as a pretrained encoder
    does."""
    verbs = [verb for group in tiny.VERBS.values() for verb in group]
    train, validation = (
        replace(
            split,
            labels=np.array(
                [
                    next(i for i, verb in enumerate(verbs) if verb in text)
                    for text, _ in tiny.split_rows()[name]
                ]
            ),
        )
        for name, split in (("train", data.train), ("validation", data.validation))
    )
    other = Data(train, validation, tuple(verbs))
    _, model = run("baseline", pretrained, other, epochs=20, **SENSIBLE)
    return replace(pretrained, weights=state(model.encoder))


@pytest.mark.parametrize("regime", TRAINING)
def test_it_learns_sentences_that_can_be_told_apart(
    regime: str, taught: Pretrained, data: Data
) -> None:
    """More accurate than 99.9 % of random guesses."""
    epochs, _ = run(regime, taught, data, epochs=4, **SENSIBLE)
    guess = binom.ppf(0.999, len(data.validation), 1 / len(data.labels)) / len(data.validation)
    assert epochs[-1].best_validation_accuracy > guess
