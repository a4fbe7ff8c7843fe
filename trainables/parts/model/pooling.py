"""How the last hidden state of a sentence's tokens becomes the sentence's vector."""

from typing import Literal, get_args

from torch import Tensor

Pooling = Literal["cls", "mean"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


def pool(hidden: Tensor, mask: Tensor | None, pooling: Pooling) -> Tensor:
    """Hidden states (B, T, D) to sentence vectors (B, D): the first token's, or the tokens' mean.

    `mask` (B, T) is 1 for a real token; None if all are. The mean is over real tokens, [CLS] and
    [SEP] included, as in https://arxiv.org/abs/1908.10084.
    """
    if pooling == "cls":
        return hidden[:, 0]
    if mask is None:
        return hidden.mean(dim=1)
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
