"""Runs in MLflow begin and end when they did."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pandas
import pytest

from search.outputs import tables as results
from search.study import records
from search.study import study as studies
from search.tracking.identity import conclude
from search.tracking.store import open_client
from search.worker_reports import (
    ENDED_AT,
    STARTED_AT,
)
from tests.processes import Searched
from tests.search.reported import epoch
from tests.search.tracking.logged_study import Search, check, of_a_search


def timed(began: float, *ended: float) -> list[dict[str, Any]]:
    """A run's epochs with their times."""
    return [
        epoch(step, 0.1 * step) | {STARTED_AT: began, ENDED_AT: end}
        for step, end in enumerate(ended, 1)
    ]


def test_runs_begin_and_end_when_they_did(search: Search, sqlite: str, fresh: Path) -> None:
    """A search of two processes, an hour apart: a trial that was interrupted after an epoch, and
    two runs on other seeds long after it. Whatever MLflow lost, it has the same times again."""
    now = time.time()
    search.ledger.ask("0")
    search.ledger.report("0", timed(now - 7200, now - 7150)[0])
    studies.interrupt(search.study)
    search.study.set_user_attr(records.FIRST_STARTED.name, now - 7260)
    again = Search(Path(search.spec.results))  # as another process
    assert again.study.user_attrs[records.FIRST_STARTED.name] == now - 7260
    again.ledger.ask("0")
    for run in timed(now - 100, now - 60, now - 50, now - 40):
        again.ledger.report("0", run)
    again.end(0)
    closed = again.study.get_trials(deepcopy=False)[0].datetime_complete
    assert closed is not None
    again.study.set_user_attr(
        records.CHOICE_RUNS.name, {"0": {"1": timed(now + 5, now + 17, now + 19)}}
    )
    again.study.set_user_attr(
        records.REPORT_RUNS.name, {"0": {"1000": timed(now + 20, now + 31, now + 32)}}
    )
    again.study.set_user_attr(records.WINNER.name, 0)
    conclude(again.study, "DONE")
    again.study.set_user_attr(records.LAST_ENDED.name, now + 40)
    expected = {
        None: (now - 7260, now + 40, []),
        "trial 0": (now - 7200, closed.timestamp(), [now - 7150, now - 50, now - 40]),
        "trial 0 seed 1": (now + 5, now + 19, [now + 17, now + 19]),
        "trial 0 seed 1000": (now + 20, now + 32, [now + 31, now + 32]),
    }
    path = Path(sqlite.removeprefix("sqlite:///"))
    for _ in range(2):
        assert again.finish(again.tracker(sqlite)) is None
        runs = {
            run["tags"].get("regimen.key"): run
            for run in check(open_client(sqlite), again.study).values()
            if of_a_search(run)
        }
        for key, (began, ended, epochs) in expected.items():
            info = runs[key]["info"]
            assert (info["start_time"] / 1000, info["end_time"] / 1000) == pytest.approx(
                (began, ended), abs=0.002
            ), key
            at = sorted(
                stamp / 1000 for name, _, _, stamp in runs[key]["history"] if name == "seconds"
            )
            assert at == pytest.approx(epochs, abs=0.002), key
        path.unlink()
        shutil.copyfile(fresh, path)
    rows = results.trial_rows(again.study)
    assert rows[0]["seconds"] == pytest.approx(
        50 + 60, abs=0.01
    )  # not the hour between the processes


@pytest.mark.slow
def test_a_real_searchs_times_are_those_of_the_clock(searched: Searched) -> None:
    """Every run lies within its search, a run on another seed after its trial's end, and a run's
    time covers its epochs' own. Floors begin while MLflow starts, before the search."""
    client = open_client(f"sqlite:///{searched.results / 'mlflow.db'}")
    runs = {
        run["tags"].get("regimen.key"): run
        for run in check(client, studies.read_study(searched.folder)).values()
        if of_a_search(run)
    }
    times = {
        key: (run["info"]["start_time"] / 1000, run["info"]["end_time"] / 1000)
        for key, run in runs.items()
    }
    began, ended = times[None]
    assert searched.started < began < ended < searched.ended
    summary = json.loads((searched.folder / "summary.json").read_text())
    # The search's seconds cover its run in MLflow, and lie within the process that ran it.
    assert ended - began - 0.01 <= summary["seconds"] <= searched.ended - searched.started
    for key, (first, last) in times.items():
        is_floor = runs[key]["tags"]["regimen.kind"] == "floor"
        assert (searched.started if is_floor else began) - 0.01 <= first <= last <= ended + 0.01, (
            key
        )
    again = [key for key in times if key and "seed" in key]
    assert len(again) == 2 * 2 + 3
    assert all(times[key][0] >= times[key.partition(" seed")[0]][1] for key in again)
    epochs = pandas.read_csv(searched.folder / "epochs.csv")
    trials = pandas.read_csv(searched.folder / "trials.csv").set_index("number")
    own = epochs[epochs["kind"] == "search"].groupby("trial")["seconds"].sum()
    assert set(own.index) == set(trials.index)
    for number, its_epochs, seconds in zip(own.index, own, trials["seconds"].reindex(own.index)):
        first, last = times[f"trial {number}"]
        assert its_epochs < seconds <= last - first + 0.01
