"""Class prototypes: a direction for each label, compared with sentence vectors by cosine."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot


def prototypes(
    vectors: Tensor, labels: Tensor, intents: int, names: Tensor | None, name_weight: float
) -> Tensor:
    """Unit vectors (K, D): the mean direction of each label's sentence vectors (N, D).

    `names` are the vectors (K, D) of the labels' own words, mixed in with weight `name_weight`.
    They stand alone for a label without a sentence; without names, the mean of all labels does.
    """
    labels = labels.to(vectors.device)
    # A matrix product, not index_add: on a GPU its order of summation varies from run to run.
    members = one_hot(labels, intents).to(vectors.dtype)  # (N, K)
    directions = normalize(members.T @ normalize(vectors, dim=1), dim=1)
    absent = members.sum(dim=0) == 0
    if names is None:
        directions[absent] = directions.mean(dim=0)
        return normalize(directions, dim=1)
    weight = torch.full((intents, 1), name_weight, dtype=vectors.dtype, device=vectors.device)
    weight[absent] = 1.0
    return normalize((1 - weight) * directions + weight * normalize(names, dim=1), dim=1)


def cosines(vectors: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Logits (B, K): the cosine of each vector (B, D) with each row of `weight` (K, D), divided by
    the temperature."""
    return normalize(vectors, dim=1) @ normalize(weight, dim=1).T / temperature


def as_linear(weight: Tensor, vectors: Tensor, temperature: float) -> nn.Linear:
    """A linear layer with the predictions of `cosines`.

    A vector's length scales its logits alike, so it changes no prediction. The layer divides by the
    mean length of `vectors` (N, D), the training sentences'.
    """
    intents, width = weight.shape
    linear = nn.Linear(width, intents, device=weight.device)
    length = vectors.norm(dim=1).mean().clamp(min=1e-12)
    with torch.no_grad():
        linear.weight.copy_(normalize(weight, dim=1) / (temperature * length))
        linear.bias.zero_()
    return linear
