"""The forward pass: a mini-batch to the last hidden state."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainables.parts.data.tokens import Batch
from trainables.parts.model.bert.attention import Attention
from trainables.parts.model.bert.feed_forward import FeedForward
from trainables.parts.model.bert.layout import Layout
from trainables.parts.model.bert.residual import Arithmetic

LAYERS = ("BertLayer", "RobertaLayer", "XLMRobertaLayer", "CamembertLayer")
"""Classes of transformers that share BERT's mathematics."""


def supports(transformer: PreTrainedModel) -> bool:
    """Whether the model's layers are BERT's, so that `last_hidden_state` computes what they do."""
    config, layers = transformer.config, getattr(getattr(transformer, "encoder", None), "layer", ())
    return (
        len(layers) > 0
        and all(type(layer).__name__ in LAYERS for layer in layers)
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
    )


def last_hidden_state(
    transformer: Any, batch: Batch, product_dtype: torch.dtype, *, only_first: bool
) -> Tensor:
    """The last hidden state, (B, T, D) float32.

    Matrix products run in `product_dtype`. With `only_first`, computes that of the first tokens
    alone, (B, 1, D), which saves most of the top layer.
    """
    config, layers = transformer.config, transformer.encoder.layer
    dropout, attention_dropout = config.hidden_dropout_prob, config.attention_probs_dropout_prob
    if not transformer.training:
        dropout = attention_dropout = 0.0
    arithmetic = Arithmetic(product_dtype, dropout, config.layer_norm_eps)
    layout = Layout.of(batch)
    padding = None if batch.mask is None else batch.mask[:, None, None, :] == 0  # (B, 1, 1, T)
    hidden: Tensor = layout.rows(transformer.embeddings(input_ids=batch.inputs))  # (N, D)
    for layer in layers:
        first = only_first and layer is layers[-1]
        heads, out = layer.attention.self, layer.attention.output
        attention = (heads.query, heads.key, heads.value, out.dense, out.LayerNorm)
        shape = (first, config.num_attention_heads, attention_dropout)
        hidden = Attention.apply(
            hidden, layout, padding, shape, arithmetic, *_parameters(attention)
        )
        network = (layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
        hidden = FeedForward.apply(hidden, arithmetic, *_parameters(network))
    return hidden[:, None] if only_first else layout.grid(hidden)


def _parameters(modules: tuple[nn.Module, ...]) -> list[Any]:
    return [parameter for module in modules for parameter in (module.weight, module.bias)]
