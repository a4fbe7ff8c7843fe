"""What the study records about how its search ended."""

import time
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from search.spec import SearchSpec
from search.study import records
from search.study.records import record_epoch
from search.study.study import interrupt, open_study
from search.tracking.identity import changed_versions, conclude, identify, was_interrupted
from search.trials.ending import Ending
from search.worker_reports import ENDED_AT
from tests.search.trials.test_resumed_decisions import report

SPEC = SearchSpec(regime="baseline", data="embedded", model="minilm", name="ended", trials=3)
EARLIER = "HOPELESS"
"""What earlier versions recorded for COMMON_FAILURE."""


def new_study(results: Path) -> optuna.Study:
    spec = replace(SPEC, results=str(results))
    spec.folder.mkdir()
    return open_study(spec)


@pytest.mark.parametrize("ending", [*(ending.name for ending in Ending), EARLIER])
def test_only_an_interrupted_search_counts_as_interrupted(ending: str, tmp_path: Path) -> None:
    study = new_study(tmp_path)
    identify(study, {})
    assert was_interrupted(study, SPEC)  # It runs, or was killed.
    conclude(study, ending)
    assert was_interrupted(study, SPEC) is (ending == "INTERRUPTED")


def test_other_versions_than_when_the_search_last_ran_are_told(tmp_path: Path) -> None:
    study, tags = new_study(tmp_path), {"version.torch": "2.12", "version.ray": "2.60"}
    assert changed_versions(study, tags) == []
    identify(study, tags)
    assert changed_versions(study, tags) == []
    now = {"version.torch": "2.13", "version.new": "1"}
    assert changed_versions(study, now) == ["torch 2.12, now 2.13", "ray 2.60, now missing"]


def test_a_searchs_time_has_that_of_a_killed_process(tmp_path: Path) -> None:
    """Up to its last epoch, of a choice run or of a trial that waits in the queue again."""
    study = new_study(tmp_path)
    identify(study, {})
    began = records.PROCESS_STARTED.read(study)
    assert began is not None and records.SECONDS.read(study) == 0.0
    # It is killed and started again, twice; the second one recorded nothing.
    records.CHOICE_RUNS.add(study, 0, 1, [{"epoch": 1, ENDED_AT: began + 500.0}])
    records.PROCESS_STARTED.write(study, began - 100.0)
    time_now = began + 1000.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: time_now)
        identify(study, {})
        assert records.SECONDS.read(study) == pytest.approx(600.0)
        identify(study, {})
        assert records.SECONDS.read(study) == pytest.approx(600.0)
        trial = study.ask()
        record_epoch(trial, {**report(trial.number, 1), ENDED_AT: time_now + 200.0})
        interrupt(study)
        time_now += 300.0
        identify(study, {})
        assert records.SECONDS.read(study) == pytest.approx(800.0)
        time_now += 60.0
        conclude(study, Ending.EXHAUSTED.name)
    assert records.SECONDS.read(study) == pytest.approx(860.0)
    assert records.PROCESS_STARTED.read(study) is None
