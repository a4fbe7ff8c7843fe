"""Fixtures of the tests of generated input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trainables
from search.outputs import recipe
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from tests import tiny
from tests.commands.bad_input.checks import Hold
from trainables.parts.model import loading
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.pretrained import Pretrained

FEW_EXAMPLES, MANY_EXAMPLES = 25, 200


@pytest.fixture(
    params=[
        pytest.param(FEW_EXAMPLES, id="few"),
        pytest.param(MANY_EXAMPLES, id="many", marks=pytest.mark.soak),
    ]
)
def hold(request: pytest.FixtureRequest) -> Hold:
    """A function that calls a rule with generated inputs.

    They are the same on every run, unless `--hypothesis-seed` is given.
    """
    options = settings(
        max_examples=request.param,
        derandomize=request.config.getoption("--hypothesis-seed", None) is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    def call(rule: Callable[..., None], *inputs: st.SearchStrategy[Any]) -> None:
        options(given(*inputs)(rule))()

    return call


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a finished search of one trial, `tiny`.

    Its export, `best.yaml`, lies beside the folder.
    """
    results = tmp_path_factory.mktemp("finished") / "results"
    spec = SearchSpec(
        regime="baseline", data="embedded", model="minilm", name="tiny", results=str(results)
    )
    spec.folder.mkdir(parents=True)
    (spec.folder / "spec.json").write_text(spec.to_json())
    study = studies.open_study(spec)
    trial = study.ask()
    trial.set_user_attr(records.CONFIG.name, trainables.load("baseline").Config().to_dict())
    study.tell(trial, 0.5)
    conditions = {
        "data": "0" * 16,
        "model": "1" * 16,
        "precision": "fp32",
        "threads": 1,
        "device": "cpu",
    }
    study.set_user_attr(records.CONDITIONS.name, conditions)
    (results.parent / "best.yaml").write_text(recipe.export(spec.folder))
    return results


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, pretrained: Pretrained, model_folder: Path
) -> Path:
    """A model folder as `search.train` writes it."""
    path = tmp_path_factory.mktemp("trained") / "model"
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(), tuple(sorted(tiny.VERBS)))
    model.save(path, loading.load_tokenizer(str(model_folder)))
    return path
