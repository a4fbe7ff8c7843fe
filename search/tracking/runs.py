"""The runs that MLflow has of a search: its own, and those nested in it by their keys."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from search.spec import SearchSpec
from search.study.records import IDENTITY
from search.tracking import views
from search.tracking.logged_run import LoggedRun
from search.tracking.recorder import Recorder

KEY_TAG, WINNER_TAG = "regimen.key", "regimen.winner"
FINAL_KIND_PREFIX = "final"
"""How the kinds of a final training's runs begin."""


class SearchRuns:
    """The runs of a search. `tags` describe data, model and versions and are set on each."""

    def __init__(self, client: Any, spec: SearchSpec, tags: Mapping[str, str]) -> None:
        self.spec = spec
        self.identity = (
            tags.get(IDENTITY) or hashlib.sha256(str(spec.folder).encode()).hexdigest()[:32]
        )
        all_tags = {
            "regimen.search": str(spec.name),
            "regimen.regime": spec.regime,
            "regimen.metric": spec.metric,
            **tags,
            IDENTITY: self.identity,
        }
        self.recorder = Recorder(client, all_tags, "search.run")
        self.search: LoggedRun | None = None
        """The run of the search itself."""
        self.nested: dict[str, LoggedRun] = {}
        """By key: `trial 7`, `trial 7 seed 1000`, `floor tfidf`."""
        self.winner: str | None = None
        """The key of the winner's run: a trial, or a floor that no search beats; None before the
        end."""
        self.confirmed: str | None = None
        """The winner's mean score on fresh seeds, in percent; None for a floor, or if unknown."""

    @property
    def view(self) -> str:
        """The key of the search's leaderboard."""
        return views.search_key(str(self.spec.name), self.identity)

    def read(self) -> None:
        """Read from MLflow what it has."""
        self.recorder.locate(self.spec.results)
        views_of_search = views.search_view(self.view, self.identity, self.spec.metric)
        self.recorder.save_views(views_of_search | views.searches_view())
        logged = self.recorder.search(f"tags.`{IDENTITY}` = '{self.identity}'")
        # The final trainings of its export stand in its leaderboard too, and stay as they are.
        logged = [run for run in logged if not _kind(run).startswith(FINAL_KIND_PREFIX)]
        children = Counter(run.data.tags.get("mlflow.parentRunId") for run in logged)
        # A late request may have made a second run with the same key. The fuller one stays.
        logged.sort(
            key=lambda run: (
                -children[run.info.run_id],
                -LoggedRun.read(self.recorder, run).epochs,
                run.info.run_id,
            )
        )
        runs: dict[str, LoggedRun] = {}
        for run in logged:
            key = run.data.tags.get(KEY_TAG, "search")
            if key in runs:
                self.recorder.delete(run)
            else:
                runs[key] = LoggedRun.read(self.recorder, run)
        self.search = runs.pop("search", None)
        self.nested = runs

    def start(
        self, key: str, name: str, kind: str, started: float, tags: Mapping[str, str], parent: str
    ) -> LoggedRun:
        """Start a nested run."""
        run = LoggedRun.start(self.recorder, name, kind, started, {**tags, KEY_TAG: key}, parent)
        self.nested[key] = run
        return run

    def name_tags(self, run: LoggedRun, key: str, name: str) -> dict[str, str]:
        """The tags with a run's name and whether it is the winner; one that was says that no more
        where another has won."""
        if key == self.winner and self.confirmed is None:
            return {"mlflow.runName": f"{name} · winner", WINNER_TAG: "yes"}
        if key == self.winner:
            # Instead of its score as a trial, which is the highest of many.
            base, _, _ = name.rpartition(" · ")
            note = f"winner, {self.confirmed} confirmed"
            return {"mlflow.runName": f"{base} · {note}", WINNER_TAG: "yes"}
        return {"mlflow.runName": name, **({WINNER_TAG: "no"} if WINNER_TAG in run.tags else {})}


def _kind(run: Any) -> str:
    return str(run.data.tags.get("regimen.kind", ""))
