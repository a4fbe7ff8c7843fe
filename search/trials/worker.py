"""What runs in Ray's workers: training one configuration, as a trial or as a full run."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import torch
from ray import tune

import trainables
from search.trials.job import Epochs, Job, Trained, begin, finish, inputs, run_regime
from search.trials.parcel import Parcel, assemble, packed
from search.trials.system_metrics import Meter
from search.worker_reports import ENDED_AT, RUN_FAILED, RUN_FINISHED, STARTED_AT, WORKER_LOST
from trainables.parts.data.tokens import Encoded, Tokens
from trainables.parts.memory import cuda_is_lost, free_memory
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training import frozen
from trainables.parts.training.scores import paper_loss, scores

if TYPE_CHECKING:  # A worker needs nothing of the driver.
    from search.cluster.resources import Resources


@dataclass(frozen=True)
class Tested:
    """What the test of a full run reports."""

    scores: dict[str, float]
    """`test_accuracy`, `test_macro_f1`, `test_loss`, `test_loss_paper`."""
    correct: np.ndarray
    """Which sentences are right (N,), in the order of the split."""


@dataclass(frozen=True)
class ValidationPredictions:
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


def failure_reason(error: BaseException) -> str:
    """An error in one line; if Ray has wrapped an error of a worker, that error."""
    error = getattr(error, "cause", None) or error
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def trial(params: dict[str, Any]) -> None:
    """A trial of the search, or a choice or report run, as Ray Tune calls it.

    `params`: the `config`, the `seed`, and the `job` in the object store. Those that report
    `ValidationPredictions` also have `test_inputs`: what `test` needs after the model, in the
    object store, or None where the test split is not theirs.

    An error is reported with its reason, and the worker stays warm. An error after which CUDA
    cannot be used in this process is raised, so that Tune replaces the worker.
    """
    started = time.time()
    free_memory()
    try:
        predictions = _reported(params, ray.get(params["job"]), started)
    except Exception as error:
        worker_lost = cuda_is_lost(error)
        key = WORKER_LOST if worker_lost else RUN_FAILED
        tune.report({key: failure_reason(error), "validation_accuracy": 0.0})
        if worker_lost:
            raise
    else:
        tune.report({RUN_FINISHED: predictions, "validation_accuracy": 0.0})


def _reported(params: dict[str, Any], job: Job, started: float) -> ValidationPredictions | None:
    """Train and report each epoch; returns what to report after them, if it is asked for."""
    config = params["config"]
    run = begin(job, config, params["seed"])
    trained = _metered(run, job, started, tune.report)
    if "test_inputs" not in params:
        return None
    predictions = _predictions(trained, ray.get(job.data).validation)
    if params["test_inputs"] is None:
        return predictions
    parcel = packed(trained.model())
    del run, trained
    free_memory()
    try:
        tested = test(job, config, parcel, *ray.get(params["test_inputs"]))
    except Exception as error:
        if cuda_is_lost(error):
            raise
        return replace(predictions, untested=failure_reason(error))
    return replace(predictions, tested=tested)


def _metered(
    run: Epochs, job: Job, started: float, report: Callable[[dict[str, Any]], object]
) -> Trained:
    """Train to the end. `report` gets each epoch as it is recorded, with what the process used."""
    meter = Meter(job.device, started)
    return finish(run, lambda epoch: report(epoch.to_dict() | meter.read()))


def _predictions(trained: Trained, split: Tokens) -> ValidationPredictions:
    confidence, predicted = trained.validated().softmax(dim=1).max(dim=1)
    rounded = [round(probability, 4) for probability in confidence.tolist()]
    return ValidationPredictions(
        predicted.tolist(), rounded, predicted.cpu().numpy() == split.labels
    )


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


def encode(job: Job, part: int, parts: int) -> frozen.EncodedPart:
    """The pretrained encoder's vectors of a part of train and validation, in main memory."""
    data, build = inputs(job, encoded=False)
    by_chunk = frozen.encode_part(build(), data, part, parts)
    return {
        number: {pooling: vectors.to("cpu") for pooling, vectors in by_pooling.items()}
        for number, by_pooling in by_chunk.items()
    }


def join(job: Job, *parts: frozen.EncodedPart) -> Encoded:
    """The vectors of train and validation from the parts that `encode` returned."""
    return frozen.joined(ray.get(job.data), parts)


def train(job: Job, config: dict[str, Any], seed: int) -> tuple[list[dict[str, Any]], Parcel]:
    """A full run as a task: its epochs and its model."""
    epochs: list[dict[str, Any]] = []
    started = time.time()
    trained = _metered(begin(job, config, seed), job, started, epochs.append)
    folds = ray.get(job.data).folds
    held_out = None if folds is None else trained.validated().numpy()
    return epochs, packed(trained.model(), held_out)


def floor(job: Job, seed: int) -> tuple[tuple[dict[str, Any], np.ndarray], Parcel]:
    """A regime's run as a floor: what is recorded of it with which validation sentences are right
    (N,), and its model.

    Its hyperparameters are the defaults, or those that it prefers by cross-validation on train.
    """
    started = time.time()
    regime = trainables.load(job.regime)
    data, build = inputs(job, encoded=regime.Config().reads_encoded)
    build = functools.cache(build)  # A floor trains no encoder.
    chosen = regime.choose(data, build(), seed=seed) if hasattr(regime, "choose") else {}
    config = regime.Config.from_dict(chosen)
    epochs: list[dict[str, Any]] = []
    run = run_regime(job, regime, config, data, build, seed)
    trained = _metered(run, job, started, epochs.append)
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
    return (record, _predictions(trained, data.validation).correct), packed(trained.model())


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
