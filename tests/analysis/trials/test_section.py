"""What the report says about one search's trials."""

import re
from pathlib import Path

import pandas
import pytest

from analysis import report
from tests.analysis.searches import (
    TRIALS,
    Page,
    summary,
    write_search,
)


def test_two_stages_have_a_loss_each(tmp_path: Path) -> None:
    folder = write_search(
        tmp_path / "one",
        outcome=summary("supcon", last_contrastive_loss={"sum": 285.5, "mean": 1.586}),
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
    assert "How the paper is read" in page.text and "answer 10" in page.text
    assert "3 epochs and 2 of the fine-tune stage each" in page.text
    assert (
        "Trial 0's contrastive stage reached 90.0 % with the classifier that evaluates it, and its"
        " fine-tune stage 40.0 %" in page.text
    )
    assert "loss, contrastive" in page.text and "loss, fine-tune" in page.text
    assert "contrastive (epochs 1 to 1), then fine-tune (epochs 2 to 3)" in page.text
    assert "285.50 summed" in page.text and "Table 8 of the paper has 285.79" in page.text


def test_captions_describe_what_is_drawn(tmp_path: Path) -> None:
    """The winner's classifier is solved in closed form, without predictions on training data.

    No trial was pruned.
    """
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
        "On validation only: it is not computed during training." in text
        and "with dropout enabled" not in text
    )
    assert (
        "Mean cross-entropy on validation; this stage is not trained on mini-batches." in text
        and "becomes overconfident" not in text
    )
    assert "Could trials have been pruned?" in text and "What did pruning do?" not in text
    assert (
        "Before the final stage, the score comes from another classifier. It covers only the 5"
        " completed trials" in text
    )


def test_the_winner_is_compared_with_its_fresh_seeds(tmp_path: Path) -> None:
    page = Page(
        report.report(
            write_search(tmp_path / "one", outcome=summary(confirmed_accuracy=[0.84, 0.86]))
        ).read_text()
    )
    assert re.search(
        r"reached 90.0 % in the search and 85.0 ± \d\.\d % \(n=2, df=1\) on fresh seeds,"
        r" -5.0 points",
        page.text,
    )


@pytest.mark.parametrize("count", [2, 3])
def test_the_report_says_from_when_on_a_figure_is_drawn(count: int, tmp_path: Path) -> None:
    trials = [
        {"number": n, "state": "COMPLETE", "best_validation_accuracy": 0.5 + n / 10, "epochs": 3}
        for n in range(count)
    ]
    folder = write_search(tmp_path / "one", trials, summary(best_trial=1, winner_trial=1))
    text = Page(report.report(folder).read_text()).text
    missing = f"Not drawn yet: the best so far from 3 trials on; these are {count}."
    assert (missing in text) == (count == 2) and ("Best so far" in text) == (count == 3)
    assert (
        "Not drawn yet: how early a trial can be judged, from 5 completed trials on; these are"
        f" {count}." in text
    )


def test_unfinished_search_is_reported_from_its_trials(tmp_path: Path) -> None:
    running = [{"number": 4, "state": "RUNNING", "epochs": 1, "config.head_width": 10}]
    folder = write_search(tmp_path / "one", TRIALS + running, epoch_size=2000)
    page = Page(report.report(folder).read_text())
    assert "3 epochs of 2,000 sentences each" in page.text
    assert (
        "has not finished" in page.text and "90.00" in page.text and "paper test" not in page.text
    )
    # The times of its trials are known, that of the search is not.
    assert "seed 0. The best trial so far is trial 2" in page.text
    assert "| baseline | 5 | 8 | \N{EN DASH} | 8s |" in (tmp_path / "one" / "report.md").read_text()
