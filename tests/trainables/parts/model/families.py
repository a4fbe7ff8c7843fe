"""Small configurations of the usual encoder families."""

from typing import Any

import transformers
from transformers import PretrainedConfig

SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}

DISTIL: dict[str, Any] = {
    "dim": 32,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 64,
    "vocab_size": 100,
    "initializer_range": 0.2,
}

DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "position_buckets": 8,
}

SPECIAL = {
    "pad_token_id": 0,
    "bos_token_id": 1,
    "cls_token_id": 1,
    "eos_token_id": 2,
    "sep_token_id": 2,
}

FAMILIES: dict[str, PretrainedConfig] = {
    "bert": transformers.BertConfig(**SMALL),
    "roberta": transformers.RobertaConfig(**SMALL),
    "distilbert": transformers.DistilBertConfig(**DISTIL),
    "xlm-roberta": transformers.XLMRobertaConfig(**SMALL),
    "deberta-v2": transformers.DebertaV2Config(**SMALL, **DEBERTA),
    "modernbert": transformers.ModernBertConfig(**SMALL, **SPECIAL),
    "albert": transformers.AlbertConfig(**SMALL, embedding_size=16),
    "electra": transformers.ElectraConfig(**SMALL, embedding_size=16),
}
