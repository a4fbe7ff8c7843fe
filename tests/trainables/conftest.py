"""A short run of every regime, made once."""

import pytest

from tests.trainables.runs import (
    REGIMES,
    Run,
    run,
)
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained


@pytest.fixture(scope="session")
def runs(pretrained: Pretrained, data: Data) -> dict[str, Run]:
    """A short run of every regime."""
    made = {}
    for regime in REGIMES:
        epochs, model = run(regime, pretrained, data)
        made[regime] = Run(epochs, model, model.logits(data.validation))
    return made
