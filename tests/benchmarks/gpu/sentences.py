"""Short sentences and a BERT of random numbers, in the shape of real ones: nothing has to be
downloaded."""

import numpy as np
import torch
from transformers import AutoModel, BertConfig

from trainables.parts.data.tokens import Tokens
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained, state

LENGTHS = (
    0,
    0,
    0,
    32,
    236,
    469,
    705,
    931,
    1064,
    976,
    815,
    614,
    415,
    328,
    255,
    146,
    105,
    70,
    43,
    38,
    23,
    11,
    9,
    9,
    5,
    4,
    0,
    1,
    0,
    0,
    1,
)
"""How many of 7,305 English sentences of MASSIVE have 0, 1, 2, ... tokens under bert-base-uncased's
tokenizer, [CLS] and [SEP] included."""
VOCABULARY = 4138
"""Different tokens in these sentences: what the embedding table is cut to in a search."""
INTENTS = 60


def lengths(count: int, seed: int) -> np.ndarray:
    """Tokens of so many sentences, drawn from `LENGTHS`, (count,)."""
    share = np.array(LENGTHS) / sum(LENGTHS)
    return np.random.default_rng([seed, 0]).choice(len(LENGTHS), size=count, p=share)


def sentences(count: int, seed: int) -> Tokens:
    """So many sentences of random tokens with random intents; 0 is the padding."""
    random = np.random.default_rng([seed, 1])
    offsets = np.concatenate([[0], np.cumsum(lengths(count, seed))]).astype(np.int64)
    ids = random.integers(1, VOCABULARY, offsets[-1], dtype=np.int32)
    return Tokens(ids, offsets, random.integers(INTENTS, size=count), pad=0)


def bert(layers: int, width: int, vocabulary: int = VOCABULARY) -> BertConfig:
    """BERT's config; 12 layers of width 768 are `BertConfig()`'s own defaults, with its heads of 64
    and its fourfold feed-forward width."""
    return BertConfig(
        vocab_size=vocabulary,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        num_labels=INTENTS,
    )


def pretrained(config: BertConfig) -> Pretrained:
    """Random weights in that shape, as a search holds a model."""
    torch.manual_seed(0)
    return Pretrained(
        "random",
        config,
        state(Encoder(AutoModel.from_config(config))),
        "embeddings.word_embeddings.weight",
    )
