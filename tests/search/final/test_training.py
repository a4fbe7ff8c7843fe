"""What final training keeps where some of its seeds fail."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import yaml
from rich.console import Console

import trainables
from search import train as command
from search.cluster.resources import Machine, Node
from search.final import training
from search.final.combining import Kind
from search.final.predictor import Predictor
from search.final.record import SCORES
from search.trials import full_runs, worker
from tests import tiny

REASON = "CUDA error: device-side assert"


class Runs:
    """Runs in this process, of which some fail: in training, in their test, or by losing the
    model."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fail: set[int] = set()
        self.untested: set[int] = set()
        self.lost: set[int] = set()
        self.no_worker_after: int | None = None
        monkeypatch.setattr(full_runs, "start", self.start)
        monkeypatch.setattr(full_runs, "finished", self.finished)
        monkeypatch.setattr(full_runs, "test", self.test)
        monkeypatch.setattr(ray, "put", lambda value: value)
        monkeypatch.setattr(ray, "get", self.get)
        monkeypatch.setattr(training, "cluster", lambda *_, **__: contextlib.nullcontext())
        monkeypatch.setattr(training, "connected", lambda _: Machine((Node(2),)))
        monkeypatch.setattr(training, "preflight", lambda *_: [])
        monkeypatch.setattr(training, "connect", lambda *_: None)
        monkeypatch.setattr(training, "log_final", lambda *_: None)

    def start(self, job: Any, per_run: Any, number: int, seed: int, config: Any) -> Any:
        return SimpleNamespace(job=job, seed=seed, config=config, model=seed)

    def get(self, what: Any) -> Any:
        if not isinstance(what, int):
            return what
        if what in self.lost:
            raise ray.exceptions.RayError(REASON)
        return self.models[what]

    def finished(
        self, runs: Sequence[Any], check: Callable[[], None]
    ) -> Iterator[tuple[Any, list[Any], str | None]]:
        self.models = {}
        for number, run in enumerate(runs):
            check()
            if number == self.no_worker_after:
                raise OSError(REASON)
            if run.seed in self.fail:
                yield run, [], REASON
            else:
                epochs, self.models[run.seed] = worker.train(run.job, run.config, run.seed)
                yield run, epochs, None

    def test(self, runs: Sequence[Any], per_run: Any, prepared: Any) -> list[worker.Tested]:
        if self.untested & {run.seed for run in runs}:
            raise OSError(REASON)
        whole, labels = prepared.pretrained, prepared.corpus.labels
        inputs = (whole, prepared.vocabulary, labels, prepared.test)
        return [worker.test(run.job, run.config, self.models[run.seed], *inputs) for run in runs]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


@pytest.fixture
def spec(tmp_path: Path, model_folder: Path) -> training.TrainSpec:
    """Three seeds, 1000 to 1002, of a recipe of one epoch."""
    recipe = {
        "search": "s",
        "trial": 3,
        "regime": "baseline",
        "config": trainables.load("baseline").Config().to_dict(),
        "epochs": 1,
        "metric": "accuracy",
        "data": {"source": str(tiny.write_corpus(tmp_path / "corpus"))},
        "model": {"source": str(model_folder)},
        "max_tokens": 32,
        "precision": "fp32",
        "threads": 1,
        "device": "cpu",
    }
    return training.TrainSpec(recipe=recipe, out=tmp_path / "model", seeds=3)


def trained(spec: training.TrainSpec, **changes: Any) -> tuple[training.Final, str]:
    """The result, and what is printed."""
    printed = io.StringIO()
    changed = training.TrainSpec(**{**vars(spec), **changes})
    final = training.train(changed, Console(file=printed, soft_wrap=True))
    return final, printed.getvalue()


@pytest.mark.parametrize("how", ["fail", "untested", "lost"])
def test_the_seeds_that_succeed_are_kept(how: str, runs: Runs, spec: training.TrainSpec) -> None:
    getattr(runs, how).add(1001)
    final, printed = trained(spec, combine="soup")
    record = json.loads((final.folder / SCORES).read_text())
    assert list(record["curves"]) == ["1000", "1002"]
    assert list(final.failed) == [1001] and REASON in final.failed[1001]
    assert record["failed_seeds"] == {"1001": final.failed[1001]}
    assert f"seed 1001: failed: {final.failed[1001]}\n" in printed
    assert final.summary.states == {"COMPLETE": 2, "PRUNED": 0, "FAIL": 1}
    assert [run.seed for run in final.summary.test] == [1000, 1002]
    assert final.combined is not None and final.combined.seeds == (1000, 1002)
    assert "| failed seeds | 1001 |" in (final.folder / "README.md").read_text()
    (answer,) = Predictor(final.folder).predict(["i want pizza now"])
    assert answer["label"]


def test_no_worker_for_the_last_seeds_discards_no_model(
    runs: Runs, spec: training.TrainSpec
) -> None:
    runs.no_worker_after = 1
    final, _ = trained(spec)
    assert list(final.summary.confirmed_seeds) == [1000]
    assert final.failed == {1001: REASON, 1002: REASON}


@pytest.mark.parametrize("kind", ["soup", "ensemble"])
def test_a_single_model_is_not_combined(kind: Kind, runs: Runs, spec: training.TrainSpec) -> None:
    runs.fail = {1000, 1002}
    final, printed = trained(spec, combine=kind)
    assert final.combined is None and final.folder.is_dir()
    assert f"only seed 1001 succeeded: the folder holds its model and no {kind}" in printed


def test_nothing_is_written_where_every_seed_fails(runs: Runs, spec: training.TrainSpec) -> None:
    runs.fail = {1000, 1001, 1002}
    with pytest.raises(OSError, match=f"all 3 seeds failed; seed 1000: {REASON}"):
        trained(spec)
    assert not spec.out.exists()


def test_the_command_exits_with_1_where_a_seed_failed(
    runs: Runs,
    spec: training.TrainSpec,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = tmp_path / "best.yaml"
    recipe.write_text(yaml.safe_dump(dict(spec.recipe)))
    results = ["--results", str(tmp_path / "results")]
    argv = [str(recipe), "--seeds", "2", "--out", str(tmp_path / "m"), *results]
    runs.fail = {1001}
    assert command.main(argv) == 1
    out, errors = capsys.readouterr()
    assert f"wrote {tmp_path / 'm'}" in out
    assert errors == "error: 1 of 2 seeds failed: 1001; the model is from the other 1\n"


def test_a_type_of_gpu_is_refused_where_the_search_used_none(
    spec: training.TrainSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "best.yaml", tmp_path / "m"
    recipe.write_text(yaml.safe_dump(dict(spec.recipe)))
    results = ["--results", str(tmp_path / "results")]
    argv = [str(recipe), "--accelerator-type", "T4", "--out", str(out), *results]
    assert command.main(argv) == 2
    said = "error: accelerator_type needs a GPU; leave it out: the search used none\n"
    assert capsys.readouterr() == ("", said)
    assert not out.exists() and not (tmp_path / "results").exists()


def test_a_model_is_replaced_by_its_own_recipe_and_by_no_other(
    runs: Runs,
    spec: training.TrainSpec,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe, out = tmp_path / "best.yaml", tmp_path / "m"
    recipe.write_text(yaml.safe_dump(dict(spec.recipe)))
    argv = [str(recipe), "--seeds", "1", "--out", str(out), "--results", str(tmp_path / "results")]
    for _ in range(2):
        assert command.main(argv) == 0
        assert f"wrote {out}\n" in capsys.readouterr().out
    recipe.write_text(yaml.safe_dump({**spec.recipe, "trial": 4, "max_tokens": 16}))
    before = (out / SCORES).read_bytes()
    assert command.main(argv) == 2
    refused = capsys.readouterr()
    assert refused.out == "" and refused.err.count("\n") == 1
    assert "another recipe (trial 3 of 's')" in refused.err
    assert (out / SCORES).read_bytes() == before
    assert command.main([*argv, "--overwrite"]) == 0
    assert json.loads((out / SCORES).read_text())["configuration"]["trial"] == 4
    (out / "README.md").write_text("notes of three years")
    assert command.main([*argv, "--overwrite"]) == 2
    assert (out / "README.md").read_text() == "notes of three years"


def test_a_card_that_is_edited_during_the_training_is_kept(
    runs: Runs, spec: training.TrainSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = trained(spec)
    card = first.folder / "README.md"
    card.write_text("notes of three years")
    second, _ = trained(spec)
    assert second.folder == first.folder.with_name("model-2")
    assert card.read_text() == "notes of three years"
