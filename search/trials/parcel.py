"""A trained model as it is sent between processes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import trainables
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Precision
from trainables.parts.model.ngrams import NgramClassifier
from trainables.parts.model.pretrained import Pretrained, state


@dataclass(frozen=True)
class Weights:
    """The trained weights of a `Classifier`, over the small vocabulary."""

    encoder: dict[str, np.ndarray]
    head: dict[str, np.ndarray]


Model = Classifier | NgramClassifier


@dataclass(frozen=True)
class Parcel:
    """A trained model as it is sent."""

    model: Weights | NgramClassifier
    """Weights for the whole encoder, or the model itself."""
    held_out: np.ndarray | None = None
    """With folds: the logits of the training sentences (N, K), each by a model that was not trained
    on it."""


def packed(model: Model, held_out: np.ndarray | None = None) -> Parcel:
    """A model to be sent."""
    if isinstance(model, NgramClassifier):
        return Parcel(model, held_out)
    head = {
        name: tensor.detach().float().cpu().numpy().copy()
        for name, tensor in model.head.state_dict().items()
    }
    return Parcel(Weights(state(model.encoder), head), held_out)


def assemble(
    regime: str,
    config: dict[str, Any],
    trained: Parcel,
    whole: Pretrained,
    vocabulary: np.ndarray,
    labels: tuple[str, ...],
    precision: Precision,
    device: str = "cpu",
) -> Model:
    """The trained model; one with an encoder gets back its whole vocabulary."""
    weights = trained.model
    if isinstance(weights, NgramClassifier):
        return weights
    encoder = whole.restored(weights.encoder, vocabulary).build(precision, device)
    model = Classifier.new(encoder, trainables.load(regime).Config.from_dict(config), labels)
    model.head.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in weights.head.items()}
    )
    return model.eval()
