"""Short of memory, a step is divided and its gradients stay what they were; what is not finite
never reaches the weights."""

import copy
import resource
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import trainables
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Batch, Data, Features, Tokens
from trainables.parts.memory import cuda_is_lost
from trainables.parts.memory import out_of_memory as is_out_of_memory
from trainables.parts.model import loading
from trainables.parts.model.classifier import vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.losses import nt_xent, supcon
from trainables.parts.training.step import Objective, Passes, gradients

TRAINED = [name for name in trainables.names() if name != "untuned"]
WAYS = ("head_dropout", "encoder_dropout")
KINDS = [
    (name, way)
    for name in TRAINED
    for way in WAYS
    if way == WAYS[0] or "views" in trainables.load(name).Config().to_dict()
]
"""Regimes that train; those with views are there with each way to make them."""
BATCH = 16
SUMS = 1e-5
"""float32 keeps seven digits (2**-24 is 6e-8); sums of some thousand terms in another order lose
one or two of them."""


# The gradients of one step


@dataclass(frozen=True)
class Step:
    """A model with what it minimises, and a mini-batch of 16 sentences of unlike lengths."""

    model: nn.ModuleList
    objective: Objective
    batch: Batch

    def gradients(self, size: int) -> tuple[float, list[Tensor]]:
        """Loss and gradients of a step in passes of `size`, from the same random state every
        time."""
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


def pretrained_with(pretrained: Pretrained, dropout: float) -> Pretrained:
    config = copy.deepcopy(pretrained.config)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    return replace(pretrained, config=config)


def some(data: Data) -> Batch:
    """16 sentences of all labels and of unlike lengths."""
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
    """Contrastive views differ by two maps of their own, and by two passes through the encoder
    where it has dropout."""
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
            predicts=False,
        ),
        "nt_xent": Objective(
            views, lambda pairs, labels: nt_xent(joined(pairs), 0.5), predicts=False
        ),
    }
    return Step(model, objectives[loss], batch)


def distance(found: list[Tensor], expected: list[Tensor]) -> float:
    """Of two gradients, as a share of the length of the expected one."""
    apart, whole = (
        torch.cat([tensor.flatten() for tensor in tensors]) for tensors in (found, expected)
    )
    return ((apart - whole).norm() / whole.norm()).item()


LOSSES = pytest.mark.parametrize("loss", ["cross_entropy", "supcon", "nt_xent"])


@LOSSES
@pytest.mark.parametrize("size", [1, 3, 5, 8, 15])
def test_a_divided_step_has_the_gradients_of_the_undivided_one(
    size: int, loss: str, pretrained: Pretrained, data: Data
) -> None:
    here = step(pretrained, data, loss, dropout=0.0)
    (whole, expected), (divided, found) = here.gradients(BATCH), here.gradients(size)
    assert divided == pytest.approx(whole, rel=SUMS)
    assert distance(found, expected) < SUMS


@LOSSES
def test_an_undivided_step_is_one_forward_and_one_backward(
    loss: str, pretrained: Pretrained, data: Data
) -> None:
    here = step(pretrained, data, loss, dropout=0.2)
    value, found = here.gradients(BATCH)
    torch.manual_seed(1)
    here.model.zero_grad()
    by_hand = here.objective.loss(here.objective.forward(here.batch), here.batch.labels)
    by_hand.backward()
    assert value == by_hand.item() and all(map(torch.equal, found, here.gradient()))


@LOSSES
def test_with_dropout_the_gradients_are_those_of_the_outputs_that_the_loss_saw(
    loss: str, pretrained: Pretrained, data: Data
) -> None:
    """The slow way is the oracle: the same passes in the same order, all of them held in memory as
    one graph."""
    here = step(pretrained, data, loss, dropout=0.2)
    value, found = here.gradients(5)
    torch.manual_seed(1)
    here.model.zero_grad()
    outputs = torch.cat([here.objective.forward(part) for part in here.batch.split(5)])
    whole = here.objective.loss(outputs, here.batch.labels)
    whole.backward()
    assert value == whole.item()
    assert distance(found, here.gradient()) < SUMS


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


# Running out of memory


class Short:
    """A linear model with dropout that fits `fits` rows, and breaks in the forward or in the
    backward pass of more."""

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
        assert all(tensor() is None for tensor in self.failed), "what failed still lies in memory"
        hidden = self.model[:2](batch.inputs)
        if len(batch.labels) > self.fits:
            if self.breaks == "forward":
                self.failed.append(weakref.ref(hidden))
                out_of_memory()
            elif hidden.requires_grad:
                self.failed.append(weakref.ref(hidden))
                hidden.register_hook(out_of_memory)  # by then the last layer has its gradient
        outputs: Tensor = self.model[2](hidden)
        return outputs

    def step(self) -> list[Tensor]:
        torch.manual_seed(1)
        self.passes.backward(points(BATCH))
        return [
            parameter.grad for parameter in self.model.parameters() if parameter.grad is not None
        ]


def out_of_memory(_: Tensor | None = None) -> None:
    raise torch.OutOfMemoryError("as raised on a GPU")


def points(count: int) -> Batch:
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    return Batch(x, None, (x[:, 0] > 0).long())


@pytest.mark.parametrize("breaks", ["forward", "backward"])
def test_a_failed_attempt_leaves_no_trace(breaks: str) -> None:
    """Neither gradients nor random draws nor tensors: the step is that of a run that began with the
    smaller passes."""
    short, small = Short(5, breaks), Short(5)
    small.passes.size = 4
    for _ in range(2):
        assert all(map(torch.equal, short.step(), small.step()))
    assert short.passes.size == 4
    assert len(short.failed) == 2, "16 and 8 are tried once, and then no more"


@pytest.mark.parametrize(("fits", "size"), [(16, 16), (15, 8), (7, 4), (3, 2), (1, 1)])
def test_passes_are_halved_until_they_fit(fits: int, size: int) -> None:
    short = Short(fits)
    short.step()
    assert short.passes.size == size


def test_half_of_a_smaller_mini_batch_is_half_of_what_it_has() -> None:
    short = Short(4)
    short.passes.backward(points(5))
    assert short.passes.size == 3 and len(short.failed) == 1


def test_other_errors_are_not_taken_for_it() -> None:
    def forward(batch: Batch) -> Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        Passes(Objective(forward, cross_entropy), Short(1).passes.optimizer, BATCH).backward(
            points(BATCH)
        )


def test_one_sentence_that_does_not_fit_is_an_error() -> None:
    """A row of 2**47 bytes is all the addresses that a process has: no machine can give it."""
    seen: list[int] = []

    def forward(batch: Batch) -> Tensor:
        seen.append(len(batch.labels))
        return torch.empty(len(batch.labels), 2**47, dtype=torch.uint8)

    passes = Passes(Objective(forward, cross_entropy), Short(1).passes.optimizer, BATCH)
    with pytest.raises(MemoryError, match=r"^out of memory even at one sentence at a time$"):
        passes.backward(points(BATCH))
    assert seen == [16, 8, 4, 2, 1]


# Evaluation


@pytest.mark.parametrize("fits", [1, 3, 7])
def test_evaluation_is_divided_where_memory_is_short(
    fits: int, pretrained: Pretrained, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = pretrained.build()
    whole, forward, sizes = vectors(encoder, data.validation), Encoder.forward, list[int]()

    def short(self: Encoder, batch: Batch) -> Tensor:
        sizes.append(len(batch.labels))
        if len(batch.labels) > fits:
            out_of_memory()
        return forward(self, batch)

    monkeypatch.setattr(Encoder, "forward", short)
    assert torch.allclose(vectors(encoder, data.validation), whole, atol=1e-5)
    assert max(sizes) > fits and sum(size for size in sizes if size <= fits) == len(data.validation)


def test_evaluation_that_breaks_otherwise_is_not_tried_again(
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
def test_what_ends_cuda_in_a_process_is_told_from_what_is_short_of_memory(
    error: Exception, lost: bool, memory: bool
) -> None:
    assert (cuda_is_lost(error), is_out_of_memory(error)) == (lost, memory)


# Whole runs


@pytest.fixture
def room() -> Iterator[Callable[[int], None]]:
    """A way to say how many sentences fit into memory while training: more than that, and their
    dropout fails."""
    fits = sys.maxsize

    def check(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, nn.Dropout) and module.training and len(inputs[0]) > fits:
            out_of_memory()

    def set_room(sentences: int) -> None:
        nonlocal fits
        fits = sentences

    handle = nn.modules.module.register_module_forward_pre_hook(check)
    yield set_room
    handle.remove()


def train(regime: str, encoder: Encoder, data: Data, **values: Any) -> list[dict[str, Any]]:
    """The epochs of a short run without dropout."""
    kind = trainables.load(regime).Config
    values = {
        "dropout": 0.0,
        "batch_size": BATCH,
        "head_epochs": 2,
        "learning_rate": 1e-3,
        "momentum": 0.0,
        **values,
    }
    config = kind.from_dict(
        {field.name: values[field.name] for field in fields(kind) if field.name in values}
    )
    return [
        epoch.to_dict()
        for epoch in trainables.load(regime).train(config, data, encoder, epochs=2, seed=0)
    ]


def same_curve(found: list[dict[str, Any]], expected: list[dict[str, Any]], sentences: int) -> None:
    """Losses to the digits that sums have; accuracies to one of so many sentences, for a tie may be
    broken otherwise."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in set(one) - {"seconds", "micro_batch"}:
            if "accuracy" in name and one[name] is not None:
                assert one[name] == pytest.approx(other[name], abs=1.001 / sentences), name
            elif isinstance(one[name], float):
                assert one[name] == pytest.approx(other[name], rel=SUMS), name
            else:
                assert one[name] == other[name], name


@pytest.mark.parametrize(("regime", "views"), KINDS)
def test_a_divided_run_has_the_undivided_ones_curve(
    regime: str, views: str, room: Callable[[int], None], pretrained: Pretrained, data: Data
) -> None:
    pretrained = pretrained_with(pretrained, 0.0)
    whole = train(regime, pretrained.build(), data, views=views)
    room(5)
    divided = train(regime, pretrained.build(), data, views=views)
    assert {epoch["micro_batch"] for epoch in whole} == {BATCH}
    assert {epoch["micro_batch"] for epoch in divided} <= {
        2,
        4,
    }, "2 where both views of a sentence are dropped out at once"
    same_curve(divided, whole, len(data.validation))


LONG, JUDGES, SPARE = 512, 32, 20 * 2**20
"""Sentences of 64 tokens in the one mini-batch, which needs more than 80 MiB undivided and less
than 10 MiB in quarters; sentences of the validation split; bytes that there are."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit on a process's memory is Linux's")
@pytest.mark.parametrize("regime", ["baseline", "supcon"])
def test_a_process_that_really_runs_out_of_memory_has_the_curve_of_one_that_does_not(
    regime: str, model_folder: Path
) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        limited = pool.submit(train_in, regime, model_folder, SPARE).result()
    whole = train_in(regime, model_folder)
    assert whole[0]["micro_batch"] == LONG and limited[0]["micro_batch"] < LONG
    same_curve(limited, whole, JUDGES)


def train_in(regime: str, folder: Path, spare: int | None = None) -> list[dict[str, Any]]:
    """A run on one large mini-batch in which the process may take `spare` more bytes than it had
    before training."""
    torch.set_num_threads(1)
    pretrained = pretrained_with(loading.load(str(folder)), 0.0)
    random = np.random.default_rng(0)

    def sentences(count: int) -> Tokens:
        ids = random.integers(5, pretrained.config.vocab_size, count * 64, dtype=np.int32)
        return Tokens(ids, np.arange(count + 1) * 64, random.integers(0, 4, count), 0)

    data, small = (
        Data(sentences(count), sentences(JUDGES), ("a", "b", "c", "d")) for count in (LONG, 8)
    )
    train(regime, pretrained.build(), small)  # what is loaded or allocated once is not a step's
    if spare is not None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + spare, used + spare))
    return train(regime, pretrained.build(), data, batch_size=LONG, head_epochs=1)


# What is not finite


def not_finite(
    forward: Callable[[Tensor], Tensor], loss: Callable[[Tensor], Tensor], **values: Any
) -> tuple[nn.Linear, str]:
    """The model after a run that a number ended, and what was said.

    The loop's mini-batch is of four points, the model linear.
    """
    torch.manual_seed(0)
    model = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(model.weight)
    x = points(4)
    training = fit(
        model,
        Training(optimizer="sgd", weight_decay=0.0, **values),
        [{"params": list(model.parameters()), "lr": 0.1}],
        MiniBatches(Features(x.inputs, x.labels), 4, 0),
        Objective(
            lambda batch: forward(model(batch.inputs)), lambda outputs, labels: loss(outputs)
        ),
        lambda: 0.5,
        stage="x",
        epochs=2,
        done=3,
    )
    with pytest.raises(FloatingPointError) as error:
        list(training)
    return model, str(error.value)


@pytest.mark.parametrize("max_grad_norm", [None, 1.0])
def test_a_gradient_that_is_not_finite_ends_the_run_before_it_reaches_the_weights(
    max_grad_norm: float | None,
) -> None:
    """The root of 0 is 0, its slope is not finite."""
    model, reason = not_finite(lambda z: z.abs().sqrt(), Tensor.sum, max_grad_norm=max_grad_norm)
    assert reason == "the gradient's norm became nan in epoch 4"
    assert torch.equal(model.weight, torch.zeros(2, 2))


def test_so_does_one_whose_norm_is_more_than_float32_holds() -> None:
    """Each component is finite here, but no optimiser could square it."""
    model, reason = not_finite(lambda z: z * 1e30, lambda z: z[:, 0].sum())
    assert reason == "the gradient's norm became inf in epoch 4"
    assert torch.equal(model.weight, torch.zeros(2, 2))


def test_a_loss_that_is_not_finite_ends_the_run_before_it_reaches_the_weights() -> None:
    model, reason = not_finite(lambda z: z, lambda z: z.sum() - torch.inf)
    assert reason == "the loss became -inf in epoch 4"
    assert torch.equal(model.weight, torch.zeros(2, 2))
