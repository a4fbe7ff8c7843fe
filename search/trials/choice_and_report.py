"""The choice runs, which choose the winner among the best trials, and the winner's report runs."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np
import optuna

from analysis.metric import run_score, test_field
from analysis.spread import PRIORS, Runs, Spread, effective_sentences
from search.inputs import Prepared
from search.race import Race, RunScores, affordable_runs, race
from search.seeds import choice_seeds, report_counts, report_seeds
from search.spec import SearchSpec
from search.study import records
from search.study.records import Record
from search.study.study import epochs_trained, ranking
from search.study.winner_records import run_scores
from search.trials.margin import margin
from search.trials.worker import ValidationPredictions

NARROW_HALF_WIDTH = 0.015
"""Half width of the report runs' interval at which no further run is needed."""


class Untested(OSError):
    """A report run is trained and recorded, and could not be tested."""


@dataclass(frozen=True)
class Run:
    """A trial's configuration on a seed that the search did not use."""

    trial: int
    seed: int
    config: dict[str, Any] = field(compare=False)
    reports: bool
    """Whether it is a report run; else it is a choice run."""


@dataclass(frozen=True)
class Round:
    """Runs that are due. The next round is known when all of them are recorded."""

    runs: tuple[Run, ...]
    what: str
    """What they are for, in words."""
    runs_left: int = 0
    """How many further runs of the kind may follow."""

    @property
    def choosing(self) -> bool:
        """Whether these are choice runs; then report runs follow."""
        return not self.runs[0].reports


@dataclass(frozen=True)
class ChoiceAndReport:
    """Chooses the winner among the best trials, then has it trained and tested on seeds that chose
    nothing.

    The caller runs each of the `rounds`, calls `record` or `fail` for each run as soon as it ends,
    and then asks for the next round. Everything depends on the study's records alone: no recorded
    run is repeated, and a search that is resumed or grown only runs new trials among its best, and
    a new winner.
    """

    spec: SearchSpec
    study: optuna.Study
    prepared: Prepared

    def rounds(self) -> Iterator[Round]:
        """The rounds of the choice, then that of the report; those without a run are left out."""
        if not records.REPORT_RUNS.recorded(self.study):
            # From now on, runs that chose the winner are not the reported ones.
            records.REPORT_RUNS.begin(self.study)
        scores = yield from self._choice()
        if scores:
            winner, equal = self._winner(scores)
            records.EQUAL_TRIALS.write(self.study, equal)
            records.WINNER.write(self.study, winner)
            yield from self._report(winner)

    def _choice(self) -> Generator[Round, None, Mapping[int, RunScores]]:
        """The rounds of the best `confirm_top` trials on seeds of the choice; returns the scores.

        A configuration that fails on one seed cannot win.
        """
        top = ranking(self.study)[: self.spec.confirm_top]
        scores = {trial.number: [trial.value or 0.0] for trial in top}
        rounds = self._fixed if self.spec.confirm_seeds else self._race
        for pairs, left in rounds(scores):
            yield from self._choice_round(pairs, left)
            failed = records.CHOICE_FAILURES.read(self.study)
            runs = records.CHOICE_RUNS.read(self.study)
            for number, seed in pairs:
                if seed in failed.get(number, {}):
                    scores.pop(number, None)
                elif number in scores:
                    scores[number].append(run_score(runs[number][seed], self.spec.metric))
        return scores

    def _winner(self, scores: Mapping[int, RunScores]) -> tuple[int, list[int]]:
        """The trial that wins the race, or, where all have as many seeds, the one with the highest
        mean over its choice runs and the search's own score; and those that are equal to it for
        practical purposes.

        A winner that has been reported stays while it is one of these.
        """
        if self.spec.confirm_seeds:
            return max(scores, key=lambda number: (fmean(scores[number]), -number)), []
        standing, earlier = self._standing(scores, 0), records.WINNER.read(self.study)
        winner = earlier if earlier in standing.alike else standing.winner
        return winner, sorted(set(standing.alike) - {winner})

    def _standing(self, scores: Mapping[int, RunScores], runs: int) -> Race:
        sentences = effective_sentences(self.prepared.data.validation.labels, self.spec.metric)
        stored = self.study.get_trials(deepcopy=False)
        epochs = {number: records.epochs(stored[number]) for number in scores}
        costs = {
            # Not the sum: in one epoch another process may have taken the processor.
            number: len(of_trial) * median(epoch["seconds"] for epoch in of_trial)
            for number, of_trial in epochs.items()
        }
        return race(
            scores,
            margin(scores, sentences),
            runs,
            costs=costs,
            indifference=self.spec.indifference / 100,
        )

    def _fixed(
        self, scores: Mapping[int, RunScores]
    ) -> Iterator[tuple[list[tuple[int, int]], int]]:
        """All of them on the same seeds, side by side; no further runs follow."""
        seeds = choice_seeds(self.spec.seed, self.spec.confirm_seeds or 1)
        yield [(number, seed) for number in scores for seed in seeds], 0

    def _race(self, scores: Mapping[int, RunScores]) -> Iterator[tuple[list[tuple[int, int]], int]]:
        """One more seed for each trial that may still win, as long as runs are left; and how many
        are left then.

        Depends on scores alone, so an interrupted race goes on as it would have.
        """
        runs = affordable_runs(epochs_trained(self.study, self.spec.epochs), self.spec.epochs)
        while scores:
            standing = self._standing(scores, runs)
            if not standing.next:
                return
            runs -= len(standing.next)
            # Trials that are still in the race have equally many runs.
            seed = len(scores[standing.next[0]])
            runs_of = [(number, choice_seeds(self.spec.seed, seed)[-1]) for number in standing.next]
            yield runs_of, runs

    def _choice_round(self, pairs: list[tuple[int, int]], left: int) -> Iterator[Round]:
        ended = (records.CHOICE_RUNS.read(self.study), records.CHOICE_FAILURES.read(self.study))
        new = [
            (trial, seed)
            for trial, seed in pairs
            if not any(seed in runs.get(trial, {}) for runs in ended)
        ]
        numbers = list(dict.fromkeys(number for number, _ in pairs))
        among, trials = ", ".join(map(str, numbers)), "trial" if len(numbers) == 1 else "trials"
        yield from self._round(new, f"choosing the winner: {trials} {among}", runs_left=left)

    def _report(self, winner: int) -> Iterator[Round]:
        """The rounds of the winner on the report seeds. Failed runs are left out.

        A run that was recorded and not tested is trained again, with the same curve.
        """
        activity = f"training the winner, trial {winner}, for the report"
        counts = report_counts(self.spec.report_seeds)
        for count in counts:
            failed = records.REPORT_FAILURES.of(self.study, winner)
            if count < counts[-1] and len(records.REPORT_RUNS.of(self.study, winner)) > count:
                continue  # An earlier process found this many too few.
            new = [
                (winner, seed)
                for seed in report_seeds(self.spec.seed, count)
                if seed not in failed and not self._is_reported(winner, seed)
            ]
            yield from self._round(new, activity, runs_left=counts[-1] - count, reports=True)
            if self._is_narrow(winner):
                return

    def _is_narrow(self, winner: int) -> bool:
        """Whether the interval of the report runs' mean needs no further run.

        It depends on their spread, not on how good they are.
        """
        metric, test = self.spec.metric, self.prepared.test
        if test is None:
            runs = records.REPORT_RUNS.of(self.study, winner).values()
            split, scores = self.prepared.data.validation, run_scores(runs, metric)
            losses = {epochs[-1]["validation_loss"] for epochs in runs}
        else:
            tested = records.TEST_SCORES.of(self.study, winner).values()
            split, scores = test, tuple(each[test_field(metric)] for each in tested)
            losses = {each["test_loss"] for each in tested}
        if not scores:
            return False
        same = len(scores) > 1 and len(losses) == 1
        reported = Runs(scores, effective_sentences(split.labels, metric), deterministic=same)
        spread = Spread.of([reported], PRIORS["validation" if test is None else "test"])
        return spread.half_width(spread.of_mean(reported)) <= NARROW_HALF_WIDTH

    def _is_reported(self, winner: int, seed: int) -> bool:
        """Whether a report run is recorded with its test, where there is one."""
        recorded = records.REPORT_RUNS if self.prepared.test is None else records.TEST_SCORES
        return seed in records.REPORT_RUNS.of(self.study, winner) and seed in recorded.of(
            self.study, winner
        )

    def _round(
        self,
        new: Sequence[tuple[int, int]],
        activity: str,
        *,
        runs_left: int = 0,
        reports: bool = False,
    ) -> Iterator[Round]:
        if not new:
            return
        trials = self.study.get_trials(deepcopy=False)
        runs = [
            Run(trial, seed, records.CONFIG.read(trials[trial]), reports) for trial, seed in new
        ]
        seeds = sorted({seed for _, seed in new})
        on = f"{activity} on seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
        yield Round(tuple(runs), on, runs_left)

    def record(self, run: Run, epochs: list[Record], predictions: ValidationPredictions) -> None:
        """Record a run that is done. Raises `Untested` where it could not be tested."""
        study, trial, seed = self.study, run.trial, run.seed
        if not run.reports:
            self._record_correct("validation", run, predictions.correct)
            records.CHOICE_RUNS.add(study, trial, seed, epochs)
            return
        if seed not in records.REPORT_RUNS.of(study, trial):
            # The run itself last, because a run that is recorded is not repeated.
            rows: dict[str, list[Any]] = {
                "predicted": predictions.predicted,
                "confidence": predictions.confidence,
            }
            records.predictions(trial, seed).write(study, rows)
            self._record_correct("validation", run, predictions.correct)
            records.REPORT_RUNS.add(study, trial, seed, epochs)
        if predictions.tested is not None:
            self._record_correct("test", run, predictions.tested.correct)
            records.TEST_SCORES.add(study, trial, seed, predictions.tested.scores)
        if predictions.untested is not None:
            raise Untested(f"a run cannot be tested: {predictions.untested}")

    def fail(self, run: Run, reason: str) -> None:
        """Record why a run failed. Raises `Untested` where it had been recorded before."""
        if run.reports and run.seed in records.REPORT_RUNS.of(self.study, run.trial):
            raise Untested(f"a run cannot be tested: {reason}")
        failures = records.REPORT_FAILURES if run.reports else records.CHOICE_FAILURES
        failures.add(self.study, run.trial, run.seed, reason)

    def _record_correct(self, split: str, run: Run, right: np.ndarray) -> None:
        records.correct(split, run.trial, run.seed).write(self.study, records.bits(right))
