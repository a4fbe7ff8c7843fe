"""Where a model errs: predictions whose confusions, intervals and calibration are counted out."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from scipy.stats import binomtest

from analysis import intervals, report
from analysis.mistakes import figures as error_figures
from analysis.mistakes import numbers as errors
from analysis.page import drawing
from tests.analysis.test_analysis import Page, summary, write_search

LABELS = list("abcd")


def predictions(*answers: tuple[str, str, float], seed: int = 1) -> pandas.DataFrame:
    """A row a (label, predicted, confidence), each sentence called by its number."""
    rows = [
        {
            "seed": seed,
            "row": row,
            "text": f"text {row}",
            "label": label,
            "predicted": predicted,
            "confidence": confidence,
        }
        for row, (label, predicted, confidence) in enumerate(answers)
    ]
    return pandas.DataFrame(
        rows, columns=["seed", "row", "text", "label", "predicted", "confidence"]
    )


SIX = predictions(
    ("a", "a", 0.9),
    ("a", "b", 0.6),
    ("a", "b", 0.8),
    ("b", "a", 0.7),
    ("b", "b", 0.3),
    ("c", "c", 1.0),
)


def test_confusions_are_counted_and_shown_by_what_was_most_surely_mistaken() -> None:
    found = errors.confusions(SIX)
    assert found.to_dict("records") == [
        {
            "label": "a",
            "predicted": "b",
            "count": 2,
            "share": pytest.approx(2 / 3),
            "examples": ["text 2", "text 1"],
        },
        {"label": "b", "predicted": "a", "count": 1, "share": 0.5, "examples": ["text 3"]},
    ]
    twice = pandas.concat([SIX, SIX.assign(seed=2)])
    assert errors.confusions(twice)["count"].tolist() == [4, 2] and errors.confusions(twice)[
        "examples"
    ][0] == ["text 2", "text 1"]


def test_classes_have_intervals_for_their_sentences_not_for_their_seeds() -> None:
    found = errors.classes(pandas.concat([SIX, SIX.assign(seed=2)]))
    assert found["label"].tolist() == ["a", "b", "c"] and found["sentences"].tolist() == [3, 2, 1]
    assert found["accuracy"].tolist() == pytest.approx([1 / 3, 0.5, 1])
    for right, row in zip((1, 1, 1), found.itertuples()):
        expected = binomtest(right, row.sentences).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (15, 148), (1, 1), (50, 100)])
def test_wilson_is_scipys(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert intervals.wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_share_lies_in_its_interval_whatever_rounding_does() -> None:
    """Else a figure's error bar would have a negative length, which matplotlib refuses."""
    for n in range(1, 60):
        for right in range(n + 1):
            low, high = intervals.wilson(right / n, n)
            assert 0 <= low <= right / n <= high <= 1


def test_wilson_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sentence"):
        intervals.wilson(0.5, 0)


def test_calibration_is_its_definition() -> None:
    """Against a loop over bins, on random answers that are right as often as their confidence
    squared."""
    generator = np.random.default_rng(0)
    sure = np.append(generator.random(500), [0.0, 1.0, 0.1])
    right = generator.random(len(sure)) < sure**2
    found = predictions(
        *(("a", "a" if ok else "b", float(share)) for ok, share in zip(right, sure))
    )
    expected, parts = 0.0, []
    for low in range(errors.BINS):
        inside = (sure >= low / 10) & ((sure < (low + 1) / 10) | (low == 9))
        parts.append((inside.sum(), sure[inside].mean(), right[inside].mean()))
        expected += inside.sum() / len(sure) * abs(sure[inside].mean() - right[inside].mean())
    bins = errors.calibration(found)
    assert bins[["n", "confidence", "accuracy"]].to_numpy().tolist() == pytest.approx(
        np.array(parts)
    )
    assert errors.calibration_error(bins) == pytest.approx(expected)


def test_classes_that_are_confused_stand_beside_each_other() -> None:
    """a with d, and b with c, each of four sentences."""
    pairs = {"a": "d", "d": "a", "b": "c", "c": "b"}
    found = errors.matrix(
        predictions(
            *(
                (label, answer, 0.5)
                for label in LABELS
                for answer in (label, label, label, pairs[label])
            )
        )
    )
    order = "".join(found.index)
    assert (
        ("ad" in order or "da" in order)
        and ("bc" in order or "cb" in order)
        and list(found.columns) == list(found.index)
    )
    assert found.loc["a", "a"] == 0.75 and found.loc["a", "d"] == 0.25 and found.loc["a", "b"] == 0


def test_a_matrix_keeps_the_classes_with_most_errors() -> None:
    many = [f"{number:03d}" for number in range(60)]
    answers = [(label, many[(place + 1) % 60], 0.5) for place, label in enumerate(many)] + [
        ("007", "008", 0.5),
        ("007", "050", 0.5),
    ]
    found = errors.matrix(predictions(*answers))
    assert len(found) == errors.MOST and {"007", "008", "050"} <= set(found.index)


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
    found = predictions(*answers)
    assert len(errors.confusions(found)) == pairs and errors.matrix(found).shape == (size, size)
    assert errors.calibration(found)["n"].sum() == len(answers) and len(
        errors.classes(found)
    ) == len({label for label, *_ in answers})


LONG = [
    f"datetime_query_for_a_{end}" for end in ("place_today", "place_tomorrow", "face_today")
] + ["a", "_a", "a b", "a  b"]


@pytest.mark.parametrize("longest", [4, 24, 40])
def test_different_labels_look_different(longest: int) -> None:
    """Long ones that share their beginnings, one with an underscore that matplotlib would hide, and
    blanks that a page draws as one."""
    shown = [label.strip() for label in drawing.names(LONG, longest)]
    assert (
        len(set(shown)) == len(LONG)
        and drawing.names(LONG[:2] * 2, 24) == drawing.names(LONG[:2], 24) * 2
    )
    assert all("…" in label for label, whole in zip(shown, LONG) if len(whole) > longest)
    assert all(label == whole for label, whole in zip(shown[:3], LONG) if len(whole) <= longest)


def test_no_two_classes_share_a_name_in_a_figure() -> None:
    found = predictions((LONG[0], LONG[1], 0.9), (LONG[1], LONG[2], 0.9), (LONG[2], LONG[0], 0.9))
    for svg in (
        error_figures.matrix(errors.matrix(found)),
        error_figures.classes(errors.classes(found)),
    ):
        texts = re.findall(r">([^<>]*…[^<>]*)<", svg)
        assert len(set(texts)) == 3 and all(re.search("…", label) for label in texts)


def with_predictions(folder: Path, found: pandas.DataFrame, **changes: Any) -> Path:
    write_search(folder, found=summary(**changes))
    found.to_csv(folder / "predictions.csv", index=False)
    return folder


def test_the_report_shows_where_the_winner_errs(tmp_path: Path) -> None:
    folder = with_predictions(tmp_path / "one", SIX)
    page = Page(report.report(folder).read_text())
    assert (
        "Of 6 validation sentences 50.0 % were right, over 1 fresh seed;" in page.text
        and "text 2; text 1" in page.text
    )
    old = Page(
        report.report(
            with_predictions(tmp_path / "old", SIX, confirmed_runs_chose=True)
        ).read_text()
    )
    assert "50.0 % were right, over 1 seed that also chose it;" in old.text
    error = (abs(0.9 - 1) + abs(0.6 - 0) + abs(0.8 - 0) + abs(0.7 - 0) + abs(0.3 - 1) + 0) / 6
    assert f"Expected calibration error: {100 * error:.1f} points" in page.text
    assert pandas.read_csv(folder / "report_confusions.csv")["count"].tolist() == [2, 1]
    assert pandas.read_csv(folder / "report_classes.csv")["sentences"].tolist() == [3, 2, 1]
    assert pandas.read_csv(folder / "report_calibration.csv")["n"].sum() == 6


def test_without_predictions_nothing_is_said_of_errors(tmp_path: Path) -> None:
    page = Page(report.report(write_search(tmp_path / "one", found=summary())).read_text())
    assert "still err" not in page.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"confidence": 1.5}, "not from 0 to 1"),
        ({"confidence": "high"}, "column 'confidence'"),
        ({"row": 0.5}, "whole number"),
        ({"seed": None}, "whole number"),
    ],
)
def test_damaged_predictions_are_one_line(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = with_predictions(tmp_path / "one", SIX.assign(**change))
    with pytest.raises(ValueError, match=said):
        report.report(folder)
    (folder / "predictions.csv").write_text("seed,row\n1,2\n")
    with pytest.raises(ValueError, match="no column"):
        report.report(folder)
