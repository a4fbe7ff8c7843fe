"""A data frame in the terminal."""

import os
import sys
from typing import Any

import pandas
from rich.console import Console
from rich.table import Table

from analysis.text import visible


class Quiet(Console):
    """A console that falls silent when nobody reads on (`| head`): what is recorded goes on."""

    def print(self, *objects: Any, **kwargs: Any) -> None:
        """Print; what a terminal would act on in a text, a label's or a reason's, is replaced."""
        super().print(*(visible(one) if isinstance(one, str) else one for one in objects), **kwargs)

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_table(console: Console, frame: pandas.DataFrame) -> None:
    """Print a comparison table; where it is too wide for the terminal, turned on its side."""
    wide = (
        sum(
            max(len(str(column)), *(len(str(cell)) for cell in frame[column])) + 2
            for column in frame
        )
        if len(frame)
        else 0
    )
    if console.is_terminal and wide > console.width:
        frame = frame.set_index(frame.columns[0]).T.reset_index(names=frame.columns[0])
    table = Table(header_style="bold", box=None)
    for column in frame.columns:
        table.add_column(str(column), overflow="fold", no_wrap=not console.is_terminal)
    for row in frame.itertuples(index=False):
        table.add_row(*("" if pandas.isna(cell) else str(cell) for cell in row))
    if console.is_terminal:
        console.print(table, soft_wrap=False)
    else:
        Console(
            file=console.file, width=max(console.width, wide + 10), highlight=False, markup=False
        ).print(table, soft_wrap=False)
