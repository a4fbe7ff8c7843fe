"""BERT's layers in few, large operators with a backward of their own: most of a short sentence's step is what stands between the products.

The mathematics is transformers' `BertModel`, dropout included (https://arxiv.org/abs/1810.04805: norms after the sums, exact GELU). The top
layer answers for the first token only; nothing else of it is read.

Shape letters: B sentences, T tokens of the longest, R tokens that a layer answers for (T, but 1 in the top layer), D width, H heads of
d = D / H components, F width of the feed-forward network.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from transformers import PreTrainedModel

from trainables.parts.tokens import Batch

LAYERS = ("BertLayer", "RobertaLayer", "XLMRobertaLayer", "CamembertLayer")
"""Classes of transformers' with one and the same mathematics."""


def fits(transformer: PreTrainedModel) -> bool:
    """Whether a model's layers are BERT's, so that `first_tokens` gives what its own forward gives."""
    config, layers = transformer.config, getattr(getattr(transformer, "encoder", None), "layer", ())
    return (
        len(layers) > 0
        and all(type(layer).__name__ in LAYERS for layer in layers)
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


class Arithmetic(NamedTuple):
    """How a sublayer computes: the type of its matrix products, the dropout of its result, the norm's epsilon."""

    products: torch.dtype
    dropout: float
    epsilon: float


def first_tokens(transformer: Any, batch: Batch, products: torch.dtype) -> Tensor:
    """The first token's vector of the last hidden state, (B, D) float32; matrix products are taken in `products`."""
    config, layers = transformer.config, transformer.encoder.layer
    dropout, attention_dropout = config.hidden_dropout_prob, config.attention_probs_dropout_prob
    if not transformer.training:
        dropout = attention_dropout = 0.0
    arithmetic = Arithmetic(products, dropout, config.layer_norm_eps)
    padding = None if batch.mask is None else batch.mask[:, None, None, :] == 0  # (B, 1, 1, T)
    hidden: Tensor = transformer.embeddings(input_ids=batch.inputs)  # (B, T, D)
    for layer in layers:
        asked = 1 if layer is layers[-1] else hidden.shape[1]
        heads, out = layer.attention.self, layer.attention.output
        attention = (heads.query, heads.key, heads.value, out.dense, out.LayerNorm)
        shape = (asked, config.num_attention_heads, attention_dropout)
        hidden = _Attention.apply(hidden, padding, shape, arithmetic, *_parameters(attention))
        network = (layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
        hidden = _Network.apply(hidden, arithmetic, *_parameters(network))
    return hidden[:, 0]


def _parameters(modules: tuple[nn.Module, ...]) -> list[Any]:
    return [parameter for module in modules for parameter in (module.weight, module.bias)]


def mask(shape: torch.Size, dropout: float) -> Tensor | None:
    """What dropout multiplies with: 0 with probability `dropout` (to 2^-17), else 1 / (1 - `dropout`); None: nothing is dropped.

    Drawn from torch's global generator, four units from each 64-bit number: torch's own draws 53 bits a unit, and takes six times as long.
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


def norm(out: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, arithmetic: Arithmetic) -> tuple[Tensor, Normed]:
    """The norm of a residual and what a sublayer adds to it, after dropout: all (rows, D), the result and the residual float32."""
    by = mask(out.shape, arithmetic.dropout)
    total = residual + out if by is None else torch.addcmul(residual, out.float(), by)
    normed, mean, scale = torch.native_layer_norm(total, total.shape[1:], weight, bias, arithmetic.epsilon)
    return normed, Normed(total, mean, scale, by)


def norm_backward(gradient: Tensor, saved: Normed, weight: Tensor, bias: Tensor, arithmetic: Arithmetic) -> tuple[Tensor, ...]:
    """Gradients of the residual (float32), of what was added to it, of the weight and of the bias."""
    gradient = gradient.reshape(saved.sum.shape)
    total, d_weight, d_bias = torch.ops.aten.native_layer_norm_backward(
        gradient, saved.sum, saved.sum.shape[1:], saved.mean, saved.scale, weight, bias, [True, True, True]
    )
    return total, masked(total, saved.mask).to(arithmetic.products), d_weight, d_bias


class _Attention(torch.autograd.Function):
    """Self-attention, dropout, residual sum and norm: (B, T, D) -> (B, R, D)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, padding: Tensor | None, shape: tuple[int, int, float], arithmetic: Arithmetic, *weights: Tensor
    ) -> Tensor:
        (B, T, D), (R, H, dropout), low = hidden.shape, shape, arithmetic.products
        wq, bq, wk, bk, wv, bv, wo, bo, wn, bn = weights
        wq, wkv, wo = wq.to(low), torch.cat([wk, wv]).to(low), wo.to(low)
        x = hidden.to(low)
        asked = x[:, :R].reshape(-1, D)
        q = linear(asked, wq, bq.to(low)).view(B, R, H, -1).transpose(1, 2).float().mul_((D // H) ** -0.5).contiguous()  # (B, H, R, d)
        kv = linear(x.view(-1, D), wkv, torch.cat([bk, bv]).to(low)).view(B, T, 2, H, -1)
        k, v = kv.permute(2, 0, 3, 1, 4).float().contiguous()  # (B, H, T, d)
        scores = q @ k.mT  # (B, H, R, T)
        if padding is not None:
            scores.masked_fill_(padding, -torch.inf)
        share = scores.sub_(scores.amax(dim=-1, keepdim=True)).exp_()
        share.div_(share.sum(dim=-1, keepdim=True))
        by = mask(share.shape, dropout)
        dropped = masked(share, by)
        context = (dropped @ v).transpose(1, 2).to(low).reshape(-1, D)  # (B R, D)
        normed, saved = norm(linear(context, wo, bo.to(low)), hidden[:, :R].reshape(-1, D), wn, bn, arithmetic)
        ctx.shape, ctx.arithmetic = (B, T, D, R, H), arithmetic
        ctx.save_for_backward(x, asked, q, k, v, share, by, dropped, context, *saved, wq, wkv, wo, wn, bn)
        return normed.view(B, R, D)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, asked, q, k, v, share, by, dropped, context, *saved, wq, wkv, wo, wn, bn = ctx.saved_tensors
        (B, T, D, R, H), arithmetic = ctx.shape, ctx.arithmetic
        low = arithmetic.products
        d_residual, d_out, d_wn, d_bn = norm_backward(gradients[0], Normed(*saved), wn, bn, arithmetic)
        d_wo, d_bo = d_out.mT @ context, d_out.sum(dim=0)
        d_context = (d_out @ wo).view(B, R, H, -1).transpose(1, 2).float().contiguous()  # (B, H, R, d)
        d_v = dropped.mT @ d_context
        d_share = masked(d_context @ v.mT, by)
        d_scores = d_share.sub_((d_share * share).sum(dim=-1, keepdim=True)).mul_(share)
        d_k = d_scores.mT @ q  # q is scaled
        d_q = (d_scores @ k).mul_((D // H) ** -0.5).transpose(1, 2).to(low).reshape(-1, D)  # (B R, D)
        d_kv = torch.stack([d_k, d_v]).permute(1, 3, 0, 2, 4).to(low).reshape(-1, 2 * D)  # (B T, 2 D)
        d_wq, d_bq = d_q.mT @ asked, d_q.sum(dim=0)
        (d_wk, d_wv), (d_bk, d_bv) = (d_kv.mT @ x.view(-1, D)).split(D), d_kv.sum(dim=0).split(D)
        d_hidden = (d_kv @ wkv).float().view(B, T, D)
        d_hidden[:, :R] += (d_q @ wq).float().add_(d_residual).view(B, R, D)
        d_weights = (d_wq, d_bq, d_wk, d_bk, d_wv, d_bv, d_wo, d_bo, d_wn, d_bn)
        return d_hidden, None, None, None, *(gradient.float() for gradient in d_weights)


class _Network(torch.autograd.Function):
    """The feed-forward network, dropout, residual sum and norm: (B, R, D) -> (B, R, D)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, arithmetic: Arithmetic, *weights: Tensor) -> Tensor:
        low = arithmetic.products
        wu, bu, wd, bd, wn, bn = weights
        wu, wd = wu.to(low), wd.to(low)
        residual = hidden.reshape(-1, hidden.shape[-1])
        x = residual.to(low)
        up = linear(x, wu, bu.to(low))  # (B R, F)
        active = gelu(up)
        normed, saved = norm(linear(active, wd, bd.to(low)), residual, wn, bn, arithmetic)
        ctx.arithmetic = arithmetic
        ctx.save_for_backward(x, up, active, *saved, wu, wd, wn, bn)
        return normed.view(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, up, active, *saved, wu, wd, wn, bn = ctx.saved_tensors
        d_residual, d_out, d_wn, d_bn = norm_backward(gradients[0], Normed(*saved), wn, bn, ctx.arithmetic)
        d_wd, d_bd = d_out.mT @ active, d_out.sum(dim=0)
        d_up = torch.ops.aten.gelu_backward(d_out @ wd, up)
        d_wu, d_bu = d_up.mT @ x, d_up.sum(dim=0)
        d_hidden = (d_up @ wu).float().add_(d_residual).view(gradients[0].shape)
        return d_hidden, None, *(gradient.float() for gradient in (d_wu, d_bu, d_wd, d_bd, d_wn, d_bn))
