"""Markdown without markup from the user."""

import pandas

from analysis.page.blocks import Drawing, Figures, Paragraph, Section
from analysis.page.markdown import markdown, markdown_page


def test_markdown_escapes_what_would_be_markup() -> None:
    text = markdown(pandas.DataFrame({"a|b": ["x|y", "<script>"], "n": ["two\nlines", "*[`"]}))
    assert (
        text
        == "| a\\|b | n |\n| --- | --- |\n| x\\|y | two lines |\n| &lt;script&gt; | \\*\\[\\` |\n"
    )


def test_figures_are_left_out() -> None:
    figures = Figures((Drawing("a title", "a caption", "<svg></svg>"),))
    page = markdown_page("T", [Section("S", (figures, Paragraph("text"), figures))])
    assert page == "# T\n\n## S\n\ntext\n"
