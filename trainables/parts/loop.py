"""The training loop: one for every regime and every stage."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from trainables.parts import optim, schedule
from trainables.parts.epoch import Epoch
from trainables.parts.optim import Optimizer
from trainables.parts.schedule import Schedule
from trainables.parts.scores import Scores
from trainables.parts.tokens import Batch, MiniBatches


@dataclass(frozen=True, kw_only=True)
class Training(Optimizer, Schedule):
    """What the loop reads from a Config: the optimiser's fields and the schedule's."""


@dataclass(frozen=True)
class Loss:
    """A mini-batch's loss, and the logits (B, K) that it came from where there are any."""

    value: Tensor
    logits: Tensor | None = None


def fit(
    model: nn.Module,
    config: Training,
    groups: list[dict[str, object]],
    batches: MiniBatches,
    loss: Callable[[Batch], Loss],
    validate: Callable[[], Scores | float],
    *,
    stage: str,
    epochs: int,
    done: int = 0,
) -> Iterator[Epoch]:
    """Train `model` for `epochs` epochs, yield an Epoch after each, and leave it with the weights of its best epoch.

    `groups` are parameter groups with their peak rates; `validate` gives the scores after an epoch, or only an accuracy; `done`
    is how many epochs earlier stages took. A loss that is not finite raises FloatingPointError.
    """
    optimizer = optim.build(config, groups)
    scheduler = schedule.build(config, optimizer, steps=epochs * len(batches))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = parameters[0].device
    best, kept = -1.0, {}
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        model.train()
        total = torch.zeros((), device=device)
        correct: Tensor | None = None
        rate = 0.0
        for batch in batches.epoch(epoch):
            step = loss(batch.to(device))
            if not torch.isfinite(step.value):
                raise FloatingPointError(f"the loss became {step.value.item()} in epoch {done + epoch}")
            optimizer.zero_grad()
            step.value.backward()
            if config.max_grad_norm is not None:
                clip_grad_norm_(parameters, config.max_grad_norm)
            rate = max(group["lr"] for group in optimizer.param_groups)
            optimizer.step()
            scheduler.step()
            total += step.value.detach()
            if step.logits is not None:
                hits = (step.logits.detach().argmax(dim=1) == batch.labels.to(device)).sum()
                correct = hits if correct is None else correct + hits
        scores = validate()
        if isinstance(scores, Scores) and not math.isfinite(scores.loss):
            raise FloatingPointError(f"the validation loss became {scores.loss} in epoch {done + epoch}")
        accuracy = scores if isinstance(scores, float) else scores.accuracy
        if accuracy >= best:  # of equals the later: where accuracy is at its top, the loss still falls
            best, kept = accuracy, {name: tensor.clone() for name, tensor in model.state_dict().items()}
        yield Epoch(
            epoch=done + epoch,
            stage=stage,
            train_loss=(total / len(batches)).item(),
            train_accuracy=None if correct is None else correct.item() / len(batches.examples),
            validation_loss=None if isinstance(scores, float) else scores.loss,
            validation_accuracy=accuracy,
            best_accuracy=best,
            learning_rate=rate,
            steps=len(batches),
            seconds=time.perf_counter() - began,
        )
    model.load_state_dict(kept)
