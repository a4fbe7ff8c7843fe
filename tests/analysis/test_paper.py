"""The paper's numbers as data."""

import math

import pytest

from analysis import paper


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
