"""What a trial costs beside training: the figures of its benchmark, and what keeps them low."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import trainables
from search.study import records
from search.study import study as studies
from search.study.proposals import first_trial_of_each
from search.trials.ledger import Ledger
from search.worker_reports import RUN_FAILED, RUN_FINISHED
from tests.benchmarks.overhead_figures import NEAR, marks, sizes, slots
from tests.processes import ROOT
from tests.search.reported import epoch
from tests.specs import spec_in


def trial(pid: int, began: float, ended: float) -> dict[str, Any]:
    """What a worker writes down: a trial whose model took 0.25 s, and whose two reports took 0.125
    s each."""
    return {
        "pid": pid,
        "building": 0.25,
        "began": began,
        "ended": ended,
        "reports": [0.125, 0.125],
        "cpu": began / 8,
    }


def test_a_slots_time_is_split_into_its_parts() -> None:
    """Two workers, a trial every 4 s in each, of which it sleeps 3; the second one began 2 s
    later."""
    lines = [trial(1, 4.0 * number, 4.0 * number + 3.25) for number in range(10)]
    lines += [trial(2, 4.0 * number + 2, 4.0 * number + 5.25) for number in range(10)]
    measured = slots(lines[::-1], 2, 3.0)
    assert (measured.workers, measured.trial, measured.dead) == (2, 2.0, 1.0)
    assert (
        set(measured.between) == {0.5}
        and set(measured.building) == {0.25}
        and set(measured.reports) == {0.25}
    )
    assert len(measured.between) == 18 and measured.cpu == 0.5


def test_growth_is_measured_at_powers_of_ten_and_at_the_end() -> None:
    assert [marks(number) for number in (20, 100, 101, 2000)] == [
        [10, 20],
        [10, 100],
        [10, 100, 101],
        [10, 100, 1000, 2000],
    ]


def test_sizes_are_those_at_the_mark_and_times_those_since_the_previous_one() -> None:
    """Questions take a second each more from trial 100 on; a report costs 1 s a trial up to there,
    then 3 s."""
    asked = []
    for number in range(1, 201):
        record = min(number, 100) + 3 * max(0, number - 100)
        parts = {"record a report": [number, record, 0.0], "MLflow": [number, 0.0, 2.0 * number]}
        one = {
            "took": float(number > 100),
            "cpu": 5.0 * number,
            "parts": parts,
            "journal": 7 * number,
            "rss": number,
        }
        asked.append(one)
    ten, hundred, last = sizes(asked)
    assert (ten.trials, hundred.trials, last.trials) == (10, 100, 200)
    assert (ten.record, hundred.record, last.record) == (1, 1, 3)
    assert (ten.ask, hundred.ask, last.ask) == (0, 0, 1) and NEAR < 100
    assert (last.mlflow, last.driver, last.journal, last.rss) == (2, 5, 1400, 200)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_journal_is_synced_once_before_the_search_continues(
    sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for a question, a report or an end, whatever these write."""
    made = spec_in(tmp_path, sampler=sampler, grace=1)
    ledger, sizes, wait = Ledger(studies.open_study(made), made), [], os.fsync

    def fsync(file: int) -> None:
        wait(file)
        sizes.append(os.fstat(file).st_size)

    def on_disk() -> bool:
        waited = [sizes.pop() for _ in list(sizes)]
        return waited == [(made.folder / studies.JOURNAL).stat().st_size]

    monkeypatch.setattr(os, "fsync", fsync)
    for number in range(14):
        assert ledger.ask(str(number)) is not None and on_disk()
        for step in (1, 2, 3):
            goes_on = ledger.report(str(number), epoch(step, number % 5 / 10))
            assert on_disk()
            if not goes_on:
                break
        else:
            ledger.report(
                str(number),
                {RUN_FINISHED: None} if number % 4 else {RUN_FAILED: f"ValueError: {number}"},
            )
            assert on_disk()
    assert {one.state.name for one in studies.trials(ledger.study)} == {
        "COMPLETE",
        "PRUNED",
        "FAIL",
    }


def test_a_trial_that_reports_its_end_is_not_asked_for_more(tmp_path: Path) -> None:
    made = spec_in(tmp_path)
    ledger = Ledger(studies.open_study(made), made)
    for ray_id in "ab":
        ledger.ask(ray_id)
        assert ledger.report(ray_id, epoch(1, 0.5))
    assert not ledger.report("a", {RUN_FINISHED: None}) and not ledger.report(
        "b", {RUN_FAILED: "ValueError: odd"}
    )


def test_the_ledger_knows_the_configurations_that_the_study_has(tmp_path: Path) -> None:
    """In a space of nine configurations, where proposals are repeated; and by a process that goes
    on."""
    paper = trainables.load("llrd").Config().to_dict()
    made = spec_in(
        tmp_path,
        sampler="random",
        fix={
            name: value for name, value in paper.items() if name not in ("schedule", "batch_size")
        },
    )
    for _ in range(2):
        study = studies.open_study(made)
        studies.interrupt(study)
        ledger = Ledger(study, made)
        for number in range(4):
            ledger.ask(str(number))
            assert ledger.first_trials == first_trial_of_each(study, ledger.spec)
    assert len({json.dumps(records.CONFIG.read(one)) for one in studies.trials(study)}) == len(
        studies.trials(study)
    )


@pytest.mark.soak
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_short_trials_fill_all_slots(tmp_path: Path) -> None:
    """Trials that are over before the second worker has started: it gets its share once it has."""
    out = tmp_path / "figures.json"
    argv = [
        "--trials",
        "160",
        "--slots",
        "2",
        "--sampler",
        "random",
        "--seconds",
        "0.3",
        "--out",
        str(out),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.overhead", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads(out.read_text())
    assert written["slots"]["workers"] == 2 and len(written["workers"]) == 160
    assert "a slot's dead time" in done.stdout and written["sizes"][-1]["trials"] == 160


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--trials", "19"], "--trials must be at least 20; got 19"),
        (["--seconds", "-1"], "--seconds must be from 0 to 3600; got -1"),
        (["--slots", "0"], "--slots must be from 1 to"),
        (["--code", "/"], "'/' has no search"),
    ],
)
def test_bad_flags_are_refused_in_one_line(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.benchmarks.overhead import main

    assert main(argv) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.count("\n") == 1 and errors.startswith("error: ") and said in errors
