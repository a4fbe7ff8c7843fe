"""Imports only go down: the floors of the project, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import trainables

ROOT = Path(trainables.__file__).parent.parent
OURS = {"analysis", "search", "spaces", "trainables"}
HEAVY = {"ray", "optuna", "mlflow"}


def sources(*patterns: str) -> list[str]:
    return sorted(
        str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)
    )


def imports(source: str) -> Iterator[str]:
    """The modules that a file imports anywhere in it, with the names that it takes from our
    packages."""
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            module = node.module or ""
            yield module
            if module.split(".")[0] in OURS:
                yield from (f"{module}.{alias.name}" for alias in node.names)


def packages(source: str) -> set[str]:
    return {name.split(".")[0] for name in imports(source)}


def within(name: str, *parents: str) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def test_the_imports_of_a_file_are_found() -> None:
    """Guards the tests below: they would pass on files that seem to import nothing."""
    assert {
        "trainables.parts.data.tokens",
        "trainables.parts.training.fine_tune.fine_tune",
        "dataclasses",
    } <= set(imports("trainables/baseline.py"))
    assert "datasets" in packages("trainables/parts/data/sources.py")
    assert {"optuna", "trainables", "spaces"} <= {
        name for file in sources("search/**/*.py") for name in packages(file)
    }


@pytest.mark.parametrize("source", sources("analysis/**/*.py"))
def test_analysis_imports_nothing_of_ours_and_no_training(source: str) -> None:
    foreign = {
        name
        for name in imports(source)
        if within(name, *(OURS - {"analysis"}), *HEAVY, "torch", "transformers")
    }
    assert foreign == set()


@pytest.mark.parametrize("source", sources("trainables/parts/**/*.py"))
def test_parts_know_neither_regimes_nor_search(source: str) -> None:
    assert packages(source) & (HEAVY | OURS - {"trainables"}) == set()
    ours = {name for name in imports(source) if within(name, "trainables")}
    assert all(within(name, "trainables.parts") for name in ours)


@pytest.mark.parametrize("source", [f"trainables/{name}.py" for name in trainables.names()])
def test_a_regime_knows_its_parts_and_no_other_regime(source: str) -> None:
    assert packages(source) & (HEAVY | OURS - {"trainables"}) == set()
    ours = {name for name in imports(source) if within(name, "trainables")}
    assert ours and all(within(name, "trainables.parts") for name in ours)


@pytest.mark.parametrize("source", sources("spaces/**/*.py"))
def test_spaces_know_neither_regimes_nor_search(source: str) -> None:
    assert packages(source) & (OURS - {"spaces"}) == set()
    ours = {name for name in imports(source) if within(name, "spaces")}
    assert all(within(name, "spaces.parts") for name in ours)


def test_no_file_is_a_drawer_for_everything() -> None:
    names = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    found = [
        source
        for source in sources(*(f"{package}/**/*.py" for package in OURS))
        if Path(source).name in names
    ]
    assert found == []
