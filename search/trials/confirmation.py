"""The best of a search run again to choose the winner; then the winner's runs that are reported,
and their test."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import optuna

from search.cluster.resources import Resources
from search.inputs import Prepared
from search.outputs.tables import (
    CONFIRM_FAILED,
    CONFIRMED,
    REPORT_FAILED,
    REPORTED,
    TESTED,
    WINNER,
    choice_score,
    predictions_of,
)
from search.seeds import choice_seeds, report_seeds
from search.spec import SearchSpec
from search.study import study as studies
from search.trials import full_runs as seed_runs
from search.trials.full_runs import Run
from search.trials.worker import Job


def confirm(
    spec: SearchSpec,
    study: optuna.Study,
    prepared: Prepared,
    job: Job,
    resources: Resources,
    say: Callable[[str], None],
) -> None:
    """Choose the winner among the best of the search, then train and test it on seeds that chose
    nothing.

    Results go into the study, each as soon as it is known, and what is there already is not run
    again: a search that goes on, or grows, runs only what is new among its best, and a new winner.
    """
    if REPORTED not in study.user_attrs:
        studies.remember(
            study, REPORTED, {}
        )  # from now on nothing is reported that chose the winner
    confirmation = _Confirmation(spec, study, prepared, job, resources, say)
    winner = confirmation.choose()
    if winner is not None:
        confirmation.report(winner)


@dataclass(frozen=True)
class _Confirmation:
    spec: SearchSpec
    study: optuna.Study
    prepared: Prepared
    job: Job
    resources: Resources
    say: Callable[[str], None]

    def choose(self) -> int | None:
        """Run the top `confirm_top` on the seeds of the choice; the highest mean over these and the
        search's own score wins.

        A configuration that breaks on one of them cannot win.
        """
        top = studies.ranking(self.study)[: self.spec.confirm_top]
        seeds = choice_seeds(self.spec.seed, self.spec.confirm_seeds)
        new = self._start(
            [(trial.number, seed) for trial in top for seed in seeds],
            (CONFIRMED, CONFIRM_FAILED),
            f"confirming the best {len(top)}",
        )
        for run, trained, reason in seed_runs.finished(new):
            self._add(
                CONFIRM_FAILED if reason else CONFIRMED,
                run.trial,
                run.seed,
                reason or trained.epochs,
            )
            self._say(run, trained.epochs, reason)
        means = {
            trial.number: choice_score(self.study, trial)
            for trial in top
            if all(self._has(CONFIRMED, trial.number, seed) for seed in seeds)
        }
        if not means:
            return None
        winner = max(means, key=lambda number: (means[number], -number))
        studies.remember(self.study, WINNER, winner)
        return winner

    def report(self, winner: int) -> None:
        """Train the winner on the seeds of the report, and test these runs.

        One that breaks is left out, and that is said.
        """
        seeds = report_seeds(self.spec.seed, self.spec.report_seeds)
        new = self._start(
            [(winner, seed) for seed in seeds],
            (REPORTED, REPORT_FAILED),
            f"training the winner, trial {winner}, for the report",
        )
        for run, trained, reason in seed_runs.finished(new):
            if not reason:  # first: a run that is known as reported is not run again
                answers = {"predicted": trained.predicted, "confidence": trained.confidence}
                studies.remember(self.study, predictions_of(run.trial, run.seed), answers)
            self._add(
                REPORT_FAILED if reason else REPORTED, run.trial, run.seed, reason or trained.epochs
            )
            self._say(run, trained.epochs, reason)
        self._test(
            winner,
            {run.seed: run for run in new},
            [seed for seed in seeds if self._has(REPORTED, winner, seed)],
        )

    def _test(self, winner: int, new: dict[int, Run], seeds: Iterable[int]) -> None:
        """The winner's runs on the test split, unless they have met it.

        Runs of an earlier process are trained again: same curves.
        """
        seeds = [seed for seed in seeds if not self._has(TESTED, winner, seed)]
        if self.prepared.test is None or not seeds:
            return
        runs = [new.get(seed) or self._run(winner, seed) for seed in seeds]
        for run, scores in zip(runs, seed_runs.test(runs, self.job, self.resources, self.prepared)):
            self._add(TESTED, winner, run.seed, scores)

    def _start(self, wanted: list[tuple[int, int]], known: tuple[str, ...], what: str) -> list[Run]:
        """Begin those runs whose end is not known, and say so."""
        new = [
            (trial, seed)
            for trial, seed in wanted
            if not any(self._has(key, trial, seed) for key in known)
        ]
        if new:
            self.say(f"{what} on seeds {', '.join(map(str, sorted({seed for _, seed in new})))}")
        return [self._run(trial, seed) for trial, seed in new]

    def _run(self, trial: int, seed: int) -> Run:
        config = self.study.get_trials(deepcopy=False)[trial].user_attrs[studies.CONFIG]
        return seed_runs.start(self.job, self.resources, trial, seed, config)

    def _say(self, run: Run, epochs: list[dict[str, Any]], reason: str | None) -> None:
        how = (
            f"failed: {reason}"
            if reason
            else f"validation {epochs[-1]['best_validation_accuracy']:.4f}"
        )
        self.say(f"  trial {run.trial}, seed {run.seed}: {how}")

    def _has(self, key: str, trial: int, seed: int) -> bool:
        return str(seed) in self.study.user_attrs.get(key, {}).get(str(trial), {})

    def _add(self, key: str, trial: int, seed: int, value: Any) -> None:
        known = self.study.user_attrs.get(key, {})
        studies.remember(
            self.study, key, {**known, str(trial): {**known.get(str(trial), {}), str(seed): value}}
        )
