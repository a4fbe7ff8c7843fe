"""Who won, with which score: the first line of the report."""

import pandas

from analysis.comparison.standing import standing
from analysis.evidence import Evidence
from analysis.metric import percent_of, qualifier
from analysis.read.summary import Floor, Summary


def headline(labels: list[str], best: Summary, evidence: Evidence, pairs: pandas.DataFrame) -> str:
    """The sentence; `labels` has the best search first."""
    label, rivals = labels[0], len(labels) - 1
    if best.floor_wins and best.best_floor is not None:
        return (
            f"The floor {best.best_floor.regime} wins: {_floor_scores(best.best_floor, best)}."
            f" Best search: {label}, trial {best.winner}"
        )
    trial = "trial 0, its defaults" if best.winner == 0 else f"trial {best.winner}"
    name = f"{label} {standing(label, best, rivals, pairs, evidence)} with {trial}"
    for split in ("test", "validation"):
        mean = evidence.mean(best, split)
        if mean.n:
            return f"{name}: {mean.short} %{qualifier(best.metric)} on {split}"
    return f"{name}: {percent_of(best.selection_score, best.metric)} on validation, not confirmed"


def _floor_scores(floor: Floor, best: Summary) -> str:
    """A floor's score on validation, by which it won, and on test."""
    words = qualifier(best.metric)
    said = f"{100 * floor.validation_score(best.metric):.1f} %{words} on validation"
    on_test = floor.test_score(best.metric)
    return said if on_test is None else f"{said}, {100 * on_test:.1f} % on test"
