"""Which hyperparameters mattered, by ranks."""

import numpy as np
import pandas
import pytest

from analysis.hyperparameters.effects import effects
from analysis.read.space import Choices, SearchRange, Space

SPACE: Space = {
    "rate": SearchRange(0.0, 1.0, log=False),
    "noise": SearchRange(0.0, 1.0, log=False),
    "pooling": Choices(("cls", "mean")),
}


def placed(number: int, seed: int = 0, **accuracy: float) -> pandas.DataFrame:
    """Trials whose accuracy depends on `rate` and `pooling` as said, and on nothing else."""
    random = np.random.default_rng(seed)
    rate, noise, pooling = random.random((3, number))
    chosen = np.where(pooling > 0.5, "mean", "cls")
    score = (
        accuracy.get("rate", 0.0) * rate
        + accuracy.get("pooling", 0.0) * (chosen == "mean")
        + 0.01 * random.random(number)
    )
    frames = [
        pandas.DataFrame(
            {
                "parameter": name,
                "number": range(number),
                "state": "COMPLETE",
                "value": values.astype(str),
                "place": places,
                "final_stage_score": score,
            }
        )
        for name, values, places in (
            ("rate", rate, rate),
            ("noise", noise, noise),
            ("pooling", chosen, (chosen == "mean").astype(float)),
        )
    ]
    return pandas.concat(frames, ignore_index=True)


def test_a_parameter_that_matters_comes_first_with_its_direction() -> None:
    rows = effects(placed(8, rate=-1.0), SPACE)
    first = rows.iloc[0]
    assert (first["parameter"], first["better"], first["trials"]) == ("rate", "lower", 8)
    assert first["effect"] > 0.9 and first["chance"] < 0.01
    best = effects(placed(12, pooling=1.0), SPACE).iloc[0]
    assert (best["parameter"], best["better"]) == ("pooling", "mean")


def test_three_trials_rank_nothing_and_four_do() -> None:
    assert effects(placed(3, rate=1.0), SPACE).empty
    assert "rate" in set(effects(placed(4, rate=1.0), SPACE)["parameter"])


@pytest.mark.parametrize("number", [6, 20])
def test_one_in_twenty_parameters_that_do_nothing_seems_to_matter(number: int) -> None:
    chances = [
        chance for seed in range(60) for chance in effects(placed(number, seed), SPACE)["chance"]
    ]
    assert 0.01 < np.mean([chance < 0.05 for chance in chances]) < 0.1
