"""The last step: orders on the board become SYNCED in the queue tables and the main tables together.

In: a run id. Out: which record_uuids were committed and which were held back, and why.
A record_uuid is in exactly one transaction, whole; a main table is never ahead of its queue table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.database.cancelled import is_done, is_off_the_board
from order_sync.database.connection import Row, WritableDatabase
from order_sync.database.guid import canonical
from order_sync.database.held import HeldOrder, held_at_commit
from order_sync.database.queue import QueueReader
from order_sync.database.tables import Tables
from order_sync.database.writes import set_by_key
from order_sync.orders.codes import Delay
from order_sync.orders.errors import LeaseLost
from order_sync.orders.states import State
from order_sync.text.counted import counted

# Of a transaction. More would touch over 5,000 keys of an index, at which SQL Server locks the whole table: a change of
# state takes a row's key out of an index and puts it in again. Only an order that alone has more rows exceeds it.
ROWS_PER_TRANSACTION = 2_000
RECORDS_PER_TRANSACTION = 500


@dataclass(slots=True)
class Subitem:
    """A line of the queue with the ids that the main table is to have: none if it was cancelled."""

    line_uuid: str
    subitem_id: int | None = None
    parent_id: int | None = None
    rows: int = 0  # in which it is queued


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
    subitems: dict[str, list[Subitem]] = field(default_factory=dict)  # the lines of each record_uuid
    off: set[str] = field(default_factory=set)  # orders that were cancelled
    held_orders: list[HeldOrder] = field(default_factory=list)  # every order that no run can take up, of others too


def readiness(reader: QueueReader, run_id: str, over: Collection[str] = ()) -> Readiness:
    """Which of the run's record_uuids are complete on the board. Reads only. `over` are runs that have ended."""
    return reader.database.together(
        lambda: readiness_of(reader, run_id, reader.run_headers(run_id), reader.run_lines(run_id), over)
    )


def run_records(headers: Iterable[Row], lines: Iterable[Row]) -> list[Row]:
    """What a run still holds, by record_uuid and kind of row, oldest first; the rows as run_headers and run_lines.

    As record_uuid, row (header, line), rows (how many), oldest (created_at) and lacking: the delta_uuid of a header
    without an item, or the line_uuid of a line without a subitem; None if each has one.
    """
    found: dict[tuple[str, str], Row] = {}
    for kind, key, rows in (("header", "delta_uuid", headers), ("line", "line_uuid", lines)):
        for row in rows:
            if row["sync_state"] != State.PENDING:
                continue
            record = row["record_uuid"]
            start = {"row": kind, "record_uuid": record, "rows": 0, "oldest": row["created_at"], "lacking": None}
            of = found.setdefault((record, kind), start)
            of["rows"] += 1
            of["oldest"] = min(of["oldest"], row["created_at"])
            if not row["done"]:
                of["lacking"] = min(of["lacking"] or row[key], row[key])
    return sorted(found.values(), key=lambda row: (row["oldest"], row["record_uuid"]))


def subitems_of(lines: Iterable[Row]) -> dict[str, list[Subitem]]:
    """The lines that a run holds, by record_uuid; one that is queued twice once."""
    found: dict[str, dict[str, Subitem]] = {}
    for row in lines:
        if row["sync_state"] != State.PENDING:
            continue
        line = row["line_uuid"]
        of = found.setdefault(row["record_uuid"], {}).setdefault(line, Subitem(line))
        of.rows += 1
        if not (row["is_off"] or row["order_is_off"]):
            of.subitem_id = max(of.subitem_id or 0, row["monday_subitem_id"] or 0) or None
            of.parent_id = max(of.parent_id or 0, row["parent_item_id"] or 0) or None
    return {record: list(of.values()) for record, of in found.items()}


def readiness_of(
    reader: QueueReader, run_id: str, of_headers: Sequence[Row], of_lines: Sequence[Row], over: Collection[str] = ()
) -> Readiness:
    """The same of rows that were read as `run_headers` and `run_lines`."""
    rows = run_records(of_headers, of_lines)
    headers = {row["record_uuid"]: row for row in rows if row["row"] == "header"}
    lines = {row["record_uuid"]: row for row in rows if row["row"] == "line"}
    # Oldest first: rows that were queued together lie together, so a transaction touches few pages.
    records = dict.fromkeys(row["record_uuid"] for row in rows)
    reasons: dict[str, str] = {}
    for kind, of in (("line", lines), ("header", headers)):
        lacking = {record: canonical(row["lacking"]) for record, row in of.items() if row["lacking"]}
        reasons |= {
            record: f"{Delay.NOT_ON_BOARD}: its {kind} {key} has not reached the board yet"
            for record, key in lacking.items()
        }
    # What holds the whole order says more than what one of its rows lacks.
    every, held = held_at_commit(reader, run_id, over)
    reasons |= {of.record_uuid: of.shown for of in held if of.record_uuid is not None and of.record_uuid in records}
    return Readiness(
        ready=[record for record in records if record not in reasons],
        held=[Held(record_uuid=r, reason=reasons[r]) for r in sorted(reasons)],
        headers={record: row["rows"] for record, row in headers.items()},
        lines={record: row["rows"] for record, row in lines.items()},
        subitems=subitems_of(of_lines),
        off={
            row["record_uuid"]
            for rows, of_order in ((of_headers, "is_off"), (of_lines, "order_is_off"))
            for row in rows
            if row[of_order]
        },
        held_orders=every,
    )


def commit(
    database: WritableDatabase,
    reader: QueueReader,
    run_id: str,
    plan: Readiness | None = None,
    then: Callable[[], object] = lambda: None,
) -> Readiness:
    """Commits every complete record_uuid of the run; returns what was ready and what was held back.

    `plan` is what has been found ready a moment ago: each order is looked at again by the statements that commit it.

    A transaction holds whole record_uuids, up to a number of rows. Where one of them has changed under it, the
    transaction is rolled back and its record_uuids are committed one by one, so that only that one is held back.

    `then` reads how all of it has ended: where one transaction is enough, at its end.
    """
    plan = plan or readiness(reader, run_id)
    done: list[str] = []
    held = list(plan.held)
    parts = list(_transactions(plan))
    for chunk in parts:
        try:
            _commit_records(database, reader.tables, run_id, chunk, plan, then if len(parts) == 1 else None)
            done += chunk
        except LeaseLost:
            for record_uuid in chunk:
                try:
                    _commit_records(database, reader.tables, run_id, [record_uuid], plan)
                    done.append(record_uuid)
                except LeaseLost as error:
                    held.append(Held(record_uuid=record_uuid, reason=str(error)))
    if parts != [done]:
        database.together(then)
    return replace(plan, ready=done, held=held)


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
    database: WritableDatabase,
    tables: Tables,
    run_id: str,
    records: list[str],
    plan: Readiness,
    then: Callable[[], object] | None = None,
) -> None:
    def work(connection: sa.Connection) -> None:
        _Commit(connection, tables, run_id, records, database.now(connection)).write(plan)
        if then is not None:
            database.within(connection, then)

    database.transaction(work)


@dataclass(frozen=True)
class _Commit:
    """One transaction, of whole record_uuids."""

    connection: sa.Connection
    tables: Tables
    run_id: str
    records: list[str]
    now: datetime

    def write(self, plan: Readiness) -> None:
        for table in (self.tables.header_queue, self.tables.line_queue):
            # The update names the run: a row that another run has claimed since is not counted, and rolls back.
            self.connection.execute(
                sa.update(table)
                .where(
                    table.c.record_uuid.in_(self.records),
                    table.c.sync_run_id == self.run_id,
                    table.c.sync_state == State.PENDING,
                    is_done(self.tables, table),
                )
                .values(sync_state=State.SYNCED, sync_completed_at=self.now, sync_error_message=sa.null())
            )
        # The ids, and what was cancelled, are as they were read before: no other run writes them while this one holds
        # the rows. Written by key: a main table that looked each line up in the queue would, where that has no index of
        # lines, read all lines of an order for each of them.
        subitems = [line for record in self.records for line in plan.subitems.get(record, ())]
        off = plan.off.intersection(self.records)
        # A line that is to go away may be all that there ever was of an order.
        kept = plan.headers.keys() | {
            record
            for record in self.records
            if any(line.subitem_id is not None for line in plan.subitems.get(record, ()))
        }
        self._carry(subitems, [record for record in self.records if record in kept | off], off)
        self._expect_all(plan, subitems, [record for record in self.records if record in kept - off])

    def _carry(self, subitems: Sequence[Subitem], records: list[str], off: Collection[str]) -> None:
        """Carries state and ids to the main tables. What is `off` the board has no ids, and its lines go with it."""
        h, o, m = self.tables.header_queue, self.tables.orders, self.tables.order_lines
        item_id = (
            sa.select(h.c.monday_item_id)
            .where(h.c.record_uuid == o.c.record_uuid, h.c.sync_run_id == self.run_id, h.c.sync_state == State.SYNCED)
            .order_by(h.c.created_at, h.c.delta_uuid)
            .limit(1)
            .scalar_subquery()
        )
        known = sa.func.coalesce(item_id, o.c.monday_item_id)
        synced = {"sync_state": State.SYNCED, "last_synced_at": self.now}
        self.connection.execute(
            sa.update(o)
            .where(o.c.record_uuid.in_(records))
            .values(
                monday_item_id=sa.case((is_off_the_board(self.tables, o.c.record_uuid), sa.null()), else_=known),
                sync_error_message=sa.null(),
                **synced,
            )
        )
        if off:
            deleted = {"monday_subitem_id": sa.null(), "parent_item_id": sa.null()}
            self.connection.execute(sa.update(m).where(m.c.record_uuid.in_(off)).values(deleted | synced))
        ids = {
            row.line_uuid: {"monday_subitem_id": row.subitem_id, "parent_item_id": row.parent_id} for row in subitems
        }
        set_by_key(self.connection, m.c.line_uuid, ids, alike=synced)

    def _expect_all(self, plan: Readiness, subitems: Sequence[Subitem], there: list[str]) -> None:
        """Rolls the transaction back unless each table has as many rows as expected.

        Counted by queries at the end, and not by what an update reports: a trigger may hide that, after a lost COMMIT
        the update finds nothing left to do, and a server that rolls back without saying so executes what follows.
        """
        h, line, o, m = self.tables.site
        synced_orders = sa.select(o.c.record_uuid).where(
            o.c.record_uuid.in_(there), o.c.sync_state == State.SYNCED, o.c.monday_item_id.is_not(None)
        )
        of_run = _synced(line, self.records, self.run_id)
        # A line in the queue that the main table lacks, or has under another order, would be lost from sight. Of what
        # was cancelled the order system may have removed its own rows.
        same = sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid)
        same = sa.and_(same, m.c.monday_subitem_id >= line.c.monday_subitem_id)  # of several the largest counts
        in_main = of_run.join(m, same).where(m.c.sync_state == State.SYNCED, ~_is_off(self.tables))
        expected = (
            (h.name, _synced(h, self.records, self.run_id), sum(plan.headers.get(r, 0) for r in self.records)),
            (line.name, of_run, sum(plan.lines.get(r, 0) for r in self.records)),
            (o.name, synced_orders, len(there)),
            (m.name, in_main, sum(row.rows for row in subitems if row.subitem_id is not None)),
        )
        counts = (sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery() for _, rows, _ in expected)
        for (table, _, wanted), found in zip(expected, self.connection.execute(sa.select(*counts)).one(), strict=True):
            if found != wanted:
                # Of several orders nobody reads it: they are committed again one by one.
                raise LeaseLost(
                    f"{table} has {counted(found, 'row')} to commit for {self.records[0]}, but {wanted} were expected: "
                    "another run or a person changed them meanwhile. The order is not changed; the next run claims it."
                )


def _is_off(tables: Tables) -> sa.ColumnElement[bool]:
    """A line of the queue was cancelled, or its order was."""
    line = tables.line_queue
    return sa.or_(*(is_off_the_board(tables, key) for key in (line.c.line_uuid, line.c.record_uuid)))


def _synced(table: sa.Table, records: list[str], run_id: str) -> sa.Select[Any]:
    """The queue rows of these record_uuids that this run has made SYNCED."""
    return sa.select(table.c.delta_uuid).where(
        table.c.record_uuid.in_(records), table.c.sync_run_id == run_id, table.c.sync_state == State.SYNCED
    )
