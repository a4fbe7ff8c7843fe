"""Linear probing: only the classifier is trained, on the frozen pretrained encoder.

The classifier is a logistic regression in closed form, scikit-learn's. Not in the paper; see
https://arxiv.org/abs/1610.01644. Sentences are encoded once, so a trial takes seconds. Earlier
versions trained the classifier by gradient descent, which `classifier="gradient"` still does.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from trainables.parts.config import Count, Dropout, Inverse, Rate
from trainables.parts.data.tokens import Data, Features
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.training import logistic
from trainables.parts.training.doubts import doubts
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.frozen import encode, fit_head, solve_logistic
from trainables.parts.training.loop import Training
from trainables.parts.training.near_duplicates import near_duplicates
from trainables.parts.training.optim import HeadRate

EPOCHS = 1
"""A single fit. Only a classifier that is trained by gradient takes more."""


@dataclass(frozen=True, kw_only=True)
class Config(Head, HeadRate, Training):
    """Values in common use, since the paper has no such regime."""

    pooling: Pooling = "mean"
    """What makes the sentence vector of the last hidden state: its first token (cls), or the mean
    of its tokens."""
    classifier: Literal["logistic", "gradient"] = "logistic"
    """How the classifier is trained: as a logistic regression in closed form, or by gradient
    descent, as in earlier versions. Logistic reads `pooling` and `C` only."""
    C: Inverse = 0.1
    """The logistic regression's C on standardised vectors: the inverse of the strength of its
    regularisation."""
    dropout: Dropout = 0.1
    """Probability that a unit of the sentence vector is zeroed before the classifier."""
    head_width: Count | None = None
    """Units of a hidden layer in the classifier; none: a single linear layer."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Learning rate after the warm-up."""
    batch_size: Count = 64
    """Sentences in a mini-batch."""
    head_learning_rate: Rate = 1e-2
    """AdamW's peak learning rate of the classifier."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classifier == "logistic":
            object.__setattr__(self, "head_width", None)  # the closed form is one linear layer

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keep gradient descent where an earlier version wrote it, and its pooling by [CLS].

        Every configuration that it wrote names an optimiser.
        """
        upgraded = super().upgraded(values)
        if "classifier" in upgraded or "optimizer" not in upgraded:
            return upgraded
        return {"pooling": "cls", **upgraded, "classifier": "gradient"}

    @property
    def reads_encoded(self) -> bool:
        """Always: the encoder stays as it is."""
        return True


def choose(data: Data, encoder: Encoder, *, seed: int) -> dict[str, Any]:
    """The pooling and C that cross-validation on train prefers."""
    encoded = data.encoded or encode(encoder, data)
    train = {pooling: encoded[pooling][0] for pooling in POOLINGS}
    return logistic.choose(train, seed, data.metric)


def label_problems(data: Data, encoder: Encoder, *, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Labels of train and validation that may be wrong by the encoder's vectors, as records.

    Each has `split` and `row` in it. `doubts` have `suggested` (the index of a label) and the
    probabilities of the label given and of that one; `near_duplicates` have the `other_split` and
    `other_row` of a like sentence with another label, and their `similarity`.
    """
    train, validation = (data.encoded or encode(encoder, data))["mean"]
    splits = [train] if data.folds is not None else [train, validation]
    both = Features(
        torch.cat([split.vectors for split in splits]),
        torch.cat([split.targets for split in splits]),
    )
    rows = len(train.targets)

    def split_and_row(row: int, prefix: str = "") -> dict[str, Any]:
        within = ("train", row) if row < rows else ("validation", row - rows)
        return dict(zip((f"{prefix}split", f"{prefix}row"), within))

    return {
        "doubts": [
            {
                **split_and_row(doubt.row),
                "suggested": doubt.suggested,
                "given_probability": round(doubt.given_probability, 4),
                "suggested_probability": round(doubt.suggested_probability, 4),
            }
            for doubt in doubts(both, len(data.labels), seed)
        ],
        "near_duplicates": [
            {
                **split_and_row(pair.row),
                **split_and_row(pair.other, "other_"),
                "similarity": round(pair.cosine, 4),
            }
            for pair in near_duplicates(both, seed)
        ],
    }


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    torch.manual_seed(seed)
    model = Classifier.new(encoder, config, data.labels)
    if config.classifier == "logistic":
        yield solve_logistic(model, data, config.C)
        return model
    yield from fit_head(
        model,
        config,
        data,
        batch_size=config.batch_size,
        learning_rate=config.head_lr,
        epochs=epochs,
        seed=seed,
        pretrained=True,
    )
    return model
