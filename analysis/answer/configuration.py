"""The winner's hyperparameters."""

from collections.abc import Mapping
from typing import Any

from analysis.page.blocks import Code
from analysis.read.folder import CONFIG_PREFIX, Search
from analysis.text import short_value

BY_GRADIENT = ("head_", "label_smoothing", "class_weights")
"""How the names of those begin that a ridge classifier does not read."""


def configuration(best: Search) -> Code:
    """The winner's values, a line each, those that differ from trial 0 first and marked.

    Without those that its optimiser or a classifier in closed form does not read.
    """
    trials = best.trials.set_index("number")
    own = trials.loc[best.summary.winner]
    first = trials.loc[0] if 0 in trials.index else own
    values = {str(column): value for column, value in own.to_dict().items()}
    names = [name for name in values if name.startswith(CONFIG_PREFIX) and _is_read(name, values)]
    changed, same = [], []
    for name in names:
        value, default = short_value(own[name]), short_value(first[name])
        line = f"{name.removeprefix(CONFIG_PREFIX)}: {value}"
        if value == default:
            same.append(line)
        else:
            changed.append(f"{line}  # {default}")
    title = f"Settings of {best.spec['regime']}'s trial {best.summary.winner}, rounded"
    if best.summary.winner != 0:
        title += "; after #: trial 0, the defaults"
    return Code(title, (*changed, *same))


def _is_read(column: str, trial: Mapping[Any, Any]) -> bool:
    """Whether the trial reads this hyperparameter.

    AdamW and SGD have some each, and a classifier by gradient has some that one in closed form
    lacks.
    """
    optimizer, name = trial.get(f"{CONFIG_PREFIX}optimizer"), column.removeprefix(CONFIG_PREFIX)
    if trial.get(f"{CONFIG_PREFIX}classifier") == "ridge" and name.startswith(BY_GRADIENT):
        return False
    if name.startswith("sgd_") or name in ("momentum", "nesterov"):
        return bool(optimizer != "adamw")
    return bool(optimizer != "sgd" or f"{CONFIG_PREFIX}sgd_{name}" not in trial)
