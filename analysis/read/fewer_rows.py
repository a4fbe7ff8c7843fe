"""A search's outcome as if some rows of validation and test were not there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.read.correct import Correct
from analysis.read.summary import Summary


def without_rows(
    summary: Summary, correct: Correct, rows: Mapping[str, Sequence[int]]
) -> tuple[Summary, Correct] | None:
    """The accuracies of runs and floors without these `rows` of the splits, and what is right.

    What chose the winner stays as it was, and of the floors only the one that was the best. Choice
    runs, trial 0 and floors are left out where it is
    not recorded which sentences they got right. None where that is so of the report runs, where no
    row is left, and for another metric, about which it says nothing.
    """
    left_out = {split: np.unique(given).astype(int) for split, given in rows.items() if given}
    if summary.metric != "accuracy":
        return None
    floor = summary.best_floor  # Another one may be the best without these rows.
    summary = replace(summary, floors=() if floor is None else (floor,))
    runs = {}
    for key, bits in correct.runs.items():
        given = left_out.get(key[3], np.array([], dtype=int))
        if given.size and (given[-1] >= len(bits) or given.size == len(bits)):
            return None
        runs[key] = np.delete(bits, given)
    kept = Correct(runs, correct.winner)
    for split in left_out:
        whole = summary.test if split == "test" else summary.confirmed_accuracy
        if not whole:
            continue
        reported = kept.reported(split)
        if reported is None or len(reported) != len(whole):
            return None
        change = _test if split == "test" else _validation
        summary = change(summary, kept, reported.mean(axis=1).tolist(), reported.shape[1])
    return summary, kept


def _test(summary: Summary, kept: Correct, reported: list[float], size: int) -> Summary:
    runs = tuple(replace(run, test_accuracy=own) for run, own in zip(summary.test, reported))
    floors = tuple(
        replace(floor, test_accuracy=_single(kept, floor.regime, "test"))
        for floor in summary.floors
    )
    return replace(summary, test=runs, test_size=size, floors=floors)


def _validation(summary: Summary, kept: Correct, reported: list[float], size: int) -> Summary:
    choice = {
        trial: tuple(bits.mean(axis=1).tolist())
        for trial in summary.choice_runs
        if (bits := kept.of("choice", int(trial), "validation")) is not None
    }
    floors = tuple(
        replace(floor, validation_accuracy=score)
        for floor in summary.floors
        if (score := _single(kept, floor.regime, "validation")) is not None
    )
    return replace(
        summary,
        confirmed_accuracy=tuple(reported),
        validation_size=size,
        choice_runs=choice,
        floors=floors,
        paper_config_validation_accuracy=_single(kept, "search", "validation"),
    )


def _single(kept: Correct, kind: str, split: str) -> float | None:
    """The accuracy of trial 0 or of a floor."""
    bits = kept.of(kind, 0, split)
    return None if bits is None else float(bits.mean())
