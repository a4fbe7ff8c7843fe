"""What a command imports before it can answer."""

import subprocess
import sys

from tests.processes import ROOT

PROGRAM = """
import contextlib, importlib, io, sys
for name in ("search.run", "search.sync", "search.export", "search.train", "search.predict",
             "analysis.report", "analysis.rungs"):
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
