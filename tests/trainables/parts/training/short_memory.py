"""Mini-batches, models and errors for the tests of short memory."""

import copy
from dataclasses import replace

import torch
from torch import Tensor

from trainables.parts.data.tokens import Batch
from trainables.parts.model.pretrained import Pretrained

BATCH = 16

SUMS = 1e-5
"""Relative tolerance: float32 keeps seven digits (2**-24 is 6e-8), and sums of some thousand terms
in another order lose one or two of them."""


def pretrained_with(pretrained: Pretrained, dropout: float) -> Pretrained:
    config = copy.deepcopy(pretrained.config)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    return replace(pretrained, config=config)


def raise_out_of_memory(_: Tensor | None = None) -> None:
    raise torch.OutOfMemoryError("as raised on a GPU")


def points(count: int) -> Batch:
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    return Batch(x, None, (x[:, 0] > 0).long())
