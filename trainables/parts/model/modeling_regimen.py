"""A text classifier that Regimen trained, for transformers alone.

`search.train` copies this file into the model's folder. transformers runs it only where the user
passes `trust_remote_code=True`.
"""

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class RegimenForSequenceClassification(PreTrainedModel):
    """An encoder, pooled by its first token or by the mean of its tokens, and one or two layers."""

    # The weight that stops other classes. A list: transformers 5.0 adds another one to it.
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^(?!head\.)"]

    def __init__(self, config: PretrainedConfig) -> None:
        # The encoder chooses its attention by a config that this class has not touched.
        encoder = AutoModel.from_config(copy.deepcopy(config), trust_remote_code=False)
        super().__init__(config)
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        head = config.regimen["head"]
        self.pooling, width = head["pooling"], head["head_width"]
        self.prefix = encoder.base_model_prefix
        self.add_module(self.prefix, encoder)
        layers: list[nn.Module] = [nn.Dropout(head["dropout"])]
        if width is None:
            layers += [nn.Linear(config.hidden_size, config.num_labels)]
        else:
            activation = ACTIVATIONS[head["head_activation"]]()
            layers += [nn.Linear(config.hidden_size, width), activation]
            layers += [nn.Linear(width, config.num_labels)]
        self.head = nn.Sequential(*layers)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Token ids and mask (B, T) to logits (B, K); with labels (B,) also the cross-entropy."""
        kwargs.pop("return_dict", None)
        encoder = getattr(self, self.prefix)
        outputs = encoder(input_ids=input_ids, attention_mask=attention_mask, **kwargs)
        hidden = outputs.last_hidden_state
        logits = self.head(self._pool(hidden, attention_mask))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.get("hidden_states"),
            attentions=outputs.get("attentions"),
        )

    def _pool(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Hidden states (B, T, D) to sentence vectors (B, D)."""
        if self.pooling == "cls":
            return hidden[:, 0]
        if mask is None:
            return hidden.mean(dim=1)
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return torch.sum(hidden * weights, dim=1) / weights.sum(dim=1)
