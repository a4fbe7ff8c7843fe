"""The console of the commands, and what is printed on it: lines with a heading, tables."""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.text import visible

if TYPE_CHECKING:
    import pandas

HEADING_WIDTH = 9
"""Columns of the headings of lines."""


class SafeConsole(Console):
    """A console that replaces control characters, and goes silent when its pipe is closed.

    Labels and error messages may hold characters that a terminal would execute. Where a pipe is
    closed (`| head`), the search itself goes on.
    """

    def __init__(self, **options: Any) -> None:
        # A notebook gets plain lines: its output calls itself a terminal, but moves no cursor.
        if "ipykernel" in sys.modules:
            options = {"force_terminal": False, **options}
        super().__init__(force_jupyter=False, **options)

    def print(self, *objects: Any, **kwargs: Any) -> None:
        """Print with control characters replaced."""
        safe = (visible(item) if isinstance(item, str) else item for item in objects)
        super().print(*safe, **kwargs)

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_line(
    console: Console, heading: str, text: str, style: str = "", width: int = HEADING_WIDTH
) -> None:
    """Print a line behind its heading, which takes `width` columns.

    A terminal wraps the text beside the heading; a file gets one line.
    """
    if not console.is_terminal:
        console.print(f"{heading:<{width}}{text}", style=style, soft_wrap=True)
        return
    table = Table.grid(padding=0)
    table.add_column(width=width)
    table.add_column(overflow="fold")
    table.add_row(heading, Text(visible(text)), style=style)
    console.print(table, soft_wrap=False)


def print_next(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    """Print how to go on: pages and commands, each behind a word for it."""
    console.print("next:")
    for word, line in lines:
        console.print(f"  {word:<{HEADING_WIDTH}}{line}")


def print_table(console: Console, frame: "pandas.DataFrame") -> None:
    """Print a comparison table, transposed where it is too wide for the terminal."""
    import pandas  # Takes a second to import, and the first lines do not need it.

    width = table_width(frame)
    if console.is_terminal and width > console.width:
        frame = frame.set_index(frame.columns[0]).T.reset_index(names=frame.columns[0])
    table = Table(header_style="bold", box=None)
    for column in frame.columns:
        table.add_column(str(column), overflow="fold", no_wrap=not console.is_terminal)
    for row in frame.itertuples(index=False):
        table.add_row(*("" if pandas.isna(cell) else str(cell) for cell in row))
    if not console.is_terminal:
        # A file gets whole rows, however long.
        columns = max(console.width, width + 10)
        console = Console(file=console.file, width=columns, highlight=False, markup=False)
    console.print(table, soft_wrap=False)


def table_width(frame: "pandas.DataFrame") -> int:
    """Columns of text that a table takes on a terminal; 0 for an empty one."""
    if frame.empty:
        return 0
    return sum(
        max(len(str(column)), *(len(str(cell)) for cell in frame[column])) + 2 for column in frame
    )
