"""What a command imports before it can answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.processes import ROOT

PROGRAM = """
import contextlib, importlib, io, sys
for name in ("search.run", "search.sync", "search.export", "search.train", "search.predict",
             "search.list", "search.show", "search.compare",
             "analysis.report", "analysis.results", "analysis.rungs"):
    for argv, code in ((["--help"], 0), (["--no-such-flag"], 2)):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                importlib.import_module(name).main(argv)
            except SystemExit as exit:
                assert exit.code == code, name
        assert said.getvalue(), name
print(*sorted(sys.modules))
"""


def test_help_and_a_wrong_flag_wait_for_no_large_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    large = {"torch", "transformers", "ray", "optuna", "mlflow", "pandas", "scipy", "sklearn"}
    assert not large & set(done.stdout.split())


SCRIPT = "import sys\nfrom search.regimen import main\nsys.exit(main())\n"
"""What pip writes for the command."""


def regimen(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the command `regimen` in a folder with modules of our names."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "regimen").write_text(SCRIPT)
    for module in ("search.py", "analysis/__init__.py"):
        (folder / module).parent.mkdir(exist_ok=True)
        (folder / module).write_text("raise RuntimeError('not ours')\n")
    return subprocess.run(
        [sys.executable, folder / "bin" / "regimen", *argv],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_regimen_has_every_command_in_any_folder(tmp_path: Path) -> None:
    done = regimen(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[0] for line in done.stdout.splitlines()[2:]]
    commands = "run export train predict list show compare sync report"
    assert names == commands.split()
    done = regimen(tmp_path, "export", "--help")
    assert done.stdout.startswith("usage: regimen export ")
    done = regimen(tmp_path, "exprot")
    assert done.returncode == 2 and done.stderr.startswith("error: unknown command 'exprot'; ")


@pytest.mark.soak
def test_regimen_searches_beside_modules_of_our_names(tmp_path: Path, model_folder: Path) -> None:
    corpus = tiny.write_corpus(tmp_path / "corpus")
    budget = [
        "--regime",
        "baseline",
        "--trials",
        "1",
        "--epochs",
        "1",
        "--no-confirm",
        "--name",
        "s",
    ]
    done = regimen(tmp_path, "run", *budget, "--data", str(corpus), "--model", str(model_folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert "s: 1 complete, 0 pruned, 0 failed" in done.stdout
    assert "  regimen export s --out best.yaml" in done.stdout
