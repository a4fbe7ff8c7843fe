"""A model's architecture: read from its config.json, checked, and built without weights."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import Parameter
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights

from trainables.parts.quote import error_text, printable, quoted

MAX_COUNT = 100_000
"""Largest `num_*` or `n_*` value in config.json: layers, heads, labels and the like."""


def read_config(folder: str) -> PretrainedConfig:
    """Read a model's config.json.

    Raises ValueError if the file is missing or invalid.
    """
    try:
        values, _ = PretrainedConfig.get_config_dict(folder)
        # transformers builds lists of these lengths as soon as it reads the file
        for key, value in values.items():
            is_count = key.startswith(("num_", "n_")) and isinstance(value, int | float)
            if is_count and value > MAX_COUNT:
                raise ValueError(
                    f"{printable(key)} must be at most {MAX_COUNT}; got {quoted(value)}"
                )
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        # transformers raises many types for a config.json that is missing or invalid
        raise ValueError(f"its config.json cannot be read: {error_text(error)}") from error


def uninitialized(config: PretrainedConfig) -> PreTrainedModel:
    """A model of this architecture whose weights are allocated but not initialised.

    Raises ValueError if the configuration is invalid.
    """
    try:
        with no_init_weights():
            return AutoModel.from_config(config, trust_remote_code=False)
    except Exception as error:
        # every architecture fails in its own way on a wrong value
        raise ValueError(f"its config.json makes no model: {error_text(error)}") from error


def require_similar_size(folder: str | Path, build: Callable[[], nn.Module]) -> None:
    """Raise ValueError if `build` makes a model more than twice as large as the saved weights.

    Does nothing if `folder` is not a local folder with safetensors files. The model is built on the
    meta device, so a wrong size in config.json fails here and not by filling the memory. The factor
    of two leaves room for parameters that a file may lack, such as the pooler.

    Parameters are counted as they are registered: a wrong number of layers would take minutes to
    build even without memory for the weights. PyTorch offers only a global hook for that.
    """
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        return
    shapes = [shape for file in files for shape in saved_shapes(file)]
    max_tensors = 2 * len(shapes)
    max_elements = 2 * sum(math.prod(shape) for shape in shapes)
    tensors = elements = 0

    def count(module: nn.Module, name: str, parameter: Parameter | None) -> None:
        nonlocal tensors, elements
        if parameter is not None:
            tensors += 1
            elements += parameter.numel()
        if tensors > max_tensors or elements > max_elements:
            raise ValueError("it would be more than twice as large as the weights that are there")

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            build()
    finally:
        hook.remove()


def saved_shapes(file: Path) -> list[list[int]]:
    """The shape of every tensor in a safetensors file, read from its header."""
    with safe_open(file, "pt") as tensors:
        return [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
