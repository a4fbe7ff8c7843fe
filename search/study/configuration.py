"""The configuration of a trial: suggested by the space, fixed by the user, or the paper's."""

from typing import Any

from optuna.trial import FixedTrial

import spaces
import trainables
from search.spec import SearchSpec


class WithFixed:
    """A trial for a space to ask, in which the user has fixed some values."""

    def __init__(self, trial: Any, fixed: dict[str, Any]) -> None:
        self.trial, self.fixed = trial, fixed

    def _suggest(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.fixed:
            return self.fixed[name]
        return getattr(self.trial, method)(name, *args, **kwargs)

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_float", name, *args, **kwargs)

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_int", name, *args, **kwargs)

    def suggest_categorical(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_categorical", name, *args, **kwargs)


def configuration(spec: SearchSpec, trial: Any) -> dict[str, Any]:
    """A trial's configuration: suggested, fixed by the user, or the paper's."""
    suggested = spaces.load(spec.regime).space(WithFixed(trial, spec.fix))
    return complete(spec, suggested)


def searched_regimes() -> list[str]:
    """The regimes that have anything to search, sorted."""
    return [name for name in trainables.names() if _suggests(name)]


def _suggests(regime: str) -> bool:
    trial = FixedTrial(trainables.load(regime).Config().to_dict())
    spaces.load(regime).space(trial)
    return bool(trial.params)


def complete(spec: SearchSpec, values: dict[str, Any]) -> dict[str, Any]:
    """A whole configuration: `values`, what the user fixed, and the paper's for the rest."""
    config = trainables.load(spec.regime).Config.from_dict({**values, **spec.fix})
    fields: dict[str, Any] = config.to_dict()
    return fields


def points(spec: SearchSpec) -> list[dict[str, Any]]:
    """Where a search begins: the paper's configuration, then the space's own POINTS."""
    return [{}, *getattr(spaces.load(spec.regime), "POINTS", [])]


def point_parameters(spec: SearchSpec, point: dict[str, Any]) -> dict[str, Any]:
    """What the space suggests at a point. Fields that the point leaves open are the paper's."""
    trial = FixedTrial(complete(spec, point))
    configuration(spec, trial)
    return dict(trial.params)


def point_configuration(spec: SearchSpec, point: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a point. An empty point is the paper's, unchanged.

    Elsewhere the point's own values win over the space's, and the space's over the paper's.
    """
    suggested = configuration(spec, FixedTrial(complete(spec, point))) if point else {}
    return complete(spec, {**suggested, **point})
