"""Searches that are killed again and again end as one that was left alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.slow


def test_a_search_that_is_killed_again_and_again_ends_as_one_that_was_left_alone(
    tmp_path: Path,
) -> None:
    out = tmp_path / "figures.json"
    argv = [sys.executable, "-m", "tests.chaos", "--minutes", "3", "--seed", "0", "--out", str(out)]
    done = subprocess.run(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=840
    )
    assert done.returncode == 0, done.stdout
    assert sum(json.loads(out.read_text())["kills"].values()) >= 3, done.stdout
