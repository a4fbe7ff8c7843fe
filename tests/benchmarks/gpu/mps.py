"""NVIDIA's multi-process service, which lets the kernels of several processes run side by side; a
daemon of this program's own.

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
"""Where drivers put it, beside what PATH names."""
SECONDS = 10.0
"""For the daemon to start, to answer, and to end."""


class Unavailable(RuntimeError):
    """Why there is no such service here."""


@dataclass(frozen=True)
class Daemon:
    """A daemon that runs; processes with its `environment` are its clients."""

    program: str
    environment: dict[str, str]

    def send(self, command: str) -> str:
        """What it answers. Raises Unavailable where it does not."""
        try:
            done = subprocess.run(
                [self.program],
                input=f"{command}\n",
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{PROGRAM} does not answer: {error}") from error
        return done.stdout.strip()

    def serves(self) -> bool:
        """Whether any process has become its client.

        One that finds no daemon goes on without it, and does not tell.
        """
        return bool(self.send("get_server_list"))


@contextlib.contextmanager
def daemon() -> Iterator[Daemon]:
    """A daemon for as long as this lasts.

    Raises Unavailable where the driver has none, or it does not start.
    """
    program = shutil.which(PROGRAM, path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    if program is None:
        raise Unavailable(f"there is no {PROGRAM}")
    folder = Path(tempfile.mkdtemp(prefix="mps-", dir="/tmp"))  # short: its sockets lie there
    environment = {
        "CUDA_MPS_PIPE_DIRECTORY": str(folder / "pipe"),
        "CUDA_MPS_LOG_DIRECTORY": str(folder / "log"),
    }
    for place in environment.values():
        Path(place).mkdir()
    said = folder / "said"
    try:
        with said.open("wb") as out:
            process = subprocess.Popen(
                [program, "-f"],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        found = Daemon(program, environment)
        try:
            _wait_until_it_listens(process, folder / "pipe" / "control", said)
            yield found
        finally:
            _stop(found, process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_listens(process: subprocess.Popen[bytes], socket: Path, said: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            last = said.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise Unavailable(f"{PROGRAM} -f did not start: {last[0][:200]}")
        time.sleep(0.05)


def _stop(found: Daemon, process: subprocess.Popen[bytes]) -> None:
    """End the daemon, which ends its server."""
    with contextlib.suppress(Unavailable):
        found.send("quit")
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS)
        process.kill()
        process.wait()
