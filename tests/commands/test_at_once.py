"""Two commands at once: one goes on, and the other one says so in a line and changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from search import run, sync
from search.final import training
from search.final.folder import reserved
from search.outputs.recipe import read_recipe
from search.study.lock import search_lock
from tests.processes import Searched
from tests.processes import run as start


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_name_that_is_taken_is_refused_before_anything_starts(
    searched: Searched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def first_lines(args: object) -> None:
        raise AssertionError("the data was read")

    monkeypatch.setattr(run, "_first_lines", first_lines)
    assert run.main(["--regime", "baseline", "--name", "tiny", *searched.sources]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert f"--resume tiny --results {searched.results}" in printed.err
    monkeypatch.chdir(searched.results.parent)
    relative = ["--results", searched.results.name]
    argv = ["--regime", "baseline", "--name", "tiny", *searched.sources, *relative]
    assert run.main(argv) == 2
    given = "" if searched.results.name == "results" else f" {' '.join(relative)}"
    assert capsys.readouterr().err.endswith(f"--resume tiny{given}\n")


def test_a_search_that_runs_is_neither_continued_nor_logged(
    searched: Searched, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(searched.folder)
    where = ["--results", str(searched.results)]
    with search_lock(searched.folder):
        before |= {str(searched.folder / ".lock"): (searched.folder / ".lock").read_bytes()}
        assert run.main(["--resume", "tiny", *where]) == 2
        assert sync.main(["tiny", *where]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 2 and all(
        "the search 'tiny' is running in another process" in line for line in printed
    )
    assert contents(searched.folder) == before


def test_a_folder_that_is_being_trained_into_is_refused(searched: Searched, tmp_path: Path) -> None:
    recipe = read_recipe(searched.folder / "best.yaml")
    out = tmp_path / "model"
    (tmp_path / "link").symlink_to(tmp_path)
    with reserved(out), reserved(tmp_path / "other"):
        for same in (out, tmp_path / "link" / "model"):
            with pytest.raises(ValueError, match=r"another search\.train is writing there; wait"):
                training.train(training.TrainSpec(recipe=recipe, out=same))
    with reserved(out):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_two_exports_into_one_file_leave_one_of_them_whole(
    searched: Searched, tmp_path: Path
) -> None:
    out = tmp_path / "best.yaml"
    words = ["search.export", "tiny", "--results", str(searched.results), "--out", str(out)]
    with ThreadPoolExecutor(2) as pool:
        exports = [pool.submit(start, *words) for _ in range(2)]
    assert [each.result().returncode for each in exports] == [0, 0]
    assert read_recipe(out)["search"] == "tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["best.yaml"]


@pytest.mark.slow
def test_a_second_training_into_a_folder_is_refused_in_a_line(
    searched: Searched, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    words = ["search.train", str(searched.folder / "best.yaml"), "--out", str(out)]
    with reserved(out):
        refused = start(*words, "--results", str(tmp_path / "results"))
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert "another search.train is writing there" in refused.stderr
    assert list(tmp_path.iterdir()) == []
