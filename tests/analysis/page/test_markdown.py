"""Markdown without markup from the user."""

import pandas

from analysis.page.blocks import Drawing, Figures, Heading, Paragraph, Section
from analysis.page.markdown import markdown, markdown_page


def test_markdown_escapes_what_would_be_markup() -> None:
    text = markdown(pandas.DataFrame({"a|b": ["x|y", "<script>"], "n": ["two\nlines", "*[`"]}))
    assert (
        text
        == "| a\\|b | n |\n| --- | --- |\n| x\\|y | two lines |\n| &lt;script&gt; | \\*\\[\\` |\n"
    )


def test_headings_that_have_only_figures_below_them_are_left_out() -> None:
    figures = Figures((Drawing("a title", "a caption", "<svg></svg>"),))
    blocks = (Heading("only a figure"), figures, Heading("a text"), Paragraph("text"), figures)
    assert markdown_page("T", [Section("S", blocks)]) == "# T\n\n## S\n\n### a text\n\ntext\n"
    assert markdown_page("T", [Section("S", blocks[:2])]) == "# T\n\n## S\n"
