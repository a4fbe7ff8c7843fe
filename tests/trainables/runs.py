"""Short training runs of regimes for the tests."""

import copy
from collections.abc import Generator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

import trainables
from tests import tiny
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.epoch_metrics import Epoch

REGIMES = trainables.names()

TRAINING = [
    name
    for name in REGIMES
    if "optimizer" in {field.name for field in fields(trainables.load(name).Config)}
]

CONTRASTIVE = ["simclr", "supcon"]

FINE_TUNING = ["baseline", "llrd", "llrd_warmup", "warmup"]

RIDGE = {"optimizer": "adamw", "learning_rate": 1e-3, "dropout": 0.1}

SHORT = {"head_epochs": 2, "batch_size": 16, "classifier": "gradient"}

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


def few(data: Data) -> Data:
    """Four mini-batches of training sentences, for what does not depend on their number."""
    return replace(data, train=data.train.select(np.arange(0, len(data.train), 3)))


def config_of(regime: str, **values: Any) -> Any:
    """The regime's Config with those of `values` that are its fields."""
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
    training: Generator[Epoch, None, Classifier] = trainables.load(regime).train(
        config_of(regime, **{**SHORT, **values}), data, encoder, epochs=epochs, seed=seed
    )
    return training


def finish(training: Generator[Epoch, None, Any]) -> tuple[list[Epoch], Any]:
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


def without_dropout(pretrained: Pretrained) -> Pretrained:
    """The tiny BERT without dropout, so that a regime's computation can be repeated."""
    config = copy.deepcopy(pretrained.config)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return replace(pretrained, config=config)


def curve(epochs: list[Epoch]) -> list[dict[str, Any]]:
    """The epochs without their times."""
    return tiny.curve(epoch.to_dict() for epoch in epochs)


@dataclass(frozen=True)
class Run:
    """A short run of a regime, which tests may read but not change."""

    epochs: list[Epoch]
    model: Classifier
    logits: torch.Tensor
    changed: list[str]
    """Arrays of the data and of the pretrained weights that are not what they were."""
