"""The monday assets: the desired groups, items and subitems.

In: the claimed headers and lines. Out: desired rows, with a reason if a row cannot be sent.
The monday IO manager creates what is missing; each step completes before the next one begins.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import dagster as dg
import pandas as pd

from order_sync.assets.columns import described
from order_sync.assets.queue import OWNERS
from order_sync.database.held import no_order
from order_sync.database.unreadable import unreadable
from order_sync.io_managers.frames import VERSION, is_done, to_frame, to_rows
from order_sync.orders.codes import Rule
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import CUSTOMER, TextKey, group_title, item_name, subitem_name, text_key
from order_sync.orders.states import Action
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.scope import ScopeResource
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.rows import Row

# Runs that write to the board wait for each other (dagster.yaml, pools); the board's lease enforces it.
POOL = "monday_board"

GROUPS = ["board_id", "title", "customer", "headers", "planned"]
ITEMS = [
    "board_id",
    "ruled_board_id",
    "delta_uuid",
    "record_uuid",
    "customer",
    "group",
    "group_id",
    "name",
    "values",
    *VERSION,
    "rejection",
    "rule",
    "planned",
    "cancel",
]
ITEM_COLUMNS = ("board_id", "delta_uuid", "record_uuid", "customer", "monday_item_id", "sync_state", "created_at")
SUBITEM_COLUMNS = ("delta_uuid", "line_uuid", "record_uuid", "monday_subitem_id", "sync_state")
SUBITEMS = [
    "board_id",
    "ruled_board_id",
    "delta_uuid",
    "line_uuid",
    "record_uuid",
    "customer",
    "parent_item_id",
    "name",
    "values",
    "late",
    *VERSION,
    "rejection",
    "rule",
    "planned",
]
# The columns that a line is sent and placed with, by the site's names.
LINE_VALUES = {name: name for name in ("size_code", "qty", "monday_subitem_id", "parent_item_id")}
LINE_VALUES |= {"order_item_id": "monday_item_id"}
NO_BOARD = "the order matches no board rule of the mapping, and ORDER_SYNC_MONDAY_BOARD_ID is not set"

_asset = partial(dg.asset, group_name="monday", kinds={"graphql"}, owners=OWNERS, io_manager_key="monday_io", pool=POOL)


@_asset(metadata=described(("board_id", "title", "group_id")))
def monday_groups(
    pending_headers: pd.DataFrame,
    sql_server: ReadOnlySqlServerResource,
    monday: ReadOnlyMondayResource,
    scope: ScopeResource,
) -> pd.DataFrame:
    """The groups of all claimed headers, created and confirmed before the first item."""
    groups: dict[tuple[int, TextKey], Row] = {}
    for row in newest(to_rows(pending_headers)):
        needs_none = row["action"] == Action.DELETE or _hopeless(row) is not None
        title, _ = (None, None) if needs_none else _or_rejection(group_title, row)
        board = row["item_board_id"] or sql_server.mapping.board_of(row, monday.board_id)
        if title and not _no_board(board, sql_server.mapping):
            first = {"board_id": board, "title": title, "customer": row[CUSTOMER], "headers": 0}
            first["planned"] = scope.plans_group(board, title)
            groups.setdefault((board, text_key(title)), first)["headers"] += 1
    return to_frame(groups.values(), GROUPS)


@_asset(metadata=described(ITEM_COLUMNS))
def monday_items(
    pending_headers: pd.DataFrame,
    monday_groups: pd.DataFrame,
    sql_server: ReadOnlySqlServerResource,
    monday: ReadOnlyMondayResource,
    scope: ScopeResource,
) -> pd.DataFrame:
    """One item per order, from its newest header, in its group on the board that the mapping's rules choose."""
    mapping = sql_server.mapping
    groups = {(row["board_id"], text_key(row["title"])): row for row in to_rows(monday_groups)}

    def desired() -> Iterator[Row]:
        for row in newest(to_rows(pending_headers)):
            ruled = mapping.board_of(row, monday.board_id)
            item = _item(row, mapping, row["item_board_id"] or ruled, groups) | {"ruled_board_id": ruled}
            yield item | {"planned": scope.planned(row["delta_uuid"]), "cancel": scope.cancel}

    return to_frame(desired(), ITEMS)


@_asset(metadata=described(SUBITEM_COLUMNS))
def monday_subitems(
    pending_lines: pd.DataFrame,
    monday_items: pd.DataFrame,
    sql_server: ReadOnlySqlServerResource,
    monday: ReadOnlyMondayResource,
    scope: ScopeResource,
) -> pd.DataFrame:
    """One subitem per line, under its order's item. If the order is rejected, its lines wait."""
    mapping = sql_server.mapping
    parents: dict[str, int] = {}
    boards: dict[str, int] = {}
    incomplete, cancelled = set(), set()
    for row in to_rows(monday_items):
        if not is_done(row):
            incomplete.add(row["record_uuid"])
        elif row["is_off"]:
            cancelled.add(row["record_uuid"])
        else:
            parents[row["record_uuid"]] = row["monday_item_id"]
            boards[row["record_uuid"]] = row["board_id"]

    def desired() -> Iterator[Row]:
        for row in to_rows(pending_lines):
            # The order's item in this run; for a late line the parent of its subitem, else the order's item.
            known = row["parent_item_id"] if row["monday_subitem_id"] is not None else None
            parent = parents.get(row["record_uuid"]) or known or row["order_item_id"]
            if unreadable(row, LINE_VALUES):
                parent = 0  # the line is rejected
            if row["record_uuid"] in cancelled:  # its lines go with it
                row |= {"action": str(Action.DELETE), "is_off": True}
            if row["record_uuid"] not in incomplete and (parent is not None or row["action"] == Action.DELETE):
                # The board that has the item: the rules may have changed since it was created.
                ruled = row["item_board_id"] or mapping.board_of(row, monday.board_id)
                board = boards.get(row["record_uuid"]) or ruled
                yield _subitem(row, mapping, board, parent) | {"planned": scope.planned(row["delta_uuid"])}

    return to_frame(desired(), SUBITEMS)


def newest(rows: Iterable[Row]) -> Iterable[Row]:
    """The newest header of each order; earlier ones are older versions. The rows are sorted oldest first."""
    return {row["record_uuid"]: row for row in rows}.values()


def _item(row: Row, mapping: ColumnMapping, board: int, groups: dict[tuple[int, TextKey], Row]) -> Row:
    """`groups` are those on the boards. A group that could not be created is added, so that its spelling is unique."""
    hopeless = _hopeless(row)
    title, no_title = (None, None) if hopeless else _or_rejection(group_title, row)
    group = {"title": title, "group_id": None}
    if title:
        group = groups.setdefault((board, text_key(title)), group)
    name, no_name = _or_rejection(item_name, row)
    rejection = hopeless or no_title or no_name or _no_board(board, mapping)
    return {
        "board_id": board,
        "delta_uuid": row["delta_uuid"],
        "record_uuid": row["record_uuid"],
        "customer": row[CUSTOMER],
        "group": group["title"],
        "group_id": group["group_id"],
        "name": name,
        "values": {column.column: row.get(column.source) for column in mapping.items.columns},
        **{column: row[column] for column in VERSION},
        **_rejection(None if row["action"] == Action.DELETE else rejection),
    }


def _subitem(row: Row, mapping: ColumnMapping, board: int, parent: int | None) -> Row:
    name, rejection = _or_rejection(lambda line: subitem_name(line["size_code"]), row)
    if not row["has_line"]:
        rejection = Rejected("ORDER_LIST_LINES has no row with this line_uuid", code=Rule.NO_ORDER_LINE)
    columns = LINE_VALUES | {source: source for source in mapping.board_sources}
    rejection = unreadable(row, columns) or rejection
    return {
        "board_id": board,
        "delta_uuid": row["delta_uuid"],
        "line_uuid": row["line_uuid"],
        "record_uuid": row["record_uuid"],
        "customer": row["customer"],
        "parent_item_id": parent,
        "name": name,
        "values": {column.column: row.get(column.source) for column in mapping.subitems.columns},
        "late": row["late"],
        **{column: row[column] for column in VERSION},
        **_rejection(None if row["action"] == Action.DELETE else rejection),
    }


def _hopeless(row: Row) -> Rejected | None:
    """Why the header cannot be synced, even if its item is already on the board."""
    if not row["has_order"]:
        return Rejected(no_order("ORDER_LIST"), code=Rule.NO_ORDER)
    return unreadable(row)


def _no_board(board: int, mapping: ColumnMapping) -> Rejected | None:
    """The reason if no rule matches. In a dry run it is fine if no board is configured at all."""
    return Rejected(NO_BOARD, code=Rule.NO_BOARD) if not board and mapping.boards else None


def _or_rejection(name: Callable[[Row], str], row: Row) -> tuple[str | None, Rejected | None]:
    """The name, or the reason why there is none."""
    try:
        return name(row), None
    except Rejected as error:
        return None, error


def _rejection(rejection: Rejected | None) -> Row:
    """The columns of a rejection in a frame: the reason and its rule."""
    return {"rejection": str(rejection) if rejection else None, "rule": rejection.code if rejection else None}
