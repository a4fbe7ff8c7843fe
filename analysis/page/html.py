"""A report as one HTML file that needs nothing else: no font, no address, and no script but one
that sorts its tables. Every text in it is escaped."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape as escape_markup

from analysis.page.blocks import Block, Drawing, Figures, Heading, Notes, Paragraph, Section, Table
from analysis.text import plain

CSS = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1a1c1f; --soft: #5b6168; --line: #d6dade; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181b; --ink: #e7e9eb; --soft: #a3abb3; --line: #3a4047; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1, h2 { line-height: 1.2; }
h2 { margin: 2.5rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
nav a { color: inherit; }
p, ul { max-width: 75ch; }
ul, figcaption, caption { color: var(--soft); font-size: 0.875rem; }
ul { padding-left: 1.25rem; }
.scroll { margin: 1rem 0; }
.scroll, figure.wide { overflow-x: auto; background:
  linear-gradient(90deg, var(--ground) 50%, transparent) 0 0 / 3rem 100% no-repeat local,
  linear-gradient(270deg, var(--ground) 50%, transparent) 100% 0 / 3rem 100% no-repeat local,
  linear-gradient(90deg, var(--line), transparent) 0 0 / 1rem 100% no-repeat scroll,
  linear-gradient(270deg, var(--line), transparent) 100% 0 / 1rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.875rem; }
caption { text-align: left; padding-bottom: 0.25rem; }
caption span { display: inline-block; position: sticky; left: 0; max-width: min(75ch, calc(100vw - 2rem)); }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--ground); }
th.text, td.text { text-align: left; }
td.text { white-space: normal; overflow-wrap: normal; }
td.text:last-child { min-width: 18rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 1.5rem; }
figure { margin: 0; min-width: 0; max-width: 30rem; }
th button { all: unset; cursor: pointer; font-weight: bold; }
th button:focus-visible { outline: 2px solid currentColor; }
th button::after { content: " \\2195"; color: var(--line); }
th[aria-sort=ascending] button::after { content: " \\2191"; color: inherit; }
th[aria-sort=descending] button::after { content: " \\2193"; color: inherit; }
h3 { margin: 2rem 0 0.5rem; }
figure.wide { grid-column: 1 / -1; max-width: 64rem; }
figure.wide svg { min-width: 40rem; }
figure h4 { margin: 0 0 0.25rem; font-size: 1rem; }
svg { display: block; width: 100%; height: auto; stroke-linejoin: round; }
svg text { font-family: system-ui, sans-serif; }
"""
SCRIPT = """
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, body = head.closest("table").tBodies[0];
    const falling = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
    const number = cell => {
      const time = cell.match(/^(?:(\\d+)h)?(?:(\\d+)m)?(?:([\\d.]+)s)?$/);
      return cell && time ? 3600 * (time[1] || 0) + 60 * (time[2] || 0) + 1 * (time[3] || 0) : parseFloat(cell.replace(/,/g, ""));
    };
    const rows = [...body.rows].map(row => [row, row.cells[head.cellIndex].textContent]);
    rows.sort(([, a], [, b]) => {
      const x = number(a), y = number(b);
      if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
      return falling * (isNaN(x) ? a.localeCompare(b) : x - y);
    });
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling === 1 ? "ascending" : "descending");
    body.append(...rows.map(([row]) => row));
  });
}
"""
"""Sorts a table by the column whose head is pressed: by the time that a cell is (`3m20s`) or the
number that it begins with, else by its text; cells without one last."""
DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{DIGEST}'; base-uri 'none';"
    " form-action 'none'"
)
"""What a browser may do for the page: apply its styles, run this script, and nothing else, should
anything slip through the escaping."""


def escape(text: str) -> str:
    """Text as it stands in the page, also within an attribute's quotes."""
    return escape_markup(plain(text))


def html_page(title: str, sections: Sequence[Section]) -> str:
    """The whole page."""
    links = "".join(
        f'<a href="#s{number}">{escape(section.title)}</a>'
        for number, section in enumerate(sections)
    )
    body = "\n".join(_section(number, section) for number, section in enumerate(sections))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f'<section id="s{number}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Notes(items):
            return "<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>"
        case Table():
            return _table(block)
        case Figures(drawings):
            return '<div class="figures">\n' + "\n".join(map(_figure, drawings)) + "\n</div>"


def _table(table: Table) -> str:
    """Scrolls sideways in its own box where it is wider than the page, with a shadow at the end
    that hides something; its first column and its caption stay."""
    classes = [
        "text" if table.frame[name].astype(str).str.contains("^[A-Za-z<]").any() else "number"
        for name in table.frame
    ]
    head = "".join(
        f'<th scope="col" class="{kind}">{_head(str(name), len(table.frame))}</th>'
        for kind, name in zip(classes, table.frame.columns)
    )
    rows = [
        "<tr>"
        + "".join(
            f'<td class="{kind}">{escape(str(cell))}</td>' for kind, cell in zip(classes, row)
        )
        + "</tr>"
        for row in table.frame.itertuples(index=False, name=None)
    ]
    return (
        '<div class="scroll"'
        f' tabindex="0"><table>\n<caption><span>{escape(table.caption)}</span></caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table></div>"
    )


def _head(name: str, rows: int) -> str:
    """A column's name, to press where there is something to sort."""
    return f'<button type="button">{escape(name)}</button>' if rows > 1 else escape(name)


def _figure(drawing: Drawing) -> str:
    svg = drawing.svg.replace("<svg ", f'<svg role="img" aria-label="{escape(drawing.title)}" ', 1)
    wide = ' class="wide"' if drawing.wide else ""
    return f"<figure{wide}>\n<h4>{escape(drawing.title)}</h4>\n{svg}\n<figcaption>{escape(drawing.reading)}</figcaption>\n</figure>"
