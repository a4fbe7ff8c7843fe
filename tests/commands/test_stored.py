"""The commands about searches that are there already: list, show, compare."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from search import compare, folders, show
from search import list as listing
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.last_ending import KEY, UNRECORDED, last_ending
from search.study.lock import require_not_running, search_lock
from search.trials.ending import Ending
from tests.analysis.folders import write_searches
from tests.search.study.test_earlier_journal import EARLIER


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three searches, of which the last begun comes last."""
    write_searches(tmp_path, regimes=3, trials=6, epochs=2)
    for number, name in enumerate(("baseline", "llrd", "llrd_warmup")):
        spec = SearchSpec(
            regime=name, data="embedded", model="minilm", name=name, results=str(tmp_path)
        )
        (spec.folder / "spec.json").write_text(spec.to_json())
        records.ENDING.write(studies.open_study(spec), Ending.DONE.name)
        os.utime(spec.folder / "spec.json", (1.7e9 + number, 1.7e9 + number))
    return tmp_path


def test_the_searches_are_listed_the_newest_first(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = studies.open_study(SearchSpec.read(results / "llrd"))
    records.ENDING.write(study, None)
    (results / "llrd_warmup" / "summary.json").write_text("{")
    with search_lock(results / "baseline"):
        assert listing.main(["--results", str(results)]) == 0
    heading, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert heading == ["name", "regime", "score", "state", "when"]
    assert [row[0] for row in rows] == ["llrd_warmup", "llrd", "baseline"]
    assert [row[3] for row in rows] == ["damaged", "stopped", "running"]
    assert float(rows[1][2]) > 80


def test_a_search_that_is_removed_meanwhile_hides_no_other(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = Path.stat

    def stat(path: Path, **how: bool) -> os.stat_result:
        if path.parent.name == "llrd" and path.name in ("spec.json", "study.journal"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return plain(path, **how)

    found = folders.names(results)
    monkeypatch.setattr(Path, "stat", stat)
    assert folders.names(results) == ["llrd_warmup", "baseline"]
    monkeypatch.setattr(listing, "names", lambda _: found)
    assert listing.main(["--results", str(results)]) == 0
    assert " damaged " in capsys.readouterr().out.splitlines()[2]


def test_a_search_of_a_later_version_is_listed_and_refused_in_a_line(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = results / "llrd" / "spec.json"
    values = json.loads(spec.read_text())
    for changed in ({**values, "moon": 1}, {**values, "regime": "lunar"}):
        spec.write_text(json.dumps(changed))
        assert listing.main(["--results", str(results)]) == 0
        assert capsys.readouterr().out.count("\n") == 4
        assert show.main(["llrd", "--results", str(results)]) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1
        assert "spec.json is damaged, or of another version of Regimen: " in said.err


def test_without_a_search_the_list_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listing.main(["--results", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out.startswith(f"no search in '{tmp_path / 'none'}' yet; ")


def test_the_last_ending_is_the_one_that_the_study_has(results: Path) -> None:
    assert records.ENDING.name == KEY and last_ending(results / "llrd") == "DONE"
    study = studies.open_study(SearchSpec.read(results / "llrd"))
    for name in (None, "TIME"):
        records.ENDING.write(study, name)
        assert last_ending(results / "llrd") == name
    assert last_ending(results / "none") == UNRECORDED


def test_a_search_of_a_version_that_recorded_no_ending_has_ended_with_its_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EARLIER / "2026-11-25" / "supcon", tmp_path / "before")
    journal = tmp_path / "before" / "study.journal"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if f'"{KEY}"' not in line))
    assert last_ending(tmp_path / "before") == UNRECORDED
    assert listing.main(["--results", str(tmp_path)]) == 0
    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.split()[:4] == ["before", "supcon", "77.2", "ended"]
    spec = tmp_path / "before" / "spec.json"
    spec.write_text(spec.read_text().replace('"trials": 4', '"trials": 5'))
    assert listing.main(["--results", str(tmp_path)]) == 0
    assert " stopped " in capsys.readouterr().out


def test_a_search_is_looked_at_without_the_right_to_write(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so files that are opened for writing are refused here."""
    with search_lock(results / "llrd"):
        pass
    plain = Path.open

    def reading(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+"):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", reading)
    require_not_running(results / "llrd")
    assert listing.main(["--results", str(results)]) == 0


def test_a_renamed_search_is_shown_under_its_folders_name(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "llrd").rename(results / "renamed")
    assert show.main(["renamed", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert "Errs most: 'intent_" in out and f"search.export renamed --results {results}" in out
    assert compare.main(["renamed", "baseline", "--results", str(results)]) == 0


def test_show_prints_the_result_and_the_next_commands(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show.main(["llrd", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert out.index("llrd: ") < out.index("regime") < out.index("result   llrd leads")
    assert "Errs most: 'intent_" in out
    assert f"search.export llrd --results {results} --out best.yaml" in out.partition("next:")[2]


def test_show_says_how_a_stopped_search_goes_on(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records.ENDING.write(studies.open_study(SearchSpec.read(results / "llrd")), None)
    assert show.main(["llrd", "--results", str(results)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("stopped. Continue with: ") and "--resume llrd" in last
    with search_lock(results / "llrd"):
        assert show.main(["llrd", "--results", str(results)]) == 0
    assert "is running in another process" in capsys.readouterr().out.splitlines()[0]


def test_searches_are_compared_whatever_their_order(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outs = []
    for names in (["baseline", "llrd_warmup"], ["llrd_warmup", "baseline", "baseline"]):
        assert compare.main([*names, "--results", str(results)]) == 0
        outs.append(capsys.readouterr().out)
    assert outs[0] == outs[1] and "the runner-up, " in outs[0] and "llrd " not in outs[0]


@pytest.mark.parametrize(
    ("command", "argv", "said"),
    [
        (show, ["x"], "no search 'x'"),
        (show, ["../x"], "name must be"),
        (compare, ["llrd", "x"], "no search 'x'"),
        (compare, ["llrd", "llrd"], "name two or more searches to compare; got only 'llrd'"),
        (listing, [], "results must be a folder"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    command: object, argv: list[str], said: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = results / "llrd" / "spec.json" if command is listing else results
    assert command.main([*argv, "--results", str(where)]) == 2  # type: ignore[attr-defined]
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith(f"error: {said}")
    assert printed.err.count("\n") == 1


def test_show_knows_an_earlier_versions_name_of_an_ending(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records.ENDING.write(studies.open_study(SearchSpec.read(results / "llrd")), "HOPELESS")
    assert show.main(["llrd", "--results", str(results)]) == 0
    assert "stopped, because the first trials failed" in capsys.readouterr().out
