"""A run that is short of memory has the curve of one that is not."""

import resource
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch import nn

import trainables
from tests.trainables.parts.training.short_memory import (
    BATCH,
    SUMS,
    pretrained_with,
    raise_out_of_memory,
)
from tests.trainables.runs import few
from trainables.parts.data.tokens import Data, Tokens
from trainables.parts.model import loading
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained

TRAINED = [
    name for name in trainables.names() if "optimizer" in trainables.load(name).Config().to_dict()
]


def ways(regime: str) -> tuple[str, ...]:
    """How a contrastive regime can make views."""
    return get_args(get_type_hints(trainables.load(regime).Config).get("views")) or ("",)


KINDS = [(name, way) for name in TRAINED for way in ways(name)]
"""Regimes that train; contrastive ones once for each way to make views."""


@pytest.fixture
def room() -> Iterator[Callable[[int], None]]:
    """A function that limits the sentences that fit into memory in training: dropout fails for
    more."""
    fits = sys.maxsize

    def check(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, nn.Dropout) and module.training and len(inputs[0]) > fits:
            raise_out_of_memory()

    def set_room(sentences: int) -> None:
        nonlocal fits
        fits = sentences

    handle = nn.modules.module.register_module_forward_pre_hook(check)
    yield set_room
    handle.remove()


def train(regime: str, encoder: Encoder, data: Data, **values: Any) -> list[dict[str, Any]]:
    """The epochs of a short run without dropout, and without other random choices in a view."""
    kind = trainables.load(regime).Config
    values = {
        "dropout": 0.0,
        "batch_size": BATCH,
        "head_epochs": 2,
        "classifier": "gradient",
        "learning_rate": 1e-3,
        "momentum": 0.0,
        "shortest_span": 1.0,
        "word_dropout": 0.0,
        **values,
    }
    config = kind.from_dict(
        {field.name: values[field.name] for field in fields(kind) if field.name in values}
    )
    return [
        epoch.to_dict()
        for epoch in trainables.load(regime).train(config, data, encoder, epochs=2, seed=0)
    ]


def same_curve(
    actual: list[dict[str, Any]], expected: list[dict[str, Any]], sentences: int
) -> None:
    """Losses agree to the precision of sums; accuracies to one sentence, as ties may be broken
    differently."""
    assert len(actual) == len(expected)
    for epoch, other in zip(actual, expected, strict=True):
        for name in set(epoch) - {"seconds", "micro_batch"}:
            if "accuracy" in name and epoch[name] is not None:
                assert epoch[name] == pytest.approx(other[name], abs=1.001 / sentences), name
            elif isinstance(epoch[name], float):
                assert epoch[name] == pytest.approx(other[name], rel=SUMS), name
            else:
                assert epoch[name] == other[name], name


@pytest.mark.parametrize(("regime", "views"), KINDS)
def test_a_divided_run_has_the_undivided_ones_curve(
    regime: str, views: str, room: Callable[[int], None], pretrained: Pretrained, data: Data
) -> None:
    pretrained, data = pretrained_with(pretrained, 0.0), few(data)
    whole = train(regime, pretrained.build(), data, views=views)
    room(5)
    divided = train(regime, pretrained.build(), data, views=views)
    assert {epoch["micro_batch"] for epoch in whole} == {BATCH}
    # 2 if both views of a sentence go through dropout at once
    assert {epoch["micro_batch"] for epoch in divided} <= {2, 4}
    same_curve(divided, whole, len(data.validation))


LONG, VALIDATED, SPARE = 512, 32, 20 * 2**20
"""Sentences of 64 tokens in the only mini-batch, which needs more than 80 MiB undivided and less
than 10 MiB in quarters; sentences of the validation split; bytes of memory available."""


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
    same_curve(limited, whole, VALIDATED)


def train_in(regime: str, folder: Path, spare: int | None = None) -> list[dict[str, Any]]:
    """A run on one large mini-batch, with `spare` bytes of memory for training."""
    torch.set_num_threads(1)
    pretrained = pretrained_with(loading.load(str(folder)), 0.0)
    random = np.random.default_rng(0)

    def sentences(count: int) -> Tokens:
        ids = random.integers(5, pretrained.config.vocab_size, count * 64, dtype=np.int32)
        return Tokens(ids, np.arange(count + 1) * 64, random.integers(0, 4, count), 0)

    data, small = (
        Data(sentences(count), sentences(VALIDATED), ("a", "b", "c", "d")) for count in (LONG, 8)
    )
    train(regime, pretrained.build(), small)  # allocates what is allocated only once
    if spare is not None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + spare, used + spare))
    return train(regime, pretrained.build(), data, batch_size=LONG, head_epochs=1)
