"""`--regime auto`: one budget of trials over all regimes, given to those that may still win."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from optuna.trial import TrialState

from analysis.read.files import read_json
from analysis.read.folder import SUMMARY_FILE
from analysis.read.summary import Summary
from search.driver.allocation import Allocation, allocate
from search.driver.outcome import Outcome
from search.spec import SearchSpec
from search.study.configuration import starting_points
from search.study.study import read_study, trials
from search.trials.ending import Ending


class SearchRunner(Protocol):
    """Runs or continues a search; an `interim` run is continued later."""

    def __call__(self, spec: SearchSpec, *, interim: bool) -> Outcome: ...


def run_auto(
    specs: Sequence[SearchSpec], run: SearchRunner, say: Callable[[str], None]
) -> list[Outcome]:
    """Run the searches of `specs`, a regime each, on the trials of one; the best outcome is last.

    Searches that an earlier process began go on. Only the last regime that `allocate` keeps
    gets choice and report runs. A search that is interrupted ends this; it is then the last.
    """
    by_regime = {spec.regime: spec for spec in specs}
    budget, deadline = specs[0].trials, _deadline(specs[0])
    outcomes = {
        spec.regime: _earlier(spec) for spec in specs if (spec.folder / SUMMARY_FILE).exists()
    }
    printed = set[str]()
    while True:
        allocation = _allocation(specs, budget, outcomes)
        for regime, reason in allocation.dropped.items():
            if regime not in printed:
                say(f"{regime}: {reason}")
                printed.add(regime)
        due = {
            regime: target
            for regime, target in allocation.trials.items()
            if len(_scores(by_regime[regime])) < target and not _ended(outcomes.get(regime))
        }
        left = deadline - time.monotonic()
        if not due or left <= 0:
            break
        for regime, target in due.items():
            limit = None if specs[0].time_budget is None else left
            spec = replace(by_regime[regime], trials=target, confirm_top=0, time_budget=limit)
            outcome = outcomes.pop(regime, None)
            outcomes[regime] = outcome = run(spec, interim=True)
            if outcome.ending == Ending.INTERRUPTED:
                return list(outcomes.values())
            left = deadline - time.monotonic()
            if left <= 0:
                break
    winner = max(allocation.trials, key=lambda regime: max(_scores(by_regime[regime]), default=0.0))
    spec = by_regime[winner]
    outcomes.pop(winner, None)
    outcomes[winner] = run(replace(spec, trials=max(1, len(_scores(spec)))), interim=False)
    return list(outcomes.values())


def _allocation(
    specs: Sequence[SearchSpec], budget: int, outcomes: dict[str, Outcome]
) -> Allocation:
    return allocate(
        {spec.regime: _scores(spec) for spec in specs},
        {spec.regime: len(starting_points(spec)) for spec in specs},
        budget,
        ended=[regime for regime, outcome in outcomes.items() if _ended(outcome)],
    )


def _scores(spec: SearchSpec) -> list[float]:
    """The scores of a search's finished trials; 0 for those that did not complete."""
    try:
        finished = [trial for trial in trials(read_study(spec.folder)) if trial.state.is_finished()]
    except ValueError:  # it has not begun
        return []
    complete = TrialState.COMPLETE  # Optuna gives a pruned trial its last epoch's accuracy.
    return [trial.value or 0.0 if trial.state == complete else 0.0 for trial in finished]


def _earlier(spec: SearchSpec) -> Outcome:
    """How a search stands that an earlier process ran."""
    path = spec.folder / SUMMARY_FILE
    return Outcome(spec, Summary.from_dict(read_json(path), path), Ending.DONE)


def _ended(outcome: Outcome | None) -> bool:
    """Whether a search ended before it had its trials, and would again."""
    return outcome is not None and outcome.ending != Ending.DONE


def _deadline(spec: SearchSpec) -> float:
    return float("inf") if spec.time_budget is None else time.monotonic() + spec.time_budget
