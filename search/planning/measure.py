"""Measure trial 0: train it on a few sentences in this process."""

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil
import torch

import trainables
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.planning.estimate import Measurement, StageTime
from search.polling import polling
from search.spec import SearchSpec
from search.study.configuration import point_parameters
from search.trials.gpu_memory import longest
from trainables.parts.data.tokens import Data, Tokens
from trainables.parts.memory import free_memory
from trainables.parts.model.encoder import Precision
from trainables.parts.training.loop import Training

WARM_UP_SENTENCES = 16
MIN_TIMED_SENTENCES, MAX_TIMED_SENTENCES = 64, 256
"""Training sentences that are timed, in whole mini-batches."""
MEASURING_SECONDS = 6.0
"""For all searches of a command together; with a slow model `MIN_TIMED_SENTENCES` take longer."""
MEMORY_SECONDS = 0.01
"""Between two readings of the memory in use; a training step takes several times as long."""


@dataclass(frozen=True)
class TimedRun:
    """Trial 0 on some of the data."""

    sentences: int
    """Of training."""
    tokens: int
    """Of training."""
    setup: float
    """Seconds to build the model."""
    epochs: dict[str, list[float]]
    """Seconds of each epoch, by stage."""


def measure(
    spec: SearchSpec,
    prepared: Prepared,
    resources: Resources,
    precision: Precision,
    seconds: float = MEASURING_SECONDS,
) -> Measurement:
    """Train trial 0 for about `seconds`, with the threads, precision and device of a trial.

    Raises whatever the regime raises: the trial would fail with it.
    """
    threads, process, peak = torch.get_num_threads(), psutil.Process(), 0
    idle = process.memory_info().rss

    def read_memory() -> None:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    def run(data: Data, epochs: int) -> TimedRun:
        return _train(spec, config, prepared, data, epochs, precision, resources.device)

    train = prepared.data.train
    regime = trainables.load(spec.regime)
    config = regime.Config.from_dict({**point_parameters(spec, {}), **spec.fix})
    if isinstance(config, Training):  # Nobody knows how much of a stage it leaves out.
        config = replace(config, early_stopping_patience=None)
    per_epoch = prepared.data.per_epoch
    batch = min(getattr(config, "batch_size", WARM_UP_SENTENCES), per_epoch)
    try:
        torch.set_num_threads(resources.threads)
        with polling(read_memory, every=MEMORY_SECONDS):
            # Libraries load and compile something once; a trial does not pay for that.
            short = run(evenly_spaced(prepared.data, min(batch, WARM_UP_SENTENCES)), 1)
            few = evenly_spaced(prepared.data, batch)
            began = time.perf_counter()
            run(replace(few, train=longest(train, batch)), 2)  # Takes the most memory.
            batches = math.floor(seconds / (time.perf_counter() - began))
            batches = max(
                min(batches, MAX_TIMED_SENTENCES // batch), math.ceil(MIN_TIMED_SENTENCES / batch)
            )
            full = run(evenly_spaced(prepared.data, min(batch * batches, per_epoch)), 2)
            read_memory()
    finally:
        torch.set_num_threads(threads)
        free_memory()
    models, passes = _fold_factors(prepared.data)
    scale = passes * float(train.lengths.sum() / full.tokens)
    stages = scaled_stages(short.epochs, full.epochs, spec.epochs, scale, per_epoch / len(train))
    memory = peak + (models - 1) * (peak - idle)
    return Measurement(models * full.setup, stages, memory, full.sentences)


def _fold_factors(data: Data) -> tuple[int, int]:
    """How many models a trial trains side by side, and how often it trains on each sentence."""
    return (1, 1) if data.folds is None else (data.folds, data.folds - 1)


def _train(
    spec: SearchSpec,
    config: Any,
    prepared: Prepared,
    data: Data,
    epochs: int,
    precision: Precision,
    device: str,
) -> TimedRun:
    """Train a configuration and time its epochs."""
    free_memory()  # As before each trial.
    began = time.perf_counter()
    encoder = prepared.small.build(precision, device)
    built = last = time.perf_counter()
    seconds: dict[str, list[float]] = {}
    regime = trainables.load(spec.regime)
    for epoch in regime.train(config, data, encoder, epochs=epochs, seed=spec.seed):
        now = time.perf_counter()
        seconds.setdefault(epoch.stage, []).append(now - last)
        last = now
    return TimedRun(len(data.train), int(data.train.lengths.sum()), built - began, seconds)


def scaled_stages(
    once: dict[str, list[float]],
    twice: dict[str, list[float]],
    epochs: int,
    scale: float,
    part: float = 1.0,
) -> tuple[StageTime, ...]:
    """The stages of a trial of `epochs` epochs, of which each has a `part` of the sentences.

    `once` and `twice`: the seconds of a run with a budget of one epoch, and of one with two. A
    stage that is as long in both does not depend on the budget, and has all sentences. Seconds are
    those of `twice`, times `scale` to all sentences.
    """
    result = []
    for name, seconds in twice.items():
        longer = len(seconds) - len(once[name])
        factor = scale * (part if longer else 1.0)
        later = seconds[1:] or seconds
        length = len(seconds) + longer * (epochs - 2)
        result.append(StageTime(length, factor * seconds[0], factor * sum(later) / len(later)))
    return tuple(result)


def evenly_spaced(data: Data, sentences: int) -> Data:
    """A subset of so many training sentences, or all, and of the validation sentences that an epoch
    has for so many; of a fold's, where there are folds.

    Its lengths are distributed as in the whole.
    """
    train = _evenly_spaced(data.train, sentences)
    _, passes = _fold_factors(data)
    fraction = min(1.0, len(train) / data.per_epoch) / passes
    validation = _evenly_spaced(data.validation, max(1, round(fraction * len(data.validation))))
    return Data(train, validation, data.labels, names=data.names)


def _evenly_spaced(tokens: Tokens, sentences: int) -> Tokens:
    """So many sentences at equal steps in the order of their lengths."""
    order = np.argsort(tokens.lengths, kind="stable")
    middles = (np.arange(sentences) + 0.5) * len(order) / sentences
    return tokens.select(np.unique(order[middles.astype(int)]))
