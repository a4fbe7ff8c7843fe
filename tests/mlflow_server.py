"""`mlflow server` in a process group of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.processes import free_port

STARTUP_SECONDS = 300


class MlflowServer:
    """A server on a free port of loopback, by default with an SQLite store in `folder`."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.store = store or f"sqlite:///{folder / 'server.db'}"
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it without waiting until it answers."""
        argv = f"mlflow server --host 127.0.0.1 --port {self.port} --workers 1".split()
        artifacts = str(self.folder / "artifacts")
        argv += ["--backend-store-uri", self.store, "--artifacts-destination", artifacts]
        # Its job runner starts seven processes, each of which imports MLflow; we have no jobs.
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *argv],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
        except OSError:
            return False
        return True

    def wait(self) -> None:
        """Wait until it answers. Raises TimeoutError with its log."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while not self.is_up():
            if time.monotonic() > deadline:
                log = (self.folder / "server.log").read_text()
                raise TimeoutError(f"the MLflow server does not answer: {log}")
            time.sleep(0.3)

    def kill(self) -> None:
        """Kill it and its workers with SIGKILL."""
        if self.process:
            kill_group(self.process)


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process and its group with SIGKILL.

    Nothing is sent to a process that was waited for: its number may belong to another by now.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
