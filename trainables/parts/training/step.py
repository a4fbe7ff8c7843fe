"""A step's gradients, in as many passes through the model as memory asks for."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.parts.data.tokens import Batch

CAUSES = (
    "DefaultCPUAllocator",
    "std::bad_alloc",
    # oneDNN, whose message keeps no reason; halving does no harm where it was another
    "could not create a primitive",
    "could not execute a primitive",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""What a RuntimeError says where memory was short and torch has no class of its own for it."""


LOST = ("CUDA error", "CUBLAS_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_EXECUTION_FAILED")
"""What an error says after which CUDA's context is not to be used again."""


@dataclass(frozen=True)
class Objective:
    """What is minimised, cut where sentences meet:

    `forward` sees each by itself, `loss` sees all of a mini-batch.
    """

    forward: Callable[[Batch], Tensor]
    """Outputs (B, ...), a row a sentence; whatever is random here comes from torch's global
    generators."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """The scalar that all rows of outputs and their labels (B,) give; nothing is random here."""
    predicts: bool = True
    """Whether the outputs are logits (B, K)."""


class Passes:
    """Gradients of an objective, `size` sentences a pass; `size` is halved, for good, whenever a
    pass runs out of memory."""

    def __init__(self, objective: Objective, optimizer: torch.optim.Optimizer, size: int) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.size = size

    def backward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Leave the parameters with the gradients of a mini-batch's loss; returns the loss, a
        scalar, and the outputs (B, ...).

        Raises MemoryError where not even one sentence fits.
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
            # Only out here is the error gone, and with its traceback the tensors of the pass that
            # failed.
            self.size = halved(min(self.size, len(batch.labels)))
            torch.cuda.empty_cache()
            restore(start, device)


def gradients(objective: Objective, batch: Batch, size: int) -> tuple[Tensor, Tensor]:
    """Add the gradients of a mini-batch's loss to the parameters; returns the loss and the outputs
    (B, ...).

    More than `size` sentences go through the model in passes of `size`, twice: without gradients
    for the outputs that the loss needs, then, once the loss has said what it wants of each output,
    again with the same dropout, to hand that on to the parameters. The gradients are those of one
    pass, whatever the loss: https://arxiv.org/abs/2101.06983, section 3.2.
    """
    if size >= len(batch.labels):
        outputs = objective.forward(batch)
        loss = objective.loss(outputs, batch.labels)
        loss.backward()
        return loss.detach(), outputs.detach()
    device = batch.labels.device
    parts, states, encoded = split(batch, size), [], []
    with torch.no_grad():
        for part in parts:
            states.append(random_state(device))
            encoded.append(objective.forward(part))
    outputs = torch.cat(encoded).requires_grad_()
    loss = objective.loss(outputs, batch.labels)
    (wanted,) = torch.autograd.grad(loss, outputs)
    for part, state, gradient in zip(parts, states, wanted.split(size)):
        restore(state, device)
        objective.forward(part).backward(gradient)
    return loss.detach(), outputs.detach()


def split(batch: Batch, size: int) -> list[Batch]:
    """The rows of a batch in parts of `size`, the last maybe smaller; each as wide as the whole, so
    that outputs stay the same."""
    rows = [slice(start, start + size) for start in range(0, len(batch.labels), size)]
    return [
        Batch(
            batch.inputs[part], None if batch.mask is None else batch.mask[part], batch.labels[part]
        )
        for part in rows
    ]


def halved(size: int) -> int:
    """Half as many sentences, rounded up. Raises MemoryError where there is but one."""
    if size == 1:
        raise MemoryError("out of memory even at one sentence at a time")
    return -(-size // 2)


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory was short, on whichever device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        cause in str(error) for cause in CAUSES
    )


def cuda_is_lost(error: Exception) -> bool:
    """Whether an error says that CUDA does nothing more in this process, as after a failed
    assertion or a wrong address on the device.

    "To continue using CUDA, the process must be terminated and relaunched", says cudaError_t of
    each of those: https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html. The few
    that would let it go on are taken for it too.
    """
    return any(sign in str(error) for sign in LOST) and not out_of_memory(error)


def in_parts(forward: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    """A batch's outputs (B, ...), nothing random in them and without gradients; in parts, halved
    until they fit, where memory is short."""
    size = len(batch.labels)
    while True:
        try:
            return torch.cat([forward(part) for part in split(batch, size)])
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        size = halved(size)
        torch.cuda.empty_cache()


def random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Where torch's generators stand: the CPU's, and the device's where it has its own."""
    return torch.get_rng_state(), (
        torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    )


def restore(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    """Put torch's generators back where `random_state` found them."""
    cpu, cuda = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
