"""What a person would ask of the tables after a run: rows that are not as they ought to be.

In: a reader and a run id. Out: plain rows that name what is wrong, or what the board is to be held against.
Reads only, and trusts nothing that a step has said: every answer comes from the tables.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from order_sync.database.conditions import blocks_its_order, is_claimed, same_order, waits
from order_sync.database.connection import Row, chunks
from order_sync.database.guid import uuid_key
from order_sync.database.queue import QueueReader
from order_sync.orders.states import State


def past_lease(reader: QueueReader, table: sa.Table) -> list[Row]:
    """Rows of a queue table that a run holds longer than its lease: record_uuid, delta_uuid, run_id, since."""
    expired = reader.database.current_time() - reader.lease
    return reader.database.rows(
        sa.select(
            table.c.record_uuid,
            table.c.delta_uuid,
            table.c.sync_run_id.label("run_id"),
            table.c.sync_attempted_at.label("since"),
        )
        .where(
            is_claimed(table),
            sa.or_(table.c.sync_attempted_at.is_(None), table.c.sync_attempted_at < expired),
        )
        .order_by(table.c.sync_attempted_at, table.c.delta_uuid)
    )


def waiting(reader: QueueReader) -> int:
    """How many rows are still to be synced, those that a run holds among them.

    Not those that a row of their order holds back, as a rejected one: they wait for a person.
    """
    h, line, o = reader.tables.header_queue, reader.tables.line_queue, reader.tables.orders

    def open_rows(table: sa.Table) -> sa.ColumnElement[bool]:
        others = [other.alias("other") for other in (h, line)]
        for_a_person = (sa.exists().where(same_order(other, table), blocks_its_order(other)) for other in others)
        return sa.and_(waits(table), ~sa.or_(*for_a_person))

    headers = sa.select(h.c.delta_uuid).where(open_rows(h))
    # A line of an order that never was on the board waits with its header, or for one.
    lines = (
        sa.select(line.c.delta_uuid)
        .select_from(line.join(o, o.c.record_uuid == line.c.record_uuid))
        .where(open_rows(line), o.c.monday_item_id.is_not(None))
    )
    return reader.database.count(headers) + reader.database.count(lines)


def orders_apart(reader: QueueReader, run_id: str) -> list[Row]:
    """Headers that the run made SYNCED and with which ORDER_LIST does not agree.

    As record_uuid, delta_uuid, monday_item_id, order_state and order_item_id (None where ORDER_LIST lacks the order).
    Any item of the order's headers will do: ORDER_LIST has one id, an order may have several headers.
    """
    h, o = reader.tables.header_queue, reader.tables.orders
    of_order = h.alias("of_order")
    an_item_of_the_order = sa.exists().where(
        of_order.c.record_uuid == h.c.record_uuid, of_order.c.monday_item_id == o.c.monday_item_id
    )
    return reader.database.rows(
        sa.select(
            h.c.record_uuid,
            h.c.delta_uuid,
            h.c.monday_item_id,
            o.c.sync_state.label("order_state"),
            o.c.monday_item_id.label("order_item_id"),
        )
        .select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
        .where(
            h.c.sync_run_id == run_id,
            h.c.sync_state == State.SYNCED,
            sa.or_(o.c.sync_state.is_(None), o.c.sync_state != State.SYNCED, ~an_item_of_the_order),
        )
        .order_by(uuid_key(h.c.record_uuid), h.c.delta_uuid)
    )


def lines_apart(reader: QueueReader, run_id: str) -> list[Row]:
    """Lines that the run made SYNCED and with which ORDER_LIST_LINES does not agree.

    As record_uuid, line_uuid, monday_subitem_id, parent_item_id, and what the main table has: line_state,
    line_subitem_id, line_parent_id.
    """
    line, m = reader.tables.line_queue, reader.tables.order_lines
    return reader.database.rows(
        sa.select(
            line.c.record_uuid,
            line.c.line_uuid,
            line.c.monday_subitem_id,
            line.c.parent_item_id,
            m.c.sync_state.label("line_state"),
            m.c.monday_subitem_id.label("line_subitem_id"),
            m.c.parent_item_id.label("line_parent_id"),
        )
        .select_from(
            line.outerjoin(m, sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid))
        )
        .where(
            line.c.sync_run_id == run_id,
            line.c.sync_state == State.SYNCED,
            sa.or_(
                m.c.sync_state.is_(None),
                m.c.sync_state != State.SYNCED,
                sa.func.coalesce(m.c.monday_subitem_id, 0) != line.c.monday_subitem_id,
                sa.func.coalesce(m.c.parent_item_id, 0) != line.c.parent_item_id,
            ),
        )
        .order_by(uuid_key(line.c.record_uuid), line.c.line_uuid)
    )


def headers_on_board(reader: QueueReader, run_id: str, *, columns: Collection[str] = ()) -> list[Row]:
    """The run's headers that have an item: delta_uuid, record_uuid, monday_item_id, monday_group_id, `columns`.
    The newest of an order comes last.

    `columns` are those of an order that decide on which board it is.
    """
    h, o = reader.tables.header_queue, reader.tables.orders
    return reader.database.rows(
        sa.select(
            h.c.delta_uuid,
            h.c.record_uuid,
            h.c.monday_item_id,
            h.c.monday_group_id,
            *(column for column in reader.tables.order_columns if column.name in columns),
        )
        .select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
        .where(
            h.c.sync_run_id == run_id,
            h.c.sync_state.in_([State.PENDING, State.SYNCED]),
            h.c.monday_item_id.is_not(None),
        )
        .order_by(h.c.created_at, h.c.delta_uuid)
    )


def items_of_lines(reader: QueueReader, run_id: str) -> list[int]:
    """The items under which the run's lines have their subitems."""
    line = reader.tables.line_queue
    query = sa.select(line.c.parent_item_id).distinct().where(*_on_board(line, run_id))
    return reader.database.column(query.order_by(line.c.parent_item_id))


def lines_on_board(reader: QueueReader, run_id: str, items: Collection[int]) -> list[Row]:
    """The run's lines that have a subitem under these items: line_uuid, monday_subitem_id, parent_item_id."""
    line = reader.tables.line_queue
    query = (
        sa.select(line.c.line_uuid, line.c.monday_subitem_id, line.c.parent_item_id)
        .where(*_on_board(line, run_id))
        .order_by(line.c.line_uuid)
    )
    return [
        row for chunk in chunks(items) for row in reader.database.rows(query.where(line.c.parent_item_id.in_(chunk)))
    ]


def _on_board(line: sa.Table, run_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        line.c.sync_run_id == run_id,
        line.c.sync_state.in_([State.PENDING, State.SYNCED]),
        line.c.monday_subitem_id.is_not(None),
    )


def own_groups(reader: QueueReader, board_id: int) -> dict[str, str]:
    """The title under which order_sync made or took each group of the board, by group id."""
    groups = reader.tables.groups
    rows = reader.database.rows(sa.select(groups.c.group_id, groups.c.title).where(groups.c.board_id == board_id))
    return {row["group_id"]: row["title"] for row in rows}
