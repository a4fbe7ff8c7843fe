"""A recipe carried from the encoder that it was found on to another one, usually larger.

What does not depend on the encoder's depth is kept: learning rates, batch size, epochs, schedule,
dropout, pooling. Texts are tokenised again by the new tokenizer, cut to the same `max_tokens`, and
the vocabulary cut to the words in use is made anew.
"""

from collections.abc import Mapping
from typing import Any, get_type_hints

import trainables
from trainables.parts.model.architecture import read_config
from trainables.parts.model.head import Head
from trainables.parts.model.loading import model_folder
from trainables.parts.quote import quoted

DECAY, REINITIALISED = "layerwise_decay", "reinit_layers"
"""Fields whose meaning depends on the number of layers."""


def transfer(recipe: Mapping[str, Any], model: str) -> tuple[dict[str, Any], list[str]]:
    """The recipe for `model`, and what was changed in it, a line each.

    Its scores are left out: they are another model's. Raises ValueError where the regime has no
    encoder, or where a model's configuration cannot be read.
    """
    regime, before = recipe["regime"], recipe["model"]["source"]
    if not issubclass(trainables.load(regime).Config, Head):
        raise ValueError(f"--model needs a regime with an encoder; {quoted(regime)} has none")
    config = dict(recipe["config"])
    notes = [f"model: {before} -> {model}; learning rates, batch size and epochs as they were"]
    if {DECAY, REINITIALISED} & config.keys():
        old, new = layers(before), layers(model)
        scaled = rescaled(config, old, new)
        notes += [
            f"{name}: {config[name]:.4g} -> {value:.4g}, for {new} layers instead of {old}"
            for name, value in scaled.items()
            if value != config[name]
        ]
        config |= scaled
    carried = {
        **recipe,
        "config": trainables.load(regime).Config.from_dict(config).to_dict(),
        "model": {"source": model, "fingerprint": None},
        "scores": None,
        "carried_from": dict(recipe["model"]),
    }
    return carried, notes


def rescaled(config: Mapping[str, Any], old: int, new: int) -> dict[str, Any]:
    """The fields that depend on depth, from an encoder of `old` layers to one of `new`.

    The same part of the layers is drawn anew, at least one where there was one. The embeddings,
    one level below the lowest layer, keep their learning rate: decay**(old+1) = decay'**(new+1).
    """
    fields: dict[str, Any] = {}
    if DECAY in config:
        fields[DECAY] = config[DECAY] ** ((old + 1) / (new + 1))
    if config.get(REINITIALISED):
        fields[REINITIALISED] = max(1, round(config[REINITIALISED] * new / old))
    return fields


def layers(model: str) -> int:
    """The number of an encoder's layers."""
    number: int = read_config(model_folder(model)).num_hidden_layers
    return number


def values_around(config: Mapping[str, Any], regime: str, field: str, number: int) -> list[float]:
    """`number` values of a field: the recipe's, and others a factor of two apart.

    One more lies below it than above: a larger encoder usually wants a smaller rate. Raises
    ValueError where the field is not a number above 0 in this recipe.
    """
    kinds = get_type_hints(trainables.load(regime).Config)
    numbers = [
        name
        for name, value in config.items()
        if name in kinds and isinstance(value, float) and value > 0
    ]
    if field not in numbers:
        raise ValueError(
            f"--tune must be a field of {quoted(regime)} that is a number above 0 in the recipe:"
            f" one of {', '.join(sorted(numbers))}; got {quoted(field)}"
        )
    below = number // 2
    return [config[field] * 2.0**power for power in range(-below, number - below)]
