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
    resume = f"python -m search.run --resume baseline --results {tmp_path}"
    assert how.lines[-1] == f"{resume}{flag}"


@pytest.mark.parametrize(("ending", "flag"), [("TIME", " --trials 6"), ("INTERRUPTED", "")])
def test_a_search_that_its_time_ended_gets_no_further_trials(
    ending: str, flag: str, tmp_path: Path
) -> None:
    """It would get its time budget anew. One that was interrupted is to have the rest of them."""
    write_searches(tmp_path, regimes=1, trials=6, epochs=3, confirmed=False)
    path = tmp_path / "baseline" / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "ending": ending}))
    _, how = answer(tmp_path).codes
    resume = f"python -m search.run --resume baseline --results {tmp_path}"
    assert how.lines[-1] == f"{resume}{flag}"
