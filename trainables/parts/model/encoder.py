"""A transformer that maps tokens to one vector per sentence."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from transformers import PreTrainedModel

from trainables.parts.data.tokens import Batch
from trainables.parts.model.bert.forward import last_hidden_state, supports
from trainables.parts.model.pooling import POOLINGS, Pooling, pool

Precision = Literal["fp32", "bf16"]


class Encoder(nn.Module):
    """Sentences to vectors: the last hidden state, pooled as `pooling` says.

    With `precision` "bf16", matrix products run in bfloat16; weights and outputs stay float32. On a
    CPU, models with BERT's layers run through the package `bert`, which computes the same in fewer
    operators. All others run through transformers, under autocast.
    """

    def __init__(self, transformer: PreTrainedModel, precision: Precision = "fp32") -> None:
        super().__init__()
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = None  # never used, so it must be neither trained nor saved
        self.transformer = transformer
        self.precision = precision
        self.pooling: Pooling = "cls"
        self.has_bert_layers = supports(transformer)

    @property
    def width(self) -> int:
        """D: components of a sentence's vector."""
        width: int = self.transformer.config.hidden_size
        return width

    @property
    def max_length(self) -> int | None:
        """Tokens of the longest sentence that the model has positions for, or None if unlimited.

        RoBERTa and its relatives number positions from their padding id on: 514 positions hold 512
        tokens.
        """
        positions = next(
            (
                module
                for name, module in self.transformer.named_modules()
                if name.endswith("position_embeddings")
            ),
            None,
        )
        if not isinstance(positions, nn.Embedding):
            limit: int | None = getattr(self.transformer.config, "max_position_embeddings", None)
            return limit
        offset = 0 if positions.padding_idx is None else positions.padding_idx + 1
        return positions.num_embeddings - offset

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def forward(self, batch: Batch) -> Tensor:
        """Sentence vectors, (B, D) float32."""
        hidden = self._last_hidden_state(batch, only_first=self.pooling == "cls")
        return pool(hidden, batch.mask, self.pooling)

    def every_pooling(self, batch: Batch) -> Tensor:
        """Sentence vectors by each of `POOLINGS`, in one pass: (B, 2, D) float32."""
        hidden = self._last_hidden_state(batch, only_first=False)
        return torch.stack([pool(hidden, batch.mask, pooling) for pooling in POOLINGS], dim=1)

    def _last_hidden_state(self, batch: Batch, *, only_first: bool) -> Tensor:
        """(B, T, D) float32, or at least the first token's, (B, 1, D)."""
        if self.has_bert_layers and self.device.type == "cpu":
            dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
            return last_hidden_state(self.transformer, batch, dtype, only_first=only_first)
        mask = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            hidden: Tensor = self.transformer(
                input_ids=batch.inputs, attention_mask=mask
            ).last_hidden_state
        return hidden.float()

    def layers(self) -> list[list[Parameter]]:
        """All parameters by layer, from the embeddings at the bottom to the top layer.

        Each parameter occurs once. Relative-position embeddings count as embeddings; parameters
        after the last layer (a final norm) belong to the top layer. Layers that share their weights
        (ALBERT) are one layer.
        """
        depth = self.transformer.config.num_hidden_layers
        stacks = [
            module
            for module in self.transformer.modules()
            if isinstance(module, nn.ModuleList) and len(module) == depth
        ]
        blocks: list[nn.Module] = list(stacks[0]) if stacks else []
        layers: list[list[Parameter]] = [[], *(list(block.parameters()) for block in blocks)]
        placed = {id(parameter) for layer in layers for parameter in layer}
        for name, parameter in self.transformer.named_parameters():
            if id(parameter) not in placed:
                layers[0 if "embed" in name else -1].append(parameter)
        return [layer for layer in layers if layer]
