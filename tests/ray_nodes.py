"""Real Ray nodes on this machine, as somebody else's cluster: they know nothing of our code."""

import contextlib
import json
import os
import signal
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import free_port

START_SECONDS = 300.0
AUTOSCALING: dict[str, Any] = {
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {
            "resources": {"CPU": 1, "object_store_memory": 100_000_000},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 10,
        },
    },
    "upscaling_speed": 10.0,
    "idle_timeout_minutes": 0.2,
    "auth": {},
    "docker": {},
    "file_mounts": {},
    "cluster_synced_files": [],
    "initialization_commands": [],
    "setup_commands": [],
    "head_setup_commands": [],
    "worker_setup_commands": [],
    "head_start_ray_commands": [],
    "worker_start_ray_commands": [],
}
"""All that Ray's autoscaler wants to be told. Its provider calls the head's type by this name."""


@dataclass
class RayNodes:
    """A cluster whose nodes are process groups, so that a test can kill one like a machine."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables of the nodes, beside those that Ray and Python need."""
    address: str = ""
    nodes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def head(self, cpus: int, *flags: str) -> None:
        """Start the head node."""
        self.address = self.address or f"127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self._start(cpus, "--head", f"--port={port}", "--include-dashboard=false", *flags)

    def autoscaling_head(self, most: int) -> None:
        """Start a head without CPUs, whose autoscaler starts nodes of one CPU, at most so many.

        They are processes on this machine, by Ray's provider for its own tests.
        """
        self.address = f"127.0.0.1:{free_port()}"
        self.environment |= {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
        config = self.folder / "autoscaling.json"
        provider: dict[str, Any] = {"type": "fake_multinode", "gcs_address": self.address}
        provider |= {"disable_node_updaters": True, "launch_multiple": True}
        made = {"cluster_name": "fake", "max_workers": most, "provider": provider, **AUTOSCALING}
        config.write_text(json.dumps(made))
        self.head(0, f"--autoscaling-config={config}")

    def join(self, cpus: int, *flags: str) -> "subprocess.Popen[bytes]":
        """Start a further node; returns its main process."""
        return self._start(cpus, f"--address={self.address}", *flags)

    def kill(self, node: "subprocess.Popen[bytes]", number: int = signal.SIGKILL) -> None:
        """Send a signal to all processes of a node; SIGKILL is a machine that is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, number)
        node.wait(60)

    def close(self) -> None:
        """Kill all nodes."""
        for node in reversed(self.nodes):
            self.kill(node)

    def _start(self, cpus: int, *flags: str) -> "subprocess.Popen[bytes]":
        number = len(self.nodes)
        home = self.folder / f"{number}"
        home.mkdir(parents=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(home),
            "TMPDIR": str(home),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            **self.environment,
        }
        log = home / "log"
        argv = [
            *(str(_bare_python(self.folder)), "-m", "ray.scripts.scripts", "start", "--block"),
            *(f"--num-cpus={cpus}", "--num-gpus=0", "--node-ip-address=127.0.0.1"),
            *("--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"),
            *("--disable-usage-stats", *flags),
        ]
        if "--head" in flags:
            argv.append(f"--temp-dir={self.folder / 't'}")
        with log.open("wb") as file:
            node = subprocess.Popen(
                argv,
                cwd=home,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(node)
        deadline = time.monotonic() + START_SECONDS
        while "--block" not in log.read_text():
            assert node.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        return node


@contextlib.contextmanager
def ray_nodes(folder: Path, *cpus: int, **environment: str) -> Iterator[RayNodes]:
    """A cluster with nodes of so many CPUs, the head first. Ray needs a short path."""
    made = RayNodes(folder, environment)
    try:
        for number, count in enumerate(cpus):
            made.head(count) if number == 0 else made.join(count)
        yield made
    finally:
        made.close()


def _bare_python(folder: Path) -> Path:
    """A Python that has the libraries, and cannot import our packages."""
    python = folder / "python" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "python", symlinks=True)
        site = next((folder / "python" / "lib").iterdir()) / "site-packages"
        # A folder in a .pth file is put on the path; the .pth files inside it, among them that of
        # an editable install, are not read.
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python
