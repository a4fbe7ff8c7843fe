"""What was done to the searches, and the problems that it caused."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PROBLEMS = (
    "finished trials lost or changed",
    "trials lost",
    "trials doubled",
    "trials changed",
    "best changed",
    "MLflow missing",
    "MLflow doubled",
    "MLflow RUNNING",
    "MLflow status",
    "tracebacks",
    "exit codes",
    "hangs",
    "searches given up",
    "processes left",
    "folders left",
    "shared memory left",
    "a user's folders harmed",
)
PRINTED_PROBLEMS = 12
"""How many problems of one kind are printed."""


@dataclass
class Outcome:
    """Counts of what happened; every count in `problems` should be 0."""

    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    restarted: int = 0
    signals_outside_our_code: int = 0
    ended_by_ray: int = 0
    failed_twice_killed: int = 0
    synced: int = 0
    seconds_to_resume: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(PROBLEMS, 0)))

    def add_problem(self, kind: str, detail: str) -> None:
        """Count a problem, and print the first ones of its kind."""
        self.problems[kind] += 1
        if self.problems[kind] <= PRINTED_PROBLEMS:
            more = ", and so on" if self.problems[kind] == PRINTED_PROBLEMS else ""
            log(f"    PROBLEM {kind}: {detail}{more}")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        waits = sorted(self.seconds_to_resume)
        summary = {
            "median": waits[len(waits) // 2] if waits else None,
            "max": max(waits, default=None),
            "n": len(waits),
        }
        return {**vars(self), "seconds_to_resume": summary}

    def table(self) -> str:
        """One line a count."""
        rows: dict[str, Any] = {"rounds": self.rounds, "kills": sum(self.kills.values())}
        rows |= {f"kills: {kind}": count for kind, count in sorted(self.kills.items())}
        rows |= {f"kills in phase: {phase}": count for phase, count in sorted(self.phases.items())}
        rows |= {
            "resumed": self.resumed,
            "started again": self.restarted,
            "signals before or after our code ran": self.signals_outside_our_code,
            "ended by Ray while connecting, without a line": self.ended_by_ray,
            "trials failed, their workers killed twice": self.failed_twice_killed,
            "search.sync runs": self.synced,
            "seconds to the first epoch of a resumed search": self.to_dict()["seconds_to_resume"],
        }
        rows |= {
            f"PROBLEM {kind}" if count else kind: count for kind, count in self.problems.items()
        }
        return "\n".join(f"{name:<47} {value}" for name, value in rows.items())


def log(line: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
