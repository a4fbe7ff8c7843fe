"""Differences between winners, corrected for the number of pairs."""

import numpy as np
import pytest

from analysis.comparison.pairwise import comparable_split, pairwise_table
from analysis.evidence import Evidence
from analysis.holm import holm
from tests.analysis.searches import read_summary


def stepwise(p_values: list[float], level: float) -> list[bool]:
    """Holm's procedure as he states it: from the smallest on, until one is not below its bound."""
    different = [False] * len(p_values)
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[place] >= level / (len(p_values) - step):
            break
        different[place] = True
    return different


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_adjusted_p_values_decide_as_the_stepwise_procedure(level: float) -> None:
    generator = np.random.default_rng(0)
    for count in (1, 2, 6, 21):
        for _ in range(50):
            p_values = list(generator.random(count) ** 3)
            adjusted = holm(p_values)
            assert [value < level for value in adjusted] == stepwise(p_values, level)
            assert all(own <= value <= 1 for own, value in zip(p_values, adjusted))
    assert holm([]) == []


def test_the_table_has_each_pair_twice_with_the_differences_of_the_evidence() -> None:
    searches = {
        "a": read_summary(confirmed_accuracy=[0.90, 0.91]),
        "b": read_summary("llrd", confirmed_accuracy=[0.80]),
        "c": read_summary("warmup", confirmed_accuracy=[0.901, 0.911]),
        "d": read_summary("supcon", confirmed_accuracy=[]),
    }
    evidence = Evidence(searches.values())
    frame = pairwise_table(searches, "validation", evidence)
    table = {(row["regime"], row["other"]): row for row in frame.to_dict("records")}
    assert list(table) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("b", "c"),
        ("c", "a"),
        ("c", "b"),
    ]
    difference = evidence.difference(searches["a"], searches["b"], "validation", 3)
    row = table["a", "b"]
    assert (row["difference"], row["half_width"]) == (difference.value, difference.half_width)
    assert (row["half_width_new_sentences"], row["p_value"], row["seeds_needed"]) == (
        difference.new_sentences,
        difference.p_value,
        difference.seeds,
    )
    assert (row["n"], row["n_other"], row["different"]) == (2, 1, True)
    assert table["b", "a"]["difference"] == -difference.value
    assert not table["a", "c"]["different"]
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    adjusted = holm([table[pair]["p_value"] for pair in pairs])
    assert [table[pair]["p_holm"] for pair in pairs] == adjusted
    only = pairwise_table({"a": searches["a"]}, "validation", evidence)
    assert only.empty and "different" in only


def test_the_split_is_test_only_if_all_were_tested() -> None:
    tested, untested = read_summary(), read_summary(test=[])
    assert comparable_split([tested, tested]) == "test"
    assert comparable_split([tested, untested]) == "validation"
    unconfirmed = read_summary(confirmed_accuracy=[], test=[])
    assert comparable_split([tested, unconfirmed]) == "test"
    assert comparable_split([unconfirmed]) == "validation"
