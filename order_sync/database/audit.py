"""Queue rows that wait: those that a run has held for too long, and those that are still to be synced.

In: a reader. Out: plain rows, or their number.
Reads only, and trusts nothing that a step has reported: every answer comes from the tables.
"""

from __future__ import annotations

import sqlalchemy as sa

from order_sync.database.conditions import alike, blocks_its_order, is_claimed, same_order, waits
from order_sync.database.connection import Row
from order_sync.database.queue import QueueReader
from order_sync.database.watch_list import LEFT


def past_lease(reader: QueueReader) -> list[Row]:
    """Rows that a run holds longer than its lease: row (header, line), record_uuid, delta_uuid, run_id, since."""
    expired = reader.database.current_time() - reader.lease
    queries = (
        sa.select(
            sa.literal_column(f"'{kind}'").label("row"),
            table.c.record_uuid,
            table.c.delta_uuid,
            alike(table.c.sync_run_id).label("run_id"),
            table.c.sync_attempted_at.label("since"),
        ).where(is_claimed(table), sa.or_(table.c.sync_attempted_at.is_(None), table.c.sync_attempted_at < expired))
        for kind, table in (("header", reader.tables.header_queue), ("line", reader.tables.line_queue))
    )
    rows = reader.database.rows(sa.union_all(*queries))
    return sorted(rows, key=lambda row: (str(row["since"] or ""), row["delta_uuid"] or ""))


def twins_left(reader: QueueReader, run_id: str) -> list[Row]:
    """Second items and subitems that a run found and did not archive: operation, delta_uuid, monday_id."""
    line = reader.tables.log
    return reader.database.rows(
        sa.select(line.c.operation, line.c.delta_uuid, line.c.monday_id)
        .where(line.c.run_id == run_id, line.c.outcome == LEFT)
        .order_by(line.c.monday_id)
    )


def waiting(reader: QueueReader) -> int:
    """The number of rows still to be synced, including those that a run holds.

    Rows whose order is held back, as by a rejected row, do not count: they wait for a person.
    """
    h, line, o = reader.tables.header_queue, reader.tables.line_queue, reader.tables.orders

    def open_rows(table: sa.Table) -> sa.ColumnElement[bool]:
        others = [other.alias("other") for other in (h, line)]
        for_a_person = (sa.exists().where(same_order(other, table), blocks_its_order(other, h)) for other in others)
        return sa.and_(waits(table), ~sa.or_(*for_a_person))

    headers = sa.select(h.c.delta_uuid).where(open_rows(h))
    # A line of an order that never was on the board waits with its header, or for one.
    lines = (
        sa.select(line.c.delta_uuid)
        .select_from(line.join(o, o.c.record_uuid == line.c.record_uuid))
        .where(open_rows(line), o.c.monday_item_id.is_not(None))
    )
    return reader.database.count(headers) + reader.database.count(lines)
