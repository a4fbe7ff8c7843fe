"""Recognise out-of-memory errors, evaluate a batch in smaller parts when memory is short, and free
what is no longer needed."""

import contextlib
import ctypes
import gc
from collections.abc import Callable

import torch
from torch import Tensor

from trainables.parts.data.tokens import Batch

OUT_OF_MEMORY_MESSAGES = (
    "DefaultCPUAllocator",
    "std::bad_alloc",
    # oneDNN does not give the cause; smaller batches do no harm if it was another
    "could not create a primitive",
    "could not execute a primitive",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""Messages of the RuntimeErrors that torch raises for lack of memory without a type of its own."""

LOST_CUDA_MESSAGES = (
    "CUDA error",
    "CUBLAS_STATUS_EXECUTION_FAILED",
    "CUDNN_STATUS_EXECUTION_FAILED",
)
"""Messages of errors after which the process can no longer use CUDA."""


def out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory was short, on any device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        message in str(error) for message in OUT_OF_MEMORY_MESSAGES
    )


def cuda_is_lost(error: Exception) -> bool:
    """Whether an error leaves CUDA unusable in this process, such as a failed device assertion.

    The documentation of cudaError_t says of each of these: "To continue using CUDA, the process
    must be terminated and relaunched".
    https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
    The few CUDA errors that would allow going on count as lost too.
    """
    return any(message in str(error) for message in LOST_CUDA_MESSAGES) and not out_of_memory(error)


def halved(size: int) -> int:
    """Half as many sentences, rounded up. Raises MemoryError for a single sentence."""
    if size == 1:
        raise MemoryError("out of memory even at one sentence at a time")
    return -(-size // 2)


def in_parts(forward: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    """Outputs (B, ...) of a deterministic forward pass without gradients.

    When memory is short, computes them in parts, halved until they fit.
    """
    size = len(batch.labels)
    while True:
        try:
            return torch.cat([forward(part) for part in batch.split(size)])
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        size = halved(size)
        torch.cuda.empty_cache()


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
