"""`analysis`: known answers for the statistics, the table with and without the paper, and a report
that withstands odd results."""

import csv
import json
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pandas
import pytest

from analysis import figures, intervals, paper, report
from analysis.budget import numbers as budget
from analysis.comparison import conditions
from analysis.comparison import numbers as comparison
from analysis.page.html import SCRIPT
from analysis.page.markdown import markdown
from analysis.rungs import rungs
from analysis.trials import numbers as curves
from analysis.trials import ranking

EPOCH_FIELDS = (
    "trial seed kind epoch stage train_loss train_accuracy validation_loss validation_accuracy"
    " best_validation_accuracy learning_rate steps seconds"
)


def summary(regime: str = "baseline", **changes: Any) -> dict[str, Any]:
    """A finished, comparable search's summary with two seeds."""
    return {
        "name": f"{regime}-1",
        "regime": regime,
        "data": "massive",
        "model": "bert-base-uncased",
        "encoder_is_papers": True,
        "comparable": True,
        "why_not": None,
        "epochs": 3,
        "states": {"COMPLETE": 2, "PRUNED": 1, "FAIL": 1},
        "seconds": 90.0,
        "paper_config_validation_accuracy": 0.85,
        "best_trial": 2,
        "best_validation_accuracy": 0.9,
        "winner_trial": 2,
        "confirmed_accuracy": [0.89, 0.91],
        "confirmed_seeds": [1000, 1001],
        "confirmed_runs_chose": False,
        "test": [
            {"seed": 1000, "test_accuracy": 0.88, "test_loss": 0.5, "test_loss_paper": 0.03},
            {"seed": 1001, "test_accuracy": 0.90, "test_loss": 0.7, "test_loss_paper": 0.05},
        ],
        "batch_size": 16,
        "test_size": 2974,
        "validation_size": 2033,
        "last_contrastive_loss": None,
    } | changes


TRIALS = [
    {
        "number": 0,
        "state": "COMPLETE",
        "validation_accuracy": 0.85,
        "best_validation_accuracy": 0.85,
        "epochs": 3,
        "config.head_width": 10,
    },
    {
        "number": 1,
        "state": "PRUNED",
        "best_validation_accuracy": 0.4,
        "epochs": 1,
        "config.head_width": 10,
    },
    {
        "number": 2,
        "state": "COMPLETE",
        "validation_accuracy": 0.9,
        "best_validation_accuracy": 0.9,
        "epochs": 3,
        "config.head_width": None,
    },
    {
        "number": 3,
        "state": "FAIL",
        "reason": "loss is not finite",
        "epochs": 0,
        "config.head_width": 10,
    },
]


def write_search(
    folder: Path,
    trials: list[dict[str, Any]] = TRIALS,
    found: dict[str, Any] | None = None,
    **spec: Any,
) -> Path:
    """A search's folder: spec.json, the two tables with one epoch row a reported epoch, and
    summary.json where `found` is given."""
    folder.mkdir(parents=True)
    named = {
        "name": folder.name,
        "regime": "baseline",
        "data": "massive",
        "model": "bert-base-uncased",
    }
    (folder / "spec.json").write_text(
        json.dumps(named | {"trials": 4, "epochs": 3, "seed": 0} | spec)
    )
    rows = [
        {
            "reason": None,
            "validation_accuracy": None,
            "best_validation_accuracy": None,
            "seconds": 1.5,
            "config.batch_size": 16,
        }
        | row
        for row in trials
    ]
    names = list(dict.fromkeys(name for row in rows for name in ("number", "state", *row))) or [
        "number",
        "state",
    ]
    _write_csv(folder / "trials.csv", names, rows)
    epochs = [
        {
            "trial": row["number"],
            "seed": 0,
            "kind": "search",
            "epoch": epoch,
            "stage": "fine-tune",
            "train_loss": 2 / epoch,
            "train_accuracy": 0.3 * epoch,
            "validation_loss": 2.2 / epoch,
            "validation_accuracy": 0.2 * epoch,
            "seconds": 0.5,
        }
        for row in trials
        for epoch in range(1, row["epochs"] + 1)
    ]
    _write_csv(folder / "epochs.csv", EPOCH_FIELDS.split(), epochs)
    if found is not None:
        (folder / "summary.json").write_text(json.dumps(found))
    return folder


def _write_csv(path: Path, names: list[str], rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


class Page(HTMLParser):
    """The tags and the text of a page; refuses tags that don't nest."""

    VOID = ("meta", "link", "br", "img", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def failing(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command says when it ends with 2."""
    assert report.main(argv) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


# The paper


def test_table_7_is_the_papers() -> None:
    assert [row.index for row in paper.TABLE_7] == list(range(1, 8))
    best = max(paper.TABLE_7, key=lambda row: row.test_accuracy)
    assert (best.regime, best.test_accuracy, best.test_loss) == (
        "llrd_warmup",
        0.8823134,
        0.0645733,
    )
    assert paper.row("simclr") == paper.TABLE_7[6] and paper.row("probe") is None
    assert set(paper.HYPERPARAMETERS) | {"untuned"} == {row.regime for row in paper.TABLE_7}


def test_accuracies_are_whole_numbers_of_test_utterances_but_for_simclr() -> None:
    correct = {row.regime: row.test_accuracy * paper.SIZES["test"] for row in paper.TABLE_7}
    assert correct.pop("simclr") == pytest.approx(2401.48, abs=1e-3)
    assert list(correct.values()) == pytest.approx([29, 2526, 2414, 2540, 2624, 2599], abs=2e-4)


def test_inferred_loss_definition_makes_row_1_a_uniform_guess() -> None:
    row = paper.TABLE_7[0]
    batches = math.ceil(paper.SIZES["test"] / row.loss_batch_size)
    assert batches == 12 and row.test_loss * paper.SIZES["test"] / batches == pytest.approx(
        math.log(60), rel=0.01
    )


def test_footnotes_are_those_of_the_regimes_shown() -> None:
    keys = {note.key for note in paper.footnotes(["untuned"])}
    assert "percent" in keys and "encoder" in keys and "temperature" not in keys
    assert "which-baseline" in {note.key for note in paper.footnotes(["probe", "supcon"])}
    assert paper.footnotes(["probe"]) == []
    assert len({note.key for note in paper.FOOTNOTES}) == len(paper.FOOTNOTES)


# Intervals


def test_mean_interval_by_hand() -> None:
    found = intervals.mean_interval([0.86, 0.87, 0.88])  # s = 0.01; t(0.975, 2) = 4.302653
    assert (found.mean, found.n) == (pytest.approx(0.87), 3)
    assert found.half_width == pytest.approx(4.302653 * 0.01 / math.sqrt(3), rel=1e-6)
    assert str(found) == "87.0 ± 2.5 (n=3)"
    assert intervals.mean_interval([1.0, 2.0], level=0.5).half_width == pytest.approx(
        1 * 0.5
    )  # t(0.75, 1) = 1, s = 1/sqrt(2)


def test_one_value_has_no_interval_and_none_is_an_error() -> None:
    assert str(intervals.mean_interval([0.874])) == "87.4 (n=1)"
    with pytest.raises(ValueError, match="at least one value"):
        intervals.mean_interval([])


def test_binomial_half_width_of_the_papers_test_split() -> None:
    assert intervals.binomial_half_width(0.88, 2974) == pytest.approx(0.0117, abs=5e-5)
    assert intervals.binomial_half_width(0.5, 100, level=0.6826895) == pytest.approx(0.05, rel=1e-5)


def test_difference_adds_four_noises_in_quadrature() -> None:
    found = intervals.difference([0.88, 0.90], 0.85, 2974)
    s, t = 0.02 / math.sqrt(2), 12.706205
    ours, theirs = 1.959964**2 * 0.89 * 0.11 / 2974, 1.959964**2 * 0.85 * 0.15 / 2974
    assert found.value == pytest.approx(0.04)
    assert found.noise == pytest.approx(
        math.sqrt((t * s) ** 2 / 2 + (t * s) ** 2 + ours + theirs), rel=1e-6
    )
    assert not found.exceeds


def test_difference_of_one_seed_has_the_test_splits_noise_only() -> None:
    found = intervals.difference([0.89], 0.85, 2974)
    both = math.hypot(
        intervals.binomial_half_width(0.89, 2974), intervals.binomial_half_width(0.85, 2974)
    )
    assert (found.n, found.noise, found.exceeds) == (1, pytest.approx(both), True)
    assert str(found) == "+4.0 ± 1.7"
    assert not intervals.difference(
        [0.8540686], 0.8493611, 2974
    ).exceeds  # rows 4 and 2 of Table 7 are one result


def test_difference_below_the_paper_exceeds_too() -> None:
    found = intervals.difference([0.80, 0.80, 0.80], 0.85, 2974)
    assert found.exceeds and found.value == pytest.approx(-0.05)


# The comparison


def test_table_of_a_comparable_search() -> None:
    (row,) = comparison.table([summary()]).to_dict("records")
    assert row == {
        "regime": "baseline",
        "paper test": "84.9",
        "trial 0 val": "85.0",
        "best in search": "90.0",
        "confirmed val": "90.0 ± 12.7 (n=2)",
        "test": "89.0 ± 12.7 (n=2)",
        "difference to paper": "+4.1 ± 22.1",
        "exceeds noise": "no",
        "loss": "0.600",
        "loss (paper's definition)": "0.04000",
    }


def test_table_without_a_comparable_search_does_not_mention_the_paper() -> None:
    frame = comparison.table([summary(comparable=False, why_not="the data is not MASSIVE English")])
    assert list(frame) == [
        "regime",
        "trial 0 val",
        "best in search",
        "confirmed val",
        "test",
        "loss",
        "loss (paper's definition)",
    ]
    assert comparison.numbers([summary(comparable=False)])["paper_test_accuracy"].isna().all()


def test_rows_are_in_the_papers_order_then_by_name() -> None:
    frame = comparison.table(
        [summary(regime) for regime in ("probe", "simclr", "another", "untuned", "supcon")]
    )
    assert list(frame["regime"]) == ["untuned", "supcon", "simclr", "another", "probe"]
    probe = frame.set_index("regime").loc["probe"]
    assert (
        list(probe[["paper test", "difference to paper", "exceeds noise"]]) == ["\N{EN DASH}"] * 3
    )
    assert list(comparison.numbers([summary("probe"), summary("llrd")])["regime"]) == [
        "llrd",
        "probe",
    ]


def test_a_regime_searched_twice_is_told_apart_by_name() -> None:
    frame = comparison.table(
        [summary(name="b"), summary(name="a", comparable=False), summary("llrd")]
    )
    assert list(frame["regime"]) == ["baseline (a)", "baseline (b)", "llrd"]
    assert list(frame["paper test"]) == ["–", "84.9", "81.2"]  # noqa: RUF001


def test_one_seed_is_stated() -> None:
    one = summary(
        confirmed_accuracy=[0.9],
        test=[{"seed": 1, "test_accuracy": 0.89, "test_loss": 0.5, "test_loss_paper": 0.03}],
    )
    (row,) = comparison.table([one]).to_dict("records")
    assert (row["test"], row["difference to paper"], row["exceeds noise"]) == (
        "89.0 (n=1)",
        "+4.1 ± 1.7",
        "yes",
    )
    said = "\n".join(comparison.notes([one]))
    assert "no interval" in said and "too small" in said
    assert math.isnan(comparison.numbers([one])["test_accuracy_half_width"][0])


def test_nothing_confirmed_and_nothing_found() -> None:
    nothing: dict[str, Any] = {
        "confirmed_accuracy": [],
        "test": [],
        "best_validation_accuracy": None,
        "paper_config_validation_accuracy": None,
        "batch_size": None,
        "winner_trial": None,
    }
    (row,) = comparison.table([summary(**nothing)]).to_dict("records")
    assert set(row.values()) == {"baseline", "84.9", "–"}  # noqa: RUF001
    assert any("not confirmed" in note for note in comparison.notes([summary(**nothing)]))


def test_no_summaries_make_an_empty_table() -> None:
    assert (
        len(comparison.table([])) == len(comparison.numbers([])) == 0 and comparison.notes([]) == []
    )


def test_notes_state_what_differs() -> None:
    said = "\n".join(
        comparison.notes(
            [
                summary(
                    model="minilm",
                    encoder_is_papers=False,
                    comparable=False,
                    why_not="the data has no test split",
                    data="mine",
                ),
                summary("llrd", batch_size=64),
            ]
        )
    )
    assert "baseline: not compared with the paper: the data has no test split." in said
    assert "baseline: the encoder is minilm, not bert-base-uncased" in said
    assert (
        "llrd: its loss in the paper's definition is at batch size 64, the published one fits 16"
        in said
    )
    assert "n=2 fresh seeds" in said and "differ in data" in said and "differ in model" in said
    assert "Zheng" in said and "0.009" in said and "SupCon" not in said


def test_numbers_are_the_raw_ones() -> None:
    (row,) = comparison.numbers(
        [summary("supcon", last_contrastive_loss={"sum": 180.0, "mean": 1.0})]
    ).to_dict("records")
    assert (
        row["difference"] == pytest.approx(0.89 - 0.8739072) and row["difference_exceeds"] is False
    )
    assert (row["test_loss"], row["test_loss_paper"]) == (pytest.approx(0.6), pytest.approx(0.04))
    assert (row["test_accuracy_n"], row["last_contrastive_loss_sum"], row["PRUNED"]) == (
        2,
        180.0,
        1,
    )


def test_markdown_escapes_what_would_be_markup() -> None:
    text = markdown(pandas.DataFrame({"a|b": ["x|y", "<script>"], "n": ["two\nlines", "*[`"]}))
    assert (
        text
        == "| a\\|b | n |\n| --- | --- |\n| x\\|y | two lines |\n| &lt;script&gt; | \\*\\[\\` |\n"
    )


# The curves


def test_best_so_far_counts_complete_trials_in_their_order() -> None:
    trials = pandas.DataFrame(
        {
            "number": [4.0, 0.0, 1.0, 3.0],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"],
            "validation_accuracy": [0.7, 0.5, None, 0.4],
        }
    )
    found = curves.best_so_far(trials)
    assert found.to_dict("list") == {
        "number": [0, 3, 4],
        "score": [0.5, 0.4, 0.7],
        "best": [0.5, 0.5, 0.7],
    }


def test_learning_curves_leave_confirmations_out() -> None:
    trials = pandas.DataFrame({"number": [0.0, 1.0], "state": ["PRUNED", "COMPLETE"]})
    epochs = pandas.DataFrame(
        {
            "trial": [1.0, 1.0, 1.0, 0.0],
            "kind": ["search", "search", "confirm", "search"],
            "epoch": [2.0, 1.0, 1.0, 1.0],
            "validation_accuracy": [0.2, 0.1, 0.9, 0.3],
        }
    )
    found = curves.learning_curves(trials, epochs)
    assert found.to_dict("list") == {
        "trial": [0, 1, 1],
        "state": ["PRUNED", "COMPLETE", "COMPLETE"],
        "epoch": [1, 1, 2],
        "validation_accuracy": [0.3, 0.1, 0.2],
    }


def test_stages_are_spans_of_epochs() -> None:
    curve = pandas.DataFrame(
        {"epoch": [1, 2, 3, 4, 5], "stage": ["contrastive"] * 2 + ["classifier"] * 3}
    )
    assert curves.stages(curve) == [("contrastive", 1, 2), ("classifier", 3, 5)]


def test_stages_of_different_lengths_are_told_as_a_span() -> None:
    """One trial solves for its classifier in an epoch, another takes three; one that was stopped
    does not count."""
    lengths = {0: (2, 1), 1: (2, 3), 2: (1, 0)}
    trials = pandas.DataFrame({"number": [0, 1, 2], "state": ["COMPLETE", "COMPLETE", "PRUNED"]})
    rows = [
        {
            "trial": trial,
            "kind": "search",
            "epoch": epoch,
            "stage": "contrastive" if epoch <= first else "classifier",
        }
        for trial, (first, second) in lengths.items()
        for epoch in range(1, first + second + 1)
    ]
    epochs = pandas.DataFrame(rows)
    assert curves.later_stages(trials, epochs) == {"classifier": "1 to 3"}
    assert curves.later_stages(trials.head(1), epochs) == {"classifier": "1"}
    assert (
        curves.later_stages(trials, epochs[epochs["stage"] == "contrastive"])
        == {}
        == curves.later_stages(trials, epochs.head(0))
    )


def test_top_trials_show_what_differs_and_trial_0_last() -> None:
    trials = pandas.DataFrame(
        {
            "number": [0.0, 1.0, 2.0, 3.0],
            "state": ["COMPLETE"] * 3 + ["PRUNED"],
            "validation_accuracy": [0.5, 0.8, 0.8, None],
            "seconds": [1.0] * 4,
            "config.rate": ["0.0001", "0.000123456", "0.0001", "7"],
            "config.width": ["10", None, "10", "10"],
            "config.same": ["relu"] * 4,
        }
    )
    found = ranking.top_trials(trials, n=1)
    assert found.to_dict("list") == {
        "trial": ["1", "0"],
        "validation": ["80.00", "50.00"],
        "time": ["1s", "1s"],
        "rate": ["0.000123", "0.0001"],
        "width": ["none", "10"],
    }
    assert list(ranking.top_trials(trials)["trial"]) == ["1", "2", "0"]


# The report


def test_report_of_several_searches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_search(tmp_path / "one", found=summary())
    write_search(tmp_path / "two", found=summary("llrd"), regime="llrd")
    (tmp_path / "mlartifacts").mkdir()
    (tmp_path / "mlflow.db").write_bytes(b"\0")
    assert report.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("svg") == 10
    assert "+4.1 ± 22.1" in page.text and "loss is not finite" in page.text
    assert "prefers-color-scheme: dark" in text and "://" not in text.replace(
        "http://www.w3.org/1999/xlink", ""
    )
    assert (
        not {"link", "img", "iframe"} & {tag for tag, _ in page.tags}
        and text.count("<script") == text.count(SCRIPT) == 1
    )
    assert "| llrd | 81.2 |" in (tmp_path / "report.md").read_text()
    assert list(pandas.read_csv(tmp_path / "report_comparison.csv")["regime"]) == [
        "baseline",
        "llrd",
    ]
    trials = pandas.read_csv(tmp_path / "report_trials.csv")
    assert (
        list(trials["search"]) == ["one"] * 4 + ["two"] * 4
        and list(trials["best_so_far"].dropna()) == [0.85, 0.9] * 2
    )
    first = text
    report.report(tmp_path)
    assert (tmp_path / "report.html").read_text() == first


def test_searches_of_one_name_and_regime_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    """A folder and its copies, one of them of another score."""
    for folder, accuracy in {"first": 0.88, "copy": 0.88, "other": 0.93}.items():
        found = summary(name="same", confirmed_accuracy=[accuracy, accuracy + 0.01])
        write_search(tmp_path / folder, found=found, name="same")
    page = Page(report.report(tmp_path).read_text())
    assert "Highest mean on validation: baseline (other), 93.5" in page.text
    compared = (tmp_path / "report.md").read_text()
    assert all(
        compared.count(f"| baseline ({folder}) | 84.9 |") == 1
        for folder in ("first", "copy", "other")
    )
    assert list(pandas.read_csv(tmp_path / "report_trials.csv")["search"].unique()) == [
        "copy",
        "first",
        "other",
    ]
    assert len(pandas.read_csv(tmp_path / "report_duels.csv")) == 6


@pytest.mark.parametrize(("length", "beside"), [(8, True), (26, False), (40, False)])
def test_no_label_of_a_legend_is_cut_off(length: int, beside: bool) -> None:
    """Long ones stand below each other: beside each other the second would end outside the
    figure."""
    budgets = {
        f"{letter}{'n' * (length - 1)}": budget.expected_best(scored(0.5, 0.6)) for letter in "xy"
    }
    found = figures.expected_best(budgets)
    x, y = (re.findall(rf' x="([0-9.]+)"[^>]*>{name[:8]}', found)[0] for name in budgets)
    assert (float(x) < float(y)) == beside


def test_figures_are_well_formed_and_share_no_ids(tmp_path: Path) -> None:
    text = report.report(write_search(tmp_path / "one", found=summary())).read_text()
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


def test_two_stages_have_a_loss_each(tmp_path: Path) -> None:
    folder = write_search(
        tmp_path / "one",
        found=summary("supcon", last_contrastive_loss={"sum": 285.5, "mean": 1.586}),
        regime="supcon",
    )
    epochs = pandas.read_csv(folder / "epochs.csv")
    epochs.loc[epochs["epoch"] == 1, ["stage", "train_accuracy", "validation_loss"]] = [
        "contrastive",
        None,
        None,
    ]
    epochs.loc[epochs["trial"] == 0, "validation_accuracy"] = [0.9, 0.3, 0.4]
    epochs.to_csv(folder / "epochs.csv", index=False)
    page = Page(report.report(folder).read_text())
    assert "How the paper is read" in page.text and "Answer 10" in page.text
    assert "3 epochs and 2 of the fine-tune stage each" in page.text
    assert (
        "Trial 0's contrastive stage reached 90.0 % by the classifier that judges it, and its"
        " fine-tune stage 40.0 %" in page.text
    )
    assert "loss, contrastive" in page.text and "loss, fine-tune" in page.text
    assert "contrastive (epochs 1 to 1), then fine-tune (epochs 2 to 3)" in page.text
    assert "285.50 summed" in page.text and "Table 8 of the paper has 285.79" in page.text


def test_captions_say_what_is_drawn(tmp_path: Path) -> None:
    """The winner's last stage is one epoch of a classifier that is solved for, so nothing is
    measured on training. None was stopped."""
    complete = [dict(TRIALS[0], number=number, epochs=2) for number in range(5)]
    folder = write_search(
        tmp_path / "one",
        complete,
        summary("supcon", winner_trial=4, best_trial=4),
        regime="supcon",
        epochs=1,
    )
    epochs = pandas.read_csv(folder / "epochs.csv").assign(train_accuracy=None)
    first = epochs["epoch"] == 1
    epochs["stage"] = first.map({True: "contrastive", False: "classifier"})
    epochs.loc[first, "validation_loss"] = epochs.loc[~first, "train_loss"] = None
    epochs["validation_accuracy"] += 0.01 * epochs["trial"]
    epochs.to_csv(folder / "epochs.csv", index=False)
    text = Page(report.report(folder).read_text()).text
    assert (
        "On validation only: no predictions were made in training." in text
        and "dropout is on" not in text
    )
    assert (
        "The mean cross-entropy on validation; no loss was minimised over batches." in text
        and "too sure of itself" not in text
    )
    assert (
        "Could trials have been stopped early?" in text
        and "What did stopping early do?" not in text
    )
    assert (
        "Before the last stage it is another classifier's. Only the 5 trials at full budget" in text
    )


def test_epochs_are_whole_numbers_on_every_axis() -> None:
    one = pandas.DataFrame({"epoch": [3], "train_loss": [None], "validation_loss": [0.74]})
    ticks = [
        element.text
        for element in ET.fromstring(figures.loss_curve(one)).iter()
        if element.tag.endswith("text")
    ]
    assert "3" in ticks and not {"2.9", "2.95", "3.00", "3.05"} & set(ticks)


def test_what_ran_again_is_listed_with_what_chose_the_winner_and_what_is_reported() -> None:
    """A run's score is the best of its last stage; a run that broke has none, and so no mean; what
    ran only in the search is not there."""
    runs = {
        (2, "search", 0): [("a", 0.9), ("b", 0.7)],
        (2, "confirm", 1): [("a", 0.9), ("b", 0.6), ("b", 0.5)],
    }
    runs |= {
        (2, "confirm", 2): [("a", 0.1), ("b", 0.8)],
        (0, "confirm", 1): [("a", 0.1), ("b", 0.9)],
    }
    runs |= {
        (2, "report", 1000): [("a", 0.9), ("b", 0.62)],
        (2, "report", 1001): [("a", 0.9), ("b", 0.66)],
    }
    epochs = pandas.DataFrame(
        [
            {
                "trial": trial,
                "kind": kind,
                "seed": seed,
                "stage": stage,
                "validation_accuracy": accuracy,
            }
            for (trial, kind, seed), epochs in runs.items()
            for stage, accuracy in epochs
        ]
    )
    trials, none = (
        pandas.DataFrame({"number": [0, 1, 2], "validation_accuracy": [0.85, 0.95, 0.7]}),
        "\N{EN DASH}",
    )
    chosen = [
        {
            "trial": "2",
            "in the search": "70.00",
            "choice, seed 1": "60.00",
            "choice, seed 2": "80.00",
            "mean, chose": "70.00",
        },
        {
            "trial": "0",
            "in the search": "85.00",
            "choice, seed 1": "90.00",
            "choice, seed 2": none,
            "mean, chose": none,
        },
    ]
    reported = [
        {"report, seed 1000": "62.00", "report, seed 1001": "66.00", "mean, reported": "64.00"},
        {"report, seed 1000": none, "report, seed 1001": none, "mean, reported": none},
    ]
    assert ranking.confirmed(trials, epochs).to_dict("records") == [
        one | other for one, other in zip(chosen, reported)
    ]
    assert (
        ranking.confirmed(trials, epochs[epochs["kind"] != "report"]).to_dict("records") == chosen
    )  # of an earlier version
    assert ranking.confirmed(trials, epochs[epochs["kind"] == "search"]).empty


def test_numbers_from_runs_that_also_chose_the_winner_are_called_so() -> None:
    """As summaries of earlier versions are, which do not say."""
    old = {name: value for name, value in summary().items() if name != "confirmed_runs_chose"}
    said, new = (
        " ".join(conditions.remarks([old])),
        " ".join(conditions.remarks([summary(confirmed_failed=1)])),
    )
    assert "n=2 runs that also chose the winner" in said and "fresh seeds, used" not in said
    assert (
        "n=2 fresh seeds, used neither by the search nor to choose the winner" in new
        and "also chose" not in new
    )
    assert "1 of the winner's runs on fresh seeds failed and is left out" in new
    assert all(
        "its validation accuracy is a maximum over epochs; no test number is selected" in text
        for text in (said, new)
    )


def test_unfinished_search_is_reported_from_its_trials(tmp_path: Path) -> None:
    running = [{"number": 4, "state": "RUNNING", "epochs": 1, "config.head_width": 10}]
    page = Page(report.report(write_search(tmp_path / "one", TRIALS + running)).read_text())
    assert (
        "has not come to its end" in page.text
        and "90.00" in page.text
        and "paper test" not in page.text
    )
    assert (
        "seed 0. The winner is trial 2" in page.text
    )  # its trials' times are known, its own is not
    assert "| baseline | 5 | 8 | \N{EN DASH} | 8s |" in (tmp_path / "one" / "report.md").read_text()


@pytest.mark.parametrize("finished", [True, False])
def test_all_failed_one_trial_and_none(tmp_path: Path, finished: bool) -> None:
    nothing = summary(
        best_trial=None,
        winner_trial=None,
        best_validation_accuracy=None,
        paper_config_validation_accuracy=None,
        confirmed_accuracy=[],
        test=[],
    )
    failed = [row | {"state": "FAIL", "validation_accuracy": None, "epochs": 0} for row in TRIALS]
    for name, trials in {"failed": failed, "none": []}.items():
        page = Page(
            report.report(
                write_search(tmp_path / name, trials, nothing if finished else None)
            ).read_text()
        )
        assert "No trial came to its full budget" in page.text and "svg" not in {
            tag for tag, _ in page.tags
        }
    one = [TRIALS[0] | {"epochs": 1}]
    page = Page(
        report.report(
            write_search(tmp_path / "one", one, summary(winner_trial=0) if finished else None)
        ).read_text()
    )
    assert (
        "The winner is trial 0" in page.text
        and [tag for tag, _ in page.tags].count("svg") == 4 + finished
    )


def test_search_without_tables_yet(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "one")
    for name in ("trials.csv", "epochs.csv"):
        (folder / name).unlink()
    assert "No trial came" in report.report(folder).read_text()


def test_everything_from_the_files_is_escaped(tmp_path: Path) -> None:
    bad = '<script>alert("1")</script>'
    trials = [
        row
        | {
            "reason": bad,
            "config.head_width": f"{bad}{row['number']}",
            f"config.{bad}": row["number"],
        }
        for row in TRIALS
    ]
    found = summary(
        bad, name=bad, data=bad, model=bad, encoder_is_papers=False, comparable=False, why_not=bad
    )
    folder = write_search(
        tmp_path / "one", trials, found, regime=bad, name=bad, data=bad, model=bad
    )
    epochs = (folder / "epochs.csv").read_text().replace("fine-tune", "<script>$\\frac")
    (folder / "epochs.csv").write_text(epochs)
    text = report.report(folder).read_text()
    assert text.count("<script") == text.count(SCRIPT) == 1 and "&lt;script&gt;alert" in text
    assert "<script" not in (folder / "report.md").read_text()


def test_out_names_the_page_and_what_lies_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_search(tmp_path / "one", found=summary())
    assert report.main([str(folder), "--out", str(tmp_path / "new" / "page.html")]) == 0
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert {
        "page.html",
        "page.md",
        "page_figures",
        "page_comparison.csv",
        "page_trials.csv",
    } <= written
    assert all(name.startswith("page") for name in written)
    assert not (folder / "report.html").exists()
    capsys.readouterr()
    assert "ends in .html" in failing([str(folder), "--out", str(tmp_path / "page.md")], capsys)
    (tmp_path / "file").write_text("")
    failing([str(folder), "--out", str(tmp_path / "file" / "page.html")], capsys)


def test_no_results_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no folder" in failing([str(tmp_path / "nowhere")], capsys)
    assert "no search" in failing([str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("summary.json", '{"name": "on', "damaged"),
        ("summary.json", "[]", "not an object"),
        ("summary.json", "{}", "has no 'name'"),
        ("summary.json", json.dumps(summary(test=[{"seed": 1}])), "has no 'test_accuracy'"),
        (
            "summary.json",
            json.dumps(summary(confirmed_accuracy=["high"])),
            "'confirmed_accuracy' is 'high'",
        ),
        ("summary.json", json.dumps(summary(comparable=1)), "'comparable' is 1"),
        ("spec.json", None, "has no spec.json"),
        ("spec.json", "\udcff", "damaged"),
        ("trials.csv", None, "has no trials.csv"),
        ("trials.csv", "", "damaged"),
        ("trials.csv", "number,state\n0,COMPLETE\n", "no column"),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n0,COMP",
            "state is one of",
        ),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n0,COMPLETE,,high,,,\n",
            "validation_accuracy",
        ),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n0,COMPLETE,,,,,\n",
            "no validation_accuracy",
        ),
        (
            "trials.csv",
            "number,state,reason,validation_accuracy,best_validation_accuracy,epochs,seconds\n0,FAIL,,,,,\n0,FAIL,,,,,\n",
            "twice",
        ),
        ("trials.csv", 'number,state\n"0,1\n2', "damaged"),
        (
            "epochs.csv",
            EPOCH_FIELDS.replace(" ", ",") + "\n0,0,search,one,fine-tune,,,,,,,,\n",
            "column 'epoch'",
        ),
        (
            "epochs.csv",
            EPOCH_FIELDS.replace(" ", ",") + "\n0,0,search,,fine-tune,,,,,,,,\n",
            "column 'epoch'",
        ),
    ],
)
def test_damaged_files_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None, said: str
) -> None:
    folder = write_search(tmp_path / "one", found=summary())
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text, errors="surrogateescape")
    assert said in failing([str(tmp_path)], capsys)
    assert not (tmp_path / "report.html").exists()


def test_rungs_find_the_epoch_after_which_ranks_hold() -> None:
    """Six trials whose order is reversed at epoch 1 and final from epoch 2 on: judged at 1, the
    best of all is lost."""
    final = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    trials = pandas.DataFrame(
        {"number": range(6), "state": "COMPLETE", "validation_accuracy": final}
    )
    rows = [
        {
            "trial": trial,
            "kind": "search",
            "epoch": epoch,
            "validation_accuracy": 1 - score if epoch == 1 else score,
        }
        for trial, score in enumerate(final)
        for epoch in (1, 2, 3)
    ]
    table = rungs(trials, pandas.DataFrame(rows)).set_index("epoch")
    assert table["correlation"].round(9).tolist() == [-1, 1, 1]
    assert table["lost"].round(9).tolist() == [0.4, 0, 0]
    longer = pandas.DataFrame(
        [*rows, {"trial": 5, "kind": "search", "epoch": 4, "validation_accuracy": 0.4}]
    )
    assert rungs(trials, longer)["epoch"].tolist() == [
        1,
        2,
        3,
    ]  # at epoch 4 there is nothing to rank trial 5 against
    with pytest.raises(ValueError, match="three trials"):
        rungs(trials.head(2), pandas.DataFrame(rows))


def scored(*scores: float, state: str = "COMPLETE") -> pandas.DataFrame:
    """Trials with these scores."""
    return pandas.DataFrame(
        {"number": range(len(scores)), "state": state, "score": scores, "epochs": 3}
    )


@pytest.mark.parametrize("scores", [(0.2, 0.9, 0.4, 0.7), (0.5, 0.5, 0.5, 0.9), (0.3, 0.3), (0.6,)])
def test_expected_best_is_the_mean_over_all_draws(scores: tuple[float, ...]) -> None:
    found = budget.expected_best(scored(*scores))
    assert list(found["trials"]) == list(range(1, len(scores) + 1))
    for n, expected, low, high in found.itertuples(index=False, name=None):
        best = pandas.Series([max(draw) for draw in product(scores, repeat=n)])
        assert expected == pytest.approx(best.mean(), abs=1e-7)
        assert [low, high] == list(best.quantile(budget.BAND, interpolation="inverted_cdf"))


def test_expected_best_crosses_where_it_should() -> None:
    """One lucky trial of four beats a steady regime from three trials on."""
    lucky, steady = (
        budget.expected_best(scored(0.5, 0.5, 0.5, 0.9)),
        budget.expected_best(scored(0.7, 0.7, 0.7, 0.7)),
    )
    assert list(lucky["expected"] > steady["expected"]) == [False, False, True, True]


def test_expected_best_takes_what_each_trial_reached() -> None:
    """Stopped early: its best epoch; failed: nothing; running: left out."""
    trials = pandas.DataFrame(
        [*TRIALS, {"number": 4, "state": "RUNNING", "best_validation_accuracy": 0.99, "epochs": 2}]
    )
    trials = trials.assign(
        score=trials["validation_accuracy"].fillna(trials["best_validation_accuracy"])
    )
    assert budget.expected_best(trials)["expected"].iloc[0] == pytest.approx(
        (0.85 + 0.4 + 0.9 + 0) / 4
    )
    assert budget.expected_best(trials.head(0)).empty


@pytest.mark.parametrize(
    "scores",
    [(0.0, 0.02, 0.9), (0.5,), (0.1, 0.1), tuple(0.01 * number**1.4 for number in range(25))],
)
def test_the_band_of_the_expected_best_lies_within_what_was_found(
    scores: tuple[float, ...],
) -> None:
    found = budget.expected_best(scored(*scores))
    assert found[["expected", "low", "high"]].min(axis=None) >= min(scores) - 1e-9
    assert found[["expected", "low", "high"]].max(axis=None) <= max(scores) + 1e-9
    assert (found["low"] <= found["high"]).all()


def two_stages(folder: Path) -> Path:
    """Two trials at full budget, which a ridge classifier judged at 0.90 and 0.88 and which scored
    0.80 and 0.83; one that was stopped in its first stage at 0.86, one that failed there at 0.89,
    and one that failed in its last stage, where it was at 0.5.
    """
    curves = {
        0: [0.7, 0.90, 0.6, 0.80],
        1: [0.6, 0.88, 0.83, 0.81],
        2: [0.86],
        3: [0.89],
        4: [0.2, 0.3, 0.5],
    }
    states = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "FAIL"]
    final = [0.80, 0.83, None, None, None]
    trials = [
        {
            "number": number,
            "state": states[number],
            "validation_accuracy": final[number],
            "best_validation_accuracy": max(curve),
            "epochs": len(curve),
            "suggested": "batch_size",
        }
        for number, curve in curves.items()
    ]
    write_search(
        folder,
        trials,
        summary("supcon", best_trial=1, winner_trial=1, best_validation_accuracy=0.83),
        regime="supcon",
        epochs=2,
    )
    rows = [
        {
            "trial": number,
            "seed": 0,
            "kind": "search",
            "epoch": epoch,
            "stage": "contrastive" if epoch < 3 else "classifier",
            "validation_accuracy": accuracy,
            "seconds": 1.0,
        }
        for number, curve in curves.items()
        for epoch, accuracy in enumerate(curve, 1)
    ]
    _write_csv(folder / "epochs.csv", EPOCH_FIELDS.split(), rows)
    (folder / "space.json").write_text('{"batch_size": {"low": 8, "high": 32, "log": true}}')
    return folder


def test_a_first_stages_accuracy_is_no_score(tmp_path: Path) -> None:
    """One metric in a figure: what stopped before the last stage counts with the lowest score, and
    no expected best is above the best."""
    folder = two_stages(tmp_path / "one")
    page = Page(report.report(folder).read_text())
    assert pandas.read_csv(folder / "report_trials.csv")["score"].fillna(-1).tolist() == [
        0.80,
        0.83,
        -1,
        -1,
        0.5,
    ]
    found = pandas.read_csv(folder / "report_budget.csv")
    assert found["expected"].iloc[0] == pytest.approx((0.80 + 0.83 + 0.80 + 0 + 0.5) / 5)
    assert found[["expected", "low", "high"]].max(axis=None) == 0.83
    assert pandas.read_csv(folder / "report_slices.csv")["score"].fillna(-1).tolist() == [
        0.80,
        0.83,
        -1,
    ]
    assert (
        page.text.count("a tick at the bottom") == 2 and "by another classifier." not in page.text
    )


def test_epochs_that_stopping_early_saved() -> None:
    """Two trials of 3 epochs and 6 s at full budget, one stopped after 1 epoch and 3 s."""
    trials = pandas.DataFrame(TRIALS).assign(seconds=[6.0, 3.0, 6.0, 9.0])
    assert budget.saved(trials) == (1, 3, 7, 9, pytest.approx(1 / 6))
    assert (
        budget.saved(trials[trials["state"] != "PRUNED"]) is None
        and budget.saved(trials[trials["state"] != "COMPLETE"]) is None
    )


def test_report_says_what_budget_and_stopping_did(tmp_path: Path) -> None:
    write_search(tmp_path / "a", found=summary(name="a"))
    write_search(tmp_path / "b", found=summary("supcon", name="b$x_1$"), regime="supcon")
    page = Page(report.report(tmp_path).read_text())
    assert (
        "1 of 3 trials were stopped; 7 epochs were trained instead of 9, and 0 % of the time was"
        " saved" in page.text
    )
    assert "85.4 % of 4 trials, 73.4 % of 2;" in page.text
    assert page.text.count("What more trials buy") == 1
    table = pandas.read_csv(tmp_path / "report_budget.csv")
    assert list(table.groupby("search").size()) == [4, 4] and table["expected"].iloc[
        0
    ] == pytest.approx(0.5375)
