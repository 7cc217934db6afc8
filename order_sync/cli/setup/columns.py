"""In: a board, and the columns that orders and lines have.
Out: which of them fills which column of the board, as the person accepts or changes it.
Never: a source of a type that the column cannot hold, or one that fills two columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.markup import escape

from order_sync.cli.output.console import TextTable, console, print_error
from order_sync.cli.setup.ask import Asker
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import LABELLED, ColumnMapping, OrderColumn
from order_sync.orders.mapping_file import Entry
from order_sync.orders.nearest import did_you_mean

if TYPE_CHECKING:
    from order_sync.cli.setup.board import ChosenBoard
    from order_sync.monday.suggest import Suggestion

BOARDS = ("items", "subitems")
CHANGED = "your choice"
NOTHING = "-"
LIST = "?"
QUESTION = "Enter accepts; `NUMBER SOURCE` changes a row, `NUMBER -` leaves it empty, `?` lists the sources"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A column of the board in the table; `board` is "items" or "subitems"."""

    board: str
    of: Suggestion

    @property
    def entry(self) -> Entry | None:
        column = self.of.column
        if self.of.source is None:
            return None
        no_labels = column.type in LABELLED and not column.labels
        return Entry(
            source=self.of.source, column=column.id, title=column.title, type=column.type, new_labels=no_labels
        )


def ask_columns(
    asker: Asker,
    chosen: ChosenBoard,
    mapping: ColumnMapping,
    sources: Mapping[str, Sequence[OrderColumn]],
    given: Iterable[str],
) -> dict[str, list[Entry]]:
    """The entries of the mapping, by "items" and "subitems". `given` are changes by flags: COLUMN=SOURCE."""
    rows = _suggested(chosen, mapping, sources)
    changes = list(given)
    for change in changes:
        column, _, source = change.partition("=")
        rows = _changed(rows, column.strip(), source.strip() or NOTHING, sources)
    _print(rows)
    while not changes and (line := asker.line(QUESTION)):
        if line == LIST:
            _print_sources(sources)
            continue
        which, _, source = line.partition(" ")
        try:
            rows = _changed(rows, which, source.strip() or NOTHING, sources)
            _print(rows)
        except ConfigurationError as error:
            print_error(error)
    return {board: [row.entry for row in rows if row.board == board and row.entry] for board in BOARDS}


def _suggested(chosen: ChosenBoard, mapping: ColumnMapping, sources: Mapping[str, Sequence[OrderColumn]]) -> list[Row]:
    from order_sync.monday.suggest import suggest

    rows = []
    for name, board, known in (("items", chosen.board, mapping.items), ("subitems", chosen.subitems, mapping.subitems)):
        columns = [column for column in board.columns.values() if column.id != chosen.keys[name]]
        rows += [Row(board=name, of=each) for each in suggest(columns, sources[name], known)]
    return rows


def _changed(rows: Sequence[Row], which: str, source: str, sources: Mapping[str, Sequence[OrderColumn]]) -> list[Row]:
    """The rows with another source in one of them, by its number or its column. Raises ConfigurationError."""
    from order_sync.monday.suggest import fits

    number = int(which) - 1 if which.isdecimal() else _by_name(rows, which)
    if number is None or not 0 <= number < len(rows):
        known = [row.of.column.id for row in rows]
        raise ConfigurationError(
            f"'{which}' is neither a row's number nor a column of the board{did_you_mean(which, known)}.",
            SettingsFault.ANSWER,
        )
    row = rows[number]
    if source == NOTHING:
        return [*rows[:number], replace(row, of=replace(row.of, source=None, why=CHANGED)), *rows[number + 1 :]]
    found = {each.name.casefold(): each for each in sources[row.board]}
    wanted = found.get(re.sub(r"^\[(.*)\]$", r"\1", source).casefold())
    if wanted is None:
        names = [each.name for each in found.values()]
        raise ConfigurationError(f"There is no source '{source}'{did_you_mean(source, names)}.", SettingsFault.ANSWER)
    if not fits(row.of.column, wanted):
        raise ConfigurationError(
            f"[{wanted.name}] is {wanted.kind}, but the column is {row.of.column.type}.", SettingsFault.ANSWER
        )
    new = []
    for each in rows:
        taken = each.board == row.board and each.of.source == wanted.name
        new.append(replace(each, of=replace(each.of, source=None, why="")) if taken else each)
    new[number] = replace(row, of=replace(row.of, source=wanted.name, why=CHANGED))
    return new


def _by_name(rows: Sequence[Row], name: str) -> int | None:
    wanted = name.casefold()
    names = ((row.of.column.id.casefold(), row.of.column.title.casefold()) for row in rows)
    return next((number for number, of in enumerate(names) if wanted in of), None)


def _print(rows: Sequence[Row]) -> None:
    table = TextTable(title="The mapping", title_justify="left")
    for heading in ("", "column on the board", "id", "type", "filled from", "why"):
        table.add_column(heading, justify="right" if not heading else "left")
    for number, row in enumerate(rows, start=1):
        title = f"{row.of.column.title} (subitem)" if row.board == "subitems" else row.of.column.title
        column = row.of.column
        table.add_row(str(number), escape(title), column.id, column.type, escape(row.of.source or NOTHING), row.of.why)
    console.print(table)


def _print_sources(sources: Mapping[str, Sequence[OrderColumn]]) -> None:
    """What can fill a column: the sources of items and of subitems, those of a type together."""
    for board in BOARDS:
        names: dict[str, list[str]] = {}
        for source in sources[board]:
            names.setdefault(source.kind or "type unknown", []).append(f"[{source.name}]")
        for kind, of_kind in names.items():
            console.print(f"{board}, {kind}: {' '.join(of_kind)}", markup=False, highlight=False)
