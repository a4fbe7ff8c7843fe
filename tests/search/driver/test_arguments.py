"""The flags made from SearchSpec's fields, and one-line errors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from search.driver import arguments
from search.driver.request import read_request
from search.flag import flag, seconds
from search.run import main
from search.spec import SearchSpec
from tests.specs import spec

BASE = ["--data", "embedded", "--model", "minilm", "--dry-run"]


def test_only_a_dry_run_needs_no_regime() -> None:
    assert arguments.parse(["--dry-run"]).regime is None
    with pytest.raises(ValueError, match=r"^--regime is missing; choose auto, all, or one of: "):
        arguments.parse([])


@pytest.mark.parametrize(
    "argv",
    [
        ["--regime", "supcn"],
        ["--regime", "baseline", "--data", "no/such/folder"],
        ["--regime", "baseline", "--confirm", "0x2"],
        ["--regime", "baseline", "--indifference", "101"],
        ["--regime", "baseline", "--confirm", "3"],
        ["--regime", "baseline", "--confirm", "3x2", "--no-confirm"],
        ["--regime", "baseline", "--fix", "nonsense=1"],
        ["--regime", "baseline", "--fix", "dropout"],
        ["--regime", "baseline", "--fix", "optimizer=adam"],
        ["--regime", "baseline", "--fix", "optimizer=sgd", "learning_rate=1e-3"],
        ["--regime", "baseline", "--fix", "optimizer=adamw", "sgd_weight_decay=0"],
        ["--regime", "baseline", "--time-budget", "soon"],
        ["--regime", "baseline", "--trial-timeout", "0"],
        ["--regime", "baseline", "--gpus-per-trial", "half"],
        ["--regime", "baseline", "--gpus-per-trial", "2"],
        ["--regime", "baseline", "--epochs", "0"],
        ["--regime", "baseline", "--model", "no/such/model/anywhere"],
        ["--resume", "never-run"],
        ["--regime", "baseline", "--gpus-per-trial", "Infinity"],
        ["--regime", "baseline", "--tracking-uri", "https://me:secret@tracker.example"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    argv: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    given = {flag for flag in argv if flag.startswith("--")}
    rest = [
        item
        for flag, value in (("--data", "embedded"), ("--model", "minilm"))
        if flag not in given
        for item in (flag, value)
    ]
    assert main([*argv, *rest, "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [["--sampler", "foo"], ["--trials", "many"], ["--indifference", "x"], ["--nonsense"]],
)
def test_an_error_of_argparse_is_one_line(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--regime", "baseline", *argv])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_durations_are_parsed_with_their_units() -> None:
    assert [seconds(text) for text in ("90s", "30m", "2h", "1.5d", "45")] == [
        90,
        1800,
        7200,
        129600,
        45,
    ]


def test_fix_converts_values_to_the_fields_type() -> None:
    argv = [
        "--regime",
        "baseline",
        *BASE,
        "--fix",
        "head_width=none",
        "nesterov=false",
        "dropout=0",
        "optimizer=sgd",
        "sgd_learning_rate=1e-3",
    ]
    (made,) = read_request(arguments.parse(argv)).specs
    assert made.fix == {
        "head_width": None,
        "nesterov": False,
        "dropout": 0.0,
        "optimizer": "sgd",
        "sgd_learning_rate": 1e-3,
    }


@dataclass(frozen=True, kw_only=True)
class GrownSpec(SearchSpec):
    """A SearchSpec with more fields."""

    first_points: Literal["none", "points"] = "points"
    """Where the search begins."""
    tolerance: int | None = flag(None, metavar="N", unset="100 % of the budget")
    """Epochs without
    improvement."""
    share_cache: bool = False
    """Whether trials share a cache."""
    cooldown: float = flag(60.0, metavar="30s", parse=seconds, on_resume="fixed")
    """Pause between trials."""


def test_a_new_field_is_a_flag_with_its_help_type_choices_and_default() -> None:
    actions = {action.dest: action for action in arguments.parser(GrownSpec)._actions}
    helps = {
        "first_points": "Where the search begins (default: points)",
        "tolerance": "Epochs without improvement (default: 100 % of the budget)",
        "share_cache": "Whether trials share a cache (default: False)",
        "cooldown": "Pause between trials (default: 60)",
    }
    assert {name: (actions[name].help or "") % () for name in helps} == helps
    assert actions["first_points"].choices == ("none", "points")
    assert (actions["tolerance"].metavar, actions["cooldown"].metavar) == ("N", "30s")
    assert "--no-share-cache" in actions["share_cache"].option_strings
    flags = ["--first-points", "none", "--tolerance", "3", "--share-cache", "--cooldown", "2m"]
    args = arguments.parse(["--regime", "llrd", *flags], GrownSpec)
    values = {"first_points": "none", "tolerance": 3, "share_cache": True, "cooldown": 120.0}
    assert arguments.given_values(args, GrownSpec) == values
    assert "cooldown" in GrownSpec.names("fixed") and "tolerance" in GrownSpec.names("changeable")
    assert arguments.given_values(arguments.parse(["--regime", "llrd"], GrownSpec), GrownSpec) == {}
    with pytest.raises(ValueError, match=r"^--cooldown must be a number above 0 .*; got 'soon'$"):
        arguments.parse(["--regime", "llrd", "--cooldown", "soon"], GrownSpec)
    with pytest.raises(SystemExit):
        arguments.parse(["--regime", "llrd", "--tolerance", "many"], GrownSpec)


def test_the_flags_are_the_listed_ones() -> None:
    """Adding or dropping a flag is a decision: this list changes with it."""
    flags = {
        option
        for action in arguments.parser()._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    listed = """
        --accelerator-type
        --address
        --cold
        --confirm
        --cpus-per-trial
        --data
        --dry-run
        --epoch-size
        --epochs
        --fix
        --folds
        --gpus-per-trial
        --grace
        --help
        --indifference
        --label-column
        --limit
        --max-concurrent
        --metric
        --model
        --name
        --no-confirm
        --oos-label
        --patience
        --precision
        --quiet
        --reduction-factor
        --regime
        --report-seeds
        --results
        --resume
        --runtime-env
        --sampler
        --scheduler
        --seed
        --shots
        --shots-seed
        --start-or-resume
        --stop-within
        --text-column
        --time-budget
        --tracking-uri
        --trial-timeout
        --trials
    """
    assert flags == set(listed.split())
    assert all(action.help for action in arguments.parser()._actions)


@pytest.mark.parametrize(
    ("flags", "cores"),
    [
        ([], 1.0),
        (["--cpus-per-trial", "0.25"], 4.0),
        (["--max-concurrent", "1"], 0.0),
        (["--gpus-per-trial", "0"], 1.0),
        (["--gpus-per-trial", "0.5"], None),
    ],
)
def test_the_worker_count_follows_from_the_flags_and_a_resumed_spec(
    flags: list[str], cores: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    expected = 0 if cores is None else max(1, 8 * cores)
    assert arguments.worker_count(arguments.parse(["--regime", "supcon", *flags])) == expected
    made = spec(name="old", results=str(tmp_path), cpus_per_trial=4.0)
    made.folder.mkdir()
    (made.folder / "spec.json").write_text(made.to_json())
    resumed = ["--resume", "old", "--results", str(tmp_path)]
    assert arguments.worker_count(arguments.parse(resumed)) == 2
    assert arguments.worker_count(arguments.parse([*resumed, "--max-concurrent", "1"])) == 1
    (made.folder / "spec.json").write_text("[")
    assert arguments.worker_count(arguments.parse(resumed)) == 8


@pytest.mark.parametrize(
    "flags", ["--trials 0", "--cpus-per-trial 1e-320", "--max-concurrent -1", "--limit 0"]
)
def test_a_value_outside_its_range_is_refused_before_the_regimes_are_imported(flags: str) -> None:
    with pytest.raises(ValueError, match=r"must be .*at least .*; got "):
        arguments.parse(["--regime", "supcon", *flags.split()])
