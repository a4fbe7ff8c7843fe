"""What runs in Ray's workers: training one configuration, as a trial or as a full run."""

import contextlib
import ctypes
import functools
import gc
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import torch
from ray import tune
from torch import Tensor

import trainables
from search.reports import ENDED_AT, FAILED, FINISHED, STARTED_AT, WORKER_LOST
from search.trials.system_metrics import Meter
from trainables.parts.data.tokens import Data, Encoded, Tokens
from trainables.parts.memory import cuda_is_lost
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder, Precision
from trainables.parts.model.ngrams import NgramClassifier
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training import frozen
from trainables.parts.training.cross_validation import cross_validate, refit
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.optim import Rates
from trainables.parts.training.scores import paper_loss, scores

if TYPE_CHECKING:  # A worker needs nothing of the driver.
    from search.cluster.resources import Resources


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
    """What `join` returns, if the search computes it once for all trials."""


@dataclass(frozen=True)
class Tested:
    """What the test of a full run reports."""

    scores: dict[str, float]
    """`test_accuracy`, `test_macro_f1`, `test_loss`, `test_loss_paper`."""
    correct: np.ndarray
    """Which sentences are right (N,), in the order of the split."""


@dataclass(frozen=True)
class Answers:
    """What trial 0, and a choice or report run, report after their epochs."""

    predicted: list[int]
    """The predicted label's index for each validation sentence."""
    confidence: list[float]
    """The probability of that label."""
    correct: np.ndarray
    """Which validation sentences are right (N,)."""
    tested: Tested | None = None
    """Of report runs, where there is a test split."""
    untested: str | None = None
    """Why the test failed."""


@dataclass(frozen=True)
class Weights:
    """The trained weights of a `Classifier`, over the small vocabulary."""

    encoder: dict[str, np.ndarray]
    head: dict[str, np.ndarray]


Model = Classifier | NgramClassifier


@dataclass(frozen=True)
class Parcel:
    """A trained model as it is sent."""

    model: Weights | NgramClassifier
    """Weights for the whole encoder, or the model itself."""
    held_out: np.ndarray | None = None
    """With folds: the logits of the training sentences (N, K), each by a model that was not trained
    on it."""


@dataclass(frozen=True)
class Trained:
    """What a run of a regime ends with."""

    validated: Callable[[], Tensor]
    """The logits of the validation sentences (N, K), by models that were not trained on them."""
    model: Callable[[], Model]
    """The model of all training sentences. With folds, training it begins only now."""


Run = Generator[Epoch, None, Trained]


def begin(job: Job, config: dict[str, Any], seed: int) -> Run:
    """The regime's generator of epochs.

    Sets everything that a curve depends on: config, seed, device, precision, threads.
    """
    regime = trainables.load(job.regime)
    typed = regime.Config.from_dict(config)
    return _run(job, regime, typed, *_inputs(job, encoded=typed.reads_encoded), seed)


def _run(
    job: Job, regime: ModuleType, config: Any, data: Data, build: Callable[[], Encoder], seed: int
) -> Run:
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


def _inputs(job: Job, *, encoded: bool) -> tuple[Data, Callable[[], Encoder]]:
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
            data = replace(data, encoded=_moved(ray.get(job.encoded), job.device))
    return data, functools.partial(pretrained.build, job.precision, job.device)


def encode(job: Job, part: int, parts: int) -> frozen.Part:
    """The pretrained encoder's vectors of a part of train and validation, in main memory."""
    data, build = _inputs(job, encoded=False)
    by_chunk = frozen.encode_part(build(), data, part, parts)
    return {
        number: {pooling: vectors.to("cpu") for pooling, vectors in by_pooling.items()}
        for number, by_pooling in by_chunk.items()
    }


def join(job: Job, *parts: frozen.Part) -> Encoded:
    """The vectors of train and validation from the parts that `encode` returned."""
    return frozen.joined(ray.get(job.data), parts)


def _moved(encoded: Encoded, device: str) -> Encoded:
    return {
        pooling: (train.to(device), validation.to(device))
        for pooling, (train, validation) in encoded.items()
    }


def failure_reason(error: BaseException) -> str:
    """An error in one line; if Ray has wrapped an error of a worker, that error."""
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
        # Imported objects stay. Without them, a collection takes milliseconds, not 0.2 s.
        gc.freeze()
    # Hand freed memory to the GPU's other trials. Does nothing without a GPU.
    torch.cuda.empty_cache()


def trial(params: dict[str, Any]) -> None:
    """A trial of the search, or a choice or report run, as Ray Tune calls it.

    `params`: the `config`, the `seed`, and the `job` in the object store. Those that report
    `Answers` also have `answers`: what `test` needs after the model, in the object store, or None
    where the test split is not theirs.

    An error is reported with its reason, and the worker stays warm. An error after which CUDA
    cannot be used in this process is raised, so that Tune replaces the worker.
    """
    started = time.time()
    free_memory()
    try:
        answers = _reported(params, ray.get(params["job"]), started)
    except Exception as error:
        worker_lost = cuda_is_lost(error)
        key = WORKER_LOST if worker_lost else FAILED
        tune.report({key: failure_reason(error), "validation_accuracy": 0.0})
        if worker_lost:
            raise
    else:
        tune.report({FINISHED: answers, "validation_accuracy": 0.0})


def _reported(params: dict[str, Any], job: Job, started: float) -> Answers | None:
    """Train and report each epoch; returns the `Answers` to report after them, if asked for."""
    config = params["config"]
    run = begin(job, config, params["seed"])
    trained = _finish(run, Meter(job.device, started), tune.report)
    if "answers" not in params:
        return None
    answers = _answers(trained, ray.get(job.data).validation)
    if params["answers"] is None:
        return answers
    parcel = _packed(trained)
    del run, trained
    free_memory()
    try:
        tested = test(job, config, parcel, *ray.get(params["answers"]))
    except Exception as error:
        if cuda_is_lost(error):
            raise
        return replace(answers, untested=failure_reason(error))
    return replace(answers, tested=tested)


def _answers(trained: Trained, split: Tokens) -> Answers:
    confidence, predicted = trained.validated().softmax(dim=1).max(dim=1)
    rounded = [round(probability, 4) for probability in confidence.tolist()]
    return Answers(predicted.tolist(), rounded, predicted.cpu().numpy() == split.labels)


@functools.cache
def task(
    function: Callable[..., Any], resources: "Resources", outputs: int = 1, retries: int = 1
) -> Any:
    """A function as a Ray task, with so many retries if its worker dies.

    On a GPU each call has its own process: an idle one would keep CUDA's context and memory, and
    stay on its first GPU when it is used again. On a CPU workers stay warm, because their imports
    take seconds. (Ray takes `max_calls` from the decorator only.)
    """
    return ray.remote(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        accelerator_type=resources.accelerator,
        num_returns=outputs,
        max_retries=retries,
        max_calls=1 if resources.gpus else 0,
    )(function)


def train(job: Job, config: dict[str, Any], seed: int) -> tuple[list[dict[str, Any]], Parcel]:
    """A full run as a task: its epochs and its model."""
    epochs: list[dict[str, Any]] = []
    started = time.time()
    trained = _finish(begin(job, config, seed), Meter(job.device, started), epochs.append)
    return epochs, _packed(trained, held_out=ray.get(job.data).folds is not None)


def floor(job: Job, seed: int) -> tuple[tuple[dict[str, Any], np.ndarray], Parcel]:
    """A regime's run as a floor: what is recorded of it with which validation sentences are right
    (N,), and its model.

    Its hyperparameters are the defaults, or those that it prefers by cross-validation on train.
    """
    started = time.time()
    regime = trainables.load(job.regime)
    data, build = _inputs(job, encoded=regime.Config().reads_encoded)
    build = functools.cache(build)  # A floor trains no encoder.
    chosen = regime.choose(data, build(), seed=seed) if hasattr(regime, "choose") else {}
    config = regime.Config.from_dict(chosen)
    epochs: list[dict[str, Any]] = []
    run = _run(job, regime, config, data, build, seed)
    trained = _finish(run, Meter(job.device, started), epochs.append)
    record = {
        "config": config.to_dict(),
        "chosen": chosen,
        "validation_accuracy": epochs[-1]["best_validation_accuracy"],
        "validation_loss": epochs[-1]["validation_loss"],
        "validation_macro_f1": epochs[-1]["validation_macro_f1"],
        STARTED_AT: epochs[-1][STARTED_AT],
        ENDED_AT: epochs[-1][ENDED_AT],
    }
    if hasattr(regime, "label_problems"):
        record |= regime.label_problems(data, build(), seed=seed)
    return (record, _answers(trained, data.validation).correct), _packed(trained)


def _finish(run: Run, meter: Meter, report: Callable[[dict[str, Any]], object]) -> Trained:
    """Run a regime to its end. `report` gets each epoch as it is recorded."""
    while True:
        try:
            epoch = next(run)
        except StopIteration as end:
            trained: Trained = end.value
            return trained
        report(epoch.to_dict() | meter.read())


def _packed(trained: Trained, *, held_out: bool = False) -> Parcel:
    """The model to be sent, on request with the logits of held-out sentences."""
    logits = trained.validated().numpy() if held_out else None
    model = trained.model()
    if isinstance(model, NgramClassifier):
        return Parcel(model, logits)
    head = {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in model.head.state_dict().items()
    }
    return Parcel(Weights(state(model.encoder), head), logits)


def assemble(
    regime: str,
    config: dict[str, Any],
    trained: Parcel,
    whole: Pretrained,
    vocabulary: np.ndarray,
    labels: tuple[str, ...],
    precision: Precision,
    device: str = "cpu",
) -> Model:
    """The trained model; one with an encoder gets back its whole vocabulary."""
    weights = trained.model
    if isinstance(weights, NgramClassifier):
        return weights
    encoder = whole.restored(weights.encoder, vocabulary).build(precision, device)
    model = Classifier.new(encoder, trainables.load(regime).Config.from_dict(config), labels)
    model.head.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in weights.head.items()}
    )
    return model.eval()


def test(
    job: Job,
    config: dict[str, Any],
    trained: Parcel,
    whole: Pretrained,
    vocabulary: np.ndarray,
    labels: tuple[str, ...],
    split: Tokens,
) -> Tested:
    """A full run on the test split: its scores, with the loss in both definitions, and what is
    right."""
    torch.set_num_threads(job.threads)
    model = assemble(
        job.regime, config, trained, whole, vocabulary, labels, job.precision, job.device
    )
    logits, truth = model.logits(split), torch.from_numpy(split.labels.copy())
    overall = scores(logits, truth)
    assert overall.loss is not None  # these are logits
    named = {
        "test_accuracy": overall.accuracy,
        "test_macro_f1": overall.macro_f1,
        "test_loss": overall.loss,
        "test_loss_paper": paper_loss(logits, truth, config.get("batch_size", 16)),
    }
    return Tested(named, (logits.argmax(dim=1).cpu() == truth).numpy())
