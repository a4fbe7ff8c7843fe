"""A search of Regimen's watched from outside: when each epoch stood in its journal."""

import contextlib
import time
from pathlib import Path

import optuna

from search.study import records
from search.study import study as studies


class Watch:
    """Looks at a search's folder; `seen` has (seconds since 1970, validation accuracy) of each
    epoch, in the order of their coming."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[float, float]] = []
        self._known: set[tuple[int, int]] = set()
        self._study: optuna.Study | None = None

    def look(self) -> None:
        """Note what is new since the last look. The search may not have made its journal yet."""
        with contextlib.suppress(ValueError, KeyError):
            self._study = self._study or studies.read_study(self.folder)
        if self._study is None:
            return
        now = time.time()
        for trial in studies.trials(self._study):
            for epoch in records.epochs(trial):
                if (trial.number, epoch["epoch"]) not in self._known:
                    self._known.add((trial.number, epoch["epoch"]))
                    self.seen.append((now, epoch["validation_accuracy"]))
