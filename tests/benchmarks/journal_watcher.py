"""Watches a search's journal: when was each epoch written?"""

import contextlib
import time
from pathlib import Path

import optuna

from search.study import records
from search.study import study as studies


class JournalWatcher:
    """Reads a search's journal again and again.

    `epochs` has the time (seconds since 1970) and validation accuracy of each epoch, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs: list[tuple[float, float]] = []
        self._known: set[tuple[int, int]] = set()
        self._study: optuna.Study | None = None

    def poll(self) -> None:
        """Add the new epochs. The search may not have written its journal yet."""
        with contextlib.suppress(ValueError, KeyError):
            self._study = self._study or studies.read_study(self.folder)
        if self._study is None:
            return
        now = time.time()
        for trial in studies.trials(self._study):
            for epoch in records.epochs(trial):
                if (trial.number, epoch["epoch"]) not in self._known:
                    self._known.add((trial.number, epoch["epoch"]))
                    self.epochs.append((now, epoch["validation_accuracy"]))
