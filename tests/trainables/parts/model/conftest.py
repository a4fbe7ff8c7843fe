"""A small model of every encoder family, made once."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from tests.trainables.parts.model.families import FAMILIES


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A randomly initialised model of each family, saved by transformers."""
    made = {}
    for name, config in FAMILIES.items():
        torch.manual_seed(0)
        made[name] = tmp_path_factory.mktemp(name)
        AutoModel.from_config(config).save_pretrained(made[name])
    return made
