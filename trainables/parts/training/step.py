"""The gradients of a training step, in as few passes through the model as memory allows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.parts.data.tokens import Batch
from trainables.parts.memory import halved, out_of_memory


def _unchanged(outputs: Tensor) -> Tensor:
    return outputs


@dataclass(frozen=True)
class Objective:
    """What is minimised, divided so that a mini-batch can go through the model in parts.

    `forward` treats each sentence on its own; `loss` sees the whole mini-batch.
    """

    forward: Callable[[Batch], Tensor]
    """A batch to outputs (B, ...). Draws random numbers from torch's global generators only."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """Outputs and labels (B,) to a scalar. Must be deterministic."""
    logits: Callable[[Tensor], Tensor] | None = _unchanged
    """Outputs to the logits (B, K) of what is predicted; None if nothing is."""


class Passes:
    """Gradients of an objective, with at most `size` sentences per pass through the model.

    When a pass runs out of memory, `size` is halved for good.
    """

    def __init__(self, objective: Objective, optimizer: torch.optim.Optimizer, size: int) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.size = size

    def backward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Set the parameters' gradients for a mini-batch; return its loss and outputs (B, ...).

        Raises MemoryError if not even one sentence fits.
        """
        device = batch.labels.device
        start = random_state(device)
        while True:
            self.optimizer.zero_grad()
            try:
                return gradients(self.objective, batch, self.size)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
            # Outside the except block: until the error is gone, its traceback keeps the failed
            # pass's tensors alive.
            self.size = halved(min(self.size, len(batch.labels)))
            torch.cuda.empty_cache()
            restore_random_state(start, device)


def gradients(objective: Objective, batch: Batch, size: int) -> tuple[Tensor, Tensor]:
    """Add a mini-batch's gradients to the parameters; return its loss and outputs (B, ...).

    More than `size` sentences go through the model in parts, twice: first without gradients, for
    the outputs that the loss needs; then, with the loss's gradient of each output, once more with
    the same dropout, to propagate it to the parameters. The gradients equal those of a single pass
    for any loss (GradCache, https://arxiv.org/abs/2101.06983, section 3.2).
    """
    if size >= len(batch.labels):
        outputs = objective.forward(batch)
        loss = objective.loss(outputs, batch.labels)
        loss.backward()
        return loss.detach(), outputs.detach()
    device = batch.labels.device
    parts, states, encoded = batch.split(size), [], []
    with torch.no_grad():
        for part in parts:
            states.append(random_state(device))
            encoded.append(objective.forward(part))
    outputs = torch.cat(encoded).requires_grad_()
    loss = objective.loss(outputs, batch.labels)
    (output_gradients,) = torch.autograd.grad(loss, outputs)
    for part, state, gradient in zip(parts, states, output_gradients.split(size)):
        restore_random_state(state, device)
        objective.forward(part).backward(gradient)
    return loss.detach(), outputs.detach()


def random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """The state of torch's CPU generator, and of the CUDA device's if it is one."""
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda


def restore_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    """Reset torch's generators to a state from `random_state`."""
    cpu, cuda = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
