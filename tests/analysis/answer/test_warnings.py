"""What weakens the answer."""

from pathlib import Path

import pytest

from tests.analysis.answer.first_screen import answer
from tests.analysis.searches import summary, write_search

FLOOR = {
    "regime": "probe",
    "chosen": "",
    "validation_accuracy": 0.89,
    "validation_loss": 1.0,
    "seconds": 3.0,
    "test_accuracy": 0.905,
    "test_loss": 1.0,
    "test_loss_paper": 1.0,
}


@pytest.mark.parametrize(
    ("on_test", "warning", "fact"),
    [
        (0.905, "1.5 ± 1.7 points below the floor probe on test, which may be chance", "Below"),
        (0.89, "no better than the floor probe on test", "Over"),
        (0.88, None, "Over"),
    ],
)
def test_a_floor_that_is_as_good_on_test_is_a_warning(
    on_test: float, warning: str | None, fact: str, tmp_path: Path
) -> None:
    """The mean of the winner's report runs on test is 89.0 %."""
    outcome = summary(floors=[{**FLOOR, "test_accuracy": on_test}])
    write_search(tmp_path / "one", outcome=outcome)
    shown = answer(tmp_path)
    if warning is None:
        assert not any("floor" in line for line in shown.warnings)
    else:
        assert (
            f"On fresh seeds the winner is {warning}; --floor probe exports the floor."
            in shown.warnings
        )
    (over,) = (each for each in shown.facts if each.question == f"{fact} the best floor")
    assert over.answer.startswith({0.905: "1.5 ±", 0.89: "+0.0 ±", 0.88: "+1.0 ±"}[on_test])
    assert ", on test; ± " in over.note and "on new sentences; it may be chance" in over.note
