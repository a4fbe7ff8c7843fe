"""The configuration of a trial: suggested by the space, fixed by the user, or the paper's."""

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from optuna.trial import FixedTrial

import spaces
import trainables
from search.spec import SearchSpec


class _Asked(ABC):
    """A stand-in for Optuna's trial, which a space asks for suggestions."""

    @abstractmethod
    def _suggest(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        """The value of the hyperparameter `name`, for which the space called `method`."""

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_float", name, *args, **kwargs)

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_int", name, *args, **kwargs)

    def suggest_categorical(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_categorical", name, *args, **kwargs)


class WithFixed(_Asked):
    """A trial in which the user has fixed some values."""

    def __init__(self, trial: Any, fixed: dict[str, Any]) -> None:
        self.trial, self.fixed = trial, fixed

    def _suggest(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.fixed:
            return self.fixed[name]
        return getattr(self.trial, method)(name, *args, **kwargs)


class _Sharing(_Asked):
    """A trial with the values of `config` where the space has them, elsewhere with `others`."""

    def __init__(self, config: Mapping[str, Any], others: Mapping[str, Any]) -> None:
        self.config, self.others = config, others
        self.shared: dict[str, Any] = {}

    def _suggest(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.config:
            trial = FixedTrial({name: self.config[name]})
            # Optuna warns of a value that is out of range.
            with contextlib.suppress(ValueError, UserWarning), warnings.catch_warnings():
                warnings.simplefilter("error")
                self.shared[name] = getattr(trial, method)(name, *args, **kwargs)
                return self.shared[name]
        return self.others[name]


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


def starting_points(spec: SearchSpec) -> list[dict[str, Any]]:
    """Where a search begins: the paper's configuration, what another search found, POINTS."""
    warm_start = [spec.warm_start] if spec.warm_start else []
    return [{}, *warm_start, *getattr(spaces.load(spec.regime), "POINTS", [])]


def shared_parameters(spec: SearchSpec, config: Mapping[str, Any]) -> dict[str, Any]:
    """What of another regime's configuration the space of `spec` can suggest too."""
    trial = _Sharing(config, complete(spec, {}))
    configuration(spec, trial)
    return trial.shared


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
