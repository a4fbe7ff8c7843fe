"""The accuracy around the best trial, on surfaces that are known."""

import numpy as np
import pandas

from analysis.hyperparameters.robustness import STEP_FRACTION, robustness
from analysis.read.space import Choices, SearchRange, Space

NAMES = ("a", "b", "c")
SPACE: Space = {
    **{name: SearchRange(0.0, 1.0, log=False) for name in NAMES},
    "d": Choices(("x", "y")),
}
OPTIMUM = np.array([0.5, 0.4, 0.6])


def placed(number: int, curvature: list[float], seed: int = 0) -> tuple[pandas.DataFrame, int]:
    """Trials on a paraboloid with noise, as `slices` has them, and the best one's number."""
    random = np.random.default_rng(seed)
    x = random.random((number, 3))
    x[0] = OPTIMUM + 0.02  # the search has found the top
    accuracy = 0.9 - ((x - OPTIMUM) ** 2) @ np.array(curvature) + random.normal(0, 0.002, number)
    frame = pandas.DataFrame(
        [
            {
                "parameter": name,
                "number": trial,
                "state": "COMPLETE",
                "value": str(value),
                "place": place,
                "final_stage_score": accuracy[trial],
            }
            for trial in range(number)
            for name, value, place in (
                *((name, x[trial, n], x[trial, n]) for n, name in enumerate(NAMES)),
                ("d", "xy"[trial % 2], float(trial % 2)),
            )
        ]
    )
    return frame, int(accuracy.argmax())


def test_a_steep_parameter_is_told_from_a_level_one() -> None:
    frame, best = placed(40, [0.8, 0.0, 0.0])
    by_parameter = {
        row["parameter"]: row for row in robustness(frame, SPACE, best).to_dict("records")
    }
    assert list(by_parameter) == ["a", "b", "c"]  # a choice has no little step
    assert by_parameter["a"]["down"] < -0.005 and by_parameter["a"]["up"] < -0.005
    assert {by_parameter[name]["verdict"] for name in "bc"} == {"level"}


def test_a_sensitive_value_is_found_and_a_step_out_of_the_range_is_empty() -> None:
    frame, best = placed(60, [6.0, 0.0, 0.0])
    rows = robustness(frame, SPACE, best)
    assert list(rows[rows["verdict"] == "sensitive"]["parameter"]) == ["a"]
    near_end = frame.copy()
    near_end.loc[(frame["parameter"] == "b") & (frame["number"] == best), "place"] = (
        STEP_FRACTION / 2
    )
    ended = robustness(near_end, SPACE, best)
    ended = ended[ended["parameter"] == "b"]
    assert ended["down"].isna().all() and ended["up"].notna().all()


def test_few_trials_say_nothing() -> None:
    frame, best = placed(7, [1.0, 1.0, 1.0])
    assert robustness(frame, SPACE, best).empty
    assert robustness(frame, SPACE, None).empty


def test_intervals_hold_the_true_change() -> None:
    """Over surfaces with some steep and some level parameters, near their 95 %."""
    held = []
    for seed in range(12):
        frame, best = placed(20, [0.3, 0.05, 0.0], seed)
        own = frame[frame["number"] == best]
        at = dict(zip(own["parameter"], own["place"].astype(float)))
        for n, row in enumerate(robustness(frame, SPACE, best).to_dict("records")):
            for way, step in (("down", -STEP_FRACTION), ("up", STEP_FRACTION)):
                if row[way] == row[way]:
                    distance = at[NAMES[n]] - OPTIMUM[n]
                    true = -[0.3, 0.05, 0.0][n] * ((distance + step) ** 2 - distance**2)
                    held.append(abs(row[way] - true) <= row[f"{way}_half_width"])
    assert np.mean(held) > 0.85
