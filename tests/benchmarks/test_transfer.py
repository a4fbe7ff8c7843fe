"""The benchmark of ranks on a small and a large encoder: its table, and that it goes on where it
stopped."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from tests.benchmarks import transfer
from tests.processes import ROOT


def run(first: float, end: float) -> dict[str, Any]:
    return {"accuracies": [first, end], "accuracy": end}


def test_the_table_compares_the_small_encoder_with_the_large_ones_end() -> None:
    small = [run(0.1, 0.5), run(0.2, 0.6), run(0.3, 0.7), run(0.4, 0.65)]
    large = [run(0.4, 0.5), run(0.1, 0.8), run(0.2, 0.9), run(0.3, 0.7)]
    first, end, own = transfer.table(small, large).splitlines()[2:]
    assert first.startswith("| small encoder, first epoch | 0.40 (") and first.endswith("| 20.0 |")
    assert end.startswith("| small encoder, end | 0.80 (") and end.endswith("| 0.0 |")
    assert own.startswith("| large encoder, first epoch | -0.80 (") and own.endswith("| 40.0 |")


def test_the_interval_covers_the_true_correlation() -> None:
    """Of normal pairs with a correlation of 0.7, whose Spearman's is 6/pi asin(0.35) = 0.683."""
    draws = stats.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], seed=0).rvs((2000, 12))
    covered = 0
    for pairs in draws:
        _, low, high = transfer.correlation(list(pairs[:, 0]), list(pairs[:, 1]))
        covered += low <= 0.683 <= high
    assert 0.93 <= covered / len(draws) <= 0.97


@pytest.mark.slow
def test_only_missing_runs_are_trained(tmp_path: Path, model_folder: Path) -> None:
    out = tmp_path / "transfer.jsonl"
    argv = ["--small", "minilm", "--large", str(model_folder), "--configurations", "4"]
    argv += ["--epochs", "1", "--sentences", "60", "--processes", "1", "--out", str(out)]

    def program() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.benchmarks.transfer", *argv]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    first = program()
    assert first.returncode == 0, first.stderr
    rows = out.read_text().splitlines()
    models = [json.loads(row)["model"] for row in rows]
    assert models == ["minilm"] * 4 + [str(model_folder)] * 4
    out.write_text("\n".join(rows[:-1]) + "\n")
    again = program()
    assert json.loads(again.stdout.splitlines()[0])["model"] == str(model_folder)
    assert again.stdout.splitlines()[1:] == first.stdout.splitlines()[8:]
    assert len(out.read_text().splitlines()) == len(rows)
