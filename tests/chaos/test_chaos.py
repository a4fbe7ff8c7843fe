"""Searches that are killed repeatedly end like the undisturbed search."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.soak


def test_killed_searches_end_like_the_undisturbed_one(tmp_path: Path) -> None:
    out = tmp_path / "counts.json"
    argv = [
        sys.executable,
        "-m",
        "tests.chaos",
        "--minutes",
        "1.5",
        "--seed",
        "0",
        "--out",
        str(out),
    ]
    done = subprocess.run(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=840
    )
    assert done.returncode == 0, done.stdout
    assert sum(json.loads(out.read_text())["kills"].values()) >= 1, done.stdout
