"""Draw the top layers of a pretrained encoder anew."""

import numpy as np
import torch
from torch import nn

from trainables.parts.model.encoder import Encoder


def draw_top_layers(encoder: Encoder, layers: int, seed: int) -> None:
    """Give the top `layers` layers, or all where there are fewer, new random weights.

    As BERT was initialised: linear layers are normal with the model's `initializer_range`, biases
    0, norms 1 and 0. Layers that share their weights (ALBERT) are one layer.
    """
    # Mini-batches are shuffled by the streams [seed, 1], [seed, 2], ...
    random = np.random.default_rng([seed, 0])
    spread = getattr(encoder.transformer.config, "initializer_range", 0.02)
    top = {id(parameter) for layer in encoder.layers()[1:][-layers:] for parameter in layer}
    for module in encoder.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in top:
                new = np.full(parameter.shape, float(name == "weight"), dtype=np.float32)
                if isinstance(module, nn.Linear) and name == "weight":
                    new = spread * random.standard_normal(parameter.shape, dtype=np.float32)
                with torch.no_grad():
                    parameter.copy_(torch.from_numpy(new))
