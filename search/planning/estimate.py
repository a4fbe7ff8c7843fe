"""How long a search will take and how much memory, said before it begins: from trial 0, trained on
a few sentences and scaled."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import psutil
import torch

import trainables
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.polling import following
from search.spec import SearchSpec
from search.study.configuration import point_parameters
from search.study.study import read_study, trials
from search.trials import worker
from search.trials.gpu_memory import longest
from search.trials.ledger import PRUNABLE_FRACTION
from trainables.parts.data.tokens import Data, Tokens
from trainables.parts.model.encoder import Precision

WARM_UP, LEAST, MOST = 16, 64, 256
"""Sentences of training: before the clock counts, and while it does, in whole mini-batches."""
SECONDS = 6.0
"""For the measurements of a command's searches together; slow models take longer, for the least
that is worth measuring."""
LOOK = 0.01
"""Seconds between two looks at the memory in use; a step takes several times that."""


@dataclass(frozen=True)
class Stage:
    """Epochs of one kind.

    The first may take longer: what an encoder that stays as it is says of all sentences is computed
    there.
    """

    epochs: int
    first: float
    """Seconds of the first epoch, on all the data."""
    later: float
    """Seconds of each epoch after it."""


@dataclass(frozen=True)
class Measured:
    """Trial 0 on this machine, alone on it, scaled to all the data."""

    start: float
    """Seconds to build the model."""
    stages: tuple[Stage, ...]
    peak: int
    """Bytes that the process held at most."""
    sentences: int
    """Of training, that it was measured on."""

    def seconds(self, epochs: float = math.inf) -> float:
        """Of a trial that ends after so many epochs, or at its own end."""
        total = self.start
        for stage in self.stages:
            run = min(epochs, stage.epochs)
            epochs -= run
            total += stage.first + (run - 1) * stage.later if run else 0.0
        return total


@dataclass(frozen=True)
class Estimate:
    """Seconds that a search will take, and its memory."""

    trials: int
    """That are still to be run."""
    full: float
    """Of all of them, where each takes trial 0's time and none is stopped."""
    stopped: float | None
    """Of all of them where the scheduler lets on as many as it means to; None where it has no such
    number."""
    confirmation: float
    memory: float
    """Bytes that the trials hold that run side by side."""

    @property
    def likely(self) -> float:
        """The trials' seconds that warnings go by."""
        return self.full if self.stopped is None else self.stopped


def estimate(spec: SearchSpec, measured: Measured, slots: int, ended: int = 0) -> Estimate:
    """Scale trial 0 to a search that has `ended` trials behind it."""
    left, whole = max(0, spec.trials - ended), measured.seconds()
    full = math.ceil(left / slots) * whole
    stopped = None
    if left and rungs(spec):
        never = 1 if ended == 0 else 0  # trial 0 always goes to its end
        total = never * whole + (left - never) * mean_seconds(
            measured, rungs(spec), spec.reduction_factor
        )
        stopped = min(full, max(whole, total / slots))
    choice, report = (
        min(spec.confirm_top, spec.trials) * spec.confirm_seeds,
        (spec.report_seeds if spec.confirm_top else 0),
    )
    waves = math.ceil(choice / slots) + math.ceil(report / slots)  # the report waits for the choice
    return Estimate(
        left, full, stopped, waves * whole, min(slots, max(left, choice, report)) * measured.peak
    )


def ended(spec: SearchSpec) -> int:
    """Trials that a search has behind it, of an earlier process; none where that did not get so
    far."""
    try:
        return sum(trial.state.is_finished() for trial in trials(read_study(spec.folder)))
    except ValueError:
        return 0


def rungs(spec: SearchSpec) -> list[int]:
    """Epochs after which ASHA stops trials, none of them late in the budget; none at all where
    another scheduler stops them, or nothing."""
    found, epoch = list[int](), spec.grace_epochs
    while spec.scheduler == "asha" and epoch <= PRUNABLE_FRACTION * spec.epochs:
        found.append(epoch)
        epoch *= spec.reduction_factor
    return found


def mean_seconds(measured: Measured, rungs: Sequence[int], factor: int) -> float:
    """Of a trial, where one in `factor` goes on from each rung."""
    total, reach = 0.0, 1.0
    for epoch in rungs:
        total += reach * (1 - 1 / factor) * measured.seconds(epoch)
        reach /= factor
    return total + reach * measured.seconds()


def warnings(
    spec: SearchSpec, measured: Measured, found: Estimate, slots: int, available: int
) -> list[str]:
    """What of a search does not fit into the time that it was given or the memory that there is, a
    line each."""
    said = []
    if spec.time_budget is not None and found.likely > spec.time_budget:
        done = math.floor(found.trials * spec.time_budget / found.likely)
        said.append(
            f"--time-budget will end the search after about {done} of {found.trials} trials"
        )
    if spec.trial_timeout is not None and measured.seconds() > spec.trial_timeout:
        said.append("--trial-timeout is shorter than trial 0, which would fail")
    if found.memory > available:
        fit = available // measured.peak
        mend = f"--max-concurrent {fit} would fit" if fit else "not even one trial fits"
        said.append(f"{slots} trials at a time need more memory than is free: {mend}")
    return said


def measure(
    spec: SearchSpec,
    prepared: Prepared,
    resources: Resources,
    precision: Precision,
    seconds: float = SECONDS,
) -> Measured:
    """Train trial 0 on a few sentences in this process, with a trial's threads, precision and
    device, for about so many seconds.

    Whatever the regime raises there, a trial of its would fail with.
    """
    threads, process, peak = torch.get_num_threads(), psutil.Process(), 0

    def look() -> None:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    def run(data: Data, epochs: int) -> Run:
        worker._tidy()  # as before each trial
        began = time.perf_counter()
        encoder = prepared.small.build(precision, resources.device)
        built = last = time.perf_counter()
        found: dict[str, list[float]] = {}
        for epoch in regime.train(config, data, encoder, epochs=epochs, seed=spec.seed):
            now = time.perf_counter()
            found.setdefault(epoch.stage, []).append(now - last)
            last = now
        return Run(len(data.train), int(data.train.lengths.sum()), built - began, found)

    regime = trainables.load(spec.regime)
    config = regime.Config.from_dict({**point_parameters(spec, {}), **spec.fix})
    batch = min(getattr(config, "batch_size", WARM_UP), len(prepared.data.train))
    try:
        torch.set_num_threads(resources.threads)
        with following(look, every=LOOK):
            short = run(
                spread(prepared.data, min(batch, WARM_UP)), 1
            )  # what is loaded and compiled once is not a trial's
            few = spread(prepared.data, batch)
            began = time.perf_counter()
            run(
                replace(few, train=longest(prepared.data.train, batch)), 2
            )  # what takes most memory
            batches = min(math.floor(seconds / (time.perf_counter() - began)), MOST // batch)
            full = run(spread(prepared.data, batch * max(batches, math.ceil(LEAST / batch))), 2)
            look()
    finally:
        torch.set_num_threads(threads)
        worker._tidy()
    scale = prepared.data.train.lengths.sum() / full.tokens
    return Measured(
        full.start,
        stages(short.epochs, full.epochs, spec.epochs, float(scale)),
        peak,
        full.sentences,
    )


@dataclass(frozen=True)
class Run:
    """Trial 0 on some of the data."""

    sentences: int
    tokens: int
    """Of training, both."""
    start: float
    """Seconds to build the model."""
    epochs: dict[str, list[float]]
    """Seconds of each epoch, by stage."""


def stages(
    once: dict[str, list[float]], twice: dict[str, list[float]], epochs: int, scale: float
) -> tuple[Stage, ...]:
    """The stages of a trial of `epochs` epochs, from the seconds of a run with a budget of one
    epoch and of one with a budget of two.

    A stage that is as long in both has a length of its own. Seconds are the second run's, times
    `scale`.
    """
    found = []
    for name, seconds in twice.items():
        length = len(seconds) + (len(seconds) - len(once[name])) * (epochs - 2)
        later = seconds[1:] or seconds
        found.append(Stage(length, scale * seconds[0], scale * sum(later) / len(later)))
    return tuple(found)


def spread(data: Data, sentences: int) -> Data:
    """So many training sentences, or all where there are fewer, and as large a share of validation;
    lengths are spread as over all."""
    train = _spread(data.train, sentences)
    share = len(train) / len(data.train)
    return Data(
        train, _spread(data.validation, max(1, round(share * len(data.validation)))), data.labels
    )


def _spread(tokens: Tokens, sentences: int) -> Tokens:
    order = np.argsort(tokens.lengths, kind="stable")
    middles = (np.arange(sentences) + 0.5) * len(order) / sentences
    return tokens.select(np.unique(order[middles.astype(int)]))
