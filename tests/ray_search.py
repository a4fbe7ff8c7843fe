"""A search on somebody else's cluster, and what its nodes do."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable

import psutil
from optuna.trial import FrozenTrial, TrialState

from search.study import study as studies
from tests.processes import ROOT, Inputs, wait_for
from tests.ray_nodes import RayNodes


class Search:
    """A search in a process of its own, started in an empty folder: nodes get no path to our
    code."""

    def __init__(
        self,
        inputs: Inputs,
        nodes: RayNodes,
        name: str,
        *flags: str,
        resume: bool = False,
        **env: str,
    ) -> None:
        self.folder, empty = inputs.results / name, nodes.folder / "empty"
        empty.mkdir(exist_ok=True)
        which = ["--resume" if resume else "--name", name]
        argv = ["search.run", "--regime", "llrd_warmup", *which, *inputs.sources]
        argv += ["--address", nodes.address, "--no-confirm", *flags]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *argv],
            cwd=empty,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        )

    def __enter__(self) -> "Search":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def trials(self) -> list[FrozenTrial]:
        with contextlib.suppress(ValueError, KeyError):
            return studies.read_study(self.folder).get_trials(deepcopy=False)
        return []

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds while the search runs."""

        def holds() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return condition()

        wait_for(holds, 600)

    def end(self, timeout: float = 600) -> tuple[int, str, str]:
        """Wait for the end: exit code, standard output and standard error."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err


def states(search: Search) -> list[TrialState]:
    return [trial.state for trial in search.trials()]


def trains_on(node: "subprocess.Popen[bytes]") -> bool:
    """Whether a process of this node runs a trial."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(node.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "ImplicitFunc.train" in process.name() or any(
                    "ImplicitFunc.train" in word for word in process.cmdline()
                ):
                    return True
    return False
