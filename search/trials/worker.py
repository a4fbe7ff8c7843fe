"""What runs in Ray's workers: training one configuration, as a trial or as a full run."""

import contextlib
import ctypes
import functools
import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray
import torch
from ray import tune

import trainables
from search.reports import FAILED, FINISHED, WORKER_LOST
from search.trials.system_metrics import Meter
from trainables.parts.data.tokens import Data, Encoded, Tokens
from trainables.parts.memory import cuda_is_lost
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training import frozen
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.scores import paper_loss, scores


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
    """What `encode` returns, if the search computes it once for all trials."""


@dataclass(frozen=True)
class Trained:
    """What a full run reports."""

    epochs: list[dict[str, Any]]
    """As in `search.study.records.epochs`."""
    predicted: list[int]
    """The predicted label's index for each validation sentence."""
    confidence: list[float]
    """The probability of that label."""


@dataclass(frozen=True)
class Weights:
    """The trained weights of a full run, over the small vocabulary."""

    encoder: dict[str, np.ndarray]
    head: dict[str, np.ndarray]


def begin(job: Job, config: dict[str, Any], seed: int) -> Any:
    """The regime's generator of epochs.

    Sets everything that a curve depends on: config, seed, device, precision, threads.
    """
    torch.set_num_threads(job.threads)
    if job.device == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True, warn_only=True)
    data: Data = ray.get(job.data)
    pretrained: Pretrained = ray.get(job.pretrained)
    regime = trainables.load(job.regime)
    typed = regime.Config.from_dict(config)
    if job.encoded is not None and typed.reads_encoded:
        data = replace(data, encoded=_moved(ray.get(job.encoded), job.device))
    encoder = pretrained.build(job.precision, job.device)
    return regime.train(typed, data, encoder, epochs=job.epochs, seed=seed)


def encode(job: Job) -> Encoded:
    """The pretrained encoder's vectors of train and validation, in main memory."""
    torch.set_num_threads(job.threads)
    data: Data = ray.get(job.data)
    pretrained: Pretrained = ray.get(job.pretrained)
    return _moved(frozen.encode(pretrained.build(job.precision, job.device), data), "cpu")


def _moved(encoded: Encoded, device: str) -> Encoded:
    return {
        pooling: (train.to(device), validation.to(device))
        for pooling, (train, validation) in encoded.items()
    }


def failure_reason(error: BaseException) -> str:
    """An error in one line. For Ray's wrapper of an error in a worker: the error in the worker."""
    error = getattr(error, "cause", None) or error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def free_memory() -> None:
    """Free the memory of the worker's previous trial, which ran in another thread."""
    if gc.get_freeze_count():
        # Optimiser and schedule refer to each other, and keep a model's weights several times.
        gc.collect()
        with contextlib.suppress(AttributeError, OSError):  # not glibc
            ctypes.CDLL(None).malloc_trim(0)
    else:
        # Imported objects stay. Unseen by the collector, a collection takes milliseconds, not 0.2
        # s.
        gc.freeze()
    # Hand freed memory to the GPU's other trials. Does nothing without a GPU.
    torch.cuda.empty_cache()


def trial(params: dict[str, Any], job: Job, seed: int) -> None:
    """A trial of the search, as Ray Tune calls it.

    An error is reported with its reason, and the worker stays warm. An error after which CUDA
    cannot be used in this process is raised, so that Tune replaces the worker.
    """
    started = time.time()
    free_memory()
    try:
        epochs: Iterator[Epoch] = begin(job, params["config"], seed)
        meter = Meter(job.device, started)
        for epoch in epochs:
            tune.report(epoch.to_dict() | meter.read())
    except Exception as error:
        worker_lost = cuda_is_lost(error)
        key = WORKER_LOST if worker_lost else FAILED
        tune.report({key: failure_reason(error), "validation_accuracy": 0.0})
        if worker_lost:
            raise
    else:
        tune.report({FINISHED: True, "validation_accuracy": 0.0})


@functools.cache
def task(function: Callable[..., Any], cpus: float, gpus: float, outputs: int = 1) -> Any:
    """A function as a Ray task, which is tried again once if its worker dies.

    On a GPU each call has its own process: an idle one would keep CUDA's context and memory, and
    stay on its first GPU when it is used again. On a CPU workers stay warm, because their imports
    take seconds. (Ray takes `max_calls` from the decorator only.)
    """
    return ray.remote(
        num_cpus=cpus, num_gpus=gpus, num_returns=outputs, max_retries=1, max_calls=1 if gpus else 0
    )(function)


def train(job: Job, config: dict[str, Any], seed: int) -> tuple[Trained, Weights]:
    """A full run: its epochs, its predictions on validation and its weights."""
    started = time.time()
    run = begin(job, config, seed)
    epochs, meter = [], Meter(job.device, started)
    while True:
        try:
            epochs.append(next(run).to_dict() | meter.read())
        except StopIteration as end:
            model: Classifier = end.value
            break
    head = {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in model.head.state_dict().items()
    }
    data: Data = ray.get(job.data)
    confidence, predicted = model.logits(data.validation).softmax(dim=1).max(dim=1)
    rounded = [round(probability, 4) for probability in confidence.tolist()]
    trained = Trained(epochs, predicted.tolist(), rounded)
    return trained, Weights(state(model.encoder), head)


def assemble(
    regime: str,
    config: dict[str, Any],
    trained: Weights,
    whole: Pretrained,
    vocabulary: np.ndarray,
    labels: tuple[str, ...],
    precision: Precision,
    device: str = "cpu",
) -> Classifier:
    """The trained classifier over the whole vocabulary."""
    encoder = whole.restored(trained.encoder, vocabulary).build(precision, device)
    model = Classifier.new(encoder, trainables.load(regime).Config.from_dict(config), labels)
    model.head.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in trained.head.items()}
    )
    return model.eval()


def test(
    job: Job,
    config: dict[str, Any],
    trained: Weights,
    whole: Pretrained,
    vocabulary: np.ndarray,
    labels: tuple[str, ...],
    split: Tokens,
) -> dict[str, float]:
    """Scores of a full run on the test split, with the loss in both definitions."""
    torch.set_num_threads(job.threads)
    model = assemble(
        job.regime, config, trained, whole, vocabulary, labels, job.precision, job.device
    )
    logits, truth = model.logits(split), torch.from_numpy(split.labels.copy())
    overall = scores(logits, truth)
    return {
        "test_accuracy": overall.accuracy,
        "test_loss": overall.loss,
        "test_loss_paper": paper_loss(logits, truth, config.get("batch_size", 16)),
    }
