"""The searches that a command line asks for."""

import json
import os
from pathlib import Path

import pytest

import trainables
from search.driver import arguments
from search.driver.request import read_request
from search.spec import SearchSpec
from search.study.configuration import searched_regimes
from tests.specs import spec

BASE = ["--data", "embedded", "--model", "minilm", "--dry-run"]


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


def again(folder: Path, *flags: str) -> list[SearchSpec]:
    base = ["--start-or-resume", "--name", "mine", "--results", str(folder)]
    return read_request(arguments.parse([*base, *flags])).specs


def begin(made: SearchSpec) -> None:
    made.folder.mkdir()
    (made.folder / "spec.json").write_text(made.to_json())


def test_start_or_resume_begins_what_there_is_not_and_continues_the_rest(tmp_path: Path) -> None:
    (new,) = again(tmp_path, "--regime", "baseline", *BASE, "--fix", "dropout=0.1")
    assert (new.name, new.fix) == ("mine", {"dropout": 0.1})
    begin(new)
    same = again(tmp_path, "--regime", "baseline", *BASE, "--fix", "dropout=0.1")
    assert same == [new]
    assert again(tmp_path, "--regime", "baseline") == [new]  # data and model are as they were
    (grown,) = again(tmp_path, "--regime", "baseline", "--trials", "70", "--patience", "9")
    assert (grown.trials, grown.patience, grown.fix) == (70, 9, {"dropout": 0.1})
    for change in ("--epochs 3", "--data massive", "--seed 4", "--fix dropout=0", "--grace 1"):
        with pytest.raises(ValueError, match=r"^'mine' began with "):
            again(tmp_path, "--regime", "baseline", *change.split())
    with pytest.raises(ValueError, match=r"^'mine' began with regime 'baseline'.*got 'llrd'"):
        again(tmp_path, "--regime", "llrd")


def test_a_search_ends_early_unless_its_trials_are_counted(tmp_path: Path) -> None:
    def patience(*flags: str) -> object:
        return read_request(arguments.parse([*BASE, *flags])).specs[0].patience

    assert patience("--regime", "llrd") == patience("--regime", "llrd,warmup") == "auto"
    assert patience("--regime", "llrd", "--trials", "50") is None
    assert patience("--regime", "auto") is patience("--regime", "auto", "--trials", "90") is None
    assert patience("--regime", "auto", "--patience", "auto") == "auto"
    assert patience("--regime", "llrd", "--trials", "50", "--patience", "9") == 9
    begin(spec(name="early", results=str(tmp_path), patience="auto"))
    resume = ["--resume", "early", "--results", str(tmp_path)]
    for flags, kept in (([], "auto"), (["--trials", "80"], None)):
        (resumed,) = read_request(arguments.parse([*resume, *flags])).specs
        assert resumed.patience == kept


def test_epochs_above_what_a_regime_takes_are_no_change(tmp_path: Path) -> None:
    (new,) = again(tmp_path, "--regime", "tfidf", *BASE, "--epochs", "9")
    assert new.epochs < 9
    begin(new)
    assert again(tmp_path, "--regime", "tfidf", *BASE, "--epochs", "9") == [new]


def test_new_searches_of_a_list_share_data_and_model_with_those_that_exist(tmp_path: Path) -> None:
    begin(spec(name="mine-baseline", results=str(tmp_path), limit=300, metric="macro_f1"))
    first, second = again(tmp_path, "--regime", "baseline,llrd")
    assert (second.name, second.data, second.model) == ("mine-llrd", "embedded", "minilm")
    assert first.metric == second.metric == "macro_f1"
    assert first.limit == second.limit == 300
    other = {"regime": "llrd", "limit": 200, "metric": "macro_f1"}
    begin(spec(name="mine-llrd", results=str(tmp_path), **other))
    with pytest.raises(ValueError, match=r"share limit; 'mine-baseline' has 300, 'mine-llrd' has"):
        again(tmp_path, "--regime", "baseline,llrd")


@pytest.mark.parametrize("flags", [["--regime", "baseline"], ["--resume", "x", "--name", "x"]])
def test_start_or_resume_needs_a_name_and_no_resume(flags: list[str]) -> None:
    with pytest.raises(
        ValueError, match=r"^--start-or-resume needs --regime and --name, and cannot"
    ):
        arguments.parse(["--start-or-resume", *flags])


@pytest.mark.parametrize("flags", ["--regime supcon", "--regime auto"])
def test_cold_is_refused_where_no_search_follows_another(flags: str) -> None:
    with pytest.raises(ValueError, match=f"--cold needs --regime all or a list.*; got {flags}"):
        read_request(arguments.parse([*flags.split(), "--cold"]))
