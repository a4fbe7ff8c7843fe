"""Where the real tokens of a mini-batch lie in its padded grid."""

from typing import NamedTuple

import torch
from torch import Tensor

from trainables.parts.data.tokens import Batch


class Layout(NamedTuple):
    """Conversion between the grid (B, T) of a mini-batch and its N real tokens.

    Only attention needs the grid.
    """

    sentences: int
    longest: int
    real: Tensor | None
    """Positions of the real tokens in the flat grid (B T,), sentence by sentence, (N,); None if
    there is no padding."""
    first: Tensor
    """Which of the N tokens are the first of their sentences, (B,)."""

    @classmethod
    def of(cls, batch: Batch) -> "Layout":
        """The layout of a mini-batch."""
        B, T = batch.inputs.shape
        if batch.mask is None:
            return cls(B, T, None, torch.arange(0, B * T, T))
        lengths = batch.mask.sum(dim=1)
        return cls(B, T, batch.mask.flatten().nonzero()[:, 0], lengths.cumsum(dim=0) - lengths)

    def grid(self, rows: Tensor) -> Tensor:
        """Tokens (N, C) to the grid (B, T, C), with zeros for padding."""
        if self.real is not None:
            zeros = rows.new_zeros(self.sentences * self.longest, rows.shape[1])
            rows = zeros.index_copy_(0, self.real, rows)
        return rows.view(self.sentences, self.longest, -1)

    def rows(self, grid: Tensor) -> Tensor:
        """The grid (B, T, ...) to tokens (N, C)."""
        flat = grid.reshape(self.sentences * self.longest, -1)
        return flat if self.real is None else flat.index_select(0, self.real)
