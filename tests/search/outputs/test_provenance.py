"""What a result was made with."""

import os
import platform
import subprocess
from pathlib import Path

from search.cluster.resources import Machine, Node
from search.outputs.provenance import commit, hardware


def test_the_hardware_of_this_machine_and_of_a_cluster() -> None:
    here = hardware(Machine((Node(2),)), [], here=True)
    assert here.startswith("2 CPU cores") and here.endswith(" GiB") and "GPU" not in here
    assert platform.node() not in here
    nodes = Machine((Node(0), Node(8, 1), Node(8, 1), Node(8)))
    cluster = hardware(nodes, ["NVIDIA H100", "NVIDIA H100"], here=False)
    assert cluster == "3 nodes, 24 CPU cores, 2 GPUs (NVIDIA H100)"
    assert hardware(Machine((Node(1, 1),)), [], here=False) == "1 node, 1 CPU core, 1 GPU"


def test_a_repository_is_read_without_a_lock(tmp_path: Path) -> None:
    """A process that is killed while git holds the index's lock leaves it to the user."""

    def git(*args: str) -> str:
        who = ["-c", "user.name=n", "-c", "user.email=e"]
        return subprocess.check_output(["git", "-C", str(tmp_path), *who, *args], text=True)

    git("init", "-q")
    file, index = tmp_path / "file", tmp_path / ".git" / "index"
    file.write_text("text")
    git("add", "file")
    git("commit", "-q", "-m", "one")
    os.utime(file, (0, 0))  # `git status` would refresh the index now.
    before = index.read_bytes()
    assert commit(tmp_path) == git("rev-parse", "HEAD").strip()
    assert index.read_bytes() == before
    file.write_text("other")
    assert commit(tmp_path) == git("rev-parse", "HEAD").strip() + "+"
