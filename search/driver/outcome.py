"""What a search has found, for the command that ran it and for a notebook."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas

from analysis.evidence import Evidence
from analysis.read.folder import EPOCHS_FILE, REPORT_FILE, TRIALS_FILE
from analysis.read.summary import Summary
from search.spec import SearchSpec
from search.study.study import read_study
from search.study.winner_records import best_configuration
from search.terminal.outcome import leaderboard
from search.trials.ending import Ending


@dataclass(frozen=True)
class Outcome:
    """How a search ended: its summary (a row of the comparison table), and why it ended.

    A notebook shows it as the table that the command ends with.
    """

    spec: SearchSpec
    summary: Summary
    ending: Ending
    page: str | None = None
    """The path of its leaderboard in MLflow's UI."""

    @cached_property
    def trials(self) -> pandas.DataFrame:
        """A row per trial: its state, best scores on validation, and fields as `config.*`."""
        return pandas.read_csv(self.spec.folder / TRIALS_FILE).set_index("number")

    @cached_property
    def epochs(self) -> pandas.DataFrame:
        """A row per epoch of the trials, of the choice and of the report runs (`kind`)."""
        return pandas.read_csv(self.spec.folder / EPOCHS_FILE)

    @property
    def best(self) -> dict[str, Any]:
        """The winner's configuration, or the best trial's where no winner was chosen.

        Raises ValueError where no trial completed.
        """
        if self.summary.best_trial is None:
            raise ValueError(f"no trial of '{self.spec.name}' completed")
        return best_configuration(read_study(self.spec.folder))

    def table(self) -> pandas.DataFrame:
        """The search and its floors, the highest score first."""
        evidence = Evidence.beside(self.spec.folder.parent, [self.summary])
        return leaderboard([self.summary], evidence).reset_index(drop=True)

    def report(self) -> Path:
        """The report with its figures, drawn if it is not there."""
        path = self.spec.folder / REPORT_FILE
        if not path.is_file():
            from analysis.report import report  # Imported late: it takes a second.

            report(self.spec.folder)
        return path

    def _repr_html_(self) -> str:
        heading = f"{self.spec.name}: {self.ending.name.lower()}"
        return f"<p>{escape(heading)}</p>{self.table().to_html(index=False)}"
