"""`python -m tests.cuda_day`: its table, tried without a card."""

from pathlib import Path

import pytest
import torch

from tests import cuda_day
from tests.processes import Inputs, run


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cuda_day.main([])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert said == "error: a day on a card needs a CUDA card, and torch finds none\n"


def test_rows_are_markdown_whatever_a_test_says() -> None:
    assert cuda_day.row_of(("a", "x | y\nz", "")) == "| a | x \\| y z |  |"
    summary = {
        "states": {"COMPLETE": 3, "PRUNED": 1, "FAIL": 0},
        "best_validation_accuracy": 0.5,
        "seconds": 120.0,
    }
    said = "3 complete, 1 pruned, 0 fail; best 0.5000; 120 trials an hour"
    assert cuda_day.of_search(summary, 4) == said


@pytest.mark.soak
def test_the_whole_day_runs_on_a_cpu(tmp_path: Path, inputs: Inputs) -> None:
    out = tmp_path / "day.md"
    flags = ["--device", "cpu", "--trials", "2", "--out", str(out)]
    data = ["--data", str(inputs.corpus), "--model", str(inputs.model)]
    done = run("tests.cuda_day", *flags, *data, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    text = out.read_text()
    assert "search, 2 trials, 0 of a card | " in text and " trials an hour" in text
    assert "cross-entropy, batch 4, 2 at a time" in text
    if not torch.cuda.is_available():
        assert text.count("skipped: needs a CUDA card; torch finds none") >= 4
