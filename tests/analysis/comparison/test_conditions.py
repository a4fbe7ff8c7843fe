"""The sentences below a comparison."""

from analysis.comparison.conditions import notes, remarks
from analysis.read.summary import Summary
from tests.analysis.searches import (
    read_summary,
    summary,
)


def test_notes_state_what_differs() -> None:
    stated = "\n".join(
        notes(
            [
                read_summary(
                    model="minilm",
                    encoder_is_papers=False,
                    comparable=False,
                    why_not="the data has no test split",
                    data="mine",
                ),
                read_summary("llrd", batch_size=64),
            ]
        )
    )
    assert "baseline: not compared with the paper: the data has no test split." in stated
    assert "baseline: the encoder is minilm, not bert-base-uncased" in stated
    assert (
        "llrd: the loss in the paper's definition is computed at batch size 64, the published loss"
        " fits 16" in stated
    )
    assert (
        "n=2 fresh seeds" in stated and "differ in data" in stated and "differ in model" in stated
    )
    assert "Zheng" in stated and "0.009" in stated and "SupCon" not in stated


def test_searches_with_other_epochs_are_told_apart() -> None:
    whole, part = read_summary(), read_summary("llrd", epoch_size=2000)
    stated = "\n".join(notes([whole, part]))
    assert "differ in the size of an epoch" in stated and "llrd: 2000" in stated
    assert (whole.budget, part.budget) == ("3 epochs", "3 epochs of 2,000 sentences")
    assert "size of an epoch" not in "\n".join(notes([whole, read_summary("llrd")]))


def test_with_folds_the_last_epoch_is_kept_and_said_to_be() -> None:
    whole, folded = read_summary(), read_summary("llrd", folds=5)
    alone, both = (" ".join(remarks(rows)) for rows in ([folded], [whole, folded]))
    assert "cross-validation with 5 folds" in alone and "maximum over epochs" not in alone
    assert "Every model keeps its last epoch. Nothing is selected on the test split" in alone
    assert "Each other run keeps the weights of its best validation epoch" in both
    assert "llrd: validation is cross-validation with 5 folds" in both


def test_runs_that_also_chose_the_winner_are_called_so() -> None:
    """Summaries of earlier versions lack the field, and their runs did."""
    old = {name: value for name, value in summary().items() if name != "confirmed_runs_chose"}
    stated, new = (
        " ".join(remarks([Summary.from_dict(old)])),
        " ".join(remarks([read_summary(confirmed_failed=1)])),
    )
    assert (
        "n=2 runs that were also used to choose the winner" in stated
        and "fresh seeds, used" not in stated
    )
    assert (
        "n=2 fresh seeds, used neither by the search nor to choose the winner" in new
        and "also used to choose" not in new
    )
    assert "1 of the winner's runs on fresh seeds failed and is left out" in new
    assert all(
        "its validation accuracy is a maximum over epochs. Nothing is selected on the test split"
        in text
        for text in (stated, new)
    )


def test_a_winner_with_equals_is_told() -> None:
    told = " ".join(notes([read_summary(equal_trials=[4, 9]), read_summary("llrd")]))
    assert "baseline: the scores of trial 2, the winner, and trial 4, trial 9 differ by" in told
    assert "llrd: the scores of" not in told
