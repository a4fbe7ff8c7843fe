"""The laboratory of stopping policies, on small recordings whose answers are known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from optuna.pruners import BasePruner, NopPruner

from search.study.rungs import RungPruner, fraction
from tests.benchmarks.replay import lab, recording
from tests.benchmarks.replay.__main__ import main
from tests.benchmarks.replay.figures import bootstrap, chosen_without, judge, slow_starters
from tests.benchmarks.replay.policies import DEFAULT, POLICIES, UntrainedPruner
from tests.benchmarks.replay.recording import Conditions, Recording, Row
from tests.benchmarks.replay.restarts import one_epoch, pasha
from tests.benchmarks.replay.simulation import replay as replayed

EPOCHS = 4
CONDITIONS = Conditions(
    data="toy",
    regime="llrd_warmup",
    sampler="random",
    seed=1,
    epochs=EPOCHS,
    model="minilm",
    precision="bf16",
    train=600,
    validation=400,
    intents=7,
    points=3,
    data_fingerprint="0" * 16,
)


class Everything(BasePruner):
    """Ends every trial that it may end."""

    def prune(self, study: object, trial: object) -> bool:
        return True


def row(number: int, accuracies: Sequence[float], seconds: float = 1.0, **values: Any) -> Row:
    given = {"score": max(accuracies, default=None), "config": {}, "untrained": 0.3, **values}
    return Row(
        number=number, accuracies=[*accuracies], seconds=[seconds] * len(accuracies), **given
    )


ROWS = [
    row(0, [0.4, 0.5, 0.5, 0.5]),
    row(1, [0.6, 0.7, 0.7, 0.7]),
    row(2, [0.2, 0.3, 0.5, 0.9]),
    row(3, [0.5, 0.6, 0.6, 0.6]),
]
"""Trial 2 starts slowly and is the best in the end."""


def test_without_pruning_every_epoch_is_spent_and_nothing_lost() -> None:
    outcome = replayed(ROWS, NopPruner(), EPOCHS)
    assert outcome.spent == outcome.whole == 16
    assert outcome.completed == [(0, 7), (1, 8), (2, 15), (3, 16)]
    judged = judge(CONDITIONS, "none", 0, ROWS, outcome)
    assert (judged.epochs, judged.survives, judged.regret) == (1, 1, 0)
    assert (judged.slow_kept, judged.slow) == (0, 0)


def test_a_policy_that_prunes_everything_leaves_trial_0() -> None:
    outcome = replayed(ROWS, Everything(), EPOCHS)
    assert (outcome.spent, outcome.completed) == (EPOCHS + 3, [(0, 7)])
    judged = judge(CONDITIONS, "all", 0, ROWS, outcome)
    assert judged.epochs == 7 / 16 and judged.survives == 0
    assert judged.regret == pytest.approx(40) and judged.regret_in_part == pytest.approx(90)


def test_successive_halving_loses_the_slow_starter() -> None:
    outcome = replayed(ROWS, RungPruner(1, 2, fraction(2)), EPOCHS, slots=1)
    # Trial 1 leads at both rungs; trial 2 is third of three, trial 3 second of four, then of three.
    assert outcome.completed == [(0, 4), (1, 8)] and outcome.spent == 4 + 4 + 1 + 2
    assert judge(CONDITIONS, "asha", 0, ROWS, outcome).regret == pytest.approx(20)


def test_trials_run_side_by_side_in_their_recorded_times() -> None:
    """Trial 0 takes as long as all others together, and ends last."""
    rows = [row(0, [0.5] * EPOCHS, 3.0), *(row(n, [0.5] * EPOCHS) for n in (1, 2, 3))]
    assert [place for place, _ in replayed(rows, NopPruner(), EPOCHS).completed] == [1, 2, 0, 3]
    assert [place for place, _ in replayed(rows, NopPruner(), EPOCHS, slots=1).completed] == [
        *range(4)
    ]


def test_only_the_first_stage_is_judged_and_counted() -> None:
    rows = [row(n, [0.5, 0.6, 0.7, 0.8, 0.1, 0.1], score=0.1) for n in range(2)]
    outcome = replayed(rows, NopPruner(), EPOCHS)
    assert (outcome.spent, outcome.whole, len(outcome.completed)) == (8, 8, 2)
    assert judge(CONDITIONS, "none", 0, rows, outcome).regret == 0


def test_failed_trials_cost_what_they_ran_and_score_nothing() -> None:
    failed: dict[str, Any] = {"score": None, "failure": "FloatingPointError"}
    rows = [row(0, [0.9] * EPOCHS), row(1, [], **failed), row(2, [0.1], **failed)]
    outcome = replayed(rows, NopPruner(), EPOCHS)
    assert (outcome.spent, outcome.whole, outcome.completed) == (5, 5, [(0, 5)])


def test_a_trial_must_beat_its_untrained_encoder() -> None:
    rows = [row(0, [0.1] * EPOCHS), row(1, [0.3] * EPOCHS), row(2, [0.31] * EPOCHS)]
    assert [place for place, _ in replayed(rows, UntrainedPruner(), EPOCHS).completed] == [0, 2]


def test_two_rounds_train_the_best_from_their_start() -> None:
    outcome = one_epoch(1)(ROWS, CONDITIONS)
    assert outcome.completed == [(0, 4 + 4), (1, 4 + 8)] and (outcome.spent, outcome.whole) == (
        12,
        16,
    )


@pytest.mark.parametrize(("later", "highest"), [([0.5, 0.6], 3), ([0.6, 0.5], 9)])
def test_pasha_adds_a_rung_while_ranks_change(later: Sequence[float], highest: int) -> None:
    """The first two trials run to the second rung. Only if they have swapped places there does the
    third run on to the next one. The last ends at the first rung; the third is trained again."""
    curves = [[0.5, *[later[0]] * 9], [0.6, *[later[1]] * 9], [0.7] * 10, [0.1] * 10]
    rows = [row(place, curve) for place, curve in enumerate(curves)]
    outcome = pasha(1)(rows, replace(CONDITIONS, epochs=10))
    first_round = 3 + 3 + highest + 1
    assert outcome.completed == [(0, first_round + 10), (2, first_round + 20)]
    assert (outcome.spent, outcome.whole) == (first_round + 20, 40)


def test_slow_starters_begin_in_the_lower_half_and_end_in_the_top_fifth() -> None:
    rows = [row(n, [n / 10, 0.5], score=1 - n / 10) for n in range(10)]
    assert slow_starters(rows) == {0, 1}
    assert slow_starters([row(n, [n / 10, n / 10]) for n in range(10)]) == set()


def test_shuffles_keep_the_first_trials_and_tpe_keeps_its_order() -> None:
    rows = [row(number, [0.1]) for number in range(20)]
    orders = list(lab.orders(Recording(CONDITIONS, rows), 5))
    assert len({tuple(each.number for each in order) for order in orders}) == 5
    for order in orders:
        assert list(order[:3]) == rows[:3]
        assert sorted(each.number for each in order) == [*range(20)]
    tpe = replace(CONDITIONS, sampler="tpe")
    assert list(lab.orders(Recording(tpe, rows), 5)) == [rows]


def test_the_interval_of_a_mean_of_groups_covers_it() -> None:
    """Twenty groups of two values, 95 % intervals of 200 draws: the mean of all groups that might
    have been is 0. A group more or less is an independent error, so 90 % is the least to expect of
    so few groups."""
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        groups = draw.normal(size=(20, 1)) + draw.normal(size=(20, 2)) / 10
        low, high = bootstrap(list(groups), draws=300)
        covered += low <= 0 <= high
    assert 180 <= covered < 200
    assert bootstrap([np.ones(3), np.ones(1)]) == (1, 1)


def test_the_policy_for_a_data_set_is_chosen_by_the_others() -> None:
    """Policy x is perfect on data set a and bad elsewhere: it must not be chosen for a."""
    loss = {("x", "a"): 0.0, ("x", "b"): 3.0, ("x", "c"): 3.0, ("y", "a"): 2.0}
    outcomes = pandas.DataFrame(
        [
            {
                "data": data,
                "policy": policy,
                "regret_in_part": loss.get((policy, data), 1.0),
                "regret": 0.0,
                "epochs": epochs,
            }
            for policy, epochs in (("x", 0.2), ("y", 0.4), (DEFAULT, 0.5))
            for data in "abc"
        ]
    )
    lines = chosen_without(outcomes).splitlines()[2:]
    assert [line.split(" | ")[:2] for line in lines[:2]] == [["| a", "y"], ["| a", DEFAULT]]
    assert lines[0].endswith("| 2.00 |")


def test_the_program_replays_every_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    for data in ("a", "b"):
        conditions = replace(CONDITIONS, data=data)
        rows = [row(n, draw.random(EPOCHS).round(2).tolist()) for n in range(12)]
        recording.write(Recording(conditions, rows), tmp_path)
    assert main(["--folder", str(tmp_path), "--shuffles", "2"]) == 0
    said = capsys.readouterr().out
    for policy in POLICIES:
        assert f"| {policy} | " in said
    assert "| none | 100 (100 to 100) | 100 (100 to 100) | 0.00 (0.00 to 0.00) |" in said
    assert "a_llrd_warmup_random_1: 12 trials" in said and "| left out |" in said


def test_a_folder_without_recordings_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--folder", str(tmp_path)]) == 2
    assert "has no recording of 10 or more trials" in capsys.readouterr().err
