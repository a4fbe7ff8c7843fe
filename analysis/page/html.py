"""A report as one self-contained HTML file, rendered from `report.html` with every text escaped.

It loads no font, style or address, and runs no script but `report.js`.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pandas
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from analysis.page.blocks import Drawing, Section
from analysis.page.files import csv_text, slug
from analysis.text import plain


def _resource(name: str) -> str:
    return (files("analysis.page") / name).read_text(encoding="utf-8")


SCRIPT = _resource("report.js")
SCRIPT_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_DIGEST}';"
    " base-uri 'none'; form-action 'none'"
)
"""Content security policy: a browser applies the page's styles and runs this one script, and does
nothing else, even if escaping failed."""


TEXT_START = re.compile("[A-Za-z<]")
"""How a cell starts that is no number."""


def html_page(title: str, sections: Sequence[Section]) -> str:
    """The report as a page."""
    return (
        _environment()
        .from_string(_resource("report.html"))
        .render(
            title=title,
            sections=sections,
            policy=Markup(POLICY),
            css=Markup(_resource("report.css")),
            script=Markup(SCRIPT),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_one_line,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        kind=lambda block: type(block).__name__,
        column_classes=_column_classes,
        rows=lambda frame: frame.itertuples(index=False, name=None),
        svg=_labelled_svg,
        file_name=slug,
        csv_address=_csv_address,
    )
    return environment


def _one_line(value: Any) -> Any:
    """Every text in the page on one line and without control characters; markup as it is."""
    return value if isinstance(value, Markup) else plain(str(value))


def _column_classes(frame: pandas.DataFrame) -> list[str]:
    """The CSS class of each column: `text` if a cell starts with a letter, else `number`."""
    return [
        "text" if any(TEXT_START.match(str(value)) for value in frame[name]) else "number"
        for name in frame
    ]


def _labelled_svg(drawing: Drawing) -> Markup:
    """A drawing's <svg> element with its title for screen readers."""
    label = Markup('<svg role="img" aria-label="{}" ').format(plain(drawing.title))
    return Markup(drawing.svg.replace("<svg ", label, 1))


def _csv_address(frame: pandas.DataFrame) -> str:
    """A table as the address of a CSV file that a link downloads, numbers to six digits."""
    rounded = frame.apply(lambda column: column.map(_six_digits))
    return f"data:text/csv;charset=utf-8,{quote(csv_text(rounded), safe=',;:. ()')}"


def _six_digits(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
