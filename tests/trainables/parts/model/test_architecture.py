"""A wrong size in config.json is refused before it costs memory or minutes."""

import json
import shutil
import time
from pathlib import Path

import pytest
from torch import nn

from trainables.parts.model.architecture import require_similar_size
from trainables.parts.model.loading import load


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("num_hidden_layers", 10**5, "more than twice as large"),
        ("hidden_size", 10**6, "more than twice as large"),
        ("vocab_size", 10**12, "more than twice as large"),
        ("num_hidden_layers", 10**9, "num_hidden_layers must be at most 100000; got 1000000000"),
    ],
)
def test_config_larger_than_the_saved_weights_is_refused_at_once(
    model_folder: Path, tmp_path: Path, key: str, value: int, message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: value}))
    began = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        load(str(folder))
    assert time.perf_counter() - began < 5


def test_models_built_after_a_size_check_are_not_counted(model_folder: Path) -> None:
    def build() -> nn.Module:
        return nn.Linear(1000, 1000)

    with pytest.raises(ValueError, match="more than twice as large"):
        require_similar_size(model_folder, build)
    assert sum(weight.numel() for weight in build().parameters()) == 1_001_000


def test_folder_without_weights_is_not_checked(tmp_path: Path) -> None:
    require_similar_size(tmp_path, lambda: pytest.fail("nothing to compare with"))
