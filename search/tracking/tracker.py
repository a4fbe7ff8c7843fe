"""When a search is logged to MLflow: again and again while it runs, and at its end.

Everything in MLflow is a projection of the study: `sync` logs what MLflow lacks. It can be called
at any time, any number of times, and by a later process. Only the driver logs.

MLflow may be slow, unreachable, or come back empty. After any failure the tracker reads again what
MLflow has, because a request whose answer was lost may have been received. What it sends is the
same each time, so that logging is idempotent.
"""

import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import optuna

from analysis.read.summary import Summary
from search.spec import SearchSpec
from search.study import records
from search.tracking import views
from search.tracking.nested_runs import (
    log_floors,
    log_full_runs,
    log_trials,
    logged_trials,
    trial_key,
)
from search.tracking.paper_runs import log_paper
from search.tracking.recorder import OutOfTime
from search.tracking.result_tags import last_search_note
from search.tracking.runs import SearchRuns
from search.tracking.search_run import (
    Sent,
    confirmed_score,
    end_search,
    log_artifacts,
    log_best_so_far,
    log_results,
    log_search,
    winner_key,
)
from search.tracking.store import without_password
from trainables.parts.quote import error_text

SYNC_SECONDS = 10.0
"""A sync starts no request after that time; the next one continues."""
TRACKER_CLOSE_SECONDS = 2.0
"""How long `close` may take."""
FINISH_ATTEMPTS = 3
"""How often logging the results is tried."""


class Tracker:
    """One search in MLflow. `tags` describe data, model and versions and are set on every run.

    Nothing is sent before the first `sync`.
    """

    def __init__(self, client: Any, spec: SearchSpec, tags: Mapping[str, str]) -> None:
        self.runs = SearchRuns(client, spec, tags)
        self.recorder = self.runs.recorder
        self.up_to_date = False
        """Whether `runs` are what MLflow has."""
        self.paper_logged = False
        self.sent: Sent = set()
        self.ended = 0.0
        self.lock = threading.Lock()

    @property
    def page(self) -> str | None:
        """The path of the search's leaderboard in MLflow's UI; None before it was ever reached."""
        experiment = self.recorder.known_experiment
        return experiment and views.page(experiment, self.runs.view)

    def runs_missing(self, study: optuna.Study) -> int:
        """How many trials have no run yet, or one that has not ended."""
        runs = dict(self.runs.nested)
        keys = (trial_key(trial.number) for trial in logged_trials(study))
        return sum(key not in runs or not runs[key].done for key in keys)

    def sync(self, study: optuna.Study, *, within: float = SYNC_SECONDS) -> None:
        """Log what MLflow lacks of the study, or as much as fits into `within` seconds."""
        with self.lock:
            self.recorder.deadline = time.monotonic() + within
            self._sync(study, live=True)

    def finish_within(
        self,
        seconds: float,
        study: optuna.Study,
        summary: Summary,
        note: str | None,
        *,
        interrupted: bool,
    ) -> str | None:
        """`finish`, but return after `seconds` at the latest: None, or why something is missing."""
        problem: list[str | None] = [f"it did not take everything within {seconds:.0f} s"]
        deadline = time.monotonic() + seconds

        def work() -> None:
            for attempts_left in reversed(range(FINISH_ATTEMPTS)):
                within = deadline - time.monotonic()
                try:
                    self.finish(study, summary, note, interrupted=interrupted, within=within)
                    problem[0] = None
                    return
                except OutOfTime:
                    return
                except Exception as error:
                    uri = self.recorder.client.tracking_uri
                    problem[0] = without_password(error_text(error), uri)
                if attempts_left:
                    time.sleep(1.0)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        return problem[0]

    def finish(
        self,
        study: optuna.Study,
        summary: Summary,
        note: str | None,
        *,
        interrupted: bool,
        within: float = math.inf,
    ) -> None:
        """Log the rest and the results (metrics and artifacts of the search's run), and end all
        runs.

        Raises OutOfTime, or what MLflow's client raises; what was logged until then stays.
        """
        deadline = time.monotonic() + within
        self.recorder.deadline = time.monotonic()  # A running sync starts no further request.
        with self.lock:
            self.recorder.deadline = deadline
            self.up_to_date = False  # The server may have lost its disk since the last sync.
            self.runs.winner = None if interrupted else winner_key(summary)
            self.runs.confirmed = confirmed_score(summary)
            self._sync(study, live=False)
            search = self.runs.search
            assert search is not None
            answer = log_results(search, self.runs, summary, note)
            log_artifacts(search, self.runs, self.sent)
            end_search(search, self.runs, self.ended, interrupted=interrupted)
            if not interrupted:
                self.recorder.describe(last_search_note(answer), self.ended)

    def close(self, *, interrupted: bool) -> None:
        """End the runs and log nothing more.

        If a sync keeps MLflow busy, `search.sync` ends them later.
        """
        self.recorder.deadline = time.monotonic()
        if self.lock.acquire(timeout=TRACKER_CLOSE_SECONDS):
            try:
                self.recorder.deadline = time.monotonic() + TRACKER_CLOSE_SECONDS
                if self.runs.search is not None:
                    end_search(self.runs.search, self.runs, self.ended, interrupted=interrupted)
            finally:
                self.lock.release()

    def _sync(self, study: optuna.Study, live: bool) -> None:
        try:
            if not self.up_to_date:
                self.runs.read()
                self.up_to_date = True
            self.ended = records.LAST_ENDED.read(study)
            search = log_search(self.runs, study, live=live)
            log_trials(self.runs, study, search, live=live)
            log_best_so_far(search, self.runs, study)
            log_full_runs(self.runs, study)
            log_floors(self.runs, study, search)
            if not self.paper_logged:
                log_paper(self.recorder)
                self.paper_logged = True
        except OutOfTime:
            raise
        except Exception:
            self.up_to_date = self.paper_logged = False
            raise
