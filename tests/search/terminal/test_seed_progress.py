"""The lines while the seeds of a recipe train."""

import io

from rich.console import Console

from search.terminal.seed_progress import SeedProgress


def test_a_line_a_minute_says_which_seeds_run_and_how_long_it_may_take() -> None:
    now, out = 0.0, io.StringIO()
    progress = SeedProgress(
        Console(file=out, width=200), [1000, 1001, 1002, 1003, 1004], slots=2, clock=lambda: now
    )
    for at in (30.0, 59.0, 61.0, 90.0, 122.0):
        now = at
        progress.poll()
    now = 200.0
    progress.end(1001)
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
    progress = SeedProgress(Console(file=out, width=200), [1, 2, 3, 4], slots=2, clock=lambda: now)
    now = 2.0
    progress.end(1, failed=True)  # says nothing about how long a seed takes
    now = 200.0
    progress.end(2)
    now = 261.0
    progress.poll()
    now = 402.0
    progress.end(4)
    now = 470.0
    progress.poll()
    assert out.getvalue().splitlines() == [
        "running: seed 3 for 4m19s, seed 4 for 1m01s (about 2m19s left)",
        "running: seed 3 for 7m48s",
    ]


def test_it_is_silent_before_a_minute_and_after_the_last_seed() -> None:
    now, out = 0.0, io.StringIO()
    progress = SeedProgress(Console(file=out), [7], slots=4, clock=lambda: now)
    now = 50.0
    progress.poll()
    progress.end(7)
    now = 500.0
    progress.poll()
    assert out.getvalue() == ""
