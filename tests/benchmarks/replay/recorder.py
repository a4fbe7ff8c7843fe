"""Records searches: plain processes of one thread each train what the studies propose."""

import argparse
import functools
import itertools
import multiprocessing
import queue
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState

import spaces
import trainables
from search.inputs import Prepared, prepare, resolve_precision
from search.spec import SearchSpec
from search.study import records
from search.study.lock import search_lock
from search.study.proposals import ask
from search.study.study import open_study
from search.trials.worker import failure_reason
from tests.benchmarks.replay import recording, slices
from tests.benchmarks.replay.recording import DECIMALS, Conditions, Recording, Row
from trainables.parts.data import corpus as corpora
from trainables.parts.memory import free_memory
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.encoder import Precision
from trainables.parts.training.ridge import ridge

FIRST_TRIALS = 20
"""Random trials of each recording that come before all others, so that a part is useful soon."""
TRIAL_TIMEOUT = 3600.0
"""Seconds without any trial's end, after which a worker is taken for dead."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A trial to train in a worker."""

    folder: str
    """Of the data."""
    model: str
    regime: str
    sampler: str
    precision: Precision
    epochs: int
    seed: int
    number: int
    config: dict[str, Any]

    @property
    def key(self) -> str:
        """Names the trial among all recordings."""
        return f"{Path(self.folder).name} {self.regime} {self.sampler} {self.number}"


class Series:
    """A recording as it grows.

    Its study is rebuilt from its rows: it proposes the same configurations again, is told what the
    rows say, and goes on from there.
    """

    def __init__(self, conditions: Conditions, args: argparse.Namespace, scratch: Path) -> None:
        self.conditions, self.folder, self.wanted = conditions, args.out, args.trials
        self.spec = SearchSpec(
            regime=conditions.regime,
            data=str(scratch / conditions.data),
            model=conditions.model,
            seed=conditions.seed,
            trials=args.trials,
            epochs=conditions.epochs,
            sampler=conditions.sampler,
            scheduler="none",
            name=conditions.name,
            results=str(scratch / "studies"),
        )
        self.spec.folder.mkdir(parents=True)
        self.study = open_study(self.spec)
        self.rows = {row.number: row for row in self._recorded()}
        self.asked = 0
        self.running = 0

    def _recorded(self) -> list[Row]:
        path = self.folder / f"{self.conditions.name}.json"
        if not path.exists():
            return []
        known = recording.read_one(path)
        if known.conditions != self.conditions:
            raise ValueError(
                f"'{path}' was recorded under other conditions; choose another --out, or move it"
                " away"
            )
        return known.rows

    @property
    def due(self) -> bool:
        """Whether a trial can be asked for: TPE learns from each before it proposes the next."""
        alone = self.conditions.sampler == "random" or self.running == 0
        return alone and self.asked < self.wanted

    @property
    def turn(self) -> tuple[bool, bool, int]:
        """The recording with the lowest one comes next."""
        return self.conditions.sampler != "random", self.asked >= FIRST_TRIALS, self.asked

    def ask(self) -> optuna.Trial | None:
        """The next trial to train; None if that one is recorded already, or there is no other."""
        trial = ask(self.study, self.spec)
        self.asked += 1
        if trial is None:
            self.wanted = 0
            return None
        row = self.rows.get(trial.number)
        if row is None:
            self.running += 1
            return trial
        # A recording may be older than a field that its trials have the default of.
        recorded = trainables.load(self.spec.regime).Config.from_dict(row.config).to_dict()
        if recorded != records.CONFIG.read(trial):
            raise ValueError(
                f"trial {trial.number} of recording '{self.conditions.name}' had another"
                " configuration: the space or the sampler has changed since; move the recording"
                " away to record it anew"
            )
        self._tell(trial, row)
        return None

    def job(self, trial: optuna.Trial) -> Job:
        """What a worker needs to train a trial."""
        spec = self.spec
        return Job(
            folder=spec.data,
            model=spec.model,
            regime=spec.regime,
            sampler=spec.sampler,
            precision=resolve_precision(self.conditions.precision, gpu=False),
            epochs=spec.epochs,
            seed=spec.seed,
            number=trial.number,
            config=records.CONFIG.read(trial),
        )

    def add(self, trial: optuna.Trial, row: Row) -> None:
        """Record a trained trial: in the file, then in the study."""
        self.running -= 1
        self.rows[row.number] = row
        recording.write(Recording(self.conditions, list(self.rows.values())), self.folder)
        self._tell(trial, row)

    def _tell(self, trial: optuna.Trial, row: Row) -> None:
        """Tell the study what the file says: a rebuilt study must learn the same."""
        state = TrialState.FAIL if row.score is None else TrialState.COMPLETE
        self.study.tell(trial, row.score, state=state)


class Recorder:
    """Records all series side by side. `scratch` holds the slices and the studies."""

    def __init__(self, args: argparse.Namespace, scratch: Path) -> None:
        self.workers, self.folder = args.workers, args.out
        self.series = [
            Series(conditions, args, scratch) for conditions in all_conditions(args, scratch)
        ]

    def run(self) -> None:
        """Train what is missing, a row as soon as a trial is done.

        Raises ValueError while another process records into the folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        spawn = multiprocessing.get_context("spawn")
        with (
            search_lock(self.folder),
            spawn.Pool(self.workers, torch.set_num_threads, (1,)) as pool,
        ):
            self._run(pool)

    def _run(self, pool: Pool) -> None:
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        running: dict[str, tuple[Series, optuna.Trial]] = {}
        while True:
            while len(running) < self.workers and (next_one := self.next()):
                job = next_one[0].job(next_one[1])
                running[job.key] = next_one
                pool.apply_async(train, (job,), callback=ended.put, error_callback=ended.put)
            if not running:
                return
            result = ended.get(timeout=TRIAL_TIMEOUT)
            if isinstance(result, BaseException):
                raise result
            key, row = result
            series, trial = running.pop(key)
            series.add(trial, row)
            said = row.failure or f"{100 * row.score:.1f} % in {sum(row.seconds):.0f} s"
            print(f"{key}: {said}", flush=True)

    def next(self) -> tuple[Series, optuna.Trial] | None:
        """The next trial to train; None where none is due at the moment."""
        while due := [series for series in self.series if series.due]:
            series = min(due, key=lambda series: series.turn)
            if trial := series.ask():
                return series, trial
        return None

    def report(self) -> bool:
        """Print how much is recorded; returns whether that is all."""
        for series in self.series:
            print(f"{series.conditions.name}: {len(series.rows)} trials")
        return all(series.asked >= series.wanted for series in self.series)


def all_conditions(args: argparse.Namespace, scratch: Path) -> list[Conditions]:
    """The conditions of each recording; writes the slices into `scratch`."""
    corpora_by_name = {}
    for data in args.data:
        slices.write(data, args.data_root, args.sentences, scratch / data)
        corpora_by_name[data] = corpora.read(str(scratch / data))
    return [
        Conditions(
            data=data,
            regime=regime,
            sampler=sampler,
            seed=args.seed,
            epochs=args.epochs,
            model=args.model,
            precision=resolve_precision(args.precision, gpu=False),
            train=len(corpus.train),
            validation=len(corpus.validation),
            intents=len(corpus.labels),
            points=1 + len(getattr(spaces.load(regime), "POINTS", [])),
            data_fingerprint=corpus.fingerprint,
        )
        for sampler, regime, (data, corpus) in itertools.product(
            args.samplers, args.regimes, corpora_by_name.items()
        )
    ]


@functools.cache
def prepared(folder: str, model: str) -> Prepared:
    """The inputs of a recording, loaded once in each worker."""
    return prepare(folder, model)


def train(job: Job) -> tuple[str, Row]:
    """Train a configuration as a trial of a search does; return its key and its row."""
    free_memory()
    inputs, regime = prepared(job.folder, job.model), trainables.load(job.regime)
    accuracies, seconds = list[float](), list[float]()
    score, failure = None, None
    try:
        config = regime.Config.from_dict(job.config)
        encoder = inputs.small.build(job.precision)
        for epoch in regime.train(config, inputs.data, encoder, epochs=job.epochs, seed=job.seed):
            accuracies.append(round(epoch.validation_accuracy, DECIMALS))
            seconds.append(round(epoch.seconds, 2))
            best = round(epoch.best_validation_accuracy, DECIMALS)
        score = best
    except Exception as error:  # Whatever a regime raises is a failed trial.
        failure = failure_reason(error)
    return job.key, Row(
        number=job.number,
        config=job.config,
        untrained=round(untrained(job), DECIMALS),
        accuracies=accuracies,
        seconds=seconds,
        score=score,
        failure=failure,
    )


def untrained(job: Job) -> float:
    """Accuracy of a ridge classifier on the pretrained encoder's vectors, as a configuration has
    them."""
    inputs = prepared(job.folder, job.model)
    data, config = inputs.data, trainables.load(job.regime).Config.from_dict(job.config)
    encoder = Classifier.new(inputs.small.build(job.precision), config, data.labels).encoder
    train, validation = (vectors(encoder, split) for split in (data.train, data.validation))
    solution = ridge(train, data.train.targets, len(data.labels))
    return solution.scores(validation, data.validation.targets).accuracy
