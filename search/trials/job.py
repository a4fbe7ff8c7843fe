"""A run of a regime in this process: what it reads, its epochs, and what it ends with."""

import contextlib
import functools
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import ray
import torch
from torch import Tensor

import trainables
from search.trials.parcel import Model
from trainables.parts.data.tokens import Data, Encoded
from trainables.parts.memory import free_memory
from trainables.parts.model.encoder import Encoder, Precision
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training import frozen
from trainables.parts.training.cross_validation import cross_validate, refit
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.optim import Rates


@dataclass(frozen=True)
class Job:
    """What all runs of a search share. `data` and `pretrained` are in Ray's object store, one copy
    per node."""

    regime: str
    data: ray.ObjectRef
    pretrained: ray.ObjectRef
    epochs: int
    precision: Precision
    device: str
    threads: int
    encoded: ray.ObjectRef | None = None
    """What `search.trials.worker.join` returns, if the search computes it once for all trials."""


@dataclass(frozen=True)
class Trained:
    """What a run of a regime ends with."""

    validated: Callable[[], Tensor]
    """The logits of the validation sentences (N, K), by models that were not trained on them."""
    model: Callable[[], Model]
    """The model of all training sentences. With folds, training it begins only now."""


Epochs = Generator[Epoch, None, Trained]


def begin(job: Job, config: dict[str, Any], seed: int) -> Epochs:
    """The regime's generator of epochs.

    Sets everything that a curve depends on: config, seed, device, precision, threads.
    """
    regime = trainables.load(job.regime)
    typed = regime.Config.from_dict(config)
    return run_regime(job, regime, typed, *inputs(job, encoded=typed.reads_encoded), seed)


def run_regime(
    job: Job, regime: ModuleType, config: Any, data: Data, build: Callable[[], Encoder], seed: int
) -> Epochs:
    """Train once, or, with folds, on each of them."""
    if data.folds is None:
        model = yield from regime.train(config, data, build(), epochs=job.epochs, seed=seed)
        return Trained(lambda: model.logits(data.validation), lambda: model)
    if not isinstance(config, Rates):
        build = functools.cache(build)  # No fold trains the encoder, so they can share it.
    if config.reads_encoded and data.encoded is None:
        # As the search would have: on a part of the sentences, the last bits may differ.
        data = replace(data, encoded=frozen.encode(build(), data))

    def train(data: Data) -> Any:
        return regime.train(config, data, build(), epochs=job.epochs, seed=seed)

    def model_of_all() -> Model:
        free_memory()
        model: Model = refit(train, data)
        return model

    logits = yield from cross_validate(train, data, seed)
    return Trained(lambda: logits, model_of_all)


def finish(run: Epochs, report: Callable[[Epoch], object]) -> Trained:
    """Train to the end. `report` gets each epoch."""
    while True:
        try:
            epoch = next(run)
        except StopIteration as end:
            trained: Trained = end.value
            return trained
        report(epoch)


def inputs(job: Job, *, encoded: bool) -> tuple[Data, Callable[[], Encoder]]:
    """The data, with the vectors that the search has computed if they are read, and what builds the
    encoder."""
    torch.set_num_threads(job.threads)
    if job.device == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True, warn_only=True)
    data: Data = ray.get(job.data)
    pretrained: Pretrained = ray.get(job.pretrained)
    if job.encoded is not None and encoded:
        # Lost with its node for good: the regime encodes here, with the same result.
        with contextlib.suppress(ray.exceptions.RayError):
            data = replace(data, encoded=_to_device(ray.get(job.encoded), job.device))
    return data, functools.partial(pretrained.build, job.precision, job.device)


def _to_device(encoded: Encoded, device: str) -> Encoded:
    return {
        pooling: (train.to(device), validation.to(device))
        for pooling, (train, validation) in encoded.items()
    }
