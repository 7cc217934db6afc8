"""Claims on queue rows: who may work on them, renewed, released, taken up again.

In: a run id and the keys of rows. Out: rows that are the run's, or no longer.
Claims are conditional updates on named rows, so they are right even where a server ignores lock hints.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from time import sleep
from typing import Any

import sqlalchemy as sa

from order_sync.database.claim_conflicts import LOOKS, PAUSE, Holders, Verdict, verdict
from order_sync.database.claimable import Claimable
from order_sync.database.conditions import has_no_order, is_rejected, of_each_row, waits
from order_sync.database.connection import CHUNK, Row, WritableDatabase, chunks, in_transaction
from order_sync.database.counts import ROUNDING
from order_sync.database.entries import Operation
from order_sync.database.guid import is_uuid, uuid_key
from order_sync.database.queue import QueueReader
from order_sync.database.run_log import log_unfinished, write_lines
from order_sync.database.tables import Tables
from order_sync.database.unreadable import shown
from order_sync.database.writes import expect_none, lost, set_by_key
from order_sync.orders.codes import Rule
from order_sync.orders.naming import CUSTOMER, TextKey, customer_key
from order_sync.orders.states import State
from order_sync.text.counted import counted

Read = Callable[[], list[Row]]
Looked = tuple[dict[str, set[str]], list[Row]]  # other runs by record_uuid, and what this run holds


class OrderQueue(QueueReader):
    """Claims, renews, releases and retries queue rows."""

    def __init__(self, database: WritableDatabase, tables: Tables, *, lease_seconds: float) -> None:
        super().__init__(database, tables, lease_seconds=lease_seconds)
        self._database = database

    def claim_headers(
        self, run_id: str, delta_uuids: Iterable[str], over: Collection[str] = (), read: Read | None = None
    ) -> list[Row]:
        """Claims these headers for the run; returns all that it now holds, as `claimed_headers` or `read` reads it.

        A record_uuid has one holder: where another run has rows of it, this one releases what it got.
        """
        wanted = list(delta_uuids)
        table, read = self.tables.header_queue, read or partial(self.claimed_headers, run_id)
        for chunk in chunks(wanted):
            self._take(table, run_id, chunk, over)
        return self._settled(table, run_id, wanted, over, read)

    def claim_lines(
        self, run_id: str, delta_uuids: Iterable[str], over: Collection[str] = (), *, sources: Collection[str] = ()
    ) -> list[Row]:
        """Claims these lines for the run, in the same way; returns all that it now holds, as `claimed_lines`."""
        wanted = list(delta_uuids)
        table, read = self.tables.line_queue, partial(self.claimed_lines, run_id, sources=sources)
        for chunk in chunks(wanted):
            held = self._take(table, run_id, chunk, over, read if len(wanted) <= CHUNK else list)
            if _has_all(held, wanted) and all(row["own_header"] for row in held):
                return held
        return self._settled(table, run_id, wanted, over, read)

    @in_transaction
    def log_unfinished(self, connection: sa.Connection, over: Collection[str]) -> None:
        """Logs the rows that a run has left behind without a word, before another one takes them: they forget it."""
        now = self._database.now(connection)
        free = self.claimable(over, now)
        for table, is_free in ((self.tables.header_queue, free.header()), (self.tables.line_queue, free.line())):
            log_unfinished(connection, self.tables, table, is_free, now)

    @in_transaction
    def _take(
        self,
        connection: sa.Connection,
        table: sa.Table,
        run_id: str,
        wanted: list[str],
        over: Collection[str],
        read: Read = list,
    ) -> list[Row]:
        """Makes those rows the run's that are free; of what order they are is looked at afterwards. Returns `read`."""
        now = self._database.now(connection)
        these = self._free(table, wanted, self.claimable(over, now))
        taken = {"sync_run_id": run_id, "sync_attempted_at": now, "sync_error_message": sa.null()}
        connection.execute(sa.update(table).where(*these).values(sync_state=State.PENDING, **taken))
        return self.database.within(connection, read)

    def _free(self, table: sa.Table, wanted: list[str], at: Claimable) -> tuple[sa.ColumnElement[bool], ...]:
        free = at.header() if table is self.tables.header_queue else at.line()
        return table.c.delta_uuid.in_(wanted), of_each_row(free)

    def _expect_none_free(self, table: sa.Table, run_id: str, wanted: list[str], over: Collection[str]) -> list[Row]:
        """Raises WriteLost if a row is still free: each is held now, by this run or another."""
        not_ours = sa.or_(table.c.sync_run_id.is_(None), table.c.sync_run_id != run_id)
        rows = sa.select(table.c.delta_uuid).where(*self._free(table, wanted, self.claimable(over)), not_ours)
        if free := self.database.count(rows):
            raise lost(f"{counted(free, 'row')} could still be claimed")
        return []

    def _settled(self, table: sa.Table, run_id: str, wanted: list[str], over: Collection[str], read: Read) -> list[Row]:
        """What the run holds after a claim, without orders that another one also holds."""

        def look() -> Looked:
            held = read()
            return self._others(table, run_id, wanted, over, held), held

        # Read back, for a trigger may hide how many rows a statement changed.
        looked = self.database.together(look)
        there = _keys(looked[1])
        if missing := [key for key in wanted if key not in there]:
            for chunk in chunks(missing):
                self._take(table, run_id, chunk, over, partial(self._expect_none_free, table, run_id, chunk, over))
            looked = self.database.together(look)
        return self._settle(run_id, look, looked)

    def _settle(self, run_id: str, look: Callable[[], Looked], looked: Looked | None = None) -> list[Row]:
        """Releases the orders of these rows that another run also holds (claim_conflicts.py), and reads again."""
        for looks_left in range(LOOKS, -1, -1):
            others, held = looked or self.database.together(look)
            looked = None
            verdicts = {record: verdict(run_id, runs, looks_left) for record, runs in others.items()}
            lost = [record for record, found in verdicts.items() if found is Verdict.RELEASE]
            for chunk in chunks(lost):
                self._release_orders(run_id, chunk)
            if Verdict.LOOK_AGAIN not in verdicts.values():
                return look()[1] if lost else held
            sleep(PAUSE)
        raise AssertionError("unreachable: the last look decides")

    def _others(
        self, table: sa.Table, run_id: str, keys: list[str], over: Collection[str], held: list[Row] | None = None
    ) -> dict[str, set[str]]:
        """Other runs by record_uuid, where they hold rows of the same orders as these rows of this run.

        `held` are the headers, or lines, that this run holds, where they have been read.
        """
        holders = Holders(claimable=self.claimable(over), run_id=run_id)
        others: dict[str, set[str]] = {}
        own = {row["delta_uuid"]: row["record_uuid"] for row in held or () if not row.get("own_header")}
        for chunk in chunks(keys):
            if held is None:
                records = self.database.column(holders.claimed_orders(table, chunk))
            else:
                records = list({own[key] for key in chunk if key in own})
            for row in self.database.rows(holders.others(records)) if records else ():
                others.setdefault(row["record_uuid"], set()).add(row["run_id"])
        return others

    def _look(self, table: sa.Table, run_id: str, keys: list[str], over: Collection[str]) -> Looked:
        return self._others(table, run_id, keys, over), []

    @in_transaction
    def _release_orders(self, connection: sa.Connection, run_id: str, records: list[str]) -> None:
        """Releases all rows of these orders that the run holds."""
        h, line = self.tables.header_queue, self.tables.line_queue
        for table, state in ((line, State.PENDING), (h, State.NEW)):
            mine = (table.c.record_uuid.in_(records), *self._of_run(table, run_id))
            connection.execute(sa.update(table).where(*mine).values(sync_state=state, sync_run_id=sa.null()))
            expect_none(connection, sa.select(table.c.delta_uuid).where(*mine), "had not been released")

    # ---- all rows of a run ------------------------------------------------------------------------
    # In chunks by key, each a transaction of its own: more rows in one statement, and SQL Server locks the whole table.

    def renew(self, run_id: str) -> int:
        """Extends the run's lease on all its rows; returns how many rows it still holds.

        A lease that had expired is claimed again: another run may have taken rows of the same orders meanwhile.
        """
        held = 0
        for table in (self.tables.header_queue, self.tables.line_queue):
            for keys in self._chunks(table, run_id):
                renewed, late = self._renew(run_id, table, keys)
                if late:
                    self._settle(run_id, partial(self._look, table, run_id, keys, ()))
                    renewed = self.database.count(
                        sa.select(table.c.delta_uuid).where(*self._of_run(table, run_id, keys))
                    )
                held += renewed
        return held

    @in_transaction
    def _renew(self, connection: sa.Connection, run_id: str, table: sa.Table, keys: list[str]) -> tuple[int, int]:
        """How many of the rows the run holds, and how many of them it held past their lease."""
        mine = self._of_run(table, run_id, keys)
        now = self._database.now(connection)
        expired = table.c.sync_attempted_at < now - self.lease
        late = _count(connection, sa.select(table.c.delta_uuid).where(*mine, expired))
        connection.execute(sa.update(table).where(*mine).values(sync_attempted_at=now))
        missed = sa.or_(table.c.sync_attempted_at.is_(None), table.c.sync_attempted_at < now - ROUNDING)
        both = sa.select(sa.func.count(), sa.func.count(sa.case((missed, 1)))).select_from(table).where(*mine)
        held, not_renewed = connection.execute(both).one()
        if not_renewed:
            raise lost(f"{counted(not_renewed, 'row')} had no new lease")
        return int(held), late

    def take_over(self, run_id: str, from_run_id: str, over: Collection[str] = ()) -> int:
        """Takes over the rows of a finished run; returns their number.

        Stopped half way, each row is one run's or the other's, and the next run may take up both. That run may have
        ended before it looked for others, so this one looks.
        """
        taken = 0
        for table in (self.tables.header_queue, self.tables.line_queue):
            for keys in self._chunks(table, from_run_id):
                taken += self._take_over(run_id, from_run_id, table, keys)
                self._settle(run_id, partial(self._look, table, run_id, keys, {*over, from_run_id}))
        return taken

    @in_transaction
    def _take_over(
        self, connection: sa.Connection, run_id: str, from_run_id: str, table: sa.Table, keys: list[str]
    ) -> int:
        theirs = self._of_run(table, from_run_id, keys)
        rows = sa.select(table.c.delta_uuid).where(*theirs)
        taken = _count(connection, rows)
        now = self._database.now(connection)
        connection.execute(sa.update(table).where(*theirs).values(sync_run_id=run_id, sync_attempted_at=now))
        expect_none(connection, rows, "had not been taken over")
        return taken

    def release(self, run_id: str) -> int:
        """Releases every row the run still holds: lines stay PENDING, unleased; headers become NEW.

        Lines first: stopped half way, no header is free whose lines another run could not claim with it.
        """
        tables = ((self.tables.line_queue, State.PENDING), (self.tables.header_queue, State.NEW))
        held = self.database.together(lambda: [list(self._chunks(table, run_id)) for table, _ in tables])
        return sum(
            self._release(run_id, table, state, keys)
            for (table, state), of_table in zip(tables, held, strict=True)
            for keys in of_table
        )

    @in_transaction
    def _release(self, connection: sa.Connection, run_id: str, table: sa.Table, state: State, keys: list[str]) -> int:
        mine = self._of_run(table, run_id, keys)
        rows = sa.select(table.c.delta_uuid).where(*mine)
        released = _count(connection, rows)
        connection.execute(sa.update(table).where(*mine).values(sync_state=state, sync_run_id=sa.null()))
        expect_none(connection, rows, "had not been released")
        return released

    def _chunks(self, table: sa.Table, run_id: str) -> Iterator[list[str]]:
        """The keys of the rows that a run holds, those of an order together."""
        query = sa.select(table.c.delta_uuid).where(*self._of_run(table, run_id))
        return chunks(self.database.column(query.order_by(uuid_key(table.c.record_uuid), table.c.delta_uuid)))

    def _of_run(
        self, table: sa.Table, run_id: str, keys: list[str] | None = None
    ) -> tuple[sa.ColumnElement[bool], ...]:
        mine = (table.c.sync_run_id == run_id, table.c.sync_state == State.PENDING)
        return mine if keys is None else (table.c.delta_uuid.in_(keys), of_each_row(*mine))

    # ---- what a step finds out --------------------------------------------------------------------

    def assign_groups(self, run_id: str, group_ids: Mapping[str, str]) -> None:
        """Writes monday_group_id into the run's headers; `group_ids` is by delta_uuid."""
        self._assign(self.tables.header_queue, "monday_group_id", run_id, group_ids)

    def assign_parents(self, run_id: str, parent_ids: Mapping[str, int]) -> None:
        """Writes parent_item_id into the run's lines; `parent_ids` is by delta_uuid."""
        self._assign(self.tables.line_queue, "parent_item_id", run_id, parent_ids)

    def _assign(self, table: sa.Table, column: str, run_id: str, values: Mapping[str, Any]) -> None:
        """A transaction for each thousand rows: a busy run has too many for the time of one statement."""
        for chunk in chunks(values.items()):
            self._assign_chunk(table, column, run_id, dict(chunk))

    @in_transaction
    def _assign_chunk(
        self, connection: sa.Connection, table: sa.Table, column: str, run_id: str, values: dict[str, Any]
    ) -> None:
        mine = table.c.sync_run_id == run_id
        set_by_key(connection, table.c.delta_uuid, {key: {column: value} for key, value in values.items()}, mine)
        lacks_it = of_each_row(mine, table.c[column].is_(None))
        rows = sa.select(table.c.delta_uuid).where(table.c.delta_uuid.in_(values), lacks_it)
        expect_none(connection, rows, f"had no {column}")

    @in_transaction
    def retry(self, connection: sa.Connection, customers: Collection[str] = ()) -> int:
        """ERROR -> NEW (headers) or PENDING (lines), for all or some customers; returns how many rows.

        A row that names no order stays as it is: a run could only reject it again.
        """
        reset = 0
        for table, state in ((self.tables.header_queue, State.NEW), (self.tables.line_queue, State.PENDING)):
            rejected = (is_rejected(table), ~has_no_order(table))
            keys = (
                _of_customers(connection, self.tables, table, rejected, customers)
                if customers
                else connection.execute(sa.select(table.c.delta_uuid).where(*rejected)).scalars().all()
            )
            for chunk in chunks(keys):
                these = (table.c.delta_uuid.in_(chunk), *rejected)
                connection.execute(
                    sa.update(table)
                    .where(*these)
                    .values(sync_state=state, sync_run_id=sa.null(), sync_error_message=sa.null())
                )
                expect_none(connection, sa.select(table.c.delta_uuid).where(*these), "were still in ERROR")
            reset += len(keys)
        return reset

    @in_transaction
    def reject_without_order(self, connection: sa.Connection, run_id: str) -> int:
        """Makes waiting rows ERROR that name no order, with the reason; returns how many.

        They cannot be claimed, for what a run claims are whole orders.
        """
        rejected = 0
        now = self._database.now(connection)
        for table, operation in (
            (self.tables.header_queue, Operation.ITEMS),
            (self.tables.line_queue, Operation.SUBITEMS),
        ):
            unusable = sa.and_(waits(table), has_no_order(table))
            rows = connection.execute(sa.select(table.c.delta_uuid, table.c.record_uuid).where(unusable)).all()
            if not rows:
                continue
            rejected += len(rows)
            becomes = {"sync_state": State.ERROR, "sync_run_id": run_id, "sync_attempted_at": now}
            update = sa.update(table).where(unusable).values(becomes | {"retry_count": table.c.retry_count + 1})
            keyed = {row.delta_uuid: _names_no_order(row.record_uuid) for row in rows if is_uuid(row.delta_uuid)}
            _write_reasons(connection, update, table.c.delta_uuid, keyed)
            logged = {"logged_at": now, "run_id": run_id, "operation": operation, "outcome": "rejected"}
            logged |= {"code": Rule.NO_RECORD_UUID}
            lines = ({"delta_uuid": key, "message": reason} for key, reason in keyed.items())
            write_lines(connection, self.tables, logged, lines)
        return rejected


def _write_reasons(connection: sa.Connection, update: sa.Update, key: sa.Column[str], reasons: dict[str, str]) -> None:
    """Updates the rows of these keys with their reasons, and then those that no key names either."""
    keys: dict[str, list[str]] = {}
    for of_row, reason in reasons.items():
        keys.setdefault(reason, []).append(of_row)
    for reason, of_reason in keys.items():
        for chunk in chunks(of_reason):
            connection.execute(update.where(key.in_(chunk)).values(sync_error_message=reason))
    connection.execute(update.values(sync_error_message=_names_no_order(None)))


def _of_customers(
    connection: sa.Connection,
    tables: Tables,
    table: sa.Table,
    where: tuple[sa.ColumnElement[bool], ...],
    customers: Collection[str],
) -> list[str]:
    """The rows of these customers: found by name here, for a collation may compare otherwise."""
    o, queued = tables.orders, tables.header_queue.alias("queued")
    # An order that is missing in ORDER_LIST has its customer in the queue only.
    query = (
        sa.select(table.c.delta_uuid, o.c[CUSTOMER].label("main"), queued.c[CUSTOMER].label("queued"))
        .select_from(
            table.outerjoin(o, o.c.record_uuid == table.c.record_uuid).outerjoin(
                queued, queued.c.record_uuid == table.c.record_uuid
            )
        )
        .where(*where)
    )
    wanted = {customer_key(customer) for customer in customers}
    of_row: dict[str, set[TextKey]] = {}
    for delta_uuid, *spellings in connection.execute(query):
        of_row.setdefault(delta_uuid, set()).update(map(customer_key, spellings))
    nobody = {customer_key(None)}
    return [delta_uuid for delta_uuid, keys in of_row.items() if wanted & (keys - nobody or nobody)]


def _names_no_order(record_uuid: str | None) -> str:
    value = "is NULL" if record_uuid is None else f"is {shown(record_uuid)}, which is not a uuid"
    return f"{Rule.NO_RECORD_UUID}: record_uuid {value}: the row belongs to no order"


def _keys(rows: Iterable[Row]) -> set[str]:
    return {row["delta_uuid"] for row in rows}


def _has_all(rows: Iterable[Row], wanted: Iterable[str]) -> bool:
    return _keys(rows).issuperset(wanted)


def _count(connection: sa.Connection, rows: sa.Select[Any]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one())
