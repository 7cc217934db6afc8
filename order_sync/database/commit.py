"""The last step: orders on the board become SYNCED in the queue tables and the main tables together.

In: a run id. Out: which record_uuids were committed and which were held back, and why.
A record_uuid is in exactly one transaction, whole; a main table is never ahead of its queue table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase
from order_sync.database.guid import canonical, uuid_key
from order_sync.database.held import held_orders
from order_sync.database.queue import QueueReader
from order_sync.database.tables import Tables
from order_sync.database.writes import set_by_key
from order_sync.orders.errors import LeaseLost
from order_sync.orders.states import State
from order_sync.text.counted import counted

# Of a transaction. More would touch over 5,000 keys of an index, at which SQL Server locks the whole table: a change of
# state takes a row's key out of an index and puts it in again. Only an order that alone has more rows exceeds it.
ROWS_PER_TRANSACTION = 2_000
RECORDS_PER_TRANSACTION = 500


@dataclass(frozen=True, kw_only=True)
class Held:
    """A record_uuid that stays unsynced as a whole."""

    record_uuid: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What of a run can be committed. `headers` and `lines` count the queue rows of each ready record_uuid."""

    ready: list[str] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    headers: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def readiness(reader: QueueReader, run_id: str) -> Readiness:
    """Which of the run's record_uuids are complete on the board. Reads only."""
    return reader.database.together(lambda: _readiness(reader, run_id))


def _readiness(reader: QueueReader, run_id: str) -> Readiness:
    rows = reader.run_records(run_id)
    headers = {row["record_uuid"]: row for row in rows if row["row"] == "header"}
    lines = {row["record_uuid"]: row for row in rows if row["row"] == "line"}
    # Oldest first: rows that were queued together lie together, so a transaction touches few pages.
    records = dict.fromkeys(row["record_uuid"] for row in rows)
    reasons: dict[str, str] = {}
    for of, lacks in ((lines, "its line {} has no subitem yet"), (headers, "its header {} has no item yet")):
        reasons |= {record: lacks.format(canonical(row["lacking"])) for record, row in of.items() if row["lacking"]}
    # What holds the whole order says more than what one of its rows lacks.
    held = held_orders(reader, own_run=run_id, records=records)
    reasons |= {of.record_uuid: of.reason for of in held if of.record_uuid is not None}
    return Readiness(
        ready=[record for record in records if record not in reasons],
        held=[Held(record_uuid=r, reason=reasons[r]) for r in sorted(reasons)],
        headers={record: row["rows"] for record, row in headers.items()},
        lines={record: row["rows"] for record, row in lines.items()},
    )


def commit(database: WritableDatabase, reader: QueueReader, run_id: str) -> Readiness:
    """Commits every complete record_uuid of the run; returns what was ready and what was held back.

    A transaction holds whole record_uuids, up to a number of rows. Where one of them has changed under it, the
    transaction is rolled back and its record_uuids are committed one by one, so that only that one is held back.
    """
    plan = readiness(reader, run_id)
    done: list[str] = []
    held = list(plan.held)
    for chunk in _transactions(plan):
        try:
            _commit_records(database, reader.tables, run_id, chunk, plan)
            done += chunk
        except LeaseLost:
            for record_uuid in chunk:
                try:
                    _commit_records(database, reader.tables, run_id, [record_uuid], plan)
                    done.append(record_uuid)
                except LeaseLost as error:
                    held.append(Held(record_uuid=record_uuid, reason=str(error)))
    return Readiness(ready=done, held=held, headers=plan.headers, lines=plan.lines)


def _transactions(plan: Readiness) -> Iterator[list[str]]:
    """The ready record_uuids, as many together as one transaction may hold."""
    chunk: list[str] = []
    filled = 0
    for record_uuid in plan.ready:
        rows = plan.headers.get(record_uuid, 0) + plan.lines.get(record_uuid, 0)
        if chunk and (len(chunk) == RECORDS_PER_TRANSACTION or filled + rows > ROWS_PER_TRANSACTION):
            yield chunk
            chunk, filled = [], 0
        chunk.append(record_uuid)
        filled += rows
    if chunk:
        yield chunk


def _commit_records(
    database: WritableDatabase, tables: Tables, run_id: str, records: list[str], plan: Readiness
) -> None:
    database.transaction(lambda connection: _write(connection, database, tables, run_id, records, plan))


def _write(
    connection: sa.Connection,
    database: WritableDatabase,
    tables: Tables,
    run_id: str,
    records: list[str],
    plan: Readiness,
) -> None:
    h, line, o, m = tables.header_queue, tables.line_queue, tables.orders, tables.order_lines
    now = database.now(connection)
    for table, id_column in ((h, h.c.monday_item_id), (line, line.c.monday_subitem_id)):
        # The update names the run: a row that another run has claimed since is not counted, and rolls back.
        connection.execute(
            sa.update(table)
            .where(
                table.c.record_uuid.in_(records),
                table.c.sync_run_id == run_id,
                table.c.sync_state == State.PENDING,
                id_column.is_not(None),
            )
            .values(sync_state=State.SYNCED, sync_completed_at=now, sync_error_message=sa.null())
        )

    item_id = (
        sa.select(h.c.monday_item_id)
        .where(h.c.record_uuid == o.c.record_uuid, h.c.sync_run_id == run_id, h.c.sync_state == State.SYNCED)
        .order_by(h.c.created_at, h.c.delta_uuid)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(o)
        .where(o.c.record_uuid.in_(records))
        .values(
            sync_state=State.SYNCED,
            monday_item_id=sa.func.coalesce(item_id, o.c.monday_item_id),
            last_synced_at=now,
            sync_error_message=sa.null(),
        )
    )

    subitems = _subitems(connection, line, records, run_id)
    ids = {row.line_uuid: {"monday_subitem_id": row.subitem_id, "parent_item_id": row.parent_id} for row in subitems}
    set_by_key(connection, m.c.line_uuid, ids, alike={"sync_state": State.SYNCED, "last_synced_at": now})
    synced_orders = sa.select(o.c.record_uuid).where(
        o.c.record_uuid.in_(records), o.c.sync_state == State.SYNCED, o.c.monday_item_id.is_not(None)
    )
    of_run = _synced(line, records, run_id)
    # A line in the queue that the main table lacks, or has under another order, would be lost from sight.
    in_main = of_run.join(m, sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid))
    expected = (
        (h.name, _synced(h, records, run_id), sum(plan.headers.get(r, 0) for r in records)),
        (line.name, of_run, sum(plan.lines.get(r, 0) for r in records)),
        (o.name, synced_orders, len(records)),
        (m.name, in_main.where(m.c.sync_state == State.SYNCED), sum(plan.lines.get(r, 0) for r in records)),
    )
    _expect(connection, expected, records)


def _subitems(
    connection: sa.Connection, line: sa.Table, records: list[str], run_id: str
) -> Sequence[sa.Row[Any, Any, Any, Any]]:
    """The lines that are SYNCED now: record_uuid, line_uuid, subitem_id, parent_id; one that is queued twice once.

    Read here and written by key. A main table that looked each line up in the queue would, where that has no index of
    lines, read all lines of an order for each of them.
    """
    keys = (line.c.record_uuid, line.c.line_uuid)
    query = (
        _synced(line, records, run_id)
        .with_only_columns(
            *keys,
            sa.func.max(line.c.monday_subitem_id).label("subitem_id"),
            sa.func.max(line.c.parent_item_id).label("parent_id"),
        )
        .group_by(*(uuid_key(key) for key in keys))
    )
    return connection.execute(query).all()


def _synced(table: sa.Table, records: list[str], run_id: str) -> sa.Select[Any]:
    """The queue rows of these record_uuids that this run has made SYNCED."""
    return sa.select(table.c.delta_uuid).where(
        table.c.record_uuid.in_(records), table.c.sync_run_id == run_id, table.c.sync_state == State.SYNCED
    )


def _expect(connection: sa.Connection, expected: Sequence[tuple[str, sa.Select[Any], int]], records: list[str]) -> None:
    """Rolls the transaction back unless each table's query finds as many rows as expected.

    Counted by queries at the end, and not by what an update reports: a trigger may hide that, after a lost COMMIT the
    update finds nothing left to do, and a server that rolls back without saying so goes on with what follows.
    """
    counts = (sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery() for _, rows, _ in expected)
    for (table, _, wanted), found in zip(expected, connection.execute(sa.select(*counts)).one(), strict=True):
        _expect_as_many(table, found, wanted, records)


def _expect_as_many(table: str, found: int, expected: int, records: list[str]) -> None:
    if found != expected:
        of = records[0] if len(records) == 1 else f"{counted(len(records), 'record_uuid')} from {records[0]}"
        raise LeaseLost(
            f"{table} has {counted(found, 'row')} to commit for {of}, but {expected} were expected: another run or a "
            "person changed them meanwhile. The order is not changed; the next run claims it."
        )
