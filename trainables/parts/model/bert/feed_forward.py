"""The feed-forward sublayer and its gradients."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from trainables.parts.model.bert.residual import (
    Arithmetic,
    Saved,
    residual_norm,
    residual_norm_backward,
)


class FeedForward(torch.autograd.Function):
    """Feed-forward network, dropout, residual sum and layer norm: tokens (N, D) -> (N, D).

    Weights: up and down projection and layer norm, each with its bias.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, arithmetic: Arithmetic, *weights: Tensor) -> Tensor:
        low = arithmetic.product_dtype
        wu, bu, wd, bd, wn, bn = weights
        wu, wd = wu.to(low), wd.to(low)
        x = hidden.to(low)
        up = linear(x, wu, bu.to(low))  # (N, F)
        active = gelu(up)
        out = linear(active, wd, bd.to(low))
        normed, saved = residual_norm(out, hidden, wn, bn, arithmetic)
        ctx.arithmetic = arithmetic
        ctx.save_for_backward(x, up, active, *saved, wu, wd, wn, bn)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, up, active, *saved, wu, wd, wn, bn = ctx.saved_tensors
        d_residual, d_out, d_wn, d_bn = residual_norm_backward(
            gradients[0], Saved(*saved), wn, bn, ctx.arithmetic
        )
        d_wd, d_bd = d_out.mT @ active, d_out.sum(dim=0)
        d_up = torch.ops.aten.gelu_backward(d_out @ wd, up)
        d_wu, d_bu = d_up.mT @ x, d_up.sum(dim=0)
        d_hidden = (d_up @ wu).float().add_(d_residual)
        d_weights = (d_wu, d_bu, d_wd, d_bd, d_wn, d_bn)
        return d_hidden, None, *(gradient.float() for gradient in d_weights)
