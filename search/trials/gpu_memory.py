"""The GPU fraction of a trial, measured on the most expensive configuration."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import ray
import torch

from search.cluster.resources import Resources
from search.spec import SearchSpec
from search.study.configuration import configuration
from search.trials import worker
from search.trials.job import Job, begin, finish
from trainables.parts.data.tokens import Data, Tokens
from trainables.parts.memory import out_of_memory

MEASURED_STEPS = 3
CONTEXT_BYTES = 600 * 2**20
"""GPU memory of a process beside its tensors: CUDA's context and workspaces of its libraries."""
MARGIN = 1.1
"""Factor on the measured peak."""


class _Expensive:
    """A trial that suggests what costs most: the largest number, or the last choice."""

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        return high

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        return high

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        numbers = [
            choice
            for choice in choices
            if isinstance(choice, int | float) and not isinstance(choice, bool)
        ]
        return max(numbers) if numbers else choices[-1]


def most_expensive(spec: SearchSpec) -> dict[str, Any]:
    """The most expensive configuration of the space."""
    return configuration(spec, _Expensive())


def longest(tokens: Tokens, sentences: int) -> Tokens:
    """The longest sentences of a split, repeated as needed: its worst mini-batches."""
    order = np.argsort(-tokens.lengths, kind="stable")
    rows = np.resize(order[: min(sentences, len(order))], sentences)
    return tokens.select(rows)


def worst_case(data: Data, sentences: int) -> Data:
    """The longest training sentences, as many as asked for, with the longest of validation.

    With folds as many times as there are folds, so that each has such a validation.
    """
    train = longest(data.train, sentences)
    if data.folds is None:
        validation = longest(data.validation, 256)
    else:
        # Without their texts, by which copies would all be in one fold.
        rows = np.repeat(np.arange(len(train)), data.folds)
        train = validation = replace(train.select(rows), texts=None)
    return Data(train, validation, data.labels, names=data.names, folds=data.folds)


def measure_gpu_fraction(spec: SearchSpec, data: Data, job: Job, free: float) -> float:
    """The fraction of a GPU for one trial, such that a whole number of trials fits into its `free`
    bytes.

    Raises ValueError if the most expensive trial does not fit at all, OSError if it fails for
    another reason.
    """
    config = most_expensive(spec)
    worst = worst_case(data, MEASURED_STEPS * int(config.get("batch_size", 64)))
    whole = Resources(spec.cpus_per_trial, 1.0, 1, accelerator=spec.accelerator_type)
    peak = worker.task(_peak, whole)
    try:
        return gpu_fraction(
            ray.get(peak.remote(replace(job, data=ray.put(worst), epochs=1), config, spec.seed)),
            free,
        )
    except ray.exceptions.RayError as error:
        message = (
            f"the most expensive trial of '{spec.regime}' does not run on a GPU:"
            f" {worker.failure_reason(error)}"
        )
        if out_of_memory(getattr(error, "cause", None) or error):
            raise ValueError(
                f"{message}; use a smaller --model, or --gpus-per-trial 1, with which only trials"
                " that are too large fail"
            ) from error
        raise OSError(message) from error


def gpu_fraction(peak: float, free: float) -> float:
    """1 / the number of trials that fit on a GPU, if the tensors of one take `peak` bytes.

    At least one fits, because it ran: where memory is short it divides its mini-batches and takes
    all that there is. `free` was measured by a process whose own context is gone by now.
    """
    fits = (free + CONTEXT_BYTES) / (MARGIN * peak + CONTEXT_BYTES)
    return 1 / max(1, math.floor(fits))


def _peak(job: Job, config: dict[str, Any], seed: int) -> int:
    finish(begin(job, config, seed), lambda epoch: None)
    return torch.cuda.max_memory_reserved()
