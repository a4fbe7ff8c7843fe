"""BERT's layers in few, large operators with a backward of their own: most of a short sentence's
step is what stands between the products.

The mathematics is transformers' `BertModel`, dropout included (https://arxiv.org/abs/1810.04805:
norms after the sums, exact GELU). The top layer answers for the first token only; nothing else of
it is read.

Padding costs nothing but in attention: all else works on the N real tokens of a mini-batch, so
sentences need not be sorted by length.

Shape letters: N tokens, B sentences, T tokens of the longest, R tokens of a sentence that a layer
answers for (T, but 1 in the top layer), D width, H heads of d = D / H components, F width of the
feed-forward network.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from transformers import PreTrainedModel

from trainables.parts.data.tokens import Batch

LAYERS = ("BertLayer", "RobertaLayer", "XLMRobertaLayer", "CamembertLayer")
"""Classes of transformers' with one and the same mathematics."""


def supports(transformer: PreTrainedModel) -> bool:
    """Whether a model's layers are BERT's, so that `first_tokens` gives what its own forward
    gives."""
    config, layers = transformer.config, getattr(getattr(transformer, "encoder", None), "layer", ())
    return (
        len(layers) > 0
        and all(type(layer).__name__ in LAYERS for layer in layers)
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


class Layout(NamedTuple):
    """Where the N real tokens of a mini-batch lie in its grid (B, T).

    Only attention needs the grid; all else works on tokens alone.
    """

    sentences: int
    longest: int
    real: Tensor | None
    """Places in the flat grid (B T,) of the real tokens, (N,), a sentence after the other; None
    where the whole grid is real."""
    first: Tensor
    """Which of the N tokens are the first ones of their sentences, (B,)."""

    @classmethod
    def of(cls, batch: Batch) -> "Layout":
        """The layout of a mini-batch."""
        B, T = batch.inputs.shape
        if batch.mask is None:
            return cls(B, T, None, torch.arange(0, B * T, T))
        lengths = batch.mask.sum(dim=1)
        return cls(B, T, batch.mask.flatten().nonzero()[:, 0], lengths.cumsum(dim=0) - lengths)

    def grid(self, rows: Tensor) -> Tensor:
        """Tokens (N, C) in the grid (B, T, C), zeros where none is."""
        if self.real is not None:
            rows = rows.new_zeros(self.sentences * self.longest, rows.shape[1]).index_copy_(
                0, self.real, rows
            )
        return rows.view(self.sentences, self.longest, -1)

    def rows(self, grid: Tensor) -> Tensor:
        """The tokens (N, C) of a grid (B, T, ...)."""
        flat = grid.reshape(self.sentences * self.longest, -1)
        return flat if self.real is None else flat.index_select(0, self.real)


class Arithmetic(NamedTuple):
    """How a sublayer computes: the type of its matrix products, the dropout of its result, the
    norm's epsilon."""

    products: torch.dtype
    dropout: float
    epsilon: float


def first_tokens(transformer: Any, batch: Batch, products: torch.dtype) -> Tensor:
    """The first token's vector of the last hidden state, (B, D) float32; matrix products are taken
    in `products`."""
    config, layers = transformer.config, transformer.encoder.layer
    dropout, attention_dropout = config.hidden_dropout_prob, config.attention_probs_dropout_prob
    if not transformer.training:
        dropout = attention_dropout = 0.0
    arithmetic = Arithmetic(products, dropout, config.layer_norm_eps)
    layout = Layout.of(batch)
    padding = None if batch.mask is None else batch.mask[:, None, None, :] == 0  # (B, 1, 1, T)
    hidden: Tensor = layout.rows(transformer.embeddings(input_ids=batch.inputs))  # (N, D)
    for layer in layers:
        top = layer is layers[-1]
        heads, out = layer.attention.self, layer.attention.output
        attention = (heads.query, heads.key, heads.value, out.dense, out.LayerNorm)
        shape = (top, config.num_attention_heads, attention_dropout)
        hidden = _Attention.apply(
            hidden, layout, padding, shape, arithmetic, *_parameters(attention)
        )
        network = (layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
        hidden = _Network.apply(hidden, arithmetic, *_parameters(network))
    return hidden


def _parameters(modules: tuple[nn.Module, ...]) -> list[Any]:
    return [parameter for module in modules for parameter in (module.weight, module.bias)]


def mask(shape: torch.Size, dropout: float) -> Tensor | None:
    """What dropout multiplies with: 0 with probability `dropout` (to 2^-17), else 1 / (1 -
    `dropout`); None: nothing is dropped.

    Drawn from torch's global generator, four units from each 64-bit number: torch's own draws 53
    bits a unit, and takes six times as long.
    """
    if dropout == 0:
        return None
    units = math.prod(shape)
    bits = torch.empty(-(-units // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = bits.view(torch.int16)[:units].float().ge_(round(dropout * 2**16) - 2**15)
    return kept.mul_(1 / max(1 - dropout, 2**-17)).view(shape)


def masked(x: Tensor, by: Tensor | None) -> Tensor:
    """Dropout of `x`, float32; as well as its backward."""
    return x if by is None else x * by


class Normed(NamedTuple):
    """What the backward of `norm` needs."""

    sum: Tensor
    mean: Tensor
    scale: Tensor
    mask: Tensor | None


def norm(
    out: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, arithmetic: Arithmetic
) -> tuple[Tensor, Normed]:
    """The norm of a residual and what a sublayer adds to it, after dropout: all (rows, D), the
    result and the residual float32."""
    by = mask(out.shape, arithmetic.dropout)
    total = residual + out if by is None else torch.addcmul(residual, out.float(), by)
    normed, mean, scale = torch.native_layer_norm(
        total, total.shape[1:], weight, bias, arithmetic.epsilon
    )
    return normed, Normed(total, mean, scale, by)


def norm_backward(
    gradient: Tensor, saved: Normed, weight: Tensor, bias: Tensor, arithmetic: Arithmetic
) -> tuple[Tensor, ...]:
    """Gradients of the residual (float32), of what was added to it, of the weight and of the
    bias."""
    total, d_weight, d_bias = torch.ops.aten.native_layer_norm_backward(
        gradient,
        saved.sum,
        saved.sum.shape[1:],
        saved.mean,
        saved.scale,
        weight,
        bias,
        [True, True, True],
    )
    return total, masked(total, saved.mask).to(arithmetic.products), d_weight, d_bias


class _Attention(torch.autograd.Function):
    """Self-attention, dropout, residual sum and norm: tokens (N, D) -> (N, D), or (B, D), the first
    tokens', in the top layer."""

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
        (top, H, dropout), low = shape, arithmetic.products
        wq, bq, wk, bk, wv, bv, wo, bo, wn, bn = weights
        wq, wkv, wo = wq.to(low), torch.cat([wk, wv]).to(low), wo.to(low)
        x = hidden.to(low)
        asked, residual = (x[first], hidden[first]) if top else (x, hidden)
        q = linear(asked, wq, bq.to(low))
        q = q.view(B, 1, D) if top else layout.grid(q)
        q = (
            q.view(B, -1, H, D // H).transpose(1, 2).float().mul_((D // H) ** -0.5).contiguous()
        )  # (B, H, R, d)
        kv = layout.grid(linear(x, wkv, torch.cat([bk, bv]).to(low))).view(B, T, 2, H, -1)
        k, v = kv.permute(2, 0, 3, 1, 4).float().contiguous()  # (B, H, T, d)
        scores = q @ k.mT  # (B, H, R, T)
        if padding is not None:
            scores.masked_fill_(padding, -torch.inf)
        share = scores.sub_(scores.amax(dim=-1, keepdim=True)).exp_()
        share.div_(share.sum(dim=-1, keepdim=True))
        by = mask(share.shape, dropout)
        dropped = masked(share, by)
        context = (dropped @ v).transpose(1, 2).to(low)  # (B, R, H, d)
        context = context.reshape(B, D) if top else layout.rows(context)
        normed, saved = norm(linear(context, wo, bo.to(low)), residual, wn, bn, arithmetic)
        ctx.layout, ctx.top, ctx.heads, ctx.arithmetic = layout, top, H, arithmetic
        ctx.save_for_backward(
            x, asked, q, k, v, share, by, dropped, context, *saved, wq, wkv, wo, wn, bn
        )
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, asked, q, k, v, share, by, dropped, context, *saved, wq, wkv, wo, wn, bn = (
            ctx.saved_tensors
        )
        layout, top, H, D = ctx.layout, ctx.top, ctx.heads, x.shape[1]
        B = layout.sentences
        low = ctx.arithmetic.products
        d_residual, d_out, d_wn, d_bn = norm_backward(
            gradients[0], Normed(*saved), wn, bn, ctx.arithmetic
        )
        d_wo, d_bo = d_out.mT @ context, d_out.sum(dim=0)
        d_context = d_out @ wo
        d_context = d_context.view(B, 1, D) if top else layout.grid(d_context)
        d_context = (
            d_context.view(B, -1, H, D // H).transpose(1, 2).float().contiguous()
        )  # (B, H, R, d)
        d_v = dropped.mT @ d_context
        d_share = masked(d_context @ v.mT, by)
        d_scores = d_share.sub_((d_share * share).sum(dim=-1, keepdim=True)).mul_(share)
        d_k = d_scores.mT @ q  # q is scaled
        d_q = (d_scores @ k).mul_((D // H) ** -0.5).transpose(1, 2).to(low)  # (B, R, H, d)
        d_q = d_q.reshape(B, D) if top else layout.rows(d_q)
        d_kv = layout.rows(torch.stack([d_k, d_v]).permute(1, 3, 0, 2, 4).to(low))  # (N, 2 D)
        d_wq, d_bq = d_q.mT @ asked, d_q.sum(dim=0)
        (d_wk, d_wv), (d_bk, d_bv) = (d_kv.mT @ x).split(D), d_kv.sum(dim=0).split(D)
        d_hidden = (d_kv @ wkv).float()
        d_asked = (d_q @ wq).float().add_(d_residual)
        d_hidden = d_hidden.index_add_(0, layout.first, d_asked) if top else d_hidden.add_(d_asked)
        d_weights = (d_wq, d_bq, d_wk, d_bk, d_wv, d_bv, d_wo, d_bo, d_wn, d_bn)
        return d_hidden, None, None, None, None, *(gradient.float() for gradient in d_weights)


class _Network(torch.autograd.Function):
    """The feed-forward network, dropout, residual sum and norm: tokens (N, D) -> (N, D)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, arithmetic: Arithmetic, *weights: Tensor) -> Tensor:
        low = arithmetic.products
        wu, bu, wd, bd, wn, bn = weights
        wu, wd = wu.to(low), wd.to(low)
        x = hidden.to(low)
        up = linear(x, wu, bu.to(low))  # (N, F)
        active = gelu(up)
        normed, saved = norm(linear(active, wd, bd.to(low)), hidden, wn, bn, arithmetic)
        ctx.arithmetic = arithmetic
        ctx.save_for_backward(x, up, active, *saved, wu, wd, wn, bn)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, up, active, *saved, wu, wd, wn, bn = ctx.saved_tensors
        d_residual, d_out, d_wn, d_bn = norm_backward(
            gradients[0], Normed(*saved), wn, bn, ctx.arithmetic
        )
        d_wd, d_bd = d_out.mT @ active, d_out.sum(dim=0)
        d_up = torch.ops.aten.gelu_backward(d_out @ wd, up)
        d_wu, d_bu = d_up.mT @ x, d_up.sum(dim=0)
        d_hidden = (d_up @ wu).float().add_(d_residual)
        return (
            d_hidden,
            None,
            *(gradient.float() for gradient in (d_wu, d_bu, d_wd, d_bd, d_wn, d_bn)),
        )
