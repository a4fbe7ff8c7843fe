"""The comparison as text, with and without the paper."""

from typing import Any

from analysis.comparison.conditions import notes
from analysis.comparison.numbers import numbers
from analysis.comparison.table import table
from tests.analysis.searches import (
    read_summary,
)


def test_table_of_a_comparable_search() -> None:
    (row,) = table([read_summary()]).to_dict("records")
    (numbered,) = numbers([read_summary()]).to_dict("records")
    percent = {
        name: f"± {100 * numbered[name]:.1f}"
        for name in (
            "confirmed_score_half_width",
            "test_score_half_width",
            "test_score_half_width_new_sentences",
            "difference_noise",
        )
    }
    assert row == {
        "regime": "baseline",
        "paper test": "84.9",
        "trial 0 val": "85.0",
        "best in search": "90.0",
        "confirmed val": f"90.0 {percent['confirmed_score_half_width']} (n=2, df=1)",
        "test": f"89.0 {percent['test_score_half_width']} (n=2, df=1)",
        "on new sentences": percent["test_score_half_width_new_sentences"],
        "macro-F1": "86.0",
        "difference to paper": f"+4.1 {percent['difference_noise']}",
        "exceeds noise": "yes",
        "loss": "0.600",
        "loss (paper's definition)": "0.04000",
    }
    assert numbered["test_score_half_width"] < numbered["difference_noise"]
    assert numbered["difference_noise"] < numbered["difference_noise_new_sentences"]


def test_table_without_a_comparable_search_does_not_mention_the_paper() -> None:
    frame = table([read_summary(comparable=False, why_not="the data is not MASSIVE English")])
    assert list(frame) == [
        "regime",
        "best in search",
        "confirmed val",
        "test",
        "on new sentences",
        "macro-F1",
        "loss",
    ]
    assert numbers([read_summary(comparable=False)])["paper_test_accuracy"].isna().all()


def test_rows_are_in_the_papers_order_then_by_name() -> None:
    frame = table(
        [read_summary(regime) for regime in ("probe", "simclr", "another", "untuned", "supcon")]
    )
    assert list(frame["regime"]) == ["untuned", "supcon", "simclr", "another", "probe"]
    probe = frame.set_index("regime").loc["probe"]
    assert (
        list(probe[["paper test", "difference to paper", "exceeds noise"]]) == ["\N{EN DASH}"] * 3
    )
    assert list(numbers([read_summary("probe"), read_summary("llrd")])["regime"]) == [
        "llrd",
        "probe",
    ]


def test_a_regime_searched_twice_is_labelled_by_search() -> None:
    frame = table(
        [read_summary(name="b"), read_summary(name="a", comparable=False), read_summary("llrd")]
    )
    assert list(frame["regime"]) == ["baseline (a)", "baseline (b)", "llrd"]
    assert list(frame["paper test"]) == ["–", "84.9", "81.2"]  # noqa: RUF001


def test_one_seed_has_the_interval_of_other_recipes() -> None:
    one = read_summary(
        confirmed_accuracy=[0.9],
        test=[{"seed": 1, "test_accuracy": 0.89, "test_loss": 0.5, "test_loss_paper": 0.03}],
    )
    (row,) = table([one]).to_dict("records")
    assert row["test"].startswith("89.0 ± ") and row["test"].endswith(" (n=1, df=0)")
    assert "depends only on the spread of other recipes" in "\n".join(notes([one]))


def test_a_search_without_results_has_empty_cells() -> None:
    nothing: dict[str, Any] = {
        "confirmed_accuracy": [],
        "test": [],
        "best_validation_accuracy": None,
        "paper_config_validation_accuracy": None,
        "batch_size": None,
        "winner_trial": None,
    }
    (row,) = table([read_summary(**nothing)]).to_dict("records")
    assert set(row.values()) == {"baseline", "84.9", "–"}  # noqa: RUF001
    assert any("not confirmed" in note for note in notes([read_summary(**nothing)]))


def test_no_summaries_make_an_empty_table() -> None:
    assert len(table([])) == len(numbers([])) == 0 and notes([]) == []


def test_results_of_an_earlier_version_have_no_empty_column_for_macro_f1() -> None:
    runs = [{"seed": 1, "test_accuracy": 0.89, "test_loss": 0.5, "test_loss_paper": 0.03}]
    assert "macro-F1" not in table([read_summary(test=runs)])
    assert "macro-F1" in table([read_summary(test=runs), read_summary("llrd")])
