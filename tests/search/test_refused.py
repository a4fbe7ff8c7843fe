"""A search that is refused writes nothing: no MLflow store, no journal, no lock."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.driver import session
from search.driver.session import run_all
from search.signals import Stop
from search.study import records
from search.study import study as studies
from search.study.lock import LOCK
from search.terminal.console import SafeConsole
from search.trials.job import Job
from tests.specs import spec, spec_in

UNUSED: Any = None
NOW = {"data_fingerprint": "new", "model_fingerprint": "m"}


def test_no_store_is_made_for_a_search_that_does_not_fit_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        time.sleep(0.2)  # as a cluster takes its time
        raise ValueError("cpus_per_trial must be at most 2")

    made: list[str] = []
    monkeypatch.setattr(session, "connect", lambda uri, results: made.append(uri))
    monkeypatch.setattr(session, "set_up", refuse)
    with pytest.raises(ValueError, match="cpus_per_trial"):
        run_all([spec(results=str(tmp_path / "new"))], UNUSED, SafeConsole(quiet=True), Stop())
    assert made == [] and list(tmp_path.iterdir()) == []


def test_a_search_that_is_resumed_with_other_data_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the last entry of its journal, which another kill has cut short."""
    old = spec_in(tmp_path)
    job = Job(old.regime, UNUSED, UNUSED, old.epochs, "fp32", "cpu", 1)
    machine = {"precision": "fp32", "threads": 1, "device": "cpu"}
    then = {"data": "old", "model": "m", **machine, "metric": "accuracy"}
    records.CONDITIONS.write(studies.open_study(old), then)
    (old.folder / "spec.json").write_text(old.to_json())
    (old.folder / LOCK).write_text("1 on elsewhere")
    with (old.folder / studies.JOURNAL).open("a") as journal:
        journal.write('{"op_code":')
    before = {path: path.read_bytes() for path in old.folder.iterdir()}

    closable = SimpleNamespace(close=lambda **_: None)
    context = SimpleNamespace(floors=closable, workers=closable, tags=NOW, job=job)
    made: list[str] = []
    monkeypatch.setattr(session, "connect", lambda uri, results: made.append(uri))
    monkeypatch.setattr(session, "set_up", lambda *_: context)
    monkeypatch.setattr(session, "queue_of", lambda *_: SimpleNamespace())
    with pytest.raises(ValueError, match="data has changed since 's' began"):
        run_all([old], UNUSED, SafeConsole(quiet=True), Stop(), resume=True)
    assert {path: path.read_bytes() for path in old.folder.iterdir()} == before and made == []
