"""The tiny model's tokenizer, and a short run of every regime, made once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainables.runs import REGIMES, Run, run
from trainables.parts.data.tokens import Data
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.pretrained import Pretrained


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> Any:
    return load_tokenizer(str(model_folder))


@pytest.fixture(scope="session")
def runs(pretrained: Pretrained, data: Data) -> dict[str, Run]:
    """A short run of every regime."""
    arrays = {
        **pretrained.weights,
        "ids": data.train.ids,
        "labels": data.train.labels,
        "validation": data.validation.labels,
    }
    before = {name: array.copy() for name, array in arrays.items()}
    made = {}
    for regime in REGIMES:
        epochs, model = run(regime, pretrained, data)
        changed = [name for name in arrays if not np.array_equal(arrays[name], before[name])]
        made[regime] = Run(epochs, model, model.logits(data.validation), changed)
    return made
