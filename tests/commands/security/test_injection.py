"""Texts that are markup, formulas or control characters have no effect where they are shown."""

import base64
import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pandas
import pytest
import yaml
from markdown_it import MarkdownIt

from analysis import report
from analysis.comparison import table as comparison
from analysis.page.html import POLICY, SCRIPT
from analysis.read.summary import Summary
from analysis.text import cell, visible
from search.final.model_card import model_card
from search.terminal.console import SafeConsole
from search.trials import worker
from tests.analysis.searches import TRIALS, Page, summary, write_search
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.pretrained import Pretrained

HOSTILE = [
    "<script>alert(1)</script>",
    "</script></style></svg></title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload=alert(1) x='",
    "[x](javascript:alert(1)) ![i](http://e.example/p.png) <http://e.example>",
    "a | b `code` ``` *b* \\| \\",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "\x1b]0;title\x07\x1b[31mred \u202e \x9b2J \x00",
    "$\\frac${7*7}{{7*7}}",
    "two\n\n# lines\n---\n```\n<b>",
    "half \ud800",
]


def hostile_search(folder: Path, text: str) -> Path:
    """Write a search folder in which every text is `text`."""
    written = text.encode("utf-8", "replace").decode()
    also = {f"config.{written}": "1", written: "1"}
    trials = [
        row | also | {"reason": written, "config.head_width": f"{written}{row['number']}"}
        for row in TRIALS
    ]
    texts: dict[str, Any] = dict.fromkeys(("name", "data", "model"), text)
    values = summary(text, **texts, why_not=text, encoder_is_papers=False, comparable=False)
    write_search(folder, trials, values, **texts, regime=text)
    rows = list(csv.reader((folder / "epochs.csv").open(newline="")))
    for row in rows[1:]:
        row[rows[0].index("stage")] = written
    with (folder / "epochs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "space.json").write_text(json.dumps({text: {"choices": [text, "1"]}}))
    (folder / "importances.csv").write_text(
        pandas.DataFrame({"name": [written], "importance": [1.0], "trials": [10]}).to_csv(
            index=False
        )
    )
    wrong = {
        "seed": 1,
        "row": range(3),
        "text": written,
        "label": [written, "a", "b"],
        "predicted": ["a", written, "b"],
        "confidence": 0.5,
    }
    (folder / "predictions.csv").write_text(pandas.DataFrame(wrong).to_csv(index=False))
    return folder


def rendered(markdown: str) -> str:
    """Markdown as HTML, by a renderer that keeps embedded HTML."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)


def skeleton(page: str) -> list[tuple[str, list[str]]]:
    """The page's tags with the names of their attributes."""
    return [(tag, sorted(attributes)) for tag, attributes in Page(page).tags]


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report in which every text is a word."""
    folder = tmp_path_factory.mktemp("harmless") / "one"
    return report.report(hostile_search(folder, "harmless")).parent


FAST = (HOSTILE[0], HOSTILE[6], HOSTILE[8])
"""Markup, a formula and control characters: drawing a report takes half a second."""


def read_report(folder: Path) -> dict[str, str]:
    """The files of a report, by name."""
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in folder.glob("report*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "text",
    [text if text in FAST else pytest.param(text, marks=pytest.mark.slow) for text in HOSTILE],
)
def test_no_text_breaks_out_of_the_report(tmp_path: Path, harmless: Path, text: str) -> None:
    """Page and Markdown have the tags, and tables the cells, that they have with harmless texts."""
    hostile = read_report(report.report(hostile_search(tmp_path / "one", text)).parent)
    expected = read_report(harmless)
    tables = {name for name in hostile if name.endswith(".csv")}
    assert tables and hostile.keys() == expected.keys()
    assert hostile.keys() - tables == {"report.html", "report.md"}
    assert not [name for name, content in hostile.items() if content != visible(content)]
    assert skeleton(hostile["report.html"]) == skeleton(expected["report.html"])
    assert skeleton(rendered(hostile["report.md"])) == skeleton(rendered(expected["report.md"]))
    for name in tables:
        rows, expected_rows = (
            list(csv.reader(files[name].splitlines())) for files in (hostile, expected)
        )
        assert list(map(len, rows)) == list(map(len, expected_rows))
        formula = ("=", "@", "+", "-", "\t", "\r")
        assert not [text for row in rows for text in row if text.startswith(formula)]


def test_the_reports_policy_allows_its_own_script_only(harmless: Path) -> None:
    tag = Page((harmless / "report.html").read_text()).tags[3]
    assert tag == ("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY})
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert "default-src 'none'" in POLICY and "img-src" not in POLICY
    assert f"script-src 'sha256-{digest}';" in POLICY and POLICY.count("script-src") == 1


@pytest.mark.parametrize(
    ("text", "made"),
    [("=1+1", "'=1+1"), ("-0.5", "-0.5"), ("1e-05", "1e-05"), ("-x", "'-x"), ("\t=1", "'=1")],
)
def test_numbers_stay_numbers_and_formulas_become_text(text: str, made: str) -> None:
    assert cell(text) == made


def test_reasons_in_trials_csv_begin_with_the_error_class() -> None:
    """The file is an exact record without apostrophes, so no cell of it may begin as a formula."""
    formula = "=cmd|' /C calc'!A0"
    assert worker.failure_reason(ValueError(f"{formula}\n")) == f"ValueError: {formula}"


@pytest.fixture(scope="module")
def classifier(pretrained: Pretrained, data: Data) -> Classifier:
    return Classifier.new(pretrained.build(), Head(), data.labels)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_out_of_the_note_in_mlflow_or_the_model_card(
    text: str, classifier: Classifier
) -> None:
    def texts(text: str) -> list[str]:
        fields: dict[str, Any] = dict.fromkeys(("data", "model", "why_not"), text)
        values = summary(**fields, encoder_is_papers=False, comparable=False)
        configuration = {"search": text, "config": {"head_width": text}, "versions": {text: text}}
        record = {"summary": values, "configuration": configuration}
        card = model_card(record | {"best_seed": values["confirmed_seeds"][0]}, classifier)
        return [comparison.note([Summary.from_dict(values)]), card.split("---\n", 2)[2]]

    for hostile, harmless in zip(texts(text), texts("harmless")):
        assert skeleton(rendered(hostile)) == skeleton(rendered(harmless))


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("minilm", "sentence-transformers/all-MiniLM-L6-v2"),
        ("bert-base-uncased", "bert-base-uncased"),
        ("owner/name", "owner/name"),
        ("/home/somebody/model", None),
        ("~/model", None),
        ("tests", None),
        ("a: b\n---\n", None),
    ],
)
def test_the_model_cards_header_names_models_of_the_hub_and_no_folder(
    model: str, base: str | None, classifier: Classifier
) -> None:
    values = summary(model=model)
    record = {"summary": values, "configuration": {}}
    card = model_card(record | {"best_seed": values["confirmed_seeds"][0]}, classifier)
    assert yaml.safe_load(card.split("---\n")[1]).get("base_model") == base


def test_the_terminal_gets_no_control_characters_from_a_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = SafeConsole(highlight=False, soft_wrap=True, markup=False)
    console.print(f"  failed: {HOSTILE[8]}\n  [b]next[/b]")
    printed = capsys.readouterr().out
    assert printed == visible(printed)
    assert printed.startswith("  failed: ") and printed.endswith("\n  [b]next[/b]\n")
