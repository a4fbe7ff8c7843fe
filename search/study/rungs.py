"""A pruner that judges trials at rungs by rules: which of those that came as far go on?

It has no state: it decides from the scores that the study records, so a resumed search decides as
if it had never stopped. No rule ends a trial that is the best so far.
"""

from collections.abc import Callable, Sequence

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

Accuracies = Sequence[float | None]
"""At a rung, by the trial's number; None for a trial that has not come as far."""
Rule = Callable[[int, Accuracies], bool]
"""Whether the trial of that number continues."""


class RungPruner(BasePruner):
    """Ends a trial at a rung unless each of `rules` lets it continue.

    Rungs are at `first`, `first * factor`, `first * factor**2` and so on, in epochs.
    """

    def __init__(self, first: int, factor: int, *rules: Rule) -> None:
        self.first, self.factor, self.rules = first, factor, rules

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial ends with its last recorded epoch."""
        epoch = trial.last_step
        if epoch is None or not self._is_rung(epoch):
            return False
        accuracies = [
            each.intermediate_values.get(epoch) for each in study.get_trials(deepcopy=False)
        ]
        return not all(rule(trial.number, accuracies) for rule in self.rules)

    def _is_rung(self, epoch: int) -> bool:
        while epoch > self.first and epoch % self.factor == 0:
            epoch //= self.factor
        return epoch == self.first


def fraction(factor: int, window: int | None = None) -> Rule:
    """One in `factor` continues: the best of all that reached the rung, or of the last `window`.

    Without a window this is successive halving (https://arxiv.org/abs/1810.05934), by which nearly
    every late trial continues if the sampler improves. While fewer than `factor` have reached the
    rung, only the best so far continues.
    """

    def rule(number: int, accuracies: Accuracies) -> bool:
        others = _arrived([*accuracies[:number], *accuracies[number + 1 :]])
        score = _own(number, accuracies)
        earlier = others if window is None else others[-(window - 1) :]
        better = sum(other > score for other in earlier)
        return better < max(1, (len(earlier) + 1) // factor)

    return rule


def first_trials(count: int) -> Rule:
    """A trial continues if it is as good as the best of the first `count` trials at the same rung.

    The first trials are configurations known to be good (RUSH, https://arxiv.org/abs/2103.16111).
    They continue themselves.
    """

    def rule(number: int, accuracies: Accuracies) -> bool:
        known = _arrived(accuracies[:count])
        return number < count or not known or _own(number, accuracies) >= max(known)

    return rule


def _own(number: int, accuracies: Accuracies) -> float:
    accuracy = accuracies[number]
    assert accuracy is not None
    return accuracy


def _arrived(accuracies: Accuracies) -> list[float]:
    return [accuracy for accuracy in accuracies if accuracy is not None]
