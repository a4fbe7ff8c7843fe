"""The searches that a command line asks for."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import trainables
from search import arguments
from search.request import read_request
from search.spec import SearchSpec
from search.study.configuration import searched_regimes

BASE = ["--data", "embedded", "--model", "minilm", "--dry-run"]


def spec(**values: Any) -> SearchSpec:
    return SearchSpec(**{"regime": "baseline", "data": "embedded", "model": "minilm", **values})


def test_a_renamed_folder_is_not_resumed(tmp_path: Path) -> None:
    made = spec(name="old", results=str(tmp_path))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "spec.json").write_text(made.to_json())
    with pytest.raises(ValueError, match="holds the search 'old'"):
        read_request(arguments.parse(["--resume", "new", "--results", str(tmp_path)]))


def test_all_makes_a_search_for_each_regime_that_has_anything_to_search() -> None:
    specs = read_request(arguments.parse(["--regime", "all", "--name", "mine", *BASE])).specs
    assert [made.name for made in specs] == [f"mine-{regime}" for regime in searched_regimes()]
    assert set(trainables.names()) - set(searched_regimes()) == {"majority"}


def test_auto_continues_under_the_same_name_on_the_same_conditions_only(tmp_path: Path) -> None:
    command = ["--regime", "auto", "--name", "mine", *BASE, "--results", str(tmp_path)]
    first = read_request(arguments.parse(command))
    assert first.auto == "mine" and not first.resume
    assert [made.name for made in first.specs] == [f"mine-{each.regime}" for each in first.specs]
    begun = first.specs[0]
    begun.folder.mkdir()
    (begun.folder / "spec.json").write_text(begun.to_json())
    more = read_request(arguments.parse([*command, "--trials", "90"]))
    assert [made.trials for made in more.specs] == [90] * len(first.specs)
    for change in ("--epochs 3", "--seed 4", "--scheduler median"):
        with pytest.raises(ValueError, match=f"^'mine-{begun.regime}' began with "):
            read_request(arguments.parse([*command, *change.split()]))


def test_auto_without_a_name_takes_one_that_no_search_has(tmp_path: Path) -> None:
    command = ["--regime", "auto", *BASE, "--results", str(tmp_path)]
    (tmp_path / "auto-embedded-1-supcon").mkdir()
    (tmp_path / "auto-embedded-1-supcon" / "spec.json").write_text("{}")
    assert read_request(arguments.parse(command)).auto == "auto-embedded-2"


def test_a_resumed_search_takes_more_trials_but_no_fixed_field(tmp_path: Path) -> None:
    made = spec(name="old", results=str(tmp_path), trials=5)
    made.folder.mkdir()
    (made.folder / "spec.json").write_text(made.to_json())
    (grown,) = read_request(
        arguments.parse(["--resume", "old", "--results", str(tmp_path), "--trials", "9"])
    ).specs
    assert grown.trials == 9 and json.loads(grown.to_json())["name"] == "old"
    changes = (
        "--epochs 3",
        "--data massive",
        "--seed 4",
        "--regime llrd",
        "--fix dropout=0",
        "--scheduler median",
        "--grace 1",
    )
    for change in map(str.split, changes):
        with pytest.raises(ValueError, match="--resume"):
            read_request(arguments.parse(["--resume", "old", "--results", str(tmp_path), *change]))


def test_a_list_of_regimes_makes_a_search_for_each() -> None:
    asked = read_request(arguments.parse(["--regime", "baseline,llrd", "--name", "mine", *BASE]))
    assert [made.name for made in asked.specs] == ["mine-baseline", "mine-llrd"]
    for regimes, error in (
        ("baseline,llrdd", "got 'llrdd'"),
        ("llrd,llrd", "got 'llrd' twice"),
        ("all,llrd", "got 'all'"),
        ("llrd,", "got ''"),
    ):
        with pytest.raises(ValueError, match=error):
            arguments.parse(["--regime", regimes, *BASE])


def test_a_search_that_is_not_there_is_refused_with_the_newest_that_are(tmp_path: Path) -> None:
    for number in range(12):
        made = spec(name=f"s{number}", results=str(tmp_path))
        made.folder.mkdir()
        (made.folder / "spec.json").write_text(made.to_json())
        os.utime(made.folder / "spec.json", (number, number))
    with pytest.raises(ValueError, match=r"^no search 'nope' in .*; there are, the ") as caught:
        arguments.parse(["--resume", "nope", "--results", str(tmp_path)])
    newest = ", ".join(f"s{number}" for number in range(11, 1, -1))
    assert str(caught.value).endswith(f"newest first: {newest} and 2 more")
