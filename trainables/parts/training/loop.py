"""The training loop: one for every regime and every stage."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainables.parts.data.batches import MiniBatches
from trainables.parts.training import optim, schedule
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.optim import Optimizer
from trainables.parts.training.schedule import Schedule
from trainables.parts.training.scores import Scores
from trainables.parts.training.step import Objective, Passes


@dataclass(frozen=True, kw_only=True)
class Training(Optimizer, Schedule):
    """What the loop reads from a Config: the optimiser's fields and the schedule's."""


def fit(
    model: nn.Module,
    config: Training,
    groups: list[dict[str, object]],
    batches: MiniBatches,
    objective: Objective,
    validate: Callable[[], Scores | float],
    *,
    stage: str,
    epochs: int,
    done: int = 0,
) -> Iterator[Epoch]:
    """Train `model` for `epochs` epochs, yield an Epoch after each, and leave it with the weights
    of its best epoch.

    `groups` are parameter groups with their peak rates; `validate` gives the scores after an epoch,
    or only an accuracy; `done` is how many epochs earlier stages took. A mini-batch that does not
    fit into memory is divided for the rest of the stage, with the same gradients; MemoryError where
    one sentence does not fit. A loss or a gradient that is not finite raises FloatingPointError,
    before it reaches the weights.
    """
    optimizer = optim.build(config, groups)
    scheduler = schedule.build(config, optimizer, steps=epochs * len(batches))
    passes = Passes(objective, optimizer, batches.batch_size)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = parameters[0].device
    best, kept = -1.0, dict[str, Tensor]()
    for epoch in range(done + 1, done + epochs + 1):
        began = time.perf_counter()
        model.train()
        total = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.long, device=device)
        rate = 0.0
        for batch in batches.epoch(epoch - done):
            batch = batch.to(device)
            loss, outputs = passes.backward(batch)
            norm = optim.clip(parameters, config.max_grad_norm)
            finite("loss", loss.item(), epoch)
            finite("gradient's norm", norm.item(), epoch)
            rate = max(group["lr"] for group in optimizer.param_groups)
            optimizer.step()
            scheduler.step()
            total += loss
            if objective.predicts:
                correct += (outputs.argmax(dim=1) == batch.labels).sum()
        scores = validate()
        if isinstance(scores, Scores):
            finite("validation loss", scores.loss, epoch)
        accuracy = scores if isinstance(scores, float) else scores.accuracy
        if (
            accuracy >= best
        ):  # of equals the later: where accuracy is at its top, the loss still falls
            best = accuracy
            for name, tensor in model.state_dict().items():
                kept[name] = (
                    kept[name].copy_(tensor) if name in kept else tensor.clone()
                )  # into what is there: weights are large
        yield Epoch(
            epoch=epoch,
            stage=stage,
            train_loss=(total / len(batches)).item(),
            train_accuracy=correct.item() / len(batches.examples) if objective.predicts else None,
            validation_loss=None if isinstance(scores, float) else scores.loss,
            validation_accuracy=accuracy,
            best_validation_accuracy=best,
            learning_rate=rate,
            steps=len(batches),
            seconds=time.perf_counter() - began,
            micro_batch=passes.size,
        )
    model.load_state_dict(kept)


def finite(what: str, value: float, epoch: int) -> None:
    """Raise FloatingPointError unless `value` is a finite number."""
    if not math.isfinite(value):
        raise FloatingPointError(f"the {what} became {value} in epoch {epoch}")
