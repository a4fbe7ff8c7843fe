"""Real Ray nodes on this machine, as somebody else's cluster: they know nothing of our code."""

import contextlib
import os
import signal
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import free_port

START_SECONDS = 300.0


@dataclass
class RayNodes:
    """A cluster whose nodes are process groups, so that a test can kill one like a machine."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables of the nodes, beside those that Ray and Python need."""
    address: str = ""
    nodes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def head(self, cpus: int) -> None:
        """Start the head node."""
        self.address = f"127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self._start(cpus, "--head", f"--port={port}", "--include-dashboard=false")

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
