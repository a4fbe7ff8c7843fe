"""What is killed, when, and how a search may end after it."""

import random
import signal
from dataclasses import dataclass

KIND_WEIGHTS = {
    "driver": 4,
    "group": 3,
    "worker": 3,
    "raylet": 2,
    "gcs": 1,
    "agent": 1,
    "int": 2,
    "term": 2,
    "server": 3,
}
"""Kinds of kills with their relative frequency."""
PHASE_WEIGHTS = {"start": 3, "trials": 4, "end": 3}
"""Phases of a search in which kills happen, with their relative frequency."""
CONTINUES_AFTER = ("worker", "server")
"""Kinds after which the same process has to continue."""
EXIT_CODES: dict[str, set[int]] = {
    "driver": {0, -9},
    "group": {0, -9},
    "int": {0, 130},
    "term": {0, 130},
    "raylet": {0, 1},
    "gcs": {0, 1},
    "agent": {0, 1},
}
"""Exit codes allowed after each kind; only 0 for the others. With code 1, a line has to say why."""
SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM}
"""Signals of the kinds that are not SIGKILL."""


@dataclass(frozen=True)
class Kill:
    """A planned kill: `position` in the phase, from 0 to 1, and `delay` seconds after that."""

    kind: str
    phase: str
    position: float
    delay: float


def draw_plan(
    dice: random.Random, with_server: bool, drivers_only: bool, end_seconds: float
) -> list[Kill]:
    """Draw the kills of one search, those of the end last.

    `end_seconds` is how long the undisturbed search took after its last trial.
    """
    plan = [_draw(dice, with_server, drivers_only, end_seconds) for _ in range(dice.randint(5, 12))]
    # No trials are left to be killed in after a kill at the end.
    return sorted(plan, key=lambda kill: kill.phase == "end")


def _draw(dice: random.Random, with_server: bool, drivers_only: bool, end_seconds: float) -> Kill:
    kinds = {
        kind: weight
        for kind, weight in ({"driver": 1} if drivers_only else KIND_WEIGHTS).items()
        if kind != "server" or with_server
    }
    (kind,) = dice.choices(list(kinds), list(kinds.values()))
    (phase,) = dice.choices(list(PHASE_WEIGHTS), list(PHASE_WEIGHTS.values()))
    position, delay = dice.random(), dice.random()
    if kind == "worker":  # at the end, the choice and report runs may be over
        phase = "trials"
    return Kill(kind, phase, position, delay * end_seconds if phase == "end" else delay)
