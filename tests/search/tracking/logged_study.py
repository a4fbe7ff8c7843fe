"""A search without Ray, and what MLflow must have of its study."""

from pathlib import Path
from typing import Any

import optuna

from analysis import paper
from search.outputs import tables as results
from search.study import records
from search.study import study as studies
from search.tracking import recorder, store
from search.tracking import tracker as tracking
from search.tracking.identity import identify
from search.tracking.store import connect
from search.tracking.tracker import Tracker
from search.trials.ledger import Ledger
from search.worker_reports import (
    CPU_PERCENT,
    MEMORY_MB,
    RUN_FINISHED,
    SYSTEM_METRICS,
)
from tests.attributes import attributes
from tests.search.reported import CORPUS, epoch
from tests.specs import spec_in

TAGS = {"data": "toy", "data_fingerprint": "f00d", "data_rows": "3 train", "model_fingerprint": "m"}
NAMES = recorder.EPOCH_METRICS


def used(number: int, step: int) -> dict[str, float]:
    """What an epoch took: nothing is known of trial 0, as in a journal of an earlier version, and a
    card only of trial 2."""
    known = {0: (), 1: (CPU_PERCENT, MEMORY_MB), 2: SYSTEM_METRICS}.get(
        number, (CPU_PERCENT, MEMORY_MB)
    )
    return {name: 100.0 * number + step for name in known}


class Search:
    """A search without Ray: its trials and epochs are written as they are asked for."""

    def __init__(self, folder: Path, **values: Any) -> None:
        self.spec = spec_in(
            folder, **{"scheduler": "none", "sampler": "random", "trials": 3, "epochs": 3, **values}
        )
        (self.spec.folder / "spec.json").write_text(self.spec.to_json())
        self.study = studies.open_study(self.spec)
        self.ledger = Ledger(self.study, self.spec)
        self.tags = identify(self.study, TAGS)

    def epochs(self, *numbers: int, first: int = 1, last: int = 3) -> None:
        """Each of these trials, asked for where it is not there, reports epochs from `first` to
        `last`."""
        for step in range(first, last + 1):
            for number in numbers:
                if str(number) not in self.ledger.in_flight:
                    self.ledger.ask(str(number))
                self.ledger.report(
                    str(number), epoch(step, 0.1 * step + 0.01 * number) | used(number, step)
                )

    def end(self, *numbers: int) -> None:
        """These trials come to their end."""
        for number in numbers:
            self.ledger.report(str(number), {RUN_FINISHED: None})

    def win(self, number: int) -> None:
        """A trial, run on two choice seeds, wins and is tested."""
        runs = {
            str(seed): [
                epoch(step, 0.1 * step + 0.001 * seed) | used(seed, step) for step in (1, 2, 3)
            ]
            for seed in (1, 2)
        }
        self.study.set_user_attr(records.CHOICE_RUNS.name, {str(number): runs})
        self.study.set_user_attr(records.WINNER.name, number)
        scores = {
            seed: {
                "test_accuracy": 0.5,
                "test_loss": 1.0,
                "test_loss_paper": 1.1,
            }
            for seed in runs
        }
        self.study.set_user_attr(records.TEST_SCORES.name, {str(number): scores})

    def all(self) -> None:
        """Three trials of which the last wins."""
        self.epochs(0, 1, 2)
        self.end(0, 1, 2)
        self.win(2)

    def tracker(self, uri: str) -> Tracker:
        return Tracker(connect(uri, self.spec.results), self.spec, self.tags)

    def finish(
        self, tracker: Tracker, within: float = 60.0, interrupted: bool = False
    ) -> str | None:
        self.study.set_user_attr(records.ENDING.name, "INTERRUPTED" if interrupted else "DONE")
        summary = results.write_results(self.study, self.spec, results.UNKNOWN_FACTS, CORPUS)
        (self.spec.folder / "table.md").write_text("| a table |\n")
        return tracker.finish_within(
            within, self.study, summary, "| a table |\n", interrupted=interrupted
        )


def points(epochs: list[dict[str, Any]]) -> list[tuple[str, int, float]]:
    """What MLflow has to have of these epochs."""
    return sorted(
        (name, epoch["epoch"], float(epoch[name]))
        for epoch in epochs
        for name in NAMES
        if epoch.get(name) is not None
    )


def wanted(study: optuna.Study) -> dict[str, list[tuple[str, int, float]]]:
    """What MLflow has to have of a study: the points of each run, by its key."""
    every = {
        f"trial {trial.number}": points(records.epochs(trial))
        for trial in tracking.logged_trials(study)
    }
    for regime, record in records.FLOORS.read(study).items():
        scores = {
            f"best_{name}": record[name]
            for name in ("validation_accuracy", "validation_macro_f1")
            if name in record
        }
        every[f"floor {regime}"] = sorted(
            (name, 0, float(value)) for name, value in (record | scores).items() if name in NAMES
        )
    for kind in (records.CHOICE_RUNS.name, records.REPORT_RUNS.name):
        for number, seeds in attributes(study).get(kind, {}).items():
            every |= {
                f"trial {number} seed {seed}": points(epochs) for seed, epochs in seeds.items()
            }
    return every


def everything(client: Any) -> dict[str, dict[str, Any]]:
    """All that MLflow has, by run."""
    runs = {}
    for name in (store.EXPERIMENT, store.PAPER_EXPERIMENT):
        for run in client.search_runs(
            [client.get_experiment_by_name(name).experiment_id], max_results=1000
        ):
            history = [
                (metric.key, metric.step, metric.value, metric.timestamp)
                for key in run.data.metrics
                for metric in client.get_metric_history(run.info.run_id, key)
            ]
            info = {
                name: getattr(run.info, name)
                for name in ("status", "start_time", "end_time", "run_name", "lifecycle_stage")
            }
            sets = [
                (used.dataset.name, used.dataset.digest, used.tags[0].value)
                for used in run.inputs.dataset_inputs
            ]
            runs[run.info.run_id] = {
                "info": info,
                "tags": run.data.tags,
                "params": run.data.params,
                "history": sorted(history),
                "data": sets,
            }
    return runs


def of_a_search(run: dict[str, Any]) -> bool:
    """Whether a run is a search's own: final trainings have its identity too, the paper's rows have
    none."""
    return "regimen.id" in run["tags"] and not run["tags"]["regimen.kind"].startswith("final")


def check(client: Any, study: optuna.Study, status: str = "FINISHED") -> dict[str, dict[str, Any]]:
    """MLflow has the study, each run and each point once, and nothing runs.

    Returns all that it has.
    """
    runs = everything(client)
    ours = [run for run in runs.values() if of_a_search(run)]
    (parent,) = [run for run in ours if run["tags"]["regimen.kind"] == "search"]
    assert parent["info"]["status"] == status
    assert parent["data"] == [
        (parent["tags"]["data"], parent["tags"]["data_fingerprint"], "training")
    ]
    keys = [run["tags"]["regimen.key"] for run in ours if run is not parent]
    assert len(keys) == len(set(keys))
    has = {
        run["tags"]["regimen.key"]: [
            (name, step, value) for name, step, value, _ in run["history"] if name in NAMES
        ]
        for run in ours
        if run is not parent
    }
    assert has == wanted(study)
    for run in ours:
        steps = [(name, step) for name, step, _, _ in run["history"]]
        assert len(steps) == len(set(steps)), "a point is there twice"
    assert "RUNNING" not in {run["info"]["status"] for run in runs.values()}
    rows = [
        run["tags"]["regimen.regime"]
        for run in runs.values()
        if run["tags"]["regimen.kind"] == "paper"
    ]
    assert len(rows) == len(set(rows)) == len(paper.TABLE_7)
    return runs
