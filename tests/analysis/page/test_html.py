"""The report as an HTML page."""

import pandas
import pytest
from jinja2 import UndefinedError

from analysis.page.blocks import (
    Block,
    Drawing,
    Figures,
    Notes,
    Paragraph,
    Section,
    Table,
)
from analysis.page.html import POLICY, SCRIPT, html_page
from tests.analysis.searches import Page

HOSTILE = '</p><script>alert("1")</script>\n{{ 7 * 7 }} \'"> \x1b[31m\u202e'


def page_of(*blocks: Block, title: str = "A title") -> str:
    return html_page(title, [Section("A section", blocks)])


def test_every_block_is_in_the_page() -> None:
    page = Page(
        page_of(
            Paragraph("a paragraph"),
            Notes(("a note", "another")),
            Table("a caption", pandas.DataFrame({"name": ["x"], "count": ["1"]})),
            Figures((Drawing("a title", "how to read it", "<svg id='a'></svg>", wide=True),)),
        )
    )
    tags = [tag for tag, _ in page.tags]
    counts = {"p": 1, "li": 2, "table": 1, "figure": 1, "svg": 1}
    assert {tag: tags.count(tag) for tag in counts} == counts
    for text in ("a paragraph", "another", "a caption", "how to read it"):
        assert text in page.text
    attributes = dict(page.tags)
    assert attributes["figure"] == {"class": "wide"}
    assert attributes["svg"] == {"role": "img", "aria-label": "a title", "id": "a"}


def test_text_of_every_block_is_escaped() -> None:
    """The page has the tags of a harmless one, and no template or control character is run."""

    def page_with(text: str) -> str:
        return page_of(
            Paragraph(text),
            Notes((text,)),
            Table(text, pandas.DataFrame({text: [text, text]})),
            Figures((Drawing(text, text, "<svg></svg>"),)),
            title=text,
        )

    hostile, harmless = page_with(HOSTILE), page_with("harmless")
    skeletons = [
        [(tag, sorted(attributes)) for tag, attributes in Page(text).tags]
        for text in (hostile, harmless)
    ]
    assert skeletons[0] == skeletons[1]
    assert "{{ 7 * 7 }}" in hostile and "\x1b" not in hostile and "\u202e" not in hostile


def test_the_page_needs_no_other_file() -> None:
    text = page_of(Paragraph("a paragraph"))
    assert text.count("<script") == text.count(SCRIPT) == 1
    assert f'content="{POLICY}"' in text
    assert "://" not in text and "@import" not in text
    assert not {"link", "img", "iframe"} & {tag for tag, _ in Page(text).tags}


def test_columns_of_text_are_aligned_and_only_tables_of_several_rows_are_sortable() -> None:
    frame = pandas.DataFrame({"name": ["x", "y"], "time": ["1s", "3m20s"]})
    tags = Page(page_of(Table("", frame))).tags
    assert [attributes["class"] for tag, attributes in tags if tag == "th"] == ["text", "number"]
    assert [tag for tag, _ in tags].count("button") == 3  # two heads and "copy"
    assert "button" not in dict(Page(page_of(Table("", frame.head(1)))).tags)


def test_an_unknown_block_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="unknown_block"):
        page_of("a text")  # type: ignore[arg-type]
