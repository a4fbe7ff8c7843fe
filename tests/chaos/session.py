"""One process of a search, with the processes that it starts."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from search.study import study as studies
from tests.chaos.journal import count_progress
from tests.chaos.workspace import Workspace
from tests.mlflow_server import kill_group

POLL_SECONDS = 0.15
NOT_TRIALS = ("IDLE", "SPILL", "RESTORE", "Agent")
"""Parts of the names of Ray's workers that train no trial."""
RAY_PROCESSES = {"raylet": "raylet", "gcs": "gcs_server", "agent": "ray::RuntimeEnv"}
"""How the names of Ray's own processes begin."""


class Session:
    """A running search: its progress, its descendants and what they leave."""

    def __init__(self, workspace: Workspace, argv: list[str], folder: Path, log: Path) -> None:
        self.journal, self.log = folder / studies.JOURNAL, log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *argv],
                cwd=workspace.code,
                env=workspace.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.driver = psutil.Process(self.process.pid)
        self.began = time.monotonic()
        self.descendants: set[psutil.Process] = set()
        self.shared_memory: set[str] = set()
        self.finished_before, self.epochs_before = self.progress()
        self.first_epoch_seconds: float | None = None

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def progress(self) -> tuple[int, int]:
        """Trials that ended, and epochs."""
        return count_progress(self.journal)

    def poll(self) -> bool:
        """Note its descendants and its first epoch; return whether it still runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.descendants.update(self.driver.children(recursive=True))
        if self.first_epoch_seconds is None and self.progress()[1] > self.epochs_before:
            self.first_epoch_seconds = self.elapsed
        return self.exit_code is None

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait for a condition; return False if the process ended before.

        Raises TimeoutError where that takes until `timeout` seconds after the start.
        """
        while not condition():
            if not self.poll():
                return False
            if self.elapsed > timeout:
                raise TimeoutError
            time.sleep(POLL_SECONDS)
        return self.poll()

    def wait(self, timeout: float) -> None:
        """Wait until it ends. Raises TimeoutError as `wait_until` does."""
        self.wait_until(lambda: False, timeout)

    def named(self, matches: Callable[[str], bool]) -> list[psutil.Process]:
        """Live descendants whose name and first argument match."""
        processes = []
        for process in self.descendants:
            with contextlib.suppress(psutil.Error):
                name = " ".join([process.name(), *process.cmdline()[:1]])
                if process.is_running() and matches(name):
                    processes.append(process)
        return sorted(processes, key=lambda process: process.pid)

    def victims(self, kind: str) -> list[psutil.Process]:
        """The processes that a kill of this kind can hit now."""
        if kind == "worker":
            return self.named(
                lambda name: "ray::" in name and not any(part in name for part in NOT_TRIALS)
            )
        if kind in RAY_PROCESSES:
            return self.named(lambda name: name.startswith(RAY_PROCESSES[kind]))
        return [self.driver]

    def note_shared_memory(self) -> None:
        """Remember which files in /dev/shm its descendants have mapped."""
        for process in self.descendants:
            with contextlib.suppress(psutil.Error):
                paths = [region.path for region in process.memory_maps()]
                self.shared_memory.update(path for path in paths if path.startswith("/dev/shm/"))

    def remaining(self) -> list[str]:
        """Descendants that still run, zombies excluded."""
        names = []
        for process in self.descendants:
            with contextlib.suppress(psutil.Error):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    command = " ".join(process.cmdline())[:80]
                    names.append(f"{process.pid} {process.name()} {command}")
        return names

    def destroy(self) -> None:
        """Kill it and all its descendants."""
        kill_group(self.process)
        for process in self.descendants:
            with contextlib.suppress(psutil.Error):
                process.kill()
