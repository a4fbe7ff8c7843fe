"""Imports inside `analysis` only go down its floors, and never to another file's private names."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import analysis

ROOT = Path(analysis.__file__).parent
FLOORS = [
    {"text", "intervals", "paper", "page.blocks"},
    {"command", "page.drawing", "page.markdown", "page.html"},
    {"read.files", "read.earlier"},
    {"read.space", "read.predictions", "read.scores", "read.summary"},
    {"read.folder"},
    {"comparison.rows"},
    {"numbers", "pairwise", "conditions", "ranking", "sentences", "rungs"},
    {"figures", "table"},
    {"section"},
    {"sections", "tables"},
    {"report", "rungs (command)"},
]
"""From the ground up. A name without a dot stands for that file in every room."""
FILES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py")


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def floor(name: str) -> int:
    """The floor of a module, by its full name or by its file's name."""
    if name == "rungs":
        name = "rungs (command)"
    for number, names in enumerate(FLOORS):
        if name in names or ("." in name and name.rpartition(".")[2] in names):
            return number
    raise AssertionError(f"{name} has no floor")


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of an `analysis` module and the name taken from it, empty for the whole module."""
    modules = {module(file) for file in FILES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "analysis":
            parent = (node.module or "").removeprefix("analysis").removeprefix(".")
            for alias in node.names:
                child = f"{parent}.{alias.name}".removeprefix(".")
                yield (child, "") if child in modules else (parent, alias.name)


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_go_down(path: Path) -> None:
    own = floor(module(path))
    assert [name for name, _ in imported(path) if floor(name) > own] == []


def test_there_is_no_circle() -> None:
    below = {module(path): {name for name, _ in imported(path)} for path in FILES}
    assert list(TopologicalSorter(below).static_order())  # raises CycleError for a circle


@pytest.mark.parametrize("path", FILES, ids=module)
def test_no_private_name_is_imported(path: Path) -> None:
    assert [name for _, name in imported(path) if name.startswith("_")] == []


def test_the_imports_of_a_file_are_seen() -> None:
    """Guards the tests above: they would pass on files that seem to import nothing."""
    assert {("read.files", "read_json"), ("read.space", "Space")} <= set(
        imported(ROOT / "read" / "folder.py")
    )
    assert ("budget.section", "") in set(imported(ROOT / "sections.py"))
