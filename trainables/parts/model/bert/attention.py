"""The self-attention sublayer and its gradients."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from trainables.parts.model.bert.dropout import dropout_mask, masked
from trainables.parts.model.bert.layout import Layout
from trainables.parts.model.bert.residual import (
    Arithmetic,
    Saved,
    residual_norm,
    residual_norm_backward,
)


class Attention(torch.autograd.Function):
    """Self-attention, dropout, residual sum and layer norm: tokens (N, D) -> (N, D).

    `shape`: whether the result is that of the first tokens only, (B, D); the number of heads; the
    dropout of attention probabilities. Weights: query, key, value and output projection and layer
    norm, each with its bias.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        layout: Layout,
        padding: Tensor | None,
        shape: tuple[bool, int, float],
        arithmetic: Arithmetic,
        *weights: Tensor,
    ) -> Tensor:
        B, T, first, D = layout.sentences, layout.longest, layout.first, hidden.shape[1]
        (only_first, H, dropout), low = shape, arithmetic.product_dtype
        wq, bq, wk, bk, wv, bv, wo, bo, wn, bn = weights
        wq, wkv, wo = wq.to(low), torch.cat([wk, wv]).to(low), wo.to(low)
        x = hidden.to(low)
        queried, residual = (x[first], hidden[first]) if only_first else (x, hidden)
        q = linear(queried, wq, bq.to(low))
        q = q.view(B, 1, D) if only_first else layout.grid(q)
        q = q.view(B, -1, H, D // H).transpose(1, 2).float()  # (B, H, R, d)
        q = q.mul_((D // H) ** -0.5).contiguous()
        kv = layout.grid(linear(x, wkv, torch.cat([bk, bv]).to(low))).view(B, T, 2, H, -1)
        k, v = kv.permute(2, 0, 3, 1, 4).float().contiguous()  # (B, H, T, d)
        scores = q @ k.mT  # (B, H, R, T)
        if padding is not None:
            scores.masked_fill_(padding, -torch.inf)
        # softmax in place
        probabilities = scores.sub_(scores.amax(dim=-1, keepdim=True)).exp_()
        probabilities.div_(probabilities.sum(dim=-1, keepdim=True))
        mask = dropout_mask(probabilities.shape, dropout)
        dropped = masked(probabilities, mask)
        context = (dropped @ v).transpose(1, 2).to(low)  # (B, R, H, d)
        context = context.reshape(B, D) if only_first else layout.rows(context)
        out = linear(context, wo, bo.to(low))
        normed, saved = residual_norm(out, residual, wn, bn, arithmetic)
        ctx.layout, ctx.only_first, ctx.heads, ctx.arithmetic = layout, only_first, H, arithmetic
        ctx.save_for_backward(
            x, queried, q, k, v, probabilities, mask, dropped, context, *saved, wq, wkv, wo, wn, bn
        )
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, queried, q, k, v, probabilities, mask, dropped, context, *saved, wq, wkv, wo, wn, bn = (
            ctx.saved_tensors
        )
        layout, only_first, H, D = ctx.layout, ctx.only_first, ctx.heads, x.shape[1]
        B, low = layout.sentences, ctx.arithmetic.product_dtype
        d_residual, d_out, d_wn, d_bn = residual_norm_backward(
            gradients[0], Saved(*saved), wn, bn, ctx.arithmetic
        )
        d_wo, d_bo = d_out.mT @ context, d_out.sum(dim=0)
        d_context = d_out @ wo
        d_context = d_context.view(B, 1, D) if only_first else layout.grid(d_context)
        d_context = d_context.view(B, -1, H, D // H).transpose(1, 2)  # (B, H, R, d)
        d_context = d_context.float().contiguous()
        d_v = dropped.mT @ d_context
        d_probabilities = masked(d_context @ v.mT, mask)
        dot = (d_probabilities * probabilities).sum(dim=-1, keepdim=True)
        d_scores = d_probabilities.sub_(dot).mul_(probabilities)
        d_k = d_scores.mT @ q  # q is scaled
        d_q = (d_scores @ k).mul_((D // H) ** -0.5).transpose(1, 2).to(low)  # (B, R, H, d)
        d_q = d_q.reshape(B, D) if only_first else layout.rows(d_q)
        d_kv = layout.rows(torch.stack([d_k, d_v]).permute(1, 3, 0, 2, 4).to(low))  # (N, 2 D)
        d_wq, d_bq = d_q.mT @ queried, d_q.sum(dim=0)
        (d_wk, d_wv), (d_bk, d_bv) = (d_kv.mT @ x).split(D), d_kv.sum(dim=0).split(D)
        d_hidden = (d_kv @ wkv).float()
        d_queried = (d_q @ wq).float().add_(d_residual)
        if only_first:
            d_hidden.index_add_(0, layout.first, d_queried)
        else:
            d_hidden.add_(d_queried)
        d_weights = (d_wq, d_bq, d_wk, d_bk, d_wv, d_bv, d_wo, d_bo, d_wn, d_bn)
        return d_hidden, None, None, None, None, *(gradient.float() for gradient in d_weights)
