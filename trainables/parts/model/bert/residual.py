"""The end of every sublayer: dropout, residual sum and layer norm."""

from typing import NamedTuple

import torch
from torch import Tensor

from trainables.parts.model.bert.dropout import dropout_mask, masked


class Arithmetic(NamedTuple):
    """How a sublayer computes."""

    product_dtype: torch.dtype
    """Of the matrix products."""
    dropout: float
    """Probability that a unit of the sublayer's result is zeroed."""
    epsilon: float
    """Of the layer norm."""


class Saved(NamedTuple):
    """What `residual_norm_backward` needs of the forward pass."""

    total: Tensor
    mean: Tensor
    scale: Tensor
    mask: Tensor | None


def residual_norm(
    out: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, arithmetic: Arithmetic
) -> tuple[Tensor, Saved]:
    """Layer norm of the residual plus the sublayer's output after dropout.

    All are (rows, D); the result and the residual are float32.
    """
    mask = dropout_mask(out.shape, arithmetic.dropout)
    total = residual + out if mask is None else torch.addcmul(residual, out.float(), mask)
    normed, mean, scale = torch.native_layer_norm(
        total, total.shape[1:], weight, bias, arithmetic.epsilon
    )
    return normed, Saved(total, mean, scale, mask)


def residual_norm_backward(
    gradient: Tensor, saved: Saved, weight: Tensor, bias: Tensor, arithmetic: Arithmetic
) -> tuple[Tensor, ...]:
    """Gradients of the residual (float32), the sublayer's output, the weight and the bias."""
    d_total, d_weight, d_bias = torch.ops.aten.native_layer_norm_backward(
        gradient,
        saved.total,
        saved.total.shape[1:],
        saved.mean,
        saved.scale,
        weight,
        bias,
        [True, True, True],
    )
    d_out = masked(d_total, saved.mask).to(arithmetic.product_dtype)
    return d_total, d_out, d_weight, d_bias
