"""The folders and the environment in which the searches run."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests import tiny
from tests.processes import copy_code

EPOCHS = 24
SEARCH_NAME = "chaos"


@dataclass(frozen=True)
class Workspace:
    """A folder for everything, and a temporary folder that only these searches use.

    `temporary` is short because Ray's sockets, whose paths are limited to 107 characters, lie in
    it.
    """

    folder: Path
    temporary: Path
    trials: int

    @property
    def code(self) -> Path:
        """A copy of the code, so that edits during a run do not mix two versions."""
        return self.folder / "code"

    def prepare(self) -> None:
        """Write the code, the corpus, the model, and a user's folders in the temporary folder."""
        copy_code(self.code)
        tiny.write_corpus(self.folder / "corpus")
        tiny.write_model(self.folder / "model")
        tiny.write_strangers(self.temporary)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of a search."""
        inherited = dict(os.environ)
        for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
            inherited.pop(name, None)
        own = {"TMPDIR": str(self.temporary), "NO_COLOR": "1", "PYTHONPATH": str(self.code)}
        return inherited | own

    def search_command(self, results: Path, uri: str) -> list[str]:
        """Arguments of `python -m` that start the search."""
        budget = f"--trials {self.trials} --epochs {EPOCHS} --no-confirm"
        policy = "--sampler random --scheduler none"
        paths = ["--data", str(self.folder / "corpus"), "--model", str(self.folder / "model")]
        return [
            *f"search.run --regime llrd_warmup --name {SEARCH_NAME} {budget} {policy}".split(),
            *paths,
            *("--results", str(results), "--tracking-uri", uri),
        ]
