"""The choice runs, which choose the winner among the best trials, and the winner's report runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import optuna

from analysis.read.correct import packed
from analysis.spread import PRIORS, Runs, Spread
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.race import Margin, Scores, affordable_runs, race
from search.seeds import choice_seeds, report_seeds
from search.spec import SearchSpec
from search.study import records
from search.study.records import RunKey
from search.study.study import epochs_trained, ranking
from search.trials import full_runs
from search.trials.full_runs import Run
from search.trials.worker import Job, Trained

CHANCE = 0.68
"""Probability with which two equal trials stay in the race together: one standard error. A stricter
rule spends more runs on trials that hardly ever win (LOG.md)."""


def choose_and_report(
    spec: SearchSpec,
    study: optuna.Study,
    prepared: Prepared,
    job: Job,
    resources: Resources,
    say: Callable[[str], None],
    check: Callable[[], None],
) -> None:
    """Choose the winner among the best trials, then train and test it on seeds that chose nothing.

    Each result is recorded in the study as soon as it is known and is not computed again. A search
    that is resumed or grown runs only what is new among its best, and a new winner.
    """
    if not records.REPORT_RUNS.recorded(study):
        # From now on, runs that chose the winner are not the reported ones.
        records.REPORT_RUNS.begin(study)
    runs = _ChoiceAndReport(spec, study, prepared, job, resources, say, check)
    winner = runs.choose()
    if winner is not None:
        runs.report(winner)


@dataclass(frozen=True)
class _ChoiceAndReport:
    spec: SearchSpec
    study: optuna.Study
    prepared: Prepared
    job: Job
    resources: Resources
    say: Callable[[str], None]
    check: Callable[[], None]
    """Called several times a second; raises KeyboardInterrupt to stop."""

    def choose(self) -> int | None:
        """Run the best `confirm_top` trials on seeds of the choice.

        The highest mean over these runs and the search's own score wins. A configuration that fails
        on one seed cannot win; None if all do.
        """
        top = ranking(self.study)[: self.spec.confirm_top]
        scores = {trial.number: [trial.value or 0.0] for trial in top}
        rounds = self._fixed if self.spec.confirm_seeds else self._race
        for wanted in rounds(scores):
            self._run_choice(wanted)
            failed = records.CHOICE_FAILURES.read(self.study)
            runs = records.CHOICE_RUNS.read(self.study)
            for number, seed in wanted:
                if seed in failed.get(number, {}):
                    scores.pop(number, None)
                elif number in scores:
                    scores[number].append(runs[number][seed][-1]["best_validation_accuracy"])
        if not scores:
            return None
        winner = max(scores, key=lambda number: (fmean(scores[number]), -number))
        records.WINNER.write(self.study, winner)
        return winner

    def _fixed(self, scores: Mapping[int, Scores]) -> Iterator[list[tuple[int, int]]]:
        """All of them on the same seeds, side by side."""
        seeds = choice_seeds(self.spec.seed, self.spec.confirm_seeds or 1)
        yield [(number, seed) for number in scores for seed in seeds]

    def _race(self, scores: Mapping[int, Scores]) -> Iterator[list[tuple[int, int]]]:
        """One seed more for each that may still win, as long as there are runs left.

        Depends on scores alone, so an interrupted race goes on as it would have.
        """
        runs = affordable_runs(epochs_trained(self.study, self.spec.epochs), self.spec.epochs)
        while scores:
            standing = race(scores, self._margin(scores), runs)
            if not standing.next:
                return
            runs -= len(standing.next)
            seed = len(scores[standing.next[0]])  # Those that run on have equally many.
            yield [(number, choice_seeds(self.spec.seed, seed)[-1]) for number in standing.next]

    def _run_choice(self, wanted: list[tuple[int, int]]) -> None:
        done = (records.CHOICE_RUNS, records.CHOICE_FAILURES)
        among = ", ".join(str(number) for number in dict.fromkeys(number for number, _ in wanted))
        new = self._start(wanted, done, f"choosing the winner: trials {among}")
        for run, trained, failure in full_runs.finished(new, self.check):
            if failure:
                records.CHOICE_FAILURES.add(self.study, run.trial, run.seed, failure)
            else:
                self._record_correct("validation", run, self._right(trained))
                records.CHOICE_RUNS.add(self.study, run.trial, run.seed, trained.epochs)
            self._say(run, trained.epochs, failure)

    def _margin(self, scores: Mapping[int, Scores]) -> Margin:
        """How far apart two trials may be by chance, from how all of them vary over seeds."""
        sentences = len(self.prepared.corpus.validation.texts)
        recipes = [Runs(tuple(own), sentences) for own in scores.values()]
        spread = Spread.of(recipes, PRIORS["validation"])

        def margin(one: Scores, other: Scores) -> float:
            means = (spread.of_mean(Runs(tuple(own), sentences)) for own in (one, other))
            return spread.half_width(*means, level=CHANCE)

        return margin

    def report(self, winner: int) -> None:
        """Train the winner on the seeds of the report and test these runs.

        Failed ones are left out and recorded.
        """
        seeds = report_seeds(self.spec.seed, self.spec.report_seeds)
        done = (records.REPORT_RUNS, records.REPORT_FAILURES)
        what = f"training the winner, trial {winner}, for the report"
        new = self._start([(winner, seed) for seed in seeds], done, what)
        ran: dict[int, Run] = {}
        for run, trained, failure in full_runs.finished(new, self.check):
            ran[run.seed] = run
            if failure:
                records.REPORT_FAILURES.add(self.study, run.trial, run.seed, failure)
            else:
                # First, because a run that is recorded as reported is not run again.
                answers: dict[str, list[Any]] = {
                    "predicted": trained.predicted,
                    "confidence": trained.confidence,
                }
                records.predictions(run.trial, run.seed).write(self.study, answers)
                self._record_correct("validation", run, self._right(trained))
                records.REPORT_RUNS.add(self.study, run.trial, run.seed, trained.epochs)
            self._say(run, trained.epochs, failure)
        reported = records.REPORT_RUNS.of(self.study, winner)
        self._test(winner, ran, [s for s in seeds if s in reported])

    def _test(self, winner: int, new: dict[int, Run], seeds: Iterable[int]) -> None:
        """Test the winner's runs that were not tested yet.

        Runs of an earlier process are trained again, with the same curves.
        """
        tested = records.TEST_SCORES.of(self.study, winner)
        seeds = [seed for seed in seeds if seed not in tested]
        if self.prepared.test is None or not seeds:
            return
        runs = [new.get(seed) or self._run(winner, seed) for seed in seeds]
        outcomes = full_runs.test(runs, self.resources, self.prepared, self.check)
        for run, outcome in zip(runs, outcomes):
            self._record_correct("test", run, outcome.correct)
            records.TEST_SCORES.add(self.study, winner, run.seed, outcome.scores)

    def _right(self, trained: Trained) -> np.ndarray:
        """Which validation sentences a run got right (N,)."""
        return np.asarray(trained.predicted) == self.prepared.corpus.validation.labels

    def _record_correct(self, split: str, run: Run, right: np.ndarray) -> None:
        record = {"sentences": len(right), "correct": packed(right)}
        records.correct(split, run.trial, run.seed).write(self.study, record)

    def _start(self, wanted: list[tuple[int, int]], done: Iterable[RunKey], what: str) -> list[Run]:
        """Submit the runs whose end is not recorded yet, and say so."""
        ended = {
            (trial, seed)
            for key in done
            for trial, runs in key.read(self.study).items()
            for seed in runs
        }
        new = [(trial, seed) for trial, seed in wanted if (trial, seed) not in ended]
        if new:
            self.say(f"{what} on seeds {', '.join(map(str, sorted({seed for _, seed in new})))}")
        return [self._run(trial, seed) for trial, seed in new]

    def _run(self, trial: int, seed: int) -> Run:
        config = records.CONFIG.read(self.study.get_trials(deepcopy=False)[trial])
        return full_runs.start(self.job, self.resources, trial, seed, config)

    def _say(self, run: Run, epochs: list[records.Record], failure: str | None) -> None:
        accuracy = "" if failure else f"validation {epochs[-1]['best_validation_accuracy']:.4f}"
        result = f"failed: {failure}" if failure else accuracy
        self.say(f"  trial {run.trial}, seed {run.seed}: {result}")
