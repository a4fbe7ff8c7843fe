"""A regime's defaults are the paper's values, and old configurations keep theirs."""

from typing import Any

import pytest

import trainables
from tests.trainables.runs import CONTRASTIVE, FINE_TUNING, REGIMES

# The paper's Tables 1 to 6
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
    defaults = module.Config().to_dict()
    assert epochs == module.EPOCHS
    assert {name: defaults[name] for name in values} == values


def test_simclrs_rates_are_the_papers_as_torch_takes_them() -> None:
    """Table 6 has 1e-5 and 1e-2, which are the effective rates times 1 - momentum."""
    config = trainables.load("simclr").Config()
    assert (config.lr, config.head_lr) == (pytest.approx(1e-5), pytest.approx(1e-2))


@pytest.mark.parametrize("regime", [*FINE_TUNING, *CONTRASTIVE])
def test_a_configuration_of_an_earlier_version_keeps_its_rates(regime: str) -> None:
    """It had one learning rate and one weight decay for both optimisers, as in torch."""
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
    with pytest.raises(ValueError, match=f"^{name} must be "):
        trainables.load("probe").Config.from_dict(old | {name: value})


def test_each_regime_of_the_papers_table_is_there() -> None:
    assert set(PAPER) <= set(REGIMES)
