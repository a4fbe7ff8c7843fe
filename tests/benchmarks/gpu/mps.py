"""NVIDIA's multi-process service (MPS) runs kernels of several processes side by side.

The benchmark starts a daemon of its own.

https://docs.nvidia.com/deploy/mps/appendix-tools-and-interface-reference.html
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "nvidia-cuda-mps-control"
FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/local/nvidia/bin", "/usr/local/cuda/bin")
"""Folders in which drivers install it, besides those in PATH."""
TIMEOUT_SECONDS = 10.0
"""For the daemon to start, to answer, and to end."""


class Unavailable(RuntimeError):
    """Why MPS is not available."""


@dataclass(frozen=True)
class Daemon:
    """A running daemon; processes with its `environment` are its clients."""

    program: str
    environment: dict[str, str]

    def send(self, command: str) -> str:
        """Send a command and return the answer. Raises Unavailable if there is none."""
        try:
            done = subprocess.run(
                [self.program],
                input=f"{command}\n",
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{PROGRAM} does not answer: {error}") from error
        return done.stdout.strip()

    def serves(self) -> bool:
        """Whether any process is its client: a process that finds no daemon runs without one."""
        return bool(self.send("get_server_list"))


@contextlib.contextmanager
def daemon() -> Iterator[Daemon]:
    """Run a daemon in this context. Raises Unavailable if it is not installed or fails to start."""
    program = shutil.which(PROGRAM, path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    if program is None:
        raise Unavailable(f"there is no {PROGRAM}")
    folder = Path(tempfile.mkdtemp(prefix="mps-", dir="/tmp"))  # short: its sockets lie there
    environment = {
        "CUDA_MPS_PIPE_DIRECTORY": str(folder / "pipe"),
        "CUDA_MPS_LOG_DIRECTORY": str(folder / "log"),
    }
    for path in environment.values():
        Path(path).mkdir()
    log = folder / "log"
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                [program, "-f"],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        running = Daemon(program, environment)
        try:
            _wait_for_socket(process, folder / "pipe" / "control", log)
            yield running
        finally:
            _stop(running, process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_socket(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it printed nothing"]
            raise Unavailable(f"{PROGRAM} -f did not start: {lines[-1][:200]}")
        time.sleep(0.05)


def _stop(running: Daemon, process: subprocess.Popen[bytes]) -> None:
    """Stop the daemon, which stops its server."""
    with contextlib.suppress(Unavailable):
        running.send("quit")
    try:
        process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TIMEOUT_SECONDS)
        process.kill()
        process.wait()
