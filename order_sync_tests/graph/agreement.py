"""Do tables and boards agree after a whole run? The tests' own judge: it shares no code with sync/compare.py.

In: the settings, and the emulator's state as it is. Out: an `Agreement`. Stricter than `reconcile`: what is not SYNCED
and has an id has to be there, too, in the group that the queue names, and no title is there twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.orders.mapping import load_mapping
from order_sync.orders.naming import text_key
from order_sync.orders.states import Action, State
from order_sync.settings import Settings, tables_of


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What is SYNCED in the database against what is on the board."""

    items: int
    subitems: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def text(self) -> str:
        return "\n".join([*self.lost[:3], *self.doubled[:3], *self.wrong[:3]])


def compare(settings: Settings, state: Mapping[str, Any]) -> Agreement:
    """Holds the rows of all four tables that are on the boards against the boards: keys, ids, parents, groups.

    Every SYNCED queue row must be there once; every row on a board must be known under its id.
    """
    mapping = load_mapping(settings.mapping)
    boards = [board for board in state["boards"] if int(board["id"]) in settings.board_ids]
    item_key, line_key = mapping.items.key_column, mapping.subitems.key_column
    shown = [item for board in boards for item in board["items"]]
    items = [(i["columns"].get(item_key), int(i["id"]), i["group_id"]) for i in shown]
    subitems = [(s["columns"].get(line_key), int(s["id"]), int(i["id"])) for i in shown for s in i["subitems"]]
    database, tables = Database(settings.database), tables_of(settings)
    h, line, o, m = tables.header_queue, tables.line_queue, tables.orders, tables.order_lines
    try:
        with database.read() as connection:
            headers = connection.execute(
                sa.select(h.c.record_uuid, h.c.monday_item_id, h.c.monday_group_id, h.c.sync_state)
                .add_columns(h.c.action_type)
                .order_by(h.c.created_at, h.c.delta_uuid)
            ).all()
            lines = connection.execute(
                sa.select(line.c.line_uuid, line.c.monday_subitem_id, line.c.parent_item_id, line.c.sync_state)
                .add_columns(line.c.action_type, line.c.record_uuid)
                .order_by(line.c.created_at, line.c.delta_uuid)
            ).all()
            synced = sa.select(o.c.record_uuid, o.c.monday_item_id).where(o.c.sync_state == State.SYNCED)
            orders = {row.record_uuid: row.monday_item_id for row in connection.execute(synced)}
            order_lines = {
                row.line_uuid: tuple(row)[1:]
                for row in connection.execute(
                    sa.select(m.c.line_uuid, m.c.monday_subitem_id, m.c.parent_item_id).where(
                        m.c.sync_state == State.SYNCED
                    )
                )
            }
    finally:
        database.dispose()
    lost, doubled, wrong = [], [], []
    # The newest of each counts; a cancelled order is not there, nor is any line of it.
    newest = {row.record_uuid: row for row in headers}
    off = {key for key, row in newest.items() if row.action_type == Action.DELETE and row.sync_state == State.SYNCED}
    headers = [row for key, row in newest.items() if key not in off]
    lines = [
        row
        for row in {row.line_uuid: row for row in lines}.values()
        if row.record_uuid not in off and (row.action_type != Action.DELETE or row.sync_state != State.SYNCED)
    ]
    for what, known, found in (("item", headers, items), ("subitem", lines, subitems)):
        doubled += [
            f"{what} {key} is {n} times on the board" for key, n in Counter(t[0] for t in found).items() if n > 1
        ]
        by_key = {t[0]: t[1:] for t in found}
        for key, monday_id, place, sync_state, *_ in known:
            if key not in by_key and (sync_state == State.SYNCED or monday_id is not None):
                lost.append(f"{what} {key} ({sync_state}) is not on the board")
            elif key in by_key and by_key[key] != (monday_id, place):
                wrong.append(f"{what} {key} is {by_key[key]} on the board, {(monday_id, place)} in the queue table")
        unknown = by_key.keys() - {row[0] for row in known}
        wrong += [f"{what} {key} is on the board and in no queue table" for key in unknown]
    for board in boards:
        groups = Counter(text_key(group["title"]) for group in board["groups"] if group["state"] == "active")
        doubled += [f"group '{title}' is {n} times on board {board['id']}" for title, n in groups.items() if n > 1]
    there = {item[1] for item in items} | {None}
    wrong += [
        f"ORDER_LIST names item {item} of order {key}, "
        + ("which is cancelled" if key in off else "which is not on the board")
        for key, item in orders.items()
        if item not in there or (item is None) is not (key in off)
    ]
    wrong += [
        f"line {row.line_uuid} is SYNCED with {order_lines.get(row.line_uuid)} in the main table, not {tuple(row)[1:3]}"
        for row in lines
        if row.sync_state == State.SYNCED and order_lines.get(row.line_uuid) != tuple(row)[1:3]
    ]
    return Agreement(items=len(items), subitems=len(subitems), lost=lost, doubled=doubled, wrong=wrong)
