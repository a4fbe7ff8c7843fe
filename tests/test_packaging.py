"""Wheel and source distribution of a clean clone: no file is missing, and the wheel works alone."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import tiny

pytestmark = pytest.mark.soak

ROOT = Path(__file__).parent.parent
PACKAGES = ("search", "trainables", "spaces", "analysis")
USE = """
import sys
from pathlib import Path
import analysis, search, spaces, trainables
from trainables.parts.data import corpus
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load, load_tokenizer
from search.final.predictor import Predictor
installed, model = map(Path, sys.argv[1:])
for package in (analysis, search, spaces, trainables):
    assert installed in Path(package.__path__[0]).parents, package
assert len(corpus.read("embedded").labels) == 60
classifier = Classifier.new(load(str(model)).build(), Head(pooling="mean"), ("no", "yes"))
classifier.save(Path("saved"), load_tokenizer(str(model)))
assert Path("saved/modeling_regimen.py").exists()
print(Predictor("saved").predict(["please"])[0]["label"])
"""


def run(*argv: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        argv, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files of a clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the git repository")
    return run("git", "ls-files", cwd=ROOT).splitlines()


@pytest.fixture(scope="module")
def built(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of a clean clone, and the wheel built from that sdist."""
    clone, dist = (tmp_path_factory.mktemp(name) for name in ("clone", "dist"))
    for name in tracked:
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes((ROOT / name).read_bytes())
    build = f"from setuptools.build_meta import build_sdist; build_sdist({str(dist)!r})"
    run(sys.executable, "-c", build, cwd=clone, PYTHONPATH="")
    (sdist,) = dist.glob("*.tar.gz")
    flags = ("--no-deps", "--no-build-isolation", "--wheel-dir", str(dist))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *flags, str(sdist), cwd=dist)
    return dist


def test_every_file_of_the_packages_is_in_both(tracked: list[str], built: Path) -> None:
    ours = {name for name in tracked if name.split("/")[0] in PACKAGES and (ROOT / name).exists()}
    assert {"trainables/parts/data/massive_mini/train.jsonl", "analysis/page/report.js"} <= ours
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert files == ours
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    assert ours | {"LICENSE", "README.md", "pyproject.toml"} <= files


def test_the_installed_wheel_works_outside_the_checkout(built: Path, tmp_path: Path) -> None:
    target, model, elsewhere = (tmp_path / name for name in ("target", "model", "elsewhere"))
    elsewhere.mkdir()
    tiny.write_model(model)
    (wheel,) = built.glob("*.whl")
    flags = ("--quiet", "--no-deps", "--target", str(target))
    run(sys.executable, "-m", "pip", "install", *flags, str(wheel), cwd=elsewhere)

    def python(*argv: str) -> str:
        return run(sys.executable, *argv, cwd=elsewhere, PYTHONPATH=str(target))

    assert python("-c", USE, str(target), str(model)).strip() in ("no", "yes")
    search = "search.run --regime tfidf --trials 1 --data embedded --name x --quiet --model"
    python("-m", *search.split(), str(model))
    python("-m", "analysis.report", "results/x")
    page = (elsewhere / "results" / "x" / "report.html").read_text()
    assert "<style>" in page and "<script>" in page
