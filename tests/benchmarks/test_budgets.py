"""The table of the benchmark of budgets, and that it goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import budgets


def run(epochs: int, number: int, accuracy: float) -> dict[str, Any]:
    return {"epochs": epochs, "number": number, "accuracy": accuracy, "seconds": 2.0 * epochs}


def test_a_budget_is_compared_with_the_longest_on_the_better_configurations() -> None:
    ended = [
        *(run(3, 0, accuracy) for accuracy in (0.7, 0.8)),
        *(run(3, 1, accuracy) for accuracy in (0.8, 0.8)),
        *(run(3, 2, accuracy) for accuracy in (0.1, 0.1)),
        *(run(5, 0, accuracy) for accuracy in (0.8, 0.9)),
        *(run(5, 1, accuracy) for accuracy in (0.9, 0.9)),
        *(run(5, 2, accuracy) for accuracy in (0.9, 0.9)),
    ]
    short, long = budgets.table(ended).splitlines()[2:]
    assert short.startswith("| 3 | 75.0 | 80.0 | 10.0 | -10.0 \N{PLUS-MINUS SIGN} 0.0 | 6 |")
    assert long.startswith("| 5 | 85.0 | 90.0 | 90.0 | +0.0 \N{PLUS-MINUS SIGN} 0.0 | 10 |")


@pytest.mark.slow
def test_each_budget_has_its_own_schedule(
    tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of 2 epochs is not the beginning of one of 3: its learning rate falls sooner."""
    out = tmp_path / "budgets.jsonl"
    argv = ["--regime", "llrd_warmup", "--model", str(model_folder), "--sentences", "120"]
    argv += ["--budgets", "3", "2", "--configurations", "1", "--seeds", "2", "--processes", "1"]
    assert budgets.main([*argv, "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["epochs"], row["seed"]) for row in rows] == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert [len(row["accuracies"]) for row in rows] == [2, 2, 3, 3]
    table = capsys.readouterr().out.splitlines()[4:]
    assert budgets.main([*argv, "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == table, "nothing is trained again"
