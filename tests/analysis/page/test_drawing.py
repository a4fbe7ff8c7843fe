"""Figures as SVG."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas
import pytest

from analysis import report
from analysis.budget import figures as budget_figures
from analysis.budget import numbers as budget
from analysis.page import drawing
from analysis.trials import figures as trial_figures
from tests.analysis.searches import (
    LONG_LABELS,
    finished_trials,
    summary,
    write_search,
)


@pytest.mark.parametrize(("length", "beside"), [(8, True), (26, False), (40, False)])
def test_no_label_of_a_legend_is_cut_off(length: int, beside: bool) -> None:
    """Long labels are stacked: side by side, the second would end outside the figure."""
    budgets = {
        f"{letter}{'n' * (length - 1)}": budget.expected_best(finished_trials(0.5, 0.6))
        for letter in "xy"
    }
    result = budget_figures.expected_best(budgets, "accuracy")
    x, y = (re.findall(rf' x="([0-9.]+)"[^>]*>{name[:8]}', result)[0] for name in budgets)
    assert (float(x) < float(y)) == beside


def test_figures_are_well_formed_and_share_no_ids(tmp_path: Path) -> None:
    text = report.report(write_search(tmp_path / "one", outcome=summary())).read_text()
    drawn = _svgs(text)
    assert len(drawn) == 6
    names: list[str] = []
    for figure in drawn:
        root = ET.fromstring(figure)
        own = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        used = [
            value[1:]
            for element in root.iter()
            for name, value in element.attrib.items()
            if name.endswith("href")
        ]
        assert set(used) <= set(own) and "width" not in root.attrib
        assert "#010203" not in figure and "currentColor" in figure and "<style" not in figure
        names += own
    assert len(names) == len(set(names))


def _svgs(text: str) -> list[str]:
    return ["<svg" + part.split("</svg>")[0] + "</svg>" for part in text.split("<svg")[1:]]


def test_epochs_are_whole_numbers_on_every_axis() -> None:
    one = pandas.DataFrame({"epoch": [3], "train_loss": [None], "validation_loss": [0.74]})
    ticks = [
        element.text
        for element in ET.fromstring(trial_figures.loss_curve(one)).iter()
        if element.tag.endswith("text")
    ]
    assert "3" in ticks and not {"2.9", "2.95", "3.00", "3.05"} & set(ticks)


@pytest.mark.parametrize("longest", [4, 24, 40])
def test_different_labels_look_different(longest: int) -> None:
    """Long labels with a common prefix, a leading underscore (matplotlib hides its line), and
    spaces that HTML collapses."""
    shown = [label.strip() for label in drawing.names(LONG_LABELS, longest)]
    assert (
        len(set(shown)) == len(LONG_LABELS)
        and drawing.names(LONG_LABELS[:2] * 2, 24) == drawing.names(LONG_LABELS[:2], 24) * 2
    )
    assert all("…" in label for label, whole in zip(shown, LONG_LABELS) if len(whole) > longest)
    assert all(
        label == whole for label, whole in zip(shown[:3], LONG_LABELS) if len(whole) <= longest
    )
