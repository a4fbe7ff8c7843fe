"""The watchdog of Ray's processes."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from search.cluster.watchdog import ray_processes


def test_a_grandchild_with_the_raylets_name_is_not_watched(tmp_path: Path) -> None:
    """A worker has that name between fork and exec, and may exit at any time."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    raylet = tmp_path / "raylet"
    shutil.copy(bash, raylet)
    with subprocess.Popen([str(raylet), "-c", f"{raylet} -c 'sleep 60; :' & wait"]) as process:
        try:
            parent, deadline = psutil.Process(process.pid), time.monotonic() + 60
            while not (
                raylets := [child for child in parent.children() if child.name() == "raylet"]
            ):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert [(one.pid, name) for one, name in ray_processes()] == [(process.pid, "raylet")]
        finally:
            for child in parent.children(recursive=True):
                child.kill()
            process.kill()
    assert raylets


AFTERWARDS = """
import os, signal
from search.cluster.start import cluster
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
with cluster():
    pass
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.slow
def test_signal_handlers_are_restored_after_ray_shuts_down() -> None:
    """Ray's C++ code resets SIGTERM to the default."""
    done = subprocess.run([sys.executable, "-c", AFTERWARDS], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "asked\n"), done.stderr
