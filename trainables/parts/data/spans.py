"""Random spans of sentences: two of them are two views of one sentence."""

import torch
from torch import Tensor

from trainables.parts.data.tokens import Batch


def random_spans(batch: Batch, shortest: float, word_dropout: float) -> Batch:
    """A random span of each sentence's tokens, without some tokens of it, as a batch (B, T').

    The span has a random fraction of the tokens, at least `shortest`, and begins anywhere. Of its
    tokens, each is left out with probability `word_dropout`; a view that would lose all keeps the
    span. The first and the last token of the sentence always stay: [CLS] and [SEP]. Draws from
    torch's global generator.
    """
    B, T = batch.inputs.shape
    device = batch.inputs.device
    lengths = torch.full((B,), T, device=device) if batch.mask is None else batch.mask.sum(dim=1)
    inner = (lengths - 2).clamp(min=0)  # (B,)
    fraction = shortest + (1 - shortest) * torch.rand(B, device=device)
    size = (fraction * inner).ceil().long().clamp(min=1)
    start = 1 + (torch.rand(B, device=device) * (inner - size + 1)).long()
    place = torch.arange(T, device=device)
    span = (place >= start[:, None]) & (place < (start + size)[:, None])  # (B, T)
    keep = span & (torch.rand(B, T, device=device) >= word_dropout)
    keep = torch.where(keep.any(dim=1, keepdim=True), keep, span)
    ends = (place == 0) | (place == lengths[:, None] - 1)
    return _only(batch, (keep | ends) & (place < lengths[:, None]))


def _only(batch: Batch, keep: Tensor) -> Batch:
    """The tokens `keep` (B, T) of each sentence, moved to the left."""
    counts = keep.sum(dim=1)
    longest = int(counts.max())
    order = (~keep).int().argsort(dim=1, stable=True)[:, :longest]
    real = torch.arange(longest, device=keep.device) < counts[:, None]  # (B, T')
    mask = None if bool(real.all()) else real.long()
    return Batch(batch.inputs.gather(1, order), mask, batch.labels)
