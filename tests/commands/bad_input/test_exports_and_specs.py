"""Damaged exports and specs are read or refused."""

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from search import export
from search.driver import arguments
from search.driver.request import read_request
from search.outputs import recipe
from search.spec import SearchSpec
from tests.commands.bad_input.checks import Hold, exit_code, folder, listing, result
from tests.commands.bad_input.damage import damaged, retyped
from tests.commands.bad_input.strategies import YAMLS, damages, is_writable, values


def test_a_damaged_export_is_read_or_refused(hold: Hold, finished: Path) -> None:
    text = (finished.parent / "best.yaml").read_text()
    document = yaml.safe_load(text)

    def rule(how: str, dice: random.Random, odd: Any, extra: str) -> None:
        if how == "bytes":
            content = damaged(text.encode(), dice)
        elif how == "yaml":
            appended = text + "extra: " + extra.replace("\n", " ")
            content = (extra if dice.random() < 0.5 else appended).encode()
        else:
            content = yaml.dump(retyped(document, dice, odd)).encode(errors="replace")
        with folder() as path, contextlib.chdir(path):
            Path("best.yaml").write_bytes(content)
            read = result(lambda: recipe.read_recipe(Path("best.yaml")))
            if read is not None:
                json.dumps(read, allow_nan=False)
                assert read["epochs"] > 0 and isinstance(read["data"]["source"], str)
            assert listing(path) == ["best.yaml"]

    ways = st.sampled_from(["bytes", "retyped", "retyped", "yaml"])
    hold(rule, ways, damages, values.filter(is_writable), st.sampled_from(YAMLS))


def test_an_export_with_multiplying_aliases_is_refused_at_once(
    finished: Path, tmp_path: Path
) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    path = tmp_path / "best.yaml"
    path.write_text((finished.parent / "best.yaml").read_text() + "l0: &l0 [x]\n" + levels)
    assert result(lambda: recipe.read_recipe(path)) is None


def test_a_damaged_spec_is_read_or_refused(hold: Hold, finished: Path) -> None:
    text = (finished / "tiny" / "spec.json").read_text()

    def rule(how: str, dice: random.Random, odd: Any) -> None:
        if how == "bytes":
            content = damaged(text.encode(), dice)
        else:
            content = json.dumps(retyped(json.loads(text), dice, odd)).encode()
        spec = result(lambda: SearchSpec.from_json(content.decode("utf-8", "replace")))
        if spec is not None:
            assert SearchSpec.from_json(spec.to_json()) == spec
        with folder() as path:
            (path / "tiny").mkdir()
            (path / "tiny" / "spec.json").write_bytes(content)
            argv = ["--resume", "tiny", "--results", str(path)]
            result(lambda: read_request(arguments.parse(argv)))
            assert listing(path) == ["tiny", "tiny/spec.json"]
            assert exit_code(export.main, ["tiny", "--results", str(path)]) == 2

    hold(rule, st.sampled_from(["bytes", "retyped"]), damages, values.filter(is_writable))
