"""An MLflow server that can be killed and restarted on the same port."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.processes import free_port

STARTUP_SECONDS = 120


class Server:
    """An MLflow server on loopback with an SQLite store."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder, self.uri = folder, f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.restart: threading.Timer | None = None
        folder.mkdir()

    def start(self) -> None:
        """Start it without waiting until it answers."""
        argv = f"mlflow server --host 127.0.0.1 --port {self.port} --workers 1".split()
        store = f"sqlite:///{self.folder / 'server.db'}"
        artifacts = str(self.folder / "artifacts")
        argv += ["--backend-store-uri", store, "--artifacts-destination", artifacts]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *argv], stdout=log, stderr=log, start_new_session=True
            )

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
        except OSError:
            return False
        return True

    def wait(self) -> None:
        """Wait until it answers, after a start or a planned restart. Raises TimeoutError."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while not self.is_up():
            if time.monotonic() > deadline:
                raise TimeoutError("the MLflow server does not answer")
            time.sleep(0.3)

    def kill(self, restart_after: float | None = None) -> None:
        """Kill it and its workers with SIGKILL; restart it after so many seconds, or never."""
        if self.restart:
            self.restart.cancel()
        if self.process:
            kill_group(self.process)
        if restart_after is not None:
            self.restart = threading.Timer(restart_after, self.start)
            self.restart.daemon = True
            self.restart.start()


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process and its group with SIGKILL.

    Nothing is sent to a process that was waited for: its number may belong to another by now.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
