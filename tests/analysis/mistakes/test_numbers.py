"""Confusions, accuracies and calibration, counted by hand."""

import numpy as np
import pandas
import pytest
from scipy.stats import binomtest

from analysis.mistakes import numbers as mistakes
from tests.analysis.searches import SIX_PREDICTIONS, predictions


def test_confusions_list_their_most_confident_mistakes() -> None:
    result = mistakes.confusions(SIX_PREDICTIONS)
    assert result.to_dict("records") == [
        {
            "label": "a",
            "predicted": "b",
            "count": 2,
            "share": pytest.approx(2 / 3),
            "examples": ["text 2", "text 1"],
        },
        {"label": "b", "predicted": "a", "count": 1, "share": 0.5, "examples": ["text 3"]},
    ]
    twice = pandas.concat([SIX_PREDICTIONS, SIX_PREDICTIONS.assign(seed=2)])
    assert mistakes.confusions(twice)["count"].tolist() == [4, 2] and mistakes.confusions(twice)[
        "examples"
    ][0] == ["text 2", "text 1"]


def test_class_intervals_count_sentences_not_seeds() -> None:
    result = mistakes.classes(pandas.concat([SIX_PREDICTIONS, SIX_PREDICTIONS.assign(seed=2)]))
    assert result["label"].tolist() == ["a", "b", "c"] and result["sentences"].tolist() == [3, 2, 1]
    assert result["accuracy"].tolist() == pytest.approx([1 / 3, 0.5, 1])
    for right, row in zip((1, 1, 1), result.itertuples()):
        expected = binomtest(right, row.sentences).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((expected.low, expected.high))


def test_calibration_is_its_definition() -> None:
    """Equal to a loop over bins, on random answers whose accuracy is their confidence squared."""
    generator = np.random.default_rng(0)
    sure = np.append(generator.random(500), [0.0, 1.0, 0.1])
    right = generator.random(len(sure)) < sure**2
    result = predictions(
        *(("a", "a" if ok else "b", float(share)) for ok, share in zip(right, sure))
    )
    expected, parts = 0.0, []
    for low in range(mistakes.CALIBRATION_BINS):
        inside = (sure >= low / 10) & ((sure < (low + 1) / 10) | (low == 9))
        parts.append((inside.sum(), sure[inside].mean(), right[inside].mean()))
        expected += inside.sum() / len(sure) * abs(sure[inside].mean() - right[inside].mean())
    bins = mistakes.calibration(result)
    assert bins[["n", "confidence", "accuracy"]].to_numpy().tolist() == pytest.approx(
        np.array(parts)
    )
    assert mistakes.calibration_error(bins) == pytest.approx(expected)


def test_confused_classes_are_neighbours() -> None:
    """a is confused with d, and b with c; each has four sentences."""
    pairs = {"a": "d", "d": "a", "b": "c", "c": "b"}
    result = mistakes.matrix(
        predictions(
            *(
                (label, answer, 0.5)
                for label in "abcd"
                for answer in (label, label, label, pairs[label])
            )
        )
    )
    order = "".join(result.index)
    assert (
        ("ad" in order or "da" in order)
        and ("bc" in order or "cb" in order)
        and list(result.columns) == list(result.index)
    )
    assert (
        result.loc["a", "a"] == 0.75 and result.loc["a", "d"] == 0.25 and result.loc["a", "b"] == 0
    )


def test_a_matrix_keeps_the_classes_with_most_errors() -> None:
    many = [f"{number:03d}" for number in range(60)]
    answers = [(label, many[(place + 1) % 60], 0.5) for place, label in enumerate(many)] + [
        ("007", "008", 0.5),
        ("007", "050", 0.5),
    ]
    result = mistakes.matrix(predictions(*answers))
    assert len(result) == mistakes.MAX_CLASSES_SHOWN and {"007", "008", "050"} <= set(result.index)


@pytest.mark.parametrize(
    ("answers", "pairs", "size"),
    [
        ([("a", "a", 0.9), ("b", "b", 0.8)], 0, 0),
        ([("a", "b", 0.9), ("b", "a", 0.8)], 2, 2),
        ([("a", "a", 0.9)], 0, 0),
        ([("a", "b", 1.0)], 1, 2),
        ([], 0, 0),
    ],
    ids=["all right", "all wrong", "one class", "one error", "nothing"],
)
def test_all_right_all_wrong_and_nothing(
    answers: list[tuple[str, str, float]], pairs: int, size: int
) -> None:
    result = predictions(*answers)
    assert len(mistakes.confusions(result)) == pairs and mistakes.matrix(result).shape == (
        size,
        size,
    )
    assert mistakes.calibration(result)["n"].sum() == len(answers) and len(
        mistakes.classes(result)
    ) == len({label for label, *_ in answers})
