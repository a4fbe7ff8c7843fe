"""python -m tests.benchmarks.eta: does the time that a search says is left come true?

Searches are replayed without training, from the recorded curves of tests/benchmarks/curves: trials
are drawn from a recording, run side by side in the recorded times, are pruned as in a search, and
followed by choice and report runs. With `--journals`, real searches are replayed from their
journals instead. At some points of each, the truth is compared with the range that was shown.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import optuna
import pandas
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from analysis.command import Parser
from analysis.page.markdown import markdown
from search.planning.draws import SecondsRange
from search.planning.smoothing import SmoothedRange
from search.planning.speed import Guess
from search.planning.time_left import RunsLeft, TimeLeft
from search.race import affordable_runs, race
from search.seeds import report_counts
from search.spec import SearchSpec
from search.study import records
from search.study.patience import Patience, is_spent
from search.study.pruners import pruner, prunes
from search.study.study import JOURNAL, read_study
from search.study.study import trials as trials_of
from search.trials.margin import margin
from search.worker_reports import ENDED_AT, STARTED_AT
from tests.benchmarks import program
from tests.benchmarks.replay import recording
from tests.benchmarks.replay.recording import Recording, Row

POINTS = {"1/10": 0.1, "1/4": 0.25, "1/2": 0.5, "3/4": 0.75}
"""Parts of a search's time at which it is asked."""
STEPS = 40
"""At so many times, evenly spaced, a search is asked."""
UP, SETTLED = 0.01, 0.1
"""Fractions of a search: by how much a step must count up to be noticed; and when the middle is no
longer the first guess."""
SEEDS_DEVIATION = 0.006
"""Standard deviation of an accuracy over seeds: of replayed choice runs, and of trials that are
drawn again."""
MOST_OF_MEDIAN = 3.0
"""An epoch that took longer than so many median ones did not run undisturbed."""
EPOCHS_OF_BUDGET = 10
"""The budget of every recording."""
ENDS = (1.8, 2.6, 3.3, 4.2)
"""Seconds from the last run to the end of small searches, measured: recordings have no end."""
START = 1_700_000_000.0
GUESS_ERROR = 0.5
"""Standard deviation of the logarithm of the first guess of an epoch's seconds."""


@dataclass(frozen=True)
class FullRun:
    """A choice or report run."""

    trial: int
    began: float
    ended: float


@dataclass
class Search:
    """A search that has ended: all that there is to see of it at any time."""

    spec: SearchSpec
    slots: int
    trials: list[FrozenTrial]
    """With the times at which epochs ended."""
    guess: Guess | None = None
    choice: list[FullRun] = field(default_factory=list)
    report: list[FullRun] = field(default_factory=list)
    end: float = 0.0
    """Seconds after the last run: tables, report and MLflow."""

    @property
    def began(self) -> float:
        """When its first trial began."""
        return min(_began(trial) for trial in self.trials)

    @property
    def ended(self) -> float:
        """When all was written."""
        return self.end + max(
            *(run.ended for run in [*self.choice, *self.report]),
            *(_ended(trial) for trial in self.trials),
        )

    def as_of(self, now: float) -> list[FrozenTrial]:
        """The trials as they were at that time."""
        return [_as_of(trial, now) for trial in self.trials if _began(trial) <= now]

    def left(self, forecast: TimeLeft, now: float) -> SecondsRange | None:
        """The range that is shown at that time."""
        shown = self.as_of(now)
        if now < max(_ended(trial) for trial in self.trials):
            return forecast.of_trials(shown, now)
        choosing = now < max((run.ended for run in self.choice), default=0.0)
        runs = self.choice if choosing else self.report
        running = [max(0.0, now - run.began) for run in runs if run.ended > now]
        if choosing:
            # Those of later rounds are not known yet.
            begun = [run for run in self.choice if run.began <= now]
            running = [now - run.began for run in begun if run.ended > now]
            spent = affordable_runs(
                sum(min(self.spec.epochs, len(trial.intermediate_values)) for trial in shown),
                self.spec.epochs,
            )
            return forecast.of_full_runs(
                RunsLeft(running, True, max(0, spent - len(begun))), shown, now
            )
        return forecast.of_full_runs(RunsLeft(running, False, 0, runs[0].trial), shown, now)


def _began(trial: FrozenTrial) -> float:
    assert trial.datetime_start
    return trial.datetime_start.timestamp()


def _ended(trial: FrozenTrial) -> float:
    assert trial.datetime_complete
    return trial.datetime_complete.timestamp()


def _as_of(trial: FrozenTrial, now: float) -> FrozenTrial:
    if _ended(trial) <= now:
        return trial
    epochs = [epoch for epoch in records.epochs(trial) if epoch[ENDED_AT] <= now]
    attributes = {f"{records.EPOCH_PREFIX}{epoch['epoch']}": epoch for epoch in epochs}
    attributes |= {records.CONFIG.name: records.CONFIG.read(trial)}
    shown = create_trial(state=TrialState.RUNNING, user_attrs=attributes)
    shown.number, shown.datetime_start = trial.number, trial.datetime_start
    return shown


class Simulated:
    """A search whose trials are drawn from a recording."""

    def __init__(
        self,
        recording: Recording,
        trials: int,
        slots: int,
        seed: int,
        patience: Patience = None,
    ) -> None:
        self.random = np.random.default_rng(seed)
        conditions = recording.conditions
        self.spec = SearchSpec(
            regime=conditions.regime,
            data="embedded",
            model="minilm",
            trials=trials,
            epochs=conditions.epochs,
            patience=patience,
        )
        self.points = conditions.points
        self.slots, self.sentences = slots, conditions.validation
        first = [row for row in recording.rows if row.number < conditions.points]
        drawn = self.random.choice(len(recording.rows), max(0, trials - len(first)))
        rows = [*first, *(self._like(recording.rows[place]) for place in drawn)][:trials]
        self.rows = [replace(row, seconds=_undisturbed(row.seconds)) for row in rows]

    def run(self) -> Search:
        """Run it: trials, choice runs, report runs."""
        trials = self._trials()
        times = [fmean(row.seconds[: self.spec.epochs]) for row in self.rows]
        error = float(np.exp(self.random.normal(0.0, GUESS_ERROR)))
        search = Search(self.spec, self.slots, trials, Guess(times[0] * error, GUESS_ERROR))
        now = max(_ended(trial) for trial in trials)
        top = sorted(
            (trial for trial in trials if trial.state == TrialState.COMPLETE),
            key=lambda trial: -(trial.value or 0.0),
        )[: self.spec.confirm_top]
        scores = {trial.number: [trial.value or 0.0] for trial in top}
        left = affordable_runs(
            sum(min(self.spec.epochs, len(trial.intermediate_values)) for trial in trials),
            self.spec.epochs,
        )
        while (standing := race(scores, margin(scores, self.sentences), left)).next:
            search.choice += (runs := self._full(standing.next, now))
            left, now = left - len(runs), max(run.ended for run in runs)
            for number in standing.next:
                scores[number].append(scores[number][0] + self.random.normal(0, SEEDS_DEVIATION))
        reports = int(self.random.choice(report_counts(self.spec.report_seeds)))
        search.report = self._full([standing.winner] * reports, now)
        search.end = float(self.random.choice(ENDS))
        return search

    def _like(self, row: Row) -> Row:
        """A trial like a recorded one: recordings are short, and a search runs nothing twice."""
        shift = self.random.normal(0.0, SEEDS_DEVIATION)
        return replace(
            row,
            accuracies=[min(1.0, max(0.0, each + shift)) for each in row.accuracies],
            score=None if row.score is None else min(1.0, max(0.0, row.score + shift)),
        )

    def _full(self, numbers: Sequence[int], now: float) -> list[FullRun]:
        free, runs = [now] * self.slots, list[FullRun]()
        for number in numbers:
            began = min(free)
            seconds = sum(self.rows[number].seconds) * np.exp(self.random.normal(0.0, 0.1))
            free[free.index(began)] = began + float(seconds)
            runs.append(FullRun(number, began, began + float(seconds)))
        return runs

    def _trials(self) -> list[FrozenTrial]:
        """The trials, with their epochs and times."""
        study = optuna.create_study(
            direction="maximize", sampler=RandomSampler(seed=0), pruner=pruner(self.spec)
        )
        done, running = list[FrozenTrial](), list[tuple[float, int]]()
        open_trials = dict[int, tuple[optuna.Trial, FrozenTrial]]()
        waiting = iter(self.rows)

        def start(now: float) -> None:
            if is_spent(study, self.spec.patience):
                return
            for row in waiting:
                if len(open_trials) < self.points:  # counts as a starting point
                    study.enqueue_trial({})
                trial = study.ask()
                trial.set_user_attr(records.CONFIG.name, row.config)
                shown = create_trial(
                    state=TrialState.RUNNING, user_attrs={records.CONFIG.name: row.config}
                )
                shown.number = trial.number
                shown.datetime_start = pandas.Timestamp.fromtimestamp(now).to_pydatetime()
                open_trials[trial.number] = trial, shown
                running.append((now + row.seconds[0], trial.number))
                return

        for _ in range(self.slots):
            start(START)
        while running:
            running.sort()
            now, number = running.pop(0)
            trial, shown = open_trials[number]
            row, budget = self.rows[number], self.spec.epochs
            epoch = len(records.epochs(shown)) + 1
            shown.set_user_attr(
                f"{records.EPOCH_PREFIX}{epoch}",
                {
                    "epoch": epoch,
                    "seconds": row.seconds[epoch - 1],
                    "best_validation_accuracy": max(row.accuracies[:epoch]),
                    STARTED_AT: _began(shown),
                    ENDED_AT: now,
                },
            )
            if epoch <= budget:
                trial.report(row.accuracies[epoch - 1], epoch)
                shown.intermediate_values[epoch] = row.accuracies[epoch - 1]
            state = TrialState.RUNNING
            if prunes(trial, epoch, budget):
                state = TrialState.PRUNED
            elif epoch == len(row.accuracies):
                state = TrialState.COMPLETE if row.score is not None else TrialState.FAIL
            if state == TrialState.RUNNING:
                running.append((now + row.seconds[epoch], number))
                continue
            value = row.score if state == TrialState.COMPLETE else None
            study.tell(trial, value, state=state)
            shown.values = None if value is None else [value]
            shown.state = state
            shown.datetime_complete = pandas.Timestamp.fromtimestamp(now).to_pydatetime()
            done.append(shown)
            start(now)
        return sorted(done, key=lambda trial: trial.number)


def _undisturbed(seconds: Sequence[float]) -> list[float]:
    """Seconds without the hours in which the recording machine did other things."""
    most = MOST_OF_MEDIAN * float(np.median(seconds[:EPOCHS_OF_BUDGET]))
    return [min(most, each) for each in seconds]


def from_journal(folder: Path, slots: int) -> Search | None:
    """A search as its journal has it; None for one that is resumed, unfinished or without times."""
    study, spec = read_study(folder), SearchSpec.read(folder)
    trials = [trial for trial in trials_of(study) if trial.state.is_finished()]
    epochs = [epoch for trial in trials for epoch in records.epochs(trial)]
    choice, report = (
        [
            FullRun(trial, epochs[0][STARTED_AT], epochs[-1][ENDED_AT])
            for trial, runs in key.read(study).items()
            for epochs in runs.values()
        ]
        for key in (records.CHOICE_RUNS, records.REPORT_RUNS)
    )
    ended = len(trials) >= spec.trials or is_spent(study, spec.patience)
    if not report or not ended or any(ENDED_AT not in each for each in epochs):
        return None
    search = Search(spec, slots, trials, None, choice, report)
    # The journal's last record says that all is written.
    search.end = max(0.0, (folder / JOURNAL).stat().st_mtime - search.ended)
    return search


@dataclass(frozen=True)
class Asked:
    """What a search said at one of `POINTS`."""

    trials: int
    slots: int
    at: str
    known: bool
    inside: bool
    width: float
    """The range's upper end over its lower end."""
    error: float
    """Of the middle: the logarithm of its ratio to the truth."""


@dataclass(frozen=True)
class Counted:
    """How the middle of the range went on from time to time."""

    trials: int
    slots: int
    up: float
    """Fraction of the steps by which it counted up, by over `UP` of the search."""
    rise: float
    """By how much the middle was ever above that at `SETTLED`, as a fraction of the search."""


def judge(search: Search) -> tuple[list[Asked], Counted]:
    """Ask a search at each of the points, and at many times."""
    # Recordings have no start of workers.
    forecast = TimeLeft(search.spec, search.slots, search.guess)
    began, whole = search.began, search.ended - search.began
    named = dict(trials=search.spec.trials, slots=search.slots)
    asked, middles, smoothed = list[Asked](), list[float](), SmoothedRange()
    for step in range(STEPS):
        now = began + whole * step / STEPS
        shown, truth = smoothed.update(search.left(forecast, now), now), search.ended - now
        if shown is not None:
            middles.append(shown.middle / whole)
        for name, part in POINTS.items():
            if step == round(part * STEPS):
                asked.append(_asked(named, name, shown, truth))
    steps = np.diff(middles)
    return asked, Counted(
        **named,
        up=float((steps > UP).mean()),
        rise=float(max(settled := middles[round(SETTLED * len(middles)) :]) - settled[0]),
    )


def _asked(named: dict[str, int], name: str, shown: SecondsRange | None, truth: float) -> Asked:
    if shown is None:
        return Asked(**named, at=name, known=False, inside=False, width=math.nan, error=math.nan)
    return Asked(
        **named,
        at=name,
        known=True,
        inside=shown.low <= truth <= shown.high,
        width=shown.high / max(shown.low, 1.0),
        error=math.log(max(shown.middle, 1.0) / truth),
    )


class Benchmark:
    """Replays searches, and prints what they said."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.asked: list[Asked] = []
        self.counted: list[Counted] = []

    def searches(self) -> Iterator[Search]:
        """All of them."""
        if self.args.journals:
            for path in sorted(
                path for root in self.args.journals for path in root.rglob("study.journal")
            ):
                if search := from_journal(path.parent, self.args.slots[0]):
                    yield search
            return
        for recorded in recording.read():
            for trials in self.args.trials:
                for slots in self.args.slots:
                    for seed in range(self.args.repeats):
                        patience = self.args.patience
                        yield Simulated(recorded, trials, slots, seed, patience).run()

    def run(self) -> None:
        """Replay."""
        for search in self.searches():
            asked, counted = judge(search)
            self.asked += asked
            self.counted.append(counted)

    def report(self) -> bool:
        """Print the tables; returns whether there is anything."""
        if not self.asked:
            print("no finished search with recorded times")
            return False
        asked, counted = pandas.DataFrame(self.asked), pandas.DataFrame(self.counted)
        print(f"{len(counted)} searches\n")
        groups = [("all", asked, counted)]
        for (trials, slots), own in asked.groupby(["trials", "slots"]):
            same = (counted["trials"] == trials) & (counted["slots"] == slots)
            groups.append((f"{trials} trials, {slots} at a time", own, counted[same]))
        print(markdown(pandas.DataFrame([_row(*group) for group in groups])))
        return True


def _row(name: str, asked: pandas.DataFrame, counted: pandas.DataFrame) -> dict[str, str]:
    row = {"searches": f"{name} (n={len(counted)})"}
    for at in POINTS:
        own = asked[asked["at"] == at]
        inside, count = own["inside"].mean(), len(own)
        half = 1.96 * math.sqrt(inside * (1 - inside) / count)
        row[f"inside at {at}, %"] = f"{100 * inside:.0f} ± {100 * half:.0f}"
    for at in POINTS:
        own = asked[(asked["at"] == at) & asked["known"]]
        row[f"high / low at {at}"] = f"{own['width'].median():.1f}"
    quarter = asked[(asked["at"] == "1/4") & asked["known"]]["error"]
    middle, low, high = (math.exp(quarter.quantile(part)) for part in (0.5, 0.1, 0.9))
    row["middle / truth at 1/4"] = f"{middle:.2f} ({low:.2f} to {high:.2f})"
    row["steps that count up, %"] = f"{100 * counted['up'].mean():.1f}"
    row["rise above the middle at 1/10, %"] = f"{100 * counted['rise'].mean():.1f}"
    return row


def parser() -> argparse.ArgumentParser:
    """The flags."""
    parser = Parser(prog="python -m tests.benchmarks.eta", description=__doc__)
    add = parser.add_argument
    add("--trials", type=int, nargs="+", default=[12, 50], metavar="N", help="of a search")
    add("--slots", type=int, nargs="+", default=[2, 4], metavar="N", help="trials at a time")
    add("--repeats", type=int, default=5, metavar="N", help="searches of each kind (default: 5)")
    add(
        "--patience",
        type=_patience,
        default="auto",
        metavar="N|auto|none",
        help="of the searches (default: auto, as of a search without --trials)",
    )
    add(
        "--journals",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="replay the finished searches in these folders instead; --slots: as they had",
    )
    return parser


def _patience(text: str) -> Patience:
    return None if text == "none" else "auto" if text == "auto" else int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    args = parser().parse_args(argv)
    return program.run(lambda _: Benchmark(args))


if __name__ == "__main__":
    raise SystemExit(main())
