"""What runs in Ray's workers: a configuration trained, alone or as a trial."""

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
from search.trials.ray_adapters import FAILED, FINISHED, LOST
from search.trials.system_metrics import Meter
from trainables.parts.data.tokens import Data, Features, Tokens
from trainables.parts.memory import cuda_is_lost
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training import frozen
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.scores import paper_loss, scores


@dataclass(frozen=True)
class Job:
    """What is the same for every run of a search.

    `data` and `pretrained` are in Ray's object store, one copy a node.
    """

    regime: str
    data: ray.ObjectRef
    pretrained: ray.ObjectRef
    epochs: int
    precision: Precision
    device: str
    threads: int
    encoded: ray.ObjectRef | None = None
    """What `encode` gives, where a regime of the search trains no part of the encoder."""


@dataclass(frozen=True)
class Trained:
    """What a run to its end reports."""

    epochs: list[dict[str, Any]]
    """As `search.study.study.epochs` has a trial's."""
    predicted: list[int]
    """The label's index that it gives each validation sentence."""
    confidence: list[float]
    """The probability that it gives that label."""


@dataclass(frozen=True)
class Weights:
    """What a finished run leaves, in the small vocabulary."""

    encoder: dict[str, np.ndarray]
    head: dict[str, np.ndarray]


def begin(job: Job, config: dict[str, Any], seed: int) -> Any:
    """The regime's generator over epochs.

    Everything that a curve depends on is set here: config, seed, device, precision, threads.
    """
    torch.set_num_threads(job.threads)
    if job.device == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True, warn_only=True)
    data: Data = ray.get(job.data)
    pretrained: Pretrained = ray.get(job.pretrained)
    regime = trainables.load(job.regime)
    if job.encoded is not None and getattr(regime, "FROZEN", False):
        train, validation = ray.get(job.encoded)
        data = replace(data, encoded=(train.to(job.device), validation.to(job.device)))
    encoder = pretrained.build(job.precision, job.device)
    return regime.train(
        regime.Config.from_dict(config), data, encoder, epochs=job.epochs, seed=seed
    )


def encode(job: Job) -> tuple[Features, Features]:
    """Train and validation as the pretrained encoder gives them, in main memory: once for all
    trials of a search."""
    torch.set_num_threads(job.threads)
    data: Data = ray.get(job.data)
    pretrained: Pretrained = ray.get(job.pretrained)
    train, validation = frozen.encode(pretrained.build(job.precision, job.device), data)
    return train.to("cpu"), validation.to("cpu")


def reason(error: BaseException) -> str:
    """An error as one line; of an error in a worker, the error that the worker met."""
    error = getattr(error, "cause", None) or error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _tidy() -> None:
    """Give back what the worker's trial before took: each is a thread of its own, with memory that
    the next one would not find."""
    if gc.get_freeze_count():
        # optimiser and schedule hold each other, and with that a model's weights several times over
        gc.collect()
        with contextlib.suppress(AttributeError, OSError):  # where malloc is not glibc's
            ctypes.CDLL(None).malloc_trim(0)
    else:
        # what was imported stays: a collection need not look at it, and takes milliseconds instead
        # of 0.2 s
        gc.freeze()
    # what was freed just now goes to the card's other trials; nothing happens where there is no
    # card
    torch.cuda.empty_cache()


def trial(params: dict[str, Any], job: Job, seed: int) -> None:
    """A trial of the search, as Ray Tune calls it.

    What goes wrong is reported with its reason, and the worker stays warm.

    But for an error after which CUDA does nothing more in this process: that is raised, so that
    Tune replaces the worker.
    """
    began = time.time()
    _tidy()
    try:
        epochs: Iterator[Epoch] = begin(job, params["config"], seed)
        meter = Meter(job.device, began)
        for epoch in epochs:
            tune.report(epoch.to_dict() | meter.read())
    except Exception as error:
        lost = cuda_is_lost(error)
        tune.report({LOST if lost else FAILED: reason(error), "validation_accuracy": 0.0})
        if lost:
            raise
    else:
        tune.report({FINISHED: True, "validation_accuracy": 0.0})


@functools.cache
def task(function: Callable[..., Any], cpus: float, gpus: float, outputs: int = 1) -> Any:
    """A function as a Ray task, which gets a second try where its worker dies.

    On a GPU each call has a process of its own: an idle one would keep CUDA's context and memory,
    and, used again, stay on the card that it began on. (Ray takes `max_calls` from the decorator
    only.) On a CPU workers stay warm, because their imports take seconds.
    """
    return ray.remote(
        num_cpus=cpus, num_gpus=gpus, num_returns=outputs, max_retries=1, max_calls=1 if gpus else 0
    )(function)


def train(job: Job, config: dict[str, Any], seed: int) -> tuple[Trained, Weights]:
    """A run to its end: its epochs with its predictions, and the weights that it leaves."""
    began = time.time()
    run = begin(job, config, seed)
    epochs, meter = [], Meter(job.device, began)
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
    trained = Trained(
        epochs, predicted.tolist(), [round(share, 4) for share in confidence.tolist()]
    )
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
    """Scores of a finished run on the test split, the loss in both definitions."""
    torch.set_num_threads(job.threads)
    model = assemble(
        job.regime, config, trained, whole, vocabulary, labels, job.precision, job.device
    )
    logits, truth = model.logits(split), torch.from_numpy(split.labels.copy())
    found = scores(logits, truth)
    return {
        "test_accuracy": found.accuracy,
        "test_loss": found.loss,
        "test_loss_paper": paper_loss(logits, truth, config.get("batch_size", 16)),
    }
