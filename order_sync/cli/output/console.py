"""In: lines and tables of text.
Out: rich text on a terminal, plain text elsewhere.
Never: markup or control characters from a name; never rich's own exit at a closed pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from order_sync.text import plain_text
from order_sync.text.known_secrets import environment_as_it_is

WIDTH = None if sys.stdout.isatty() else 120  # a pipe or a log file has no width of its own


class TextConsole(Console):
    """Prints text as text (plain_text.py). A closed pipe is for the command to handle."""

    def print(self, *objects: Any, lines: bool = False, **more: Any) -> None:
        """A string is one line unless `lines` says otherwise."""
        texts = (plain_text.line(o) if isinstance(o, str) and not lines else o for o in objects)
        with environment_as_it_is():
            super().print(*texts, **more)

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain_text.visible(segment.text))

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class TextTable(Table):
    """A table whose cells are short and on one line."""

    def add_row(self, *cells: Any, **more: Any) -> None:
        with environment_as_it_is():
            super().add_row(*(plain_text.cell(cell) if isinstance(cell, str) else cell for cell in cells), **more)


console = TextConsole(soft_wrap=True, width=WIDTH, emoji=False)
errors = TextConsole(stderr=True, soft_wrap=True, width=WIDTH, emoji=False)


def print_error(error: BaseException) -> None:
    errors.print(f"[bold red]order-sync:[/] {escape(str(error))}", soft_wrap=True)
