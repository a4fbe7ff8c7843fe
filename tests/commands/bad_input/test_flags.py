"""Any value of a flag is accepted or refused, and nothing is written where it is refused."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import strategies as st

from search import export, train
from search.driver import arguments
from search.driver.request import read_request
from search.final import training
from search.outputs import recipe
from search.spec import SearchSpec
from tests.commands.bad_input.checks import Hold, exit_code, folder, listing, result
from tests.commands.bad_input.strategies import flag_values

FLAGS = [
    action.option_strings[-1]
    for action in arguments.parser()._actions
    if action.option_strings and action.nargs != 0
]


def test_any_value_of_a_flag_of_a_search_is_accepted_or_refused(hold: Hold) -> None:
    def parse(argv: list[str]) -> int:
        parsed = result(lambda: read_request(arguments.parse(argv)))
        for spec in parsed.specs if parsed else []:
            assert SearchSpec.from_json(spec.to_json()) == spec and spec.name
        return 0

    def rule(flag: str, value: str, other_flag: str, other_value: str) -> None:
        with folder() as path, contextlib.chdir(path):
            flags = {"--regime": "baseline", "--data": "embedded", "--model": "minilm"}
            flags["--results"] = str(path / "results")
            if other_value:
                flags[other_flag] = other_value
            flags[flag] = value
            exit_code(parse, joined(flags))
            assert listing(path) == []

    maybe_values = st.just("") | flag_values
    hold(rule, st.sampled_from(FLAGS), flag_values, st.sampled_from(FLAGS), maybe_values)


def joined(flags: dict[str, str]) -> list[str]:
    """Flags as arguments; `=` lets a value begin with a dash."""
    return [f"{flag}={value}" for flag, value in flags.items()]


def test_any_flag_of_an_export_is_accepted_or_refused(hold: Hold, finished: Path) -> None:
    """Without a flag's name, the value is the search's."""

    def rule(flag: str, value: str) -> None:
        flags = {"--results": str(finished), "--out": "best.yaml"}
        flags |= {flag: value} if flag else {}
        with folder() as path, contextlib.chdir(path):
            argv = [*joined(flags), "--", "tiny" if flag else value]
            code = exit_code(export.main, argv)
            written = [path / name for name in listing(path) if (path / name).is_file()]
            assert code == 0 or not written, written
            assert all(recipe.read_recipe(file) for file in written)

    # A path that names a real place outside would be written.
    inside = flag_values.filter(lambda text: not text.startswith(("/", "..", "~")))
    hold(rule, st.sampled_from(["", "--top", "--out", "--results"]), inside)


def test_any_flag_of_a_training_is_accepted_or_refused(
    hold: Hold, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a flag's name, the value is the export's; an accepted one trains nothing here."""

    def refuse(*_: object) -> None:
        raise ValueError("the input is valid, and nothing is trained here")

    monkeypatch.setattr(training, "train", refuse)

    def rule(flag: str, value: str) -> None:
        with folder() as path, contextlib.chdir(path):
            flags = {"--seeds": "2", "--results": str(path / "results")}
            flags |= {flag: value} if flag else {}
            file = str(finished.parent / "best.yaml") if flag else value
            exit_code(train.main, [*joined(flags), "--", file])
            assert listing(path) == []

    flags = ["", "--seeds", "--out", "--register", "--tracking-uri", "--results"]
    hold(rule, st.sampled_from(flags), flag_values)
