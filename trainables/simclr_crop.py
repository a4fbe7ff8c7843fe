"""SimCLR with random spans of a sentence as its views, instead of dropout alone.

The paper's Q11 wished for slices of the text. Each view is a random span of the sentence's tokens,
of which some are left out, and goes through the encoder with dropout by itself. Source:
https://arxiv.org/abs/2112.09118, section 3, without its queue of earlier negatives; its spans are
shorter, since it has long documents. Differs from `simclr` in the views and in AdamW.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Count, Dropout, Fraction, Rate, Temperature
from trainables.parts.data.spans import random_spans
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pooling import Pooling
from trainables.parts.training.contrastive import Contrastive, two_stages
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.losses import nt_xent

EPOCHS = 10
GRACE = 1


@dataclass(frozen=True, kw_only=True)
class Config(Contrastive):
    """The source's values, in smaller mini-batches."""

    views: Literal["encoder_dropout"] = "encoder_dropout"
    """What makes the two views of a sentence: always two passes with dropout, here of two random
    spans."""
    shortest_span: Fraction = 0.5
    """Smallest fraction of a sentence's tokens that a view has; the largest is the whole
    sentence."""
    word_dropout: Dropout = 0.1
    """Probability that a token of the span is left out. A long word is several tokens."""
    pooling: Pooling = "mean"
    """What makes the sentence vector of the last hidden state: its first token (cls), or the mean
    of its tokens."""
    dropout: Dropout = 0.1
    """Probability that a unit of the sentence vector is zeroed, for the two views and before the
    classifier. BERT's own."""
    batch_size: Count = 256
    """Sentences in a mini-batch; all but a view's own sentence are negatives."""
    learning_rate: Rate = 5e-5
    """AdamW's peak learning rate of the encoder."""
    layerwise_decay: Fraction = 1.0
    """Factor on the learning rate from each encoder layer to the one below it."""
    temperature: Temperature = 0.05
    """Divisor of the similarities."""
    projection: Literal["linear", "mlp", "none"] = "none"
    """Projection from the sentence vector to the loss, discarded after the stage; mlp: two linear
    layers with a ReLU (the paper's Q11)."""
    classifier: Literal["gradient", "ridge"] = "ridge"
    """How the classifier on the frozen vectors is trained: by gradient descent, or as a ridge
    regression, a linear layer in closed form. Ridge ignores the classifier's other fields."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """Learning rate after the warm-up, in each stage."""
    warmup_ratio: Fraction = 0.1
    """Fraction of each stage's steps in which the learning rate rises."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch of either stage; return the trained classifier."""
    return (
        yield from two_stages(
            config,
            data,
            encoder,
            lambda z, labels: nt_xent(z, config.temperature),
            epochs=epochs,
            seed=seed,
            augment=lambda batch: random_spans(batch, config.shortest_span, config.word_dropout),
        )
    )
