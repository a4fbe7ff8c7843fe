"""Text for people."""

import pytest

from analysis import text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.004, "0.1s"),
        (0.3, "0.3s"),
        (0.97, "1s"),
        (59.6, "1m00s"),
        (200, "3m20s"),
        (3599.6, "1h00m"),
        (7199, "2h00m"),
    ],
)
def test_a_time_is_shown_in_its_unit(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


ODD_CELLS = ["-", "'-", "''-", "'", "'x", "=1+1", "'=1+1", "-5", "'-5", "+1", "@x", " =1", "x", ""]


def test_what_is_guarded_from_a_spreadsheet_is_read_as_it_was() -> None:
    guarded = [text.guarded(one) for one in ODD_CELLS]
    assert [text.unguarded(one) for one in guarded] == ODD_CELLS
    assert guarded[:6] == ["'-", "''-", "'''-", "'", "'x", "'=1+1"]
    assert len(set(guarded)) == len(ODD_CELLS)
