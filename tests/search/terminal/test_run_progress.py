"""The lines while the runs of a final training are running."""

import io

from rich.console import Console

from search.terminal.run_progress import RunProgress


def test_a_line_a_minute_says_what_is_running_and_how_long_it_may_take() -> None:
    now, out = 0.0, io.StringIO()
    progress = RunProgress(
        Console(file=out, width=200),
        [f"seed {seed}" for seed in range(1000, 1005)],
        slots=2,
        clock=lambda: now,
    )
    for at in (30.0, 59.0, 61.0, 90.0, 122.0):
        now = at
        progress.poll()
    now = 200.0
    progress.end("seed 1001")
    for at in (230.0, 261.0):
        now = at
        progress.poll()
    assert out.getvalue().splitlines() == [
        "running: seed 1000 for 1m01s, seed 1001 for 1m01s, 3 to come",
        "running: seed 1000 for 2m02s, seed 1001 for 2m02s, 3 to come",
        "running: seed 1000 for 4m21s, seed 1002 for 1m01s, 2 to come (about 5m39s left)",
    ]


def test_the_time_left_fills_the_slots_and_says_nothing_of_what_takes_longer() -> None:
    now, out = 0.0, io.StringIO()
    progress = RunProgress(
        Console(file=out, width=200),
        ["rate 1", "rate 2", "rate 3", "rate 4"],
        slots=2,
        clock=lambda: now,
    )
    now = 2.0
    progress.end("rate 1", failed=True)  # says nothing about how long a run takes
    now = 200.0
    progress.end("rate 2")
    now = 261.0
    progress.poll()
    now = 402.0
    progress.end("rate 4")
    now = 470.0
    progress.poll()
    assert out.getvalue().splitlines() == [
        "running: rate 3 for 4m19s, rate 4 for 1m01s (about 2m19s left)",
        "running: rate 3 for 7m48s",
    ]


def test_it_is_silent_before_a_minute_and_after_the_last_run() -> None:
    now, out = 0.0, io.StringIO()
    progress = RunProgress(Console(file=out), ["seed 7"], slots=4, clock=lambda: now)
    now = 50.0
    progress.poll()
    progress.end("seed 7")
    now = 500.0
    progress.poll()
    assert out.getvalue() == ""
