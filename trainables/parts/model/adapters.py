"""Low-rank adapters: of each linear layer, only a product of two thin matrices is trained."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from trainables.parts.model.encoder import Encoder


class LowRank(nn.Module):
    """W (out, in) -> W + scale * up @ down, with `up` (out, rank) and `down` (rank, in).

    `up` is zero at first, so the layer starts as it was pretrained; `down` is uniform within
    1 / sqrt(in), as torch starts a linear layer.
    """

    def __init__(self, weight: Tensor, rank: int, scale: float, random: np.random.Generator):
        super().__init__()
        outputs, inputs = weight.shape
        down = random.uniform(-(inputs**-0.5), inputs**-0.5, (rank, inputs))
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))
        self.down = nn.Parameter(weight.new_tensor(down))
        self.scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with the adapter."""
        # In full precision also under autocast, so that merging changes nothing.
        with torch.autocast(weight.device.type, enabled=False):
            return torch.addmm(weight, self.up, self.down, alpha=self.scale)


def add_adapters(encoder: Encoder, rank: int, scale: float, seed: int) -> None:
    """Freeze the encoder, and give each linear layer above the embeddings an adapter.

    Raises ValueError for an encoder without such layers.
    """
    # Mini-batches are shuffled by the streams [seed, 1], [seed, 2], ...
    random = np.random.default_rng([seed, 0])
    encoder.requires_grad_(False)
    linears = [
        module
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and "embed" not in name
    ]
    if not linears:
        raise ValueError("the encoder has no linear layer that could get an adapter")
    for module in linears:
        adapter = LowRank(module.weight, rank, scale, random)
        parametrize.register_parametrization(module, "weight", adapter)


def merge_adapters(encoder: Encoder) -> None:
    """Add the adapters to the weights, so that the encoder has its own architecture again."""
    for module in list(encoder.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
