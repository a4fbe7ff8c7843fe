"""The sentences below a comparison."""

from analysis.comparison.conditions import notes, remarks
from analysis.read.summary import Summary
from tests.analysis.searches import (
    read_summary,
    summary,
)


def test_notes_state_what_differs() -> None:
    said = "\n".join(
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
    assert "baseline: not compared with the paper: the data has no test split." in said
    assert "baseline: the encoder is minilm, not bert-base-uncased" in said
    assert (
        "llrd: the loss in the paper's definition is computed at batch size 64, the published one"
        " fits 16" in said
    )
    assert "n=2 fresh seeds" in said and "differ in data" in said and "differ in model" in said
    assert "Zheng" in said and "0.009" in said and "SupCon" not in said


def test_numbers_from_runs_that_also_chose_the_winner_are_called_so() -> None:
    """As summaries of earlier versions are, which do not say."""
    old = {name: value for name, value in summary().items() if name != "confirmed_runs_chose"}
    said, new = (
        " ".join(remarks([Summary.from_dict(old)])),
        " ".join(remarks([read_summary(confirmed_failed=1)])),
    )
    assert "n=2 runs that also chose the winner" in said and "fresh seeds, used" not in said
    assert (
        "n=2 fresh seeds, used neither by the search nor to choose the winner" in new
        and "also chose" not in new
    )
    assert "1 of the winner's runs on fresh seeds failed and is left out" in new
    assert all(
        "its validation accuracy is a maximum over epochs. Nothing is selected on the test split"
        in text
        for text in (said, new)
    )
