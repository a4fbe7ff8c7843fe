"""How a worker that Ray starts ahead says that it is ready."""

import os
import subprocess
import sys
from pathlib import Path

from search.cluster.workers import PRELOADED, forget, preloading, wait_for_workers


def test_a_process_that_has_preloaded_leaves_its_mark(tmp_path: Path) -> None:
    """From any folder, and the environment is as before."""
    before = dict(os.environ)
    with preloading(tmp_path):
        program = f"import os, {PRELOADED[-1]}; print(os.getpid())"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=True
        )
    assert [path.name for path in (tmp_path / "ready").iterdir()] == [done.stdout.strip()]
    assert dict(os.environ) == before
    wait_for_workers(lambda: False)  # There is no cluster, so no worker is missing.
    forget()
