"""The layers of the project, read from its source: imports only go down, and nothing is private
across files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import trainables

ROOT = Path(trainables.__file__).parent.parent
PACKAGES = ("analysis", "search", "spaces", "trainables")
HEAVY = {"ray", "optuna", "mlflow"}

LAYERS = {
    "search": [
        "regimen",
        "run compare export list predict show sync train",
        "final",
        "driver",
        "terminal",
        "planning",
        "outputs tracking trials",
        "inputs signals study",
        "cluster",
        "spec storage",
        "flag folders lock polling race seeds worker_reports",
    ],
    "analysis": [
        "report results rungs",
        "sections tables",
        "answer published",
        "comparison trials budget hyperparameters mistakes data",
        "page",
        "evidence",
        "read",
        "shell_lines",
        "paper intervals spread holm command",
        "atomic metric text",
    ],
    "trainables.parts": [
        "training",
        "model",
        "memory",
        "data",
        "config",
        "docstrings machine quote",
    ],
}
"""The rooms and files of a package from the top layer down. A file imports from its own room and
from lower layers; files in one layer do not import each other."""
FILE_LAYERS = ["section", "figures", "numbers"]
"""The files that rooms of `analysis` share, likewise."""


def sources(*packages: str) -> list[str]:
    """The Python files of packages, as paths below the project's root."""
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def module(source: str) -> str:
    return source.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module(source) for source in sources(*PACKAGES, "tests")}


def imports(source: str) -> Iterator[tuple[str, str | None]]:
    """The modules that a file imports anywhere in it, each with the name that it takes from it."""
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, None) if inner in MODULES else (node.module or "", alias.name)


@pytest.mark.parametrize("source", sources(*PACKAGES, "tests"))
def test_every_import_of_ours_leads_to_a_file(source: str) -> None:
    ours = {name for name in imported(source) if name.partition(".")[0] in (*PACKAGES, "tests")}
    assert ours <= MODULES | {package for package in (*PACKAGES, "tests")}


def imported(source: str) -> set[str]:
    return {name for name, _ in imports(source)}


def packages(source: str) -> set[str]:
    return {name.split(".")[0] for name in imported(source)}


def within(name: str, *parents: str) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def room(name: str, package: str) -> str:
    """The room or file of `package` that a module belongs to; empty for the package itself."""
    return name.removeprefix(package).removeprefix(".").split(".")[0]


def test_the_imports_of_a_file_are_found() -> None:
    """The tests below would pass on files that seem to import nothing."""
    parts = {"trainables.parts.data.tokens", "trainables.parts.training.fine_tune", "dataclasses"}
    assert parts <= imported("trainables/baseline.py")
    assert "datasets" in packages("trainables/parts/data/sources.py")
    search = {name for source in sources("search") for name in packages(source)}
    assert {"optuna", "trainables", "spaces", "analysis"} <= search


@pytest.mark.parametrize("source", sources("analysis"))
def test_analysis_imports_nothing_of_ours_and_no_training(source: str) -> None:
    foreign = ("search", "spaces", "trainables", *HEAVY, "torch", "transformers")
    assert not {name for name in imported(source) if within(name, *foreign)}


@pytest.mark.parametrize("source", sources("trainables/parts"))
def test_parts_import_neither_regimes_nor_search(source: str) -> None:
    assert not packages(source) & (HEAVY | {"analysis", "search", "spaces"})
    ours = {name for name in imported(source) if within(name, "trainables")}
    assert all(within(name, "trainables.parts") for name in ours)


@pytest.mark.parametrize("source", [f"trainables/{name}.py" for name in trainables.names()])
def test_a_regime_imports_its_parts_and_no_other_regime(source: str) -> None:
    assert not packages(source) & (HEAVY | {"analysis", "search", "spaces"})
    ours = {name for name in imported(source) if within(name, "trainables")}
    assert ours and all(within(name, "trainables.parts") for name in ours)


@pytest.mark.parametrize("source", sources("spaces"))
def test_spaces_import_neither_regimes_nor_search(source: str) -> None:
    assert not packages(source) & {"analysis", "search", "trainables"}
    ours = {name for name in imported(source) if within(name, "spaces")}
    assert all(within(name, "spaces.parts") for name in ours)


@pytest.mark.parametrize("package", LAYERS)
def test_rooms_import_lower_layers_only(package: str) -> None:
    height = {name: -n for n, names in enumerate(LAYERS[package]) for name in names.split()}
    upward = []
    for source in sources(package.replace(".", "/")):
        here = room(module(source), package)
        assert not here or here in height, f"{source} is in no layer"
        for name in imported(source):
            there = room(name, package) if within(name, package) else ""
            if here and there and there != here and height[there] >= height[here]:
                upward.append(f"{source} imports {name}")
    assert upward == []


def test_sections_draw_figures_and_figures_draw_numbers() -> None:
    height = {name: -n for n, name in enumerate(FILE_LAYERS)}
    upward = []
    for source in sources("analysis"):
        here = height.get(Path(source).stem)
        for name in imported(source):
            there = height.get(name.split(".")[-1])
            if here is not None and there is not None and there > here:
                upward.append(f"{source} imports {name}")
    assert upward == []


def test_no_file_imports_itself_through_others() -> None:
    graph = {
        module(source): {name for name in imported(source) if name in MODULES} - {module(source)}
        for source in sources(*PACKAGES)
        if not source.endswith("__init__.py")
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_no_file_uses_a_private_name_of_another(package: str) -> None:
    private = [
        f"{source}: {name}.{taken}"
        for source in sources(package)
        for name, taken in imports(source)
        if within(name, *PACKAGES, "tests") and taken and taken.startswith("_")
    ]
    for source in sources(package):
        tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
        aliases = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if f"{node.module}.{alias.name}" in MODULES
        }
        private += [
            f"{source}: {node.value.id}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in aliases
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
        ]
    assert private == []


def test_a_worker_imports_nothing_of_the_driver() -> None:
    """What a Ray worker loads for a trial has neither Optuna nor MLflow, nor our driver."""
    listing = "import search.trials.worker, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name for name in done.stdout.split() if within(name, "search", "analysis", "spaces")}
    assert loaded == {
        "search",
        "search.worker_reports",
        "search.trials",
        "search.trials.job",
        "search.trials.parcel",
        "search.trials.system_metrics",
        "search.trials.worker",
    }
    assert not {"optuna", "mlflow"} & set(done.stdout.split())


def test_no_file_is_a_drawer_for_everything() -> None:
    names = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert not [source for source in sources(*PACKAGES) if Path(source).name in names]
