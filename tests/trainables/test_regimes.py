"""The contract of a regime, for every regime in the folder; and what each of them promises beyond
it."""

import copy
import time
from collections.abc import Generator
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss
from scipy.stats import binom
from sklearn.linear_model import RidgeClassifier
from torch import nn

import trainables
from tests import tiny
from trainables.parts.config import Hyperparameters
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data, Features
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training import schedule
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.frozen import encode
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.ridge import ridge
from trainables.parts.training.scores import Scores, scores
from trainables.parts.training.step import Objective

REGIMES = trainables.names()
TRAINING = [
    name
    for name in REGIMES
    if "optimizer" in {field.name for field in fields(trainables.load(name).Config)}
]
CONTRASTIVE = ["simclr", "supcon"]
RIDGE = {"optimizer": "adamw", "learning_rate": 1e-3, "dropout": 0.1}
FINE_TUNING = ["baseline", "llrd", "llrd_warmup", "warmup"]
SHORT = {"head_epochs": 2, "batch_size": 16}
SENSIBLE = {
    "dropout": 0.1,
    "head_width": None,
    "optimizer": "adamw",
    "momentum": 0.0,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "head_learning_rate": 1e-2,
    "head_epochs": 10,
}


def config_of(regime: str, **values: Any) -> Any:
    """The regime's Config with those of `values` that are fields of it."""
    kind = trainables.load(regime).Config
    return kind.from_dict(
        {
            name: value
            for name, value in values.items()
            if name in {field.name for field in fields(kind)}
        }
    )


def start(
    regime: str, encoder: Encoder, data: Data, *, epochs: int = 2, seed: int = 0, **values: Any
) -> Generator[Epoch, None, Classifier]:
    found: Generator[Epoch, None, Classifier] = trainables.load(regime).train(
        config_of(regime, **{**SHORT, **values}), data, encoder, epochs=epochs, seed=seed
    )
    return found


def finish(training: Generator[Epoch, None, Classifier]) -> tuple[list[Epoch], Classifier]:
    epochs = []
    while True:
        try:
            epochs.append(next(training))
        except StopIteration as stop:
            return epochs, stop.value


def run(
    regime: str, pretrained: Pretrained, data: Data, **options: Any
) -> tuple[list[Epoch], Classifier]:
    return finish(start(regime, pretrained.build(), data, **options))


def curve(epochs: list[Epoch]) -> list[dict[str, Any]]:
    """All that an Epoch says but the time it took."""
    return tiny.curve(epoch.to_dict() for epoch in epochs)


@dataclass(frozen=True)
class Run:
    """A short run of a regime, made once for the tests that only look at it."""

    epochs: list[Epoch]
    model: Classifier
    logits: torch.Tensor


@pytest.fixture(scope="module")
def runs(pretrained: Pretrained, data: Data) -> dict[str, Run]:
    found = {}
    for regime in REGIMES:
        epochs, model = run(regime, pretrained, data)
        found[regime] = Run(epochs, model, model.logits(data.validation))
    return found


# The contract


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
        config.dropout = 0.5


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
    found = scores(runs[regime].logits, torch.from_numpy(data.validation.labels))
    last = runs[regime].epochs[-1]
    assert isinstance(runs[regime].model, Classifier) and runs[regime].model.labels == data.labels
    assert found.accuracy == last.best_validation_accuracy
    of_stage = [epoch for epoch in runs[regime].epochs if epoch.stage == last.stage]
    best = [
        epoch for epoch in of_stage if epoch.validation_accuracy == last.best_validation_accuracy
    ][-1]  # of equals the later
    assert found.loss == pytest.approx(best.validation_loss, rel=1e-6)


@pytest.mark.parametrize("regime", REGIMES)
def test_same_seed_gives_the_same_curve_to_the_last_bit(
    regime: str, runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    torch.manual_seed(12345)  # whatever was drawn before makes no difference
    epochs, model = run(regime, pretrained, data)
    assert curve(epochs) == curve(runs[regime].epochs)
    assert torch.equal(model.logits(data.validation), runs[regime].logits)


@pytest.mark.parametrize("regime", REGIMES)
def test_another_seed_gives_another_curve(
    regime: str, runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    epochs, model = run(regime, pretrained, data, seed=1)
    assert not torch.equal(model.logits(data.validation), runs[regime].logits)
    if regime in TRAINING:
        ours, theirs = (
            [epoch.train_loss for epoch in found] for found in (epochs, runs[regime].epochs)
        )
        assert all(one != other for one, other in zip(ours, theirs, strict=True))


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
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    arrays = {
        **pretrained.weights,
        "ids": data.train.ids,
        "labels": data.train.labels,
        "validation": data.validation.labels,
    }
    before = {name: array.copy() for name, array in arrays.items()}
    run(regime, pretrained, data, epochs=1)
    assert all(np.array_equal(array, before[name]) for name, array in arrays.items())


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
        finish(start(regime, pretrained.build("bf16"), data)) for _ in range(2)
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
    """The tiny BERT after it has learnt to tell verbs apart: it knows words, as a pretrained
    encoder does."""
    verbs = [verb for group in tiny.VERBS.values() for verb in group]
    splits = [
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
    ]
    _, model = run("baseline", pretrained, Data(*splits, tuple(verbs)), epochs=20, **SENSIBLE)
    return replace(pretrained, weights=state(model.encoder))


@pytest.mark.parametrize("regime", TRAINING)
def test_it_learns_sentences_that_can_be_told_apart(
    regime: str, taught: Pretrained, data: Data
) -> None:
    """Better than all but a thousandth of the classifiers that guess."""
    epochs, _ = run(regime, taught, data, epochs=6, **SENSIBLE)
    guess = binom.ppf(0.999, len(data.validation), 1 / len(data.labels)) / len(data.validation)
    assert epochs[-1].best_validation_accuracy > guess


# The paper's values: Tables 1 to 6

HEAD = {"head_width": 10, "head_activation": "relu"}
ADAMW = {"optimizer": "adamw", "weight_decay": 0.01, "max_grad_norm": None}
FINE_TUNE = {**HEAD, **ADAMW, "dropout": 0.9, "batch_size": 16, "learning_rate": 1e-4}
WARMUP = {"schedule": "linear", "warmup_ratio": 0.2, "min_learning_rate": 0.0}
VIEWS = {"views": "head_dropout", "projection": "linear", "layerwise_decay": 0.9}
PAPER: dict[str, tuple[int, dict[str, Any]]] = {
    "untuned": (1, {**HEAD, "dropout": 0.9, "batch_size": 256}),
    "baseline": (
        10,
        {
            **FINE_TUNE,
            "head_learning_rate": 1e-4,
            "schedule": "cosine",
            "min_learning_rate": 1e-6,
            "warmup_ratio": 0.0,
        },
    ),
    "llrd": (
        10,
        {
            **FINE_TUNE,
            "head_learning_rate": 1e-2,
            "layerwise_decay": 0.9,
            "head_decay": 0.9,
            "schedule": "constant",
            "warmup_ratio": 0.0,
        },
    ),
    "warmup": (10, {**FINE_TUNE, **WARMUP, "head_learning_rate": 1e-4}),
    "llrd_warmup": (
        10,
        {**FINE_TUNE, **WARMUP, "head_learning_rate": 1e-2, "layerwise_decay": 0.9},
    ),
    "supcon": (
        10,
        {
            **HEAD,
            **ADAMW,
            **WARMUP,
            **VIEWS,
            "batch_size": 64,
            "learning_rate": 1e-4,
            "head_learning_rate": 1e-4,
            "temperature": 0.07,
        },
    ),
    "simclr": (
        13,
        {
            **HEAD,
            **WARMUP,
            **VIEWS,
            "dropout": 0.9,
            "batch_size": 256,
            "sgd_learning_rate": 1e-3,
            "sgd_head_learning_rate": 1.0,
            "head_epochs": 20,
            "optimizer": "sgd",
            "momentum": 0.99,
            "temperature": 0.5,
        },
    ),
}


@pytest.mark.parametrize("regime", PAPER)
def test_defaults_are_the_papers_values(regime: str) -> None:
    module = trainables.load(regime)
    epochs, values = PAPER[regime]
    found = module.Config().to_dict()
    assert epochs == module.EPOCHS
    assert {name: found[name] for name in values} == values


def test_simclrs_rates_are_the_papers_as_torch_takes_them() -> None:
    """Effective rates are over 1 - momentum: 1e-5 and 1e-2 in Table 6."""
    config = trainables.load("simclr").Config()
    assert (config.lr, config.head_lr) == (pytest.approx(1e-5), pytest.approx(1e-2))


@pytest.mark.parametrize("regime", [*FINE_TUNING, *CONTRASTIVE])
def test_a_configuration_of_an_earlier_version_keeps_its_rates(regime: str) -> None:
    """It had one rate and one decay for either optimiser, as torch takes them."""
    kind = trainables.load(regime).Config
    old = {
        "optimizer": "sgd",
        "momentum": 0.75,
        "nesterov": True,
        "learning_rate": 0.25,
        "head_learning_rate": 0.5,
        "weight_decay": 0.125,
    }
    config = kind.from_dict(old)
    assert (config.lr, config.head_lr, config.sgd_weight_decay) == (0.25, 0.5, 0.125)
    assert kind.from_dict(config.to_dict()) == config
    adamw = kind.from_dict({**old, "optimizer": "adamw"})
    assert (adamw.lr, adamw.head_lr, adamw.weight_decay) == (0.25, 0.5, 0.125)


@pytest.mark.parametrize(
    ("name", "value"),
    [("momentum", "x"), ("momentum", 1.0), ("momentum", None), ("head_learning_rate", "fast")],
)
def test_a_damaged_configuration_of_an_earlier_version_is_refused(name: str, value: object) -> None:
    old = {
        "optimizer": "sgd",
        "momentum": 0.75,
        "nesterov": True,
        "head_learning_rate": 0.5,
        "weight_decay": 0.125,
    }
    with pytest.raises(ValueError, match=f"^{name} is "):
        trainables.load("probe").Config.from_dict(old | {name: value})


def test_each_regime_of_the_papers_table_is_there() -> None:
    assert set(PAPER) <= set(REGIMES)


# What single regimes promise


def test_untuned_yields_one_epoch_whatever_the_budget(pretrained: Pretrained, data: Data) -> None:
    epochs, model = run("untuned", pretrained, data, epochs=7)
    assert [(epoch.stage, epoch.steps, epoch.train_loss) for epoch in epochs] == [
        ("untuned", 0, None)
    ]
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_another_draw_of_untuned_is_another_classifier(pretrained: Pretrained, data: Data) -> None:
    logits = [
        run("untuned", pretrained, data, draw=draw)[1].logits(data.validation) for draw in (1, 2)
    ]
    assert not torch.equal(*logits)


@pytest.mark.parametrize("regime", FINE_TUNING)
def test_fine_tuning_trains_encoder_and_classifier_in_one_stage(
    regime: str, runs: dict[str, Run], pretrained: Pretrained
) -> None:
    assert [epoch.stage for epoch in runs[regime].epochs] == ["fine-tune"] * 2
    changed = [
        name
        for name, array in state(runs[regime].model.encoder).items()
        if not np.array_equal(array, pretrained.weights[name])
    ]
    assert {name.split(".")[0] for name in changed} == {"embeddings", "encoder"}


def test_llrd_with_a_decay_of_one_is_fine_tuning_at_one_rate(
    pretrained: Pretrained, data: Data
) -> None:
    same = {"head_learning_rate": 1e-3, "schedule": "constant"}
    plain, _ = run("baseline", pretrained, data, **same)
    layered, _ = run("llrd", pretrained, data, layerwise_decay=1.0, head_decay=1.0, **same)
    assert curve(plain) == curve(layered)


def test_llrd_with_a_decay_of_zero_leaves_the_encoder_as_it_was(
    pretrained: Pretrained, data: Data
) -> None:
    _, model = run("llrd", pretrained, data, layerwise_decay=0.0)
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_probe_leaves_the_encoder_as_it_was(runs: dict[str, Run], pretrained: Pretrained) -> None:
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(runs["probe"].model.encoder).items()
    )


def test_probe_on_sentences_that_are_encoded_already_has_the_same_curve(
    runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    epochs, model = run(
        "probe", pretrained, replace(data, encoded=encode(pretrained.build(), data))
    )
    assert curve(epochs) == curve(runs["probe"].epochs) and torch.equal(
        model.logits(data.validation), runs["probe"].logits
    )


def test_probes_first_epoch_takes_as_long_as_its_encoding(
    pretrained: Pretrained, data: Data
) -> None:
    encoder, waits = pretrained.build(), []
    encoder.register_forward_hook(lambda *_: waits.append(time.sleep(0.05)))
    epochs, _ = finish(start("probe", encoder, data))
    assert epochs[0].seconds >= 0.05 * len(waits) > 0 and epochs[1].seconds < 0.05 * len(waits)


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_contrastive_epochs_come_first_then_the_classifiers(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    epochs, _ = run(regime, pretrained, data, epochs=3, head_epochs=4)
    assert [epoch.stage for epoch in epochs] == ["contrastive"] * 3 + ["classifier"] * 4
    assert all(
        epoch.validation_loss is None and epoch.train_accuracy is None for epoch in epochs[:3]
    )
    assert all(
        epoch.validation_loss is not None and epoch.train_accuracy is not None
        for epoch in epochs[3:]
    )


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_the_encoder_learns_in_the_contrastive_stage_alone(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained.build()
    frozen = []
    for epoch in start(regime, encoder, data, head_epochs=3):
        if epoch.stage == "classifier":
            frozen.append(state(encoder))
    assert all(
        np.array_equal(array, frozen[0][name])
        for later in [*frozen[1:], state(encoder)]
        for name, array in later.items()
    )
    assert any(
        not np.array_equal(array, pretrained.weights[name]) for name, array in frozen[0].items()
    )


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_contrastive_epochs_are_judged_by_a_ridge_classifier_on_the_vectors(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained.build()
    for epoch in start(regime, encoder, data, epochs=3):
        if epoch.stage != "contrastive":
            break
        train, new = (
            vectors(encoder, split).double().numpy() for split in (data.train, data.validation)
        )
        mean, spread = train.mean(axis=0), train.std(axis=0)
        penalty = ridge(
            torch.from_numpy(train), torch.from_numpy(data.train.labels.copy()), len(data.labels)
        ).penalty
        reference = RidgeClassifier(alpha=penalty).fit((train - mean) / spread, data.train.labels)
        assert epoch.validation_accuracy == pytest.approx(
            reference.score((new - mean) / spread, data.validation.labels)
        )


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_a_ridge_classifier_has_the_accuracy_of_the_best_epochs_judge(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    """It is that judge; its logits are calibrated, and it has one layer whatever width is asked
    for."""
    epochs, model = run(
        regime, pretrained, data, epochs=3, classifier="ridge", head_width=10, **RIDGE
    )
    assert [epoch.stage for epoch in epochs] == ["contrastive"] * 3 + ["classifier"]
    assert (
        epochs[-1].best_validation_accuracy
        == epochs[-1].validation_accuracy
        == max(epoch.validation_accuracy for epoch in epochs[:3])
    )
    found = scores(model.logits(data.validation), torch.from_numpy(data.validation.labels))
    assert (found.accuracy, found.loss) == (
        epochs[-1].validation_accuracy,
        epochs[-1].validation_loss,
    )
    assert found.loss < np.log(len(data.labels)) and model.config.head_width is None


@pytest.mark.parametrize("views", ["head_dropout", "encoder_dropout"])
@pytest.mark.parametrize("projection", ["none", "linear", "mlp"])
@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_every_way_to_make_views_and_project_them_trains_the_encoder(
    regime: str, projection: str, views: str, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained.build()
    training = start(
        regime, encoder, data, epochs=1, projection=projection, views=views, dropout=0.2
    )
    epoch = next(training)
    training.close()
    assert epoch.train_loss is not None and np.isfinite(epoch.train_loss) and epoch.train_loss > 0
    assert any(
        not np.array_equal(array, pretrained.weights[name])
        for name, array in state(encoder).items()
    )


def still(pretrained: Pretrained) -> Pretrained:
    """The tiny BERT without its own dropout, so that what a regime computes can be computed
    again."""
    config = copy.deepcopy(pretrained.config)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return replace(pretrained, config=config)


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_the_contrastive_loss_is_that_of_two_views_of_each_sentence(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    """With nothing to tell the views apart, at a rate of 0 and in one mini-batch, an epoch's loss
    is that of each vector twice."""
    bare = {
        "dropout": 0.0,
        "projection": "none",
        "optimizer": "adamw",
        "learning_rate": 0.0,
        "batch_size": len(data.train),
        "temperature": 0.3,
    }
    encoder = still(pretrained).build()
    epoch = next(start(regime, encoder, data, epochs=1, **bare))
    views = vectors(encoder, data.train).repeat(2, 1)
    labels = (
        torch.from_numpy(data.train.labels) if regime == "supcon" else torch.arange(len(data.train))
    )
    reference = {"supcon": SupConLoss, "simclr": NTXentLoss}[regime](temperature=0.3)(
        views, labels.repeat(2)
    )
    assert epoch.train_loss == pytest.approx(reference.item(), rel=1e-4)


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_views_by_the_encoders_dropout_differ_where_the_heads_would_not(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    bare = {
        "dropout": 0.0,
        "projection": "none",
        "optimizer": "adamw",
        "learning_rate": 0.0,
        "epochs": 1,
    }
    losses = {
        (name, views): next(start(regime, model.build(), data, views=views, **bare)).train_loss
        for name, model in (("BERT's dropout", pretrained), ("no dropout", still(pretrained)))
        for views in ("head_dropout", "encoder_dropout")
    }
    assert losses["no dropout", "head_dropout"] == pytest.approx(
        losses["no dropout", "encoder_dropout"], rel=1e-3
    )
    assert losses["BERT's dropout", "head_dropout"] != pytest.approx(
        losses["BERT's dropout", "encoder_dropout"], rel=1e-3
    )


@pytest.mark.parametrize(("regime", "looks"), [("supcon", True), ("simclr", False)])
def test_only_supcon_looks_at_labels_in_the_contrastive_stage(
    regime: str, looks: bool, pretrained: Pretrained, data: Data
) -> None:
    labels = np.random.default_rng(0).permutation(data.train.labels)
    shuffled = replace(data, train=replace(data.train, labels=labels))
    one, other = (
        next(start(regime, pretrained.build(), found, epochs=1)).train_loss
        for found in (data, shuffled)
    )
    assert (one != other) == looks


# The loop that they share


def separable() -> MiniBatches:
    """Eight points, two intents, one mini-batch of four after the other."""
    x = torch.tensor([[1.0, 0.2], [0.8, 0.1], [0.9, -0.3], [1.1, 0.0]])
    return MiniBatches(Features(torch.cat([x, -x]), torch.tensor([0] * 4 + [1] * 4)), 4, 0)


def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(2, 2)


def cross_entropy(model: nn.Module) -> Objective:
    return Objective(lambda batch: model(batch.inputs), nn.functional.cross_entropy)


def groups(model: nn.Module, rate: float = 0.1) -> list[dict[str, object]]:
    return [{"params": list(model.parameters()), "lr": rate}]


def test_the_loop_leaves_the_weights_of_the_best_epoch_of_equals_the_later() -> None:
    model = linear()
    accuracies = iter([0.2, 0.9, 0.9, 0.5])
    weights = [
        model.weight.detach().clone()
        for _ in fit(
            model,
            Training(),
            groups(model),
            separable(),
            cross_entropy(model),
            lambda: next(accuracies),
            stage="x",
            epochs=4,
        )
    ]
    assert torch.equal(model.weight, weights[2])
    assert not torch.equal(weights[2], weights[3])


def test_the_loop_steps_as_written_by_hand() -> None:
    model, by_hand = linear(), linear()
    config = Training(optimizer="sgd", weight_decay=0.0, schedule="linear")
    losses, hits = [], 0
    for number, batch in enumerate(separable().epoch(1)):
        logits = by_hand(batch.inputs)
        loss = nn.functional.cross_entropy(logits, batch.labels)
        by_hand.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.1 * (1 - number / 2) * parameter.grad
        losses.append(loss.item())
        hits += int((logits.argmax(dim=1) == batch.labels).sum())
    (epoch,) = fit(
        model,
        config,
        groups(model),
        separable(),
        cross_entropy(model),
        lambda: 0.5,
        stage="x",
        epochs=1,
        done=3,
    )
    torch.testing.assert_close(model.weight, by_hand.weight)
    assert (
        epoch.train_loss == pytest.approx(sum(losses) / 2, rel=1e-6)
        and epoch.train_accuracy == hits / 8
    )
    assert (epoch.epoch, epoch.steps, epoch.stage) == (4, 2, "x")


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
def test_an_epochs_learning_rate_is_that_of_its_last_step(shape: str) -> None:
    model = linear()
    config = Training(schedule=shape, warmup_ratio=0.25)
    epochs = list(
        fit(
            model,
            config,
            groups(model),
            separable(),
            cross_entropy(model),
            lambda: 0.5,
            stage="x",
            epochs=4,
        )
    )
    expected = [schedule.learning_rate(config, 0.1, step, 8) for step in (1, 3, 5, 7)]
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx(expected)


def test_gradients_are_clipped_to_their_largest_norm() -> None:
    model = linear()
    before = torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])
    config = Training(optimizer="sgd", weight_decay=0.0, max_grad_norm=1e-3)
    list(
        fit(
            model,
            config,
            groups(model),
            replace(separable(), batch_size=8),
            cross_entropy(model),
            lambda: 0.5,
            stage="x",
            epochs=1,
        )
    )
    after = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.1 * 1e-3, rel=1e-2)


def test_weights_that_break_in_an_epochs_last_step_stop_training_too() -> None:
    model = linear()
    features = separable().examples

    def slope(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return outputs.square().mean()

    def validate() -> Scores:
        with torch.no_grad():
            return scores(model(features.vectors), features.targets)

    config = Training(optimizer="sgd", weight_decay=0.0, schedule="constant")
    whole, objective = (
        replace(separable(), batch_size=8),
        Objective(lambda batch: model(batch.inputs), slope),
    )
    with pytest.raises(FloatingPointError, match="the validation loss became"):
        list(
            fit(model, config, groups(model, 1e38), whole, objective, validate, stage="x", epochs=1)
        )
