"""The orders of a benchmark, in the tables and as the rows expected on the board.

In: the number of records, and a seed. Out: a filled SQLite database, and the same rows for tools without tables.
Names and column values come from order_sync's own naming, mapping and encoding: every tool writes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from order_sync.database.check import create_all
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.tables import make_tables
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.values import encode_changes, encode_row
from order_sync.orders.mapping import ColumnMap, load_mapping
from order_sync.orders.naming import CUSTOMER, group_title, item_name, subitem_name
from order_sync.orders.states import Action
from order_sync.settings import EMBEDDED_BOARD, EMBEDDED_SUBITEM_BOARD

MORNING = datetime(2026, 1, 5, 6)
SEED = 7
RECORDS_AN_ORDER = 5.5  # an item and 3 to 6 subitems


@dataclass(frozen=True, kw_only=True)
class Item:
    key: str  # the order's record_uuid
    group: str
    name: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Subitem:
    key: str  # the line_uuid
    item: str  # the key of its item
    name: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """An UPDATE of an item or a subitem: all its values, whether they differ or not."""

    key: str  # the row's delta_uuid
    of: str  # the key of the item or subitem
    board_id: int
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows expected on the board, in the order of creation, and the changes to them, oldest first."""

    groups: list[str]
    items: list[Item]
    subitems: list[Subitem]
    changes: list[Change]

    @property
    def count(self) -> int:
        return len(self.groups) + len(self.items) + len(self.subitems)


def make(records: int, *, seed: int = SEED) -> SampleOrders:
    """Valid orders of about this many records (groups, items and subitems).

    Customers with a quotation mark are left out: `monday` 2.2.1 writes a group's title, and the SDK an item's
    name, into the query as it is, and what these lose by that is not what is measured here.
    """
    drawn = arriving_orders(round(records / RECORDS_AN_ORDER * 1.2) + 5, seed=seed, created_at=MORNING)
    lines: dict[str, int] = {}
    for line in drawn.lines:
        lines[line["record_uuid"]] = lines.get(line["record_uuid"], 0) + 1
    taken: set[str] = set()
    titles: set[str] = set()
    count = 0
    for header in drawn.headers:
        if count >= records:
            break
        if '"' not in header[CUSTOMER]:
            taken.add(header["record_uuid"])
            count += 1 + lines[header["record_uuid"]] + (header["GroupMonday"] not in titles)
            titles.add(header["GroupMonday"])

    def of_taken(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["record_uuid"] in taken]

    return SampleOrders(
        headers=of_taken(drawn.headers),
        lines=of_taken(drawn.lines),
        orders=of_taken(drawn.orders),
        order_lines=of_taken(drawn.order_lines),
    )


def fill(path: Path, sample: SampleOrders) -> None:
    """Makes a database of the sample."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mapping = load_mapping()
    database, tables = WritableDatabase(f"sqlite:///{path}"), make_tables(mapped_columns=mapping.item_sources)
    try:
        create_all(database, tables)
        insert_orders(database, tables, sample)
    finally:
        database.dispose()


def read(path: Path) -> Rows:
    """All rows of a database, oldest first, as a script would read them to send them."""
    mapping = load_mapping()
    database, tables = Database(f"sqlite:///{path}"), make_tables(mapped_columns=mapping.item_sources)
    try:
        orders = {row["record_uuid"]: row for row in database.rows(tables.orders.select())}
        headers = database.rows(tables.header_queue.select().order_by(tables.header_queue.c.created_at))
        lines = database.rows(tables.line_queue.select().order_by(tables.line_queue.c.created_at))
    finally:
        database.dispose()
    items = []
    for header in {row["record_uuid"]: row for row in headers if _creates(row)}.values():  # an order's newest one
        row = orders[header["record_uuid"]] | header
        own = {mapping.items.key_column: row["record_uuid"]}
        items.append(
            Item(
                key=row["record_uuid"],
                group=group_title(row),
                name=item_name(row),
                values=own | _values(mapping.items.columns, row),
            )
        )
    subitems = [
        Subitem(
            key=line["line_uuid"],
            item=line["record_uuid"],
            name=subitem_name(line["size_code"]),
            values={mapping.subitems.key_column: line["line_uuid"]} | _values(mapping.subitems.columns, line),
        )
        for line in lines
        if _creates(line)
    ]
    changes = [
        Change(
            key=header["delta_uuid"],
            of=header["record_uuid"],
            board_id=EMBEDDED_BOARD,
            values=_values(mapping.items.columns, orders[header["record_uuid"]] | header, encode=encode_changes),
        )
        for header in headers
        if not _creates(header)
    ] + [
        Change(
            key=line["delta_uuid"],
            of=line["line_uuid"],
            board_id=EMBEDDED_SUBITEM_BOARD,
            values=_values(mapping.subitems.columns, line, encode=encode_changes),
        )
        for line in lines
        if not _creates(line)
    ]
    groups = list(dict.fromkeys(item.group for item in items))
    return Rows(groups=groups, items=items, subitems=subitems, changes=changes)


def _creates(row: dict[str, Any]) -> bool:
    return bool(row["action_type"] == Action.INSERT)


def _values(
    columns: tuple[ColumnMap, ...],
    row: dict[str, Any],
    *,
    encode: Callable[[Iterable[ColumnMap], dict[str, Any], LabelSpelling], dict[str, Any]] = encode_row,
) -> dict[str, Any]:
    labels = {column.column: {label: n for n, label in enumerate(column.labels)} for column in columns}
    return encode(columns, {column.column: row.get(column.source) for column in columns}, LabelSpelling(labels))
