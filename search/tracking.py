"""A search in MLflow: a parent run, a nested run a trial, and below a trial its runs on fresh seeds.

Everything here is a projection of the study: `sync` logs what MLflow does not have yet, and can be called at any time, any number
of times, also by another process later. Only the driver logs.
"""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from search import study as studies
from search.recorder import Recorder, test_metrics
from search.results import CONFIRMED, WINNER, tested
from search.spec import SearchSpec

STATUS = {"RUNNING": "RUNNING", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
ARTIFACTS = (".json", ".csv", ".yaml", ".md", ".html")


class Tracker:
    """One search in MLflow. `tags` describe data, model, versions; they stand on every run."""

    def __init__(self, client: Any, spec: SearchSpec, tags: Mapping[str, str]) -> None:
        self.spec = spec
        self.recorder = Recorder(client, {"regimen.search": str(spec.name), "regimen.regime": spec.regime, **tags})
        self.runs: dict[str, str] = {}
        self.logged: dict[str, int] = {}
        self.ended: set[str] = set()
        self.paused: set[str] = set()
        self.undescribed: dict[str, dict[str, Any]] = {}
        self.parent = self._find_or_start()

    def sync(self, study: optuna.Study) -> None:
        """Log whatever of the study MLflow does not have."""
        for trial in studies.trials(study):
            self._sync_trial(trial)
        for number, seeds in list(study.user_attrs.get(CONFIRMED, {}).items()):
            for seed, epochs in seeds.items():
                self._sync_confirmation(study, number, seed, epochs)

    def finish(self, study: optuna.Study, summary: Mapping[str, Any], note: str, *, interrupted: bool) -> None:
        """Log the rest, the results as artifacts and metrics of the parent run, and close it."""
        self.sync(study)
        confirmed = summary["confirmed"]
        figures = {
            "trial_0_validation_accuracy": summary["paper_config_validation"],
            "best_validation_accuracy": summary["best_validation"],
            "confirmed_validation_accuracy": sum(confirmed) / len(confirmed) if confirmed else None,
        }
        self.recorder.metrics(self.parent, {**figures, **test_metrics(summary["test"])})
        client = self.recorder.client
        client.set_tag(self.parent, "mlflow.note.content", note)
        for path in sorted(self.spec.folder.iterdir()):
            if path.suffix in ARTIFACTS:
                client.log_artifact(self.parent, str(path))
        self.close(interrupted=interrupted)

    def close(self, *, interrupted: bool) -> None:
        """End the parent run, and what was interrupted: it goes on under the same runs when the search does."""
        for key in self.runs.keys() - self.ended:
            self.recorder.end(self.runs[key], "KILLED")
        self.recorder.end(self.parent, "KILLED" if interrupted else "FINISHED")

    def _find_or_start(self) -> str:
        """The parent run's id: of the run that this search had before, with what is logged below it, or of a new one."""
        mine = f"tags.`regimen.search` = '{self.spec.name}'"
        parents = self.recorder.search(f"{mine} and tags.`regimen.kind` = 'search'")
        found = [run for run in parents if run.data.tags.get("regimen.folder") == str(self.spec.folder)]
        if not found:
            parent = self.recorder.start(str(self.spec.name), "search", tags={"regimen.folder": str(self.spec.folder)})
            self.recorder.params(parent, {name: value for name, value in vars(self.spec).items() if value not in (None, {})})
            return parent
        parent = found[0].info.run_id
        self.recorder.client.update_run(parent, status="RUNNING")
        for run in self.recorder.search(f"{mine} and tags.`regimen.root` = '{parent}'"):
            key = run.data.tags["regimen.key"]
            self.runs[key] = run.info.run_id
            self.logged[key] = int(run.data.metrics.get("epoch", 0))
            if run.info.status != "RUNNING" and ("score" in run.data.metrics or "regimen.state" in run.data.tags):
                self.ended.add(key)
        self.paused = self.runs.keys() - self.ended
        return parent

    def _start(
        self,
        key: str,
        name: str,
        kind: str,
        parent: str,
        trial: int,
        config: Mapping[str, Any],
        seed: int,
        began: float | None,
    ) -> None:
        tags = {"regimen.root": self.parent, "regimen.trial": str(trial), "regimen.key": key}
        self.runs[key] = self.recorder.start(name, kind, parent=parent, tags=tags, began=began)
        self.undescribed[key] = {**config, "seed": seed, "epochs": self.spec.epochs}

    def _describe(self, key: str) -> None:
        """Log a new run's parameters; where that fails, the next look does it."""
        if key in self.undescribed:
            self.recorder.params(self.runs[key], self.undescribed[key])
            del self.undescribed[key]

    def _sync_trial(self, trial: FrozenTrial) -> None:
        number = studies.first_attempt(trial)
        key = f"trial {number}"
        if key in self.ended:
            return
        if key in self.paused:
            self.recorder.client.update_run(self.runs[key], status="RUNNING")
            self.paused.remove(key)
        if key not in self.runs:
            began = trial.datetime_start.timestamp() if trial.datetime_start else None
            name = f"{self.spec.regime} {number:03d}"
            self._start(key, name, "trial", self.parent, number, trial.user_attrs[studies.CONFIG], self.spec.seed, began)
        self._describe(key)
        epochs = studies.epochs(trial)
        self.logged[key] = self.recorder.epochs(self.runs[key], epochs, self.logged.get(key, 0))
        if trial.state.is_finished():
            self._end_trial(key, trial, epochs)

    def _end_trial(self, key: str, trial: FrozenTrial, epochs: list[dict[str, Any]]) -> None:
        """Close a trial's run under a name that tells its end: `supcon 007 · 0.8731`, `supcon 008 · pruned after 3`."""
        run, state, client = self.runs[key], trial.state.name, self.recorder.client
        how = {"COMPLETE": f"{trial.value or 0:.4f}", "PRUNED": f"pruned after {len(epochs)}", "FAIL": "failed"}[state]
        client.set_tag(run, "mlflow.runName", f"{self.spec.regime} {studies.first_attempt(trial):03d} · {how}")
        client.set_tag(run, "regimen.state", state)
        if studies.REASON in trial.user_attrs:
            client.set_tag(run, "regimen.reason", trial.user_attrs[studies.REASON])
        if state == "COMPLETE":
            self.recorder.metrics(run, {"score": trial.value})
        self.recorder.end(run, STATUS[state], trial.datetime_complete.timestamp() if trial.datetime_complete else None)
        self.ended.add(key)

    def _sync_confirmation(self, study: optuna.Study, number: str, seed: str, epochs: list[dict[str, Any]]) -> None:
        """A run on a fresh seed, nested in its trial's run; the winner's has test scores, which arrive later."""
        trial = study.get_trials(deepcopy=False)[int(number)]
        key, above = f"trial {number} seed {seed}", f"trial {studies.first_attempt(trial)}"
        if key in self.ended or above not in self.runs:
            return
        if key not in self.runs:
            config = trial.user_attrs[studies.CONFIG]
            name = f"{self.spec.regime} {int(number):03d} seed {seed}"
            self._start(key, name, "confirmation", self.runs[above], int(number), config, int(seed), None)
        self._describe(key)
        self.logged[key] = self.recorder.epochs(self.runs[key], epochs, self.logged.get(key, 0))
        winner, found = study.user_attrs.get(WINNER), tested(study)
        wins = str(winner) == number
        if winner is None or (wins and study.user_attrs.get("test_follows") and seed not in found):
            return
        test = [found[seed]] if wins and seed in found else []
        self.recorder.metrics(self.runs[key], {"score": epochs[-1]["best_accuracy"], **test_metrics(test)})
        self.recorder.end(self.runs[key])
        self.ended.add(key)
