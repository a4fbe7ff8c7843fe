"""The commands to train, use, confirm or settle the winner with."""

import json
from pathlib import Path

import pytest

from tests.analysis.answer.first_screen import answer
from tests.analysis.folders import write_searches


@pytest.mark.parametrize(("top", "flag"), [(8, ""), (0, " --confirm auto")])
def test_a_winner_without_fresh_seeds_comes_with_the_command_that_confirms_it(
    top: int, flag: str, tmp_path: Path
) -> None:
    """One that began with --no-confirm would go on without."""
    write_searches(tmp_path, regimes=1, trials=6, epochs=3, confirmed=False)
    path = tmp_path / "baseline" / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "confirm_top": top}))
    _, how = answer(tmp_path).codes
    assert how.lines[-2] == "# to confirm it:"
    resume = f"python -m search.run --resume baseline --results {tmp_path} --trials 6"
    assert how.lines[-1] == f"{resume}{flag}"
