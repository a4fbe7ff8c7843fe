"""How numbers, times and hyperparameters are written."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from analysis.text import duration
from search.cluster.resources import Resources

SPARKS = "▁▂▃▄▅▆▇█"


def sparkline(scores: list[float]) -> str:
    """Values from 0 to 1 as a row of blocks."""
    return "".join(SPARKS[min(7, int(8 * score))] for score in scores)


def percent(score: float) -> str:
    """A score as the tables have it: `71.8 %`."""
    return f"{100 * score:.1f} %"


def ago(seconds: float) -> str:
    """How long ago, in whole minutes: `just now`, `4m ago`, `2h05m ago`."""
    if seconds < 60:
        return "just now"
    return f"{duration(60 * (seconds // 60)).removesuffix('00s')} ago"


def roughly(seconds: float) -> str:
    """An estimated duration with few digits: `4.2s`, `90s`, `25m`, `3.1h`."""
    if seconds < 10:
        return f"{seconds:.2g}s"
    if seconds < 120:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 5400 else f"{seconds / 3600:.1f}h"


def between(low: float, high: float) -> str:
    """An estimated duration as a range: `up to 20 s`, `3 to 5 min`, `about 2 h`."""
    unit, seconds, step = _unit(high)
    first, last = (step * round(value / seconds / step) for value in (low, high))
    last = max(last, step)
    if first == last:
        return f"about {last:g} {unit}"
    return f"{first:g} to {last:g} {unit}" if first else f"up to {last:g} {unit}"


def _unit(seconds: float) -> tuple[str, int, float]:
    """The unit for a duration, its seconds, and the step to which it is rounded."""
    if seconds < 90:
        return "s", 1, 5 if seconds < 30 else 10
    if seconds < 5400:
        return "min", 60, 1 if seconds < 1200 else 5
    return "h", 3600, 0.5 if seconds < 36_000 else 1


def gibibytes(size: float) -> str:
    """Bytes as GiB."""
    return f"{size / 2**30:.1f} GiB"


def fix_value(value: Any) -> str:
    """A hyperparameter's value as `--fix` takes it."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def config_difference(config: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """The hyperparameters that differ from `reference`, as `--fix` takes them, with two digits."""
    return " ".join(
        f"{name}={value:.2g}" if isinstance(value, float) else f"{name}={fix_value(value)}"
        for name, value in config.items()
        if value != reference.get(name)
    )


def config_differences(
    configs: Sequence[Mapping[str, Any]],
    searched: Sequence[Collection[str]],
    reference: Mapping[str, Any],
) -> list[str]:
    """How some configurations differ from each other; a single one: from `reference`.

    `searched`: the hyperparameters that were proposed for each. One that is not among them has no
    effect there, unless it was proposed for none.
    """
    if len(configs) < 2:
        return [config_difference(config, reference) for config in configs]
    anywhere = {name for names in searched for name in names}
    first = configs[0]
    shared = {
        name: value
        for name, value in first.items()
        if all(config.get(name, value) == value for config in configs)
    }
    return [
        config_difference(
            {
                name: value
                for name, value in config.items()
                if name in fields or name not in anywhere
            },
            shared,
        )
        for config, fields in zip(configs, searched)
    ]


def how_many(counts: Sequence[int]) -> str:
    """`3`, or `4 to 8` for counts (ascending) of which one will be the right one."""
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def per_trial(resources: Resources) -> str:
    """What each trial takes of the machine."""
    gpu = f" and {resources.gpus:.2g} GPU" if resources.gpus else ""
    return f"{resources.cpus:g} CPU{gpu} each"
