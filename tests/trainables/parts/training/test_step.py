"""A step divided for lack of memory has the gradients of the undivided one."""

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tests.trainables.parts.training.short_memory import (
    BATCH,
    SUMS,
    points,
    pretrained_with,
    raise_out_of_memory,
)
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.losses import nt_xent, supcon
from trainables.parts.training.step import Objective, Passes, gradients


@dataclass(frozen=True)
class Step:
    """A model, its objective, and a mini-batch of 16 sentences of different lengths."""

    model: nn.ModuleList
    objective: Objective
    batch: Batch

    def gradients(self, size: int) -> tuple[float, list[Tensor]]:
        """Loss and gradients in passes of `size`, always from the same random state."""
        torch.manual_seed(1)
        self.model.zero_grad()
        loss, _ = gradients(self.objective, self.batch, size)
        return loss.item(), self.gradient()

    def gradient(self) -> list[Tensor]:
        return [
            parameter.grad.clone()
            for parameter in self.model.parameters()
            if parameter.grad is not None
        ]


def some(data: Data) -> Batch:
    """16 sentences of all labels and of different lengths."""
    batch = data.train.take(np.linspace(0, len(data.train) - 1, BATCH).astype(int))
    assert batch.mask is not None and len(batch.labels.unique()) == len(data.labels)
    return batch


def test_a_batch_is_split_by_rows(data: Data) -> None:
    whole, parts = some(data), some(data).split(5)
    assert [len(part.labels) for part in parts] == [5, 5, 5, 1]
    for name in ("inputs", "mask", "labels"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
    assert [part.mask for part in points(4).split(2)] == [None, None]


def step(pretrained: Pretrained, data: Data, loss: str, dropout: float) -> Step:
    """Contrastive views differ by a linear map each, and by the encoder's dropout if it has any."""
    torch.manual_seed(0)
    encoder = pretrained_with(pretrained, dropout).build()
    maps = nn.ModuleList([nn.Linear(encoder.width, 8) for _ in range(2)])
    model = nn.ModuleList([encoder, maps[:1] if loss == "cross_entropy" else maps]).train()
    batch = some(data)

    def views(part: Batch) -> Tensor:
        return torch.stack([view(encoder(part)) for view in maps], dim=1)

    def joined(pairs: Tensor) -> Tensor:
        return torch.cat([pairs[:, 0], pairs[:, 1]])

    objectives = {
        "cross_entropy": Objective(lambda part: maps[0](encoder(part)), cross_entropy),
        "supcon": Objective(
            views,
            lambda pairs, labels: supcon(joined(pairs), labels.repeat(2), 0.5),
            logits=None,
        ),
        "nt_xent": Objective(views, lambda pairs, labels: nt_xent(joined(pairs), 0.5), logits=None),
    }
    return Step(model, objectives[loss], batch)


def distance(actual: list[Tensor], expected: list[Tensor]) -> float:
    """Of two gradients, as a fraction of the norm of the expected one."""
    apart, whole = (
        torch.cat([tensor.flatten() for tensor in tensors]) for tensors in (actual, expected)
    )
    return ((apart - whole).norm() / whole.norm()).item()


LOSSES = pytest.mark.parametrize("loss", ["cross_entropy", "supcon", "nt_xent"])


@LOSSES
@pytest.mark.parametrize("size", [1, 3, 5, 8, 15])
def test_a_divided_step_has_the_gradients_of_the_undivided_one(
    size: int, loss: str, pretrained: Pretrained, data: Data
) -> None:
    here = step(pretrained, data, loss, dropout=0.0)
    (whole, expected), (divided, actual) = here.gradients(BATCH), here.gradients(size)
    assert divided == pytest.approx(whole, rel=SUMS)
    assert distance(actual, expected) < SUMS


@LOSSES
def test_an_undivided_step_is_one_forward_and_one_backward(
    loss: str, pretrained: Pretrained, data: Data
) -> None:
    here = step(pretrained, data, loss, dropout=0.2)
    value, gradients = here.gradients(BATCH)
    torch.manual_seed(1)
    here.model.zero_grad()
    by_hand = here.objective.loss(here.objective.forward(here.batch), here.batch.labels)
    by_hand.backward()
    assert value == by_hand.item() and all(map(torch.equal, gradients, here.gradient()))


@LOSSES
def test_with_dropout_the_gradients_are_those_of_the_outputs_that_the_loss_saw(
    loss: str, pretrained: Pretrained, data: Data
) -> None:
    """The oracle keeps the same passes in memory as one graph."""
    here = step(pretrained, data, loss, dropout=0.2)
    value, gradients = here.gradients(5)
    torch.manual_seed(1)
    here.model.zero_grad()
    outputs = torch.cat([here.objective.forward(part) for part in here.batch.split(5)])
    whole = here.objective.loss(outputs, here.batch.labels)
    whole.backward()
    assert value == whole.item()
    assert distance(gradients, here.gradient()) < SUMS


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_second_encoding_repeats_the_first_and_draws_nothing_more(
    precision: Any, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained_with(pretrained, 0.2).build(precision).train()
    outputs: list[Tensor] = []

    def forward(part: Batch) -> Tensor:
        outputs.append(encoder(part))
        return outputs[-1]

    batch = some(data)
    gradients(Objective(forward, lambda z, labels: supcon(z, labels, 0.5)), batch, 5)
    after = torch.get_rng_state()
    first, second = outputs[:4], outputs[4:]
    assert len(second) == 4 and all(map(torch.equal, first, second))
    assert not any(one.requires_grad for one in first) and all(one.requires_grad for one in second)
    gradients(Objective(forward, lambda z, labels: supcon(z, labels, 0.5)), batch, BATCH)
    assert not torch.equal(outputs[-1], torch.cat(first)), "the next step draws other numbers"
    torch.set_rng_state(after)
    assert torch.equal(forward(batch), outputs[-1]), "and they follow the first encoding's"


class Short:
    """A linear model with dropout that runs out of memory with more than `fits` rows, in the
    forward or in the backward pass."""

    def __init__(self, fits: int, breaks: str = "forward") -> None:
        torch.manual_seed(0)
        self.fits = fits
        self.breaks = breaks
        self.failed: list[weakref.ref[Tensor]] = []
        self.model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), nn.Linear(8, 2))
        self.objective = Objective(self.forward, cross_entropy)
        self.passes = Passes(
            self.objective, torch.optim.SGD(self.model.parameters(), lr=0.1), BATCH
        )

    def forward(self, batch: Batch) -> Tensor:
        assert all(tensor() is None for tensor in self.failed), (
            "tensors of a failed pass are still in memory"
        )
        hidden = self.model[:2](batch.inputs)
        if len(batch.labels) > self.fits:
            if self.breaks == "forward":
                self.failed.append(weakref.ref(hidden))
                raise_out_of_memory()
            elif hidden.requires_grad:
                self.failed.append(weakref.ref(hidden))
                hidden.register_hook(raise_out_of_memory)  # by then the last layer has its gradient
        outputs: Tensor = self.model[2](hidden)
        return outputs

    def step(self) -> list[Tensor]:
        torch.manual_seed(1)
        self.passes.backward(points(BATCH))
        return [
            parameter.grad for parameter in self.model.parameters() if parameter.grad is not None
        ]


@pytest.mark.parametrize("breaks", ["forward", "backward"])
def test_a_failed_attempt_leaves_no_trace(breaks: str) -> None:
    """No gradients, random draws or tensors: the step equals one that began with smaller passes."""
    short, small = Short(5, breaks), Short(5)
    small.passes.size = 4
    for _ in range(2):
        assert all(map(torch.equal, short.step(), small.step()))
    assert short.passes.size == 4
    assert len(short.failed) == 2, "16 and 8 are tried only once"


@pytest.mark.parametrize(("fits", "size"), [(16, 16), (15, 8), (7, 4), (3, 2), (1, 1)])
def test_passes_are_halved_until_they_fit(fits: int, size: int) -> None:
    short = Short(fits)
    short.step()
    assert short.passes.size == size


def test_half_of_a_smaller_mini_batch_is_half_of_what_it_has() -> None:
    short = Short(4)
    short.passes.backward(points(5))
    assert short.passes.size == 3 and len(short.failed) == 1


def test_other_errors_are_raised() -> None:
    def forward(batch: Batch) -> Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        Passes(Objective(forward, cross_entropy), Short(1).passes.optimizer, BATCH).backward(
            points(BATCH)
        )


def test_one_sentence_that_does_not_fit_is_an_error() -> None:
    """A row of 2**47 bytes fills a process's whole address space."""
    seen: list[int] = []

    def forward(batch: Batch) -> Tensor:
        seen.append(len(batch.labels))
        return torch.empty(len(batch.labels), 2**47, dtype=torch.uint8)

    passes = Passes(Objective(forward, cross_entropy), Short(1).passes.optimizer, BATCH)
    with pytest.raises(MemoryError, match=r"^out of memory even at one sentence at a time$"):
        passes.backward(points(BATCH))
    assert seen == [16, 8, 4, 2, 1]
