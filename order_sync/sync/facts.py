"""What the tables and one board have of a step's rows, for a live run and a dry one alike.

In: the rows that a step asks about, as the tables know them. Out: groups, items and subitems that are there or gone.
Reads only: a live run puts right what it finds (changes.py), a dry run plans with it (planner.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from order_sync.database.entries import Entry, Operation, known_groups, payloads
from order_sync.database.queue import QueueReader
from order_sync.monday.board import (
    Board,
    find_all_items,
    find_gone,
    find_items,
    find_subitems,
    look_under,
    read_board,
    read_boards,
)
from order_sync.monday.client import MondayReader
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import TextKey, text_key
from order_sync.sync.decide import Gone, KnownSubitem
from order_sync.sync.rows import Row


@dataclass(kw_only=True)
class Site:
    """A board as it was last read, and the hidden one of its subitems as it was when the run began."""

    board: Board
    subitems: Board | None
    groups: dict[TextKey, Group] | None = None  # once this run has made those that it needs
    new_items: set[int] = field(default_factory=set)  # made by this run: nothing is under them but what it has made


def read_sites(reader: MondayReader, board_ids: Sequence[int]) -> dict[int, Site]:
    """The boards by id. Raises ConfigurationError if the token does not see them all."""
    boards = read_boards(reader, board_ids)
    hidden = read_boards(reader, [b.subitem_board_id for b in boards.values() if b.subitem_board_id])
    return {
        board_id: Site(board=boards[board_id], subitems=hidden.get(boards[board_id].subitem_board_id or 0))
        for board_id in board_ids
    }


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of a board, under a title that it has, or that order_sync gave it."""

    id: str
    title: str


def groups_of(queue: QueueReader, board: Board) -> dict[TextKey, Group]:
    """The board's groups by what their titles are compared by.

    A group that order_sync made is known by its id also where its title has changed.
    """
    known = known_groups(queue.database, queue.tables, board.id, board.group_ids)
    own = {text_key(title): Group(id=group_id, title=title) for title, group_id in known.items()}
    titles = board.group_titles
    return own | {key: Group(id=group_id, title=titles[group_id]) for key, group_id in board.groups.items()}


def versions_of_orders(headers: Iterable[Row]) -> dict[str, dict[str, int | None]]:
    """The items of headers by record_uuid and delta_uuid: several headers of an order are its versions."""
    found: dict[str, dict[str, int | None]] = {}
    for row in headers:
        found.setdefault(row["record_uuid"], {})[row["delta_uuid"]] = row["monday_item_id"]
    return found


def item_of(versions: Mapping[str, int | None]) -> int | None:
    """The item that any version of an order has."""
    return next((item for item in versions.values() if isinstance(item, int)), None)


@dataclass(frozen=True, kw_only=True)
class ItemFacts:
    """The items of some orders. `on_board` has those found by their key, by record_uuid."""

    gone: Set[int] = frozenset()  # of the items that the tables have
    on_board: Mapping[str, int] = field(default_factory=dict)  # of several the oldest
    doubled: Mapping[str, Sequence[str]] = field(default_factory=dict)  # the others


@dataclass(frozen=True, kw_only=True)
class SubitemFacts:
    """The subitems of some lines in the tables and on the board, by line_uuid, and those that were deleted."""

    known: Mapping[str, KnownSubitem]
    gone: Gone = field(default_factory=Gone)


class Facts:
    """What one board has. A reader is enough to ask."""

    def __init__(self, reader: MondayReader, site: Site, mapping: ColumnMapping) -> None:
        self._reader = reader
        self._site = site
        self._mapping = mapping
        self._item_key, self._subitem_key = mapping.items.key_column, mapping.subitems.key_column

    def items(self, known: Mapping[str, int | None]) -> ItemFacts:
        """`known` are the orders to ask about by record_uuid, with the item that the tables have.

        An order whose item is gone, or that has none, is looked up by its key.
        """
        gone = self.gone({item for item in known.values() if item is not None})
        missing = [record_uuid for record_uuid, item in known.items() if item is None or item in gone]
        board = self._site.board
        if not missing or board.items_count == 0:
            return ItemFacts(gone=gone)
        there = find_all_items(self._reader, board.id, self._item_key, missing)
        return ItemFacts(
            gone=gone,
            on_board={record_uuid: int(ids[0]) for record_uuid, ids in there.items()},
            doubled={record_uuid: ids[1:] for record_uuid, ids in there.items() if ids[1:]},
        )

    def gone(self, items: Collection[int]) -> set[int]:
        """Those of the items that were deleted or archived."""
        return {int(item) for item in find_gone(self._reader, [str(item) for item in items])}

    def subitems(self, asked: Iterable[Row], known: Mapping[str, KnownSubitem]) -> SubitemFacts:
        """`known` are the subitems that the tables have of the lines that are `asked` about, by line_uuid.

        The subitem of another line is looked for under its item, unless this run has just made that.
        """
        under: dict[int, set[str]] = {}
        for row in asked:
            item = int(row["parent_item_id"])
            if row["line_uuid"] not in known and item not in self._site.new_items:
                under.setdefault(item, set())
        for subitem in known.values():
            under.setdefault(subitem.item, set()).add(str(subitem.id))
        there = {str(item): subitems for item, subitems in under.items() if item > 0}  # a dry run's new ones are below
        found = look_under(self._reader, there, self._subitem_key)
        others = {
            line_uuid: KnownSubitem(id=int(subitem), item=int(item))
            for line_uuid, (subitem, item) in found.subitems.items()
        }
        gone = Gone(
            items=frozenset(int(item) for item in found.gone_items),
            subitems=frozenset(int(subitem) for subitem in found.gone_subitems),
        )
        return SubitemFacts(known={**others, **known}, gone=gone)

    def made(self, entry: Entry) -> dict[str, str]:
        """The rows of a request in doubt that are on the board: monday's id by their key in the request."""
        return made_by(entry, self._reader, self._site.board.id, self._mapping)


def made_by(
    entry: Entry,
    reader: MondayReader,
    board_id: int,
    mapping: ColumnMapping,
    among: Collection[str] | None = None,
) -> dict[str, str]:
    """The rows of a request that are on the board, or those `among` them: monday's id by their key in the request."""
    if entry.operation is Operation.GROUPS:
        groups = read_board(reader, board_id).groups
        return {title: groups[text_key(title)] for title in entry.keys if text_key(title) in groups}
    of_subitems = entry.operation is Operation.SUBITEMS
    column = mapping.subitems.key_column if of_subitems else mapping.items.key_column
    sent = {key: json.loads(row) for key, row in payloads(entry).items() if among is None or key in among}
    on_board = {key: own.lower() for key, own in keys_on_board(entry, column).items()}
    if of_subitems:
        found = find_subitems(reader, [row["parent"] for row in sent.values()], column)
    else:
        found = find_items(reader, board_id, column, [on_board[key] for key in sent])
    return {key: found[on_board[key]] for key in sent if on_board[key] in found}


def keys_on_board(entry: Entry, column: str) -> dict[str, str]:
    """What the rows of an entry are known by on the board, by their key in the queue, which is a delta_uuid."""
    sent = {key: json.loads(row) for key, row in payloads(entry).items()}
    if entry.operation is Operation.IMPORT:
        return {key: row[column] for key, row in sent.items()}
    return {key: json.loads(row["values"])[column] for key, row in sent.items()}
