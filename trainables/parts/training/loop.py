"""The training loop of every regime and every stage."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from trainables.parts.config import Count
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Batch, Kept
from trainables.parts.training import optim, schedule
from trainables.parts.training.averaging import NO_AVERAGE, Averaging, RunningAverage
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.optim import Optimizer
from trainables.parts.training.schedule import Schedule
from trainables.parts.training.scores import Scores
from trainables.parts.training.step import Objective, Passes


@dataclass(frozen=True, kw_only=True)
class Training(Optimizer, Schedule):
    """The hyperparameters that the loop reads: the optimiser's, the schedule's, and when to end."""

    early_stopping_patience: Count | None = None
    """Epochs in a row without a better score on validation that end a stage; none: it trains its
    full budget, which the schedule spans in any case. The paper wished for it (Q3). As in
    https://huggingface.co/docs/transformers/main_classes/callback#transformers.EarlyStoppingCallback
    an equal score is not better."""


def fit(
    model: nn.Module,
    config: Training,
    groups: list[dict[str, object]],
    batches: MiniBatches,
    objective: Objective,
    validate: Callable[[], Scores],
    *,
    stage: str,
    epochs: int,
    done: int = 0,
    kept: Kept = "accuracy",
    averaging: Averaging = NO_AVERAGE,
) -> Iterator[Epoch]:
    """Train `model` and yield an Epoch after each epoch; then load the weights of the `kept` epoch.

    Weights that are averaged over steps are judged and kept in place of the last step's.

    `groups` are parameter groups with their peak learning rates. `validate` returns the scores
    after an epoch. `done` counts the epochs of earlier stages. The stage ends before its `epochs`
    where the configuration's patience is spent.

    A mini-batch that does not fit into memory is divided for the rest of the stage, with the same
    gradients. Raises MemoryError if one sentence does not fit, and FloatingPointError for a loss or
    gradient that is not finite, before it reaches the weights.
    """
    optimizer = optim.build(config, groups)
    steps = epochs * len(batches)
    scheduler = schedule.build(config, optimizer, steps)
    average = averaging.begin(model, steps)
    passes = Passes(objective, optimizer, batches.batch_size)
    best, best_weights = Scores(-1.0, -1.0, None), dict[str, Tensor]()
    # The model itself has the last step's weights; their average it has during validation only.
    copies = kept != "last" or averaging is not NO_AVERAGE
    not_better = 0
    for epoch in range(done + 1, done + epochs + 1):
        began = time.perf_counter()
        model.train()
        trained = _train_epoch(
            passes, scheduler, average, batches.epoch(epoch - done), config.max_grad_norm, epoch
        )
        with average.applied():
            scores = validate()
            if scores.loss is not None:
                require_finite("validation loss", scores.loss, epoch)
            gain = math.inf if kept == "last" else scores.of(kept) - best.of(kept)
            not_better = 0 if gain > 0 else not_better + 1
            # On ties take the later epoch: at the maximum score, the loss may still fall.
            if gain >= 0:
                best = scores
                if copies:
                    _copy_weights(model, best_weights)
        yield Epoch(
            epoch=epoch,
            stage=stage,
            train_loss=(trained.total_loss / len(batches)).item(),
            train_accuracy=(
                None if objective.logits is None else trained.correct / batches.per_epoch
            ),
            validation_loss=scores.loss,
            validation_accuracy=scores.accuracy,
            best_validation_accuracy=best.accuracy,
            learning_rate=trained.learning_rate,
            steps=len(batches),
            seconds=time.perf_counter() - began,
            micro_batch=passes.size,
            validation_macro_f1=scores.macro_f1,
            best_validation_macro_f1=best.macro_f1,
            counts=scores.counts,
        )
        if not_better == config.early_stopping_patience:
            break
    if copies:
        model.load_state_dict(best_weights)


class _Trained(NamedTuple):
    """What an epoch of training measured."""

    total_loss: Tensor
    """Sum over the mini-batches, a scalar."""
    correct: int
    learning_rate: float
    """The highest of the parameter groups at the last step."""


def _train_epoch(
    passes: Passes,
    scheduler: LRScheduler,
    average: RunningAverage,
    batches: Iterable[Batch],
    max_grad_norm: float | None,
    epoch: int,
) -> _Trained:
    optimizer, logits = passes.optimizer, passes.objective.logits
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = parameters[0].device
    total_loss = torch.zeros((), device=device)
    correct = torch.zeros((), dtype=torch.long, device=device)
    rate = 0.0
    for batch in batches:
        batch = batch.to(device)
        loss, outputs = passes.backward(batch)
        norm = optim.clip(parameters, max_grad_norm)
        require_finite("loss", loss.item(), epoch)
        require_finite("gradient's norm", norm.item(), epoch)
        rate = max(group["lr"] for group in optimizer.param_groups)
        optimizer.step()
        scheduler.step()
        average.update()
        total_loss += loss
        if logits is not None:
            correct += (logits(outputs).argmax(dim=1) == batch.labels).sum()
    return _Trained(total_loss, int(correct.item()), rate)


def _copy_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy the model's state into `weights`, in place where it has room: weights are large."""
    for name, tensor in model.state_dict().items():
        weights[name] = weights[name].copy_(tensor) if name in weights else tensor.clone()


def require_finite(name: str, value: float, epoch: int) -> None:
    """Raise FloatingPointError unless `value` is a finite number."""
    if not math.isfinite(value):
        raise FloatingPointError(f"the {name} became {value} in epoch {epoch}")
