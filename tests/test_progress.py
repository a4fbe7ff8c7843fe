"""What the terminal shows, from a study that grows."""

import io
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from test_study import epoch, spec

from search import study as studies
from search.follow import following
from search.progress import Progress, differing, duration, sparkline
from search.searcher import FAILED, FINISHED, Ledger
from search.spec import SearchSpec


def grown(folder: Path) -> tuple[SearchSpec, Any]:
    """A study with a complete, a failed and a running trial."""
    made = spec(folder, trials=4)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for ray_id in "abc":
        ledger.ask(ray_id)
        ledger.report(ray_id, epoch(1, 0.5))
    ledger.report("a", {FINISHED: True})
    ledger.report("b", {FAILED: "FloatingPointError: the loss became nan in epoch 2"})
    return made, study


def test_plain_lines_tell_each_ended_trial_once(tmp_path: Path) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    progress = Progress(Console(file=out, width=80, soft_wrap=True), study, made, {})
    progress.told.clear()
    progress.look()
    progress.look()
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "trial 0: 0.5000" in lines[0] and "[2/4]" in lines[0]
    assert "trial 1: failed: FloatingPointError: the loss became nan" in lines[1]


def test_the_live_view_has_what_one_looks_for_within_80_columns(tmp_path: Path) -> None:
    out = io.StringIO()
    made, study = grown(tmp_path)
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
    with Progress(console, study, made, {"dropout": 0.9}) as progress:
        progress.look()
    shown = out.getvalue()
    for words in ("2/4 trials", "1 running", "0 pruned", "1 failed", "best so far: 0.5000", "1/9"):
        assert words in shown


def test_no_color_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    made, study = grown(tmp_path)
    with Progress(Console(file=out, width=80, force_terminal=True), study, made, {}) as progress:
        progress.look()
    assert "\x1b[32m" not in out.getvalue() and "\x1b[1;32m" not in out.getvalue()


def test_times_values_and_curves_are_written_as_people_do() -> None:
    assert [duration(seconds) for seconds in (4.4, 59.6, 200, 7500)] == ["4s", "1m00s", "3m20s", "2h05m"]
    assert differing({"a": 0.000123, "b": None, "c": 1}, {"a": 1.0, "b": 3, "c": 1}) == "a=0.00012 b=None"
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"


def test_a_look_that_fails_for_a_while_does_not_stop_what_is_looked_at() -> None:
    looks: list[float] = []

    def look() -> None:
        looks.append(time.monotonic())
        if len(looks) < 3:
            raise ConnectionError("down")

    with following(look, every=0.01):
        time.sleep(0.2)
    assert len(looks) > 3
