"""The last step: what is on the board becomes SYNCED in the queue tables and the main tables together.

In: a run id. Out: which record_uuids were committed and which were held back, and why.
A record_uuid is in exactly one transaction, whole; a main table is never ahead of its queue table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from order_sync.errors import LeaseLost
from order_sync.orders.database import WritableDatabase, chunks
from order_sync.orders.queue import QueueReader, Row
from order_sync.orders.tables import Action, State, Tables

RECORDS_PER_TRANSACTION = 500  # whole record_uuids; bounds lock time and, with it, what a deadlock repeats


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
    headers, lines = reader.claimed_headers(run_id), reader.claimed_lines(run_id)
    header_counts, line_counts = _count(headers), _count(lines)
    records = dict.fromkeys([*header_counts, *line_counts])
    reasons: dict[str, str] = {}
    for row in lines:
        if row["monday_subitem_id"] is None:
            reasons[row["record_uuid"]] = f"its line {row['line_uuid']} has no subitem yet"
    for row in headers:
        if row["monday_item_id"] is None:
            reasons[row["record_uuid"]] = f"its header {row['delta_uuid']} has no item yet"
    for record_uuid, reason in _blockers(reader, records, run_id):
        reasons[record_uuid] = reason
    return Readiness(
        ready=[record for record in records if record not in reasons],
        held=[Held(record_uuid=r, reason=reasons[r]) for r in sorted(reasons)],
        headers=header_counts,
        lines=line_counts,
    )


def commit(database: WritableDatabase, reader: QueueReader, run_id: str) -> Readiness:
    """Commits every complete record_uuid of the run; returns what was ready and what was held back.

    A transaction holds up to 500 whole record_uuids. Where one of them has changed under it, the transaction is
    rolled back and its record_uuids are committed one by one, so that only that one is held back.
    """
    plan = readiness(reader, run_id)
    done: list[str] = []
    held = list(plan.held)
    for chunk in chunks(plan.ready, RECORDS_PER_TRANSACTION):
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


def _commit_records(
    database: WritableDatabase, tables: Tables, run_id: str, records: list[str], plan: Readiness
) -> None:
    h, line, o, m = tables.header_queue, tables.line_queue, tables.orders, tables.order_lines
    with database.write() as connection:
        now = database.now(connection)
        # Every update names the run: a row that another run has claimed since is not counted, and rolls back.
        headers = connection.execute(
            sa.update(h)
            .where(
                h.c.record_uuid.in_(records),
                h.c.sync_run_id == run_id,
                h.c.sync_state == State.PENDING,
                h.c.monday_item_id.is_not(None),
            )
            .values(sync_state=State.SYNCED, sync_completed_at=now, sync_error_message=None)
        ).rowcount
        lines = connection.execute(
            sa.update(line)
            .where(
                line.c.record_uuid.in_(records),
                line.c.sync_run_id == run_id,
                line.c.sync_state == State.PENDING,
                line.c.monday_subitem_id.is_not(None),
            )
            .values(sync_state=State.SYNCED, sync_completed_at=now, sync_error_message=None)
        ).rowcount
        _expect(headers, sum(plan.headers.get(r, 0) for r in records), h.name, records)
        _expect(lines, sum(plan.lines.get(r, 0) for r in records), line.name, records)

        item_id = (
            sa.select(h.c.monday_item_id)
            .where(
                h.c.record_uuid == o.c.record_uuid,
                h.c.sync_run_id == run_id,
                h.c.sync_state == State.SYNCED,
            )
            .order_by(h.c.created_at, h.c.delta_uuid)
            .limit(1)
            .scalar_subquery()
        )
        orders = connection.execute(
            sa.update(o)
            .where(o.c.record_uuid.in_(records))
            .values(
                sync_state=State.SYNCED,
                monday_item_id=sa.func.coalesce(item_id, o.c.monday_item_id),
                last_synced_at=now,
                sync_error_message=None,
            )
        ).rowcount
        _expect(orders, len(records), o.name, records)

        def of_line(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
            return (
                sa.select(sa.func.max(column))
                .where(
                    line.c.record_uuid == m.c.record_uuid,
                    line.c.line_uuid == m.c.line_uuid,
                    line.c.sync_run_id == run_id,
                    line.c.sync_state == State.SYNCED,
                )
                .scalar_subquery()
            )

        synced = (
            sa.select(line.c.line_uuid)
            .where(
                line.c.record_uuid.in_(records),
                line.c.sync_run_id == run_id,
                line.c.sync_state == State.SYNCED,
            )
            .distinct()
        )
        expected = connection.execute(sa.select(sa.func.count()).select_from(synced.subquery())).scalar_one()
        order_lines = connection.execute(
            sa.update(m)
            .where(m.c.record_uuid.in_(records), m.c.line_uuid.in_(synced))
            .values(
                sync_state=State.SYNCED,
                monday_subitem_id=of_line(line.c.monday_subitem_id),
                parent_item_id=of_line(line.c.parent_item_id),
                last_synced_at=now,
            )
        ).rowcount
        _expect(order_lines, expected, m.name, records)


def _expect(found: int, expected: int, table: str, records: list[str]) -> None:
    if found != expected:
        of = records[0] if len(records) == 1 else f"{len(records)} record_uuids from {records[0]}"
        raise LeaseLost(
            f"{table} has {found} rows to commit for {of} where {expected} were claimed: another run or person "
            "changed them meanwhile. The order is left as it is and the next run takes it up."
        )


def _blockers(reader: QueueReader, records: Collection[str], run_id: str) -> Iterable[tuple[str, str]]:
    """record_uuids with a rejected row, or with a header that another run holds."""
    h, line = reader.tables.header_queue, reader.tables.line_queue
    with reader.database.read() as connection:
        for chunk in chunks(records):
            for table, what in ((h, "header"), (line, "line")):
                query = sa.select(table.c.record_uuid, table.c.delta_uuid, table.c.sync_error_message).where(
                    table.c.record_uuid.in_(chunk),
                    table.c.sync_state == State.ERROR,
                    table.c.action_type == Action.INSERT,
                )
                for row in connection.execute(query):
                    yield (
                        row.record_uuid,
                        f"its {what} {row.delta_uuid} was rejected: {row.sync_error_message}",
                    )
            held = sa.select(h.c.record_uuid, h.c.sync_run_id).where(
                h.c.record_uuid.in_(chunk),
                h.c.sync_state == State.PENDING,
                h.c.action_type == Action.INSERT,
                h.c.sync_run_id != run_id,
            )
            for record_uuid, holder in connection.execute(held):
                yield record_uuid, f"one of its headers is held by run {holder}"


def _count(rows: Iterable[Row]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row["record_uuid"]] += 1
    return dict(counts)
