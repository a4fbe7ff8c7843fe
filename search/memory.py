"""How much of a GPU a trial needs: measured on the most expensive configuration that the space has."""

import math
from typing import Any

import numpy as np
import ray
import torch

from search import worker
from search.spec import SearchSpec
from search.study import configuration
from search.worker import Job
from trainables.parts.tokens import Data, Tokens

STEPS = 3
CONTEXT = 600 * 2**20
"""Bytes that a process takes on a card beside its tensors: CUDA's context and its libraries' workspaces."""
MARGIN = 1.1


class _Expensive:
    """A trial that suggests what costs most: the largest number, the last choice."""

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        return high

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        return high

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        numbers = [choice for choice in choices if isinstance(choice, int | float) and not isinstance(choice, bool)]
        return max(numbers) if numbers else choices[-1]


def most_expensive(spec: SearchSpec) -> dict[str, Any]:
    """The configuration at the space's most expensive corner."""
    return configuration(spec, _Expensive())


def longest(tokens: Tokens, sentences: int) -> Tokens:
    """The longest sentences of a split, repeated as needed: the worst mini-batches that it can give."""
    order = np.argsort(-tokens.lengths, kind="stable")
    rows = np.resize(order[: min(sentences, len(order))], sentences)
    ids = np.concatenate([tokens.ids[tokens.offsets[row] : tokens.offsets[row + 1]] for row in rows])
    offsets = np.concatenate([[0], np.cumsum(tokens.lengths[rows])])
    return Tokens(ids, offsets, tokens.labels[rows], tokens.pad)


def measure_share(spec: SearchSpec, data: Data, job: Job) -> float:
    """The share of a GPU for one trial: a whole number of trials fits on the card."""
    config = most_expensive(spec)
    worst = Data(longest(data.train, STEPS * int(config.get("batch_size", 64))), longest(data.validation, 256), data.labels)
    peak, total = ray.get(_peak.options(num_gpus=1).remote(Job(**{**vars(job), "data": ray.put(worst), "epochs": 1}), config, spec.seed))
    return share(peak, total)


def share(peak: float, total: float) -> float:
    """The share of a card of `total` bytes for a trial whose tensors take `peak` bytes: 1 over how many fit."""
    fit = math.floor(total / (MARGIN * peak + CONTEXT))
    if fit < 1:
        raise ValueError(
            f"the space's largest trial needs {peak / 2**30:.1f} GiB, and the GPU has {total / 2**30:.1f}; use --fix batch_size=..."
        )
    return 1 / fit


@ray.remote(max_calls=1)
def _peak(job: Job, config: dict[str, Any], seed: int) -> tuple[int, int]:
    for _ in worker.begin(job, config, seed):
        pass
    return torch.cuda.max_memory_reserved(), torch.cuda.get_device_properties(0).total_memory
