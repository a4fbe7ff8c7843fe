"""What of one regime's configuration the space of another can suggest, and when it is tried."""

from pathlib import Path
from typing import Any

import pytest

import trainables
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.configuration import shared_parameters
from tests import specs


def spec(regime: str, **values: Any) -> SearchSpec:
    return specs.spec(regime=regime, **values)


def config(regime: str, **values: Any) -> dict[str, Any]:
    return trainables.load(regime).Config.from_dict(values).to_dict()


FOUND = {
    "optimizer": "adamw",
    "learning_rate": 2.5e-4,
    "batch_size": 16,
    "layerwise_decay": 0.81,
    "pooling": "mean",
    "dropout": 0.2,
}


def test_fields_that_both_spaces_suggest_are_shared() -> None:
    shared = shared_parameters(spec("llrd"), config("llrd_warmup", **FOUND))
    assert {name: shared[name] for name in FOUND} == FOUND
    assert "layerwise_decay" not in shared_parameters(
        spec("baseline"), config("llrd_warmup", **FOUND)
    )


def test_a_value_that_the_other_space_never_suggests_is_left_out() -> None:
    shared = shared_parameters(spec("supcon"), config("llrd_warmup", **FOUND))
    assert "batch_size" not in shared  # 32 to 256 there
    assert shared["learning_rate"] == FOUND["learning_rate"]


def test_a_field_that_the_user_fixed_is_not_suggested() -> None:
    fixed = spec("llrd", fix={"pooling": "cls"})
    assert "pooling" not in shared_parameters(fixed, config("llrd_warmup", **FOUND))


@pytest.mark.parametrize("source", trainables.names())
@pytest.mark.parametrize("target", ["llrd", "supcon"])
def test_what_is_shared_becomes_the_trial_after_the_papers(
    source: str, target: str, tmp_path: Path
) -> None:
    shared = shared_parameters(spec(target), config(source))
    search = spec(target, warm_start=shared, name="s", results=str(tmp_path))
    search.folder.mkdir()
    study = studies.open_study(search)
    first, second = study.get_trials(deepcopy=False)[:2]
    assert records.CONFIG.read(first) == config(target)
    tried = records.CONFIG.read(second)
    if shared:
        assert {name: tried[name] for name in shared} == shared
        assert SearchSpec.from_json(search.to_json()) == search
