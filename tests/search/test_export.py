"""An export replaces an earlier export of the same search, and no other file."""

from pathlib import Path

import pytest
import yaml

from search.export import main
from search.outputs.provenance import versions
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.tracking.identity import identify
from tests.search.test_seeds import NEW, journal


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """What exports a search to a file."""
    return written(tmp_path, "results")


def written(folder: Path, results: str) -> list[str]:
    """Write a search of the one name into a results folder; returns what exports it to a file."""
    search = journal(folder / results, reported=NEW)
    identify(search.study, {})
    (search.spec.folder / "spec.json").write_text(search.spec.to_json())
    out = ["--results", search.spec.results, "--out", str(folder / "best.yaml")]
    return [str(search.spec.name), *out]


def test_the_same_search_is_exported_again(flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "best.yaml").touch()
    assert main(flags) == main([*flags, "--top", "2"]) == main(flags) == 0


@pytest.mark.parametrize("text", ["notes of three years\n", "a: 1\n", "- a\n", "\0"])
def test_a_file_that_is_no_export_is_refused(
    text: str, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.yaml").write_text(text)
    assert main(flags) == main([*flags, "--overwrite"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 2
    assert "is not a file that search.export wrote; choose another" in said.err
    assert (tmp_path / "best.yaml").read_text() == text


@pytest.mark.parametrize("part", ["search", "data"])
def test_the_export_of_another_search_is_replaced_only_if_asked_for(
    part: str, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Searches in two results folders may have one name."""
    path = tmp_path / "best.yaml"
    assert main(flags) == 0
    ours = path.read_text()
    other = yaml.safe_load(ours)
    other["search"] = "other" if part == "search" else other["search"]
    other["data"]["fingerprint"] = "f00" if part == "data" else other["data"]["fingerprint"]
    path.write_text(yaml.safe_dump(other))
    before = path.read_bytes()
    capsys.readouterr()
    assert main(flags) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert f"holds the export of another search ('{other['search']}')" in said.err
    assert path.read_bytes() == before
    assert main([*flags, "--overwrite"]) == 0
    assert path.read_text() == ours


def test_the_search_of_that_name_in_another_folder_is_another_search(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the same data, with the same model, seed and metric."""
    path = tmp_path / "best.yaml"
    assert main(flags) == 0
    before = path.read_bytes()
    capsys.readouterr()
    other = written(tmp_path, "elsewhere")
    assert main(other) == 2
    assert "holds the export of another search" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main([*other, "--overwrite"]) == 0
    assert main(flags) == 2


def test_an_export_of_an_earlier_version_which_names_no_identity_is_replaced(
    flags: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "best.yaml"
    assert main(flags) == 0
    earlier = yaml.safe_load(path.read_text())
    del earlier["search_id"]
    path.write_text(yaml.safe_dump(earlier))
    assert main(flags) == 0


def test_a_device_is_no_file_to_replace(flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "best.yaml").symlink_to("/dev/null")
    assert main(flags) == 2
    assert (tmp_path / "best.yaml").is_symlink()


@pytest.mark.parametrize("entry", ["config", "epochs", "data", "precision", "second"])
def test_an_edited_export_is_replaced_only_if_asked_for(
    entry: str, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where only the second of its configurations was edited."""
    path, flags = tmp_path / "best.yaml", [*flags, "--top", "2"]
    assert main(flags) == 0
    ours = path.read_text()
    first, second = yaml.safe_load_all(ours)
    match entry:
        case "config":
            first["config"]["batch_size"] *= 2
        case "second":
            second["config"]["batch_size"] *= 2
        case "epochs":
            first["epochs"] += 1
        case "data":
            first["data"]["source"] = "mine.csv"
        case "precision":
            first["precision"] = "fp32" if first["precision"] == "bf16" else "bf16"
    path.write_text(yaml.safe_dump_all([first, second]))
    before = path.read_bytes()
    assert main(flags) == 2
    assert "is an export that was edited since" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main([*flags, "--overwrite"]) == 0
    assert path.read_text() == ours


def test_the_versions_of_an_export_are_the_searchs(flags: list[str], tmp_path: Path) -> None:
    """Also where other versions write it. A journal of an earlier version knows none."""
    assert main(flags) == 0
    ours = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert ours["versions"] == versions()
    search = studies.open_study(SearchSpec.read(tmp_path / "results" / flags[0]))
    other = {"version.torch": "1.0", "git_commit": "abc"}
    records.TAGS.write(search, records.TAGS.read(search) | other)
    assert main(flags) == 0
    recipe = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert (recipe["versions"], recipe["commit"]) == ({"torch": "1.0"}, "abc")
