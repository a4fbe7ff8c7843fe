"""The README and the docs: links lead somewhere, commands parse, the Python example runs, and the
architecture page names every file."""

import argparse
import importlib
import re
import shlex
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from trainables import names
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head

ROOT = Path(__file__).parent.parent
PACKAGES = ("search", "trainables", "spaces", "analysis")
GUIDES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
"""Pages that describe the present version."""
PAGES = [*GUIDES, ROOT / "LOG.md"]
"""These and the log, which also names flags of the past."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
OURS = re.compile(rf"(?:{'|'.join((*PACKAGES, 'tests', 'docs'))})/[\w./]*")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    return [code for tag, code in blocks if tag == language]


def inline(page: Path) -> list[str]:
    """What a page writes as code inside its sentences and tables."""
    return CODE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each `python -m MODULE ARGUMENTS` of ours on a page, as module and arguments."""
    lines = [line for code in fences(page, "sh") for line in re.sub(r"\\\n", " ", code).split("\n")]
    for line in [*lines, *inline(page)]:
        words = shlex.split(line, comments=True) if line.startswith("python -m ") else []
        if words:
            yield words[2], words[3:]


class Parsed(BaseException):
    """Raised instead of what a command does after it has parsed its arguments."""


def parse(module: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """Run a command up to the end of its argument parsing; return its parser.

    A flag that it does not have ends in SystemExit.
    """

    def stopping(name: str) -> Callable[..., None]:
        parse_args = getattr(argparse.ArgumentParser, name)

        def stop(parser: argparse.ArgumentParser, *args: Any) -> None:
            parse_args(parser, *args)
            raise Parsed(parser)

        return stop

    spec = find_spec(module)
    assert spec, f"no module {module}"
    is_package = spec.submodule_search_locations is not None
    program = importlib.import_module(f"{module}.__main__" if is_package else module)
    with monkeypatch.context() as patch, pytest.raises(Parsed) as parsed:
        for name in ("parse_args", "parse_intermixed_args"):
            patch.setattr(argparse.ArgumentParser, name, stopping(name))
        program.main([word for word in argv if word != "--help"])
    parser = parsed.value.args[0]
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


ALL_COMMANDS = sorted({(module, tuple(argv)) for page in GUIDES for module, argv in commands(page)})


def test_commands_are_found() -> None:
    """Guards the tests below, which would pass on pages that seem to have no command."""
    modules = {module for module, _ in ALL_COMMANDS}
    assert {f"search.{name}" for name in ("run", "sync", "export", "train", "predict")} <= modules
    assert {"analysis.report", "tests.chaos"} <= modules


@pytest.mark.parametrize(
    "command", ALL_COMMANDS, ids=lambda command: " ".join((command[0], *command[1]))
)
def test_every_command_parses(
    command: tuple[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, argv = command
    parse(module, list(argv), monkeypatch)


def test_every_flag_belongs_to_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = dict(ALL_COMMANDS)
    flags = {
        flag
        for module, argv in examples.items()
        for flag in re.findall(r"--[a-z-]+", parse(module, list(argv), monkeypatch).format_help())
    }
    written = {
        (named(page), flag)
        for page in GUIDES
        for code in inline(page)
        if code.startswith("--")
        for flag in re.findall(r"--[a-z-]+", code)
    }
    assert written
    assert {(page, flag) for page, flag in written if flag not in flags} == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"https?:", link):
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    paths = [path for path in inline(page) if OURS.fullmatch(path) and "NAME" not in path]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_lines_are_at_most_100_characters(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 100] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_prose_has_single_spaces(page: Path) -> None:
    """Two or more come from list items whose lines were joined."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()
    assert [line for line in prose if "|" not in line and re.search(r"\S {2,}\S", line)] == []


def test_the_readme_links_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / link).resolve() for link in LINK.findall(text)}
    assert set(PAGES) - {ROOT / "README.md"} <= linked


def test_the_architecture_page_has_a_line_for_each_file() -> None:
    """Its tree: two spaces a level, a folder ends in a slash, and each line has a caption.

    Regimes are not listed: they have a page of their own.
    """
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"^<!-- tree -->\n\n```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    listed: list[str] = []
    parents: list[str] = []
    for line in tree.splitlines():
        name, _, caption = line.strip().partition(" ")
        assert caption.strip(), f"no caption: {line}"
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [name]
        listed.append("".join(parents))
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    folders = {f"{path.parent.relative_to(ROOT)}/" for path in files}
    modules = {str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py"}
    modules -= {f"{folder}/{name}.py" for folder in ("trainables", "spaces") for name in names()}
    assert sorted(listed) == sorted(folders | modules)


def test_the_python_example_of_the_readme_runs(
    tmp_path: Path,
    pretrained: Any,
    data: Any,
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(0)
    classifier = Classifier.new(pretrained.build(), Head(), data.labels)
    classifier.save(tmp_path / "model", AutoTokenizer.from_pretrained(model_folder))
    monkeypatch.chdir(tmp_path)
    (example,) = fences(ROOT / "README.md", "python")
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() in data.labels
