"""Which errors mean that memory was short, and evaluation in parts when it is."""

import pytest
import torch
from torch import Tensor

from tests.trainables.parts.training.short_memory import raise_out_of_memory
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.memory import cuda_is_lost, out_of_memory
from trainables.parts.model.classifier import vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained


@pytest.mark.parametrize("fits", [1, 3, 7])
def test_evaluation_is_divided_when_memory_is_short(
    fits: int, pretrained: Pretrained, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = pretrained.build()
    whole, forward, sizes = vectors(encoder, data.validation), Encoder.forward, list[int]()

    def short(self: Encoder, batch: Batch) -> Tensor:
        sizes.append(len(batch.labels))
        if len(batch.labels) > fits:
            raise_out_of_memory()
        return forward(self, batch)

    monkeypatch.setattr(Encoder, "forward", short)
    assert torch.allclose(vectors(encoder, data.validation), whole, atol=1e-5)
    assert max(sizes) > fits and sum(size for size in sizes if size <= fits) == len(data.validation)


def test_evaluation_is_not_retried_after_another_error(
    pretrained: Pretrained, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[Batch]()

    def broken(self: Encoder, batch: Batch) -> Tensor:
        calls.append(batch)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Encoder, "forward", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        vectors(pretrained.build(), data.validation)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("error", "lost", "memory"),
    [
        (
            RuntimeError(
                "CUDA error: device-side assert triggered\nCUDA kernel errors might be"
                " asynchronously reported"
            ),
            True,
            False,
        ),
        (
            torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
            True,
            False,
        ),
        (
            RuntimeError(
                "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"
            ),
            True,
            False,
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True, False),
        (RuntimeError("CUDA error: out of memory"), False, True),
        (
            RuntimeError(
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
            ),
            False,
            True,
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), False, True),
        (RuntimeError("could not create a primitive"), False, True),
        (RuntimeError("could not execute a primitive"), False, True),
        (MemoryError("out of memory even at one sentence at a time"), False, True),
        (FloatingPointError("the loss became nan in epoch 4"), False, False),
        (ValueError("shapes do not match"), False, False),
    ],
)
def test_errors_that_lose_cuda_and_errors_of_memory_are_distinguished(
    error: Exception, lost: bool, memory: bool
) -> None:
    assert (cuda_is_lost(error), out_of_memory(error)) == (lost, memory)
