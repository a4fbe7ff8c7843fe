"""Markdown without markup from the user."""

import pandas

from analysis.page.markdown import markdown


def test_markdown_escapes_what_would_be_markup() -> None:
    text = markdown(pandas.DataFrame({"a|b": ["x|y", "<script>"], "n": ["two\nlines", "*[`"]}))
    assert (
        text
        == "| a\\|b | n |\n| --- | --- |\n| x\\|y | two lines |\n| &lt;script&gt; | \\*\\[\\` |\n"
    )
