"""The two queue tables: what can be claimed, what a run has claimed, and who may claim it when.

In: a scope or a run id. Out: plain rows (dicts by column name), never a DataFrame.
Claims are conditional updates on named rows, so they are right even where a server ignores lock hints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from order_sync.orders.database import Database, Row, WritableDatabase, chunks, in_transaction
from order_sync.orders.tables import CUSTOMER, ORDER_NUMBER, Action, State, Tables


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A run's hold on a row, as found in the tables."""

    run_id: str
    rows: int


class QueueReader:
    """Reads the queue tables. Writes nothing."""

    def __init__(self, database: Database, tables: Tables, *, lease_seconds: float) -> None:
        self.database = database
        self.tables = tables
        self.lease = timedelta(seconds=lease_seconds)

    # ---- what can be claimed ----------------------------------------------------------------------

    def claimable_headers(self, over: Collection[str] = ()) -> list[Row]:
        """Headers that a run may claim, oldest first, as delta_uuid, record_uuid, customer, order, created_at.

        Left out is every record_uuid with a row in ERROR (it waits as a whole for `order-sync retry`)
        or with a header that another run holds. `over` names runs that have ended: what they hold is free.
        """
        h = self.tables.header_queue
        return self.database.rows(self._claimable_headers(over).order_by(h.c.created_at, h.c.delta_uuid))

    def count_claimable_headers(self, over: Collection[str] = ()) -> int:
        return self.database.count(self._claimable_headers(over))

    def _claimable_headers(self, over: Collection[str]) -> sa.Select[Any]:
        h = self.tables.header_queue
        expired = self.database.current_time() - self.lease
        return sa.select(
            h.c.delta_uuid,
            h.c.record_uuid,
            h.c[CUSTOMER].label("customer"),
            h.c[ORDER_NUMBER].label("order_number"),
            _created(h),
        ).where(
            self._claimable_header(expired, over),
            h.c.record_uuid.not_in(self._blocked_records()),
            h.c.record_uuid.not_in(self._held_records(expired, over)),
        )

    def claimable_lines(self, over: Collection[str] = ()) -> list[Row]:
        """Lines that a run may claim, oldest first.

        As delta_uuid, line_uuid, record_uuid, customer, created_at, late (True where no header of the
        record_uuid is waiting any more: the line came after its order was synced).
        """
        line = self.tables.line_queue
        rows = self.database.rows(self._claimable_lines(over).order_by(line.c.created_at, line.c.delta_uuid))
        for row in rows:
            row["late"] = bool(row["late"])
        return rows

    def count_claimable_lines(self, over: Collection[str] = ()) -> int:
        return self.database.count(self._claimable_lines(over))

    def _claimable_lines(self, over: Collection[str]) -> sa.Select[Any]:
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        waiting = sa.select(h.c.record_uuid).where(
            h.c.action_type == Action.INSERT, h.c.sync_state.in_([State.NEW, State.PENDING, State.ERROR])
        )
        expired = self.database.current_time() - self.lease
        return (
            sa.select(
                line.c.delta_uuid,
                line.c.line_uuid,
                line.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                _created(line),
                sa.case((line.c.record_uuid.in_(waiting), 0), else_=1).label("late"),
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid))
            .where(
                self._claimable_line(expired, over),
                line.c.record_uuid.not_in(self._blocked_records()),
                # A line whose order never was on the board and has no header waiting has nowhere to go yet.
                sa.or_(line.c.record_uuid.in_(waiting), o.c.monday_item_id.is_not(None)),
            )
        )

    def untouched(self) -> list[Row]:
        """UPDATE and DELETE rows waiting: table, action, rows, sample (one order's record_uuid)."""
        return [
            {"table": table.name} | row | {"sample": str(row["sample"]).lower()}  # SQL Server casts to upper case
            for table in (self.tables.header_queue, self.tables.line_queue)
            for row in self.database.rows(
                sa.select(
                    table.c.action_type.label("action"),
                    sa.func.count().label("rows"),
                    sa.func.min(sa.cast(table.c.record_uuid, sa.String(36))).label("sample"),
                )
                .where(table.c.action_type != Action.INSERT, table.c.sync_state != State.SYNCED)
                .group_by(table.c.action_type)
                .order_by(table.c.action_type)
            )
        ]

    # ---- what a run has claimed -------------------------------------------------------------------

    def claimed_headers(self, run_id: str) -> list[Row]:
        """The headers a run holds, in the order to send: by customer, then oldest first.

        Every order column that the mapping or a name needs, from the queue or else from ORDER_LIST, plus
        delta_uuid, record_uuid, GroupMonday, monday_group_id, monday_item_id (None before it exists),
        created_at and has_order (False: ORDER_LIST lacks the record_uuid).
        """
        h = self.tables.header_queue
        return self._headers(sa.and_(h.c.sync_run_id == run_id, h.c.sync_state == State.PENDING))

    def headers(self, delta_uuids: Collection[str]) -> list[Row]:
        """The same columns for named headers, whatever their state."""
        h = self.tables.header_queue
        return [row for chunk in chunks(delta_uuids) for row in self._headers(h.c.delta_uuid.in_(chunk))]

    def run_headers(self, run_id: str, sources: Collection[str] = ()) -> list[Row]:
        """What became of a run's headers: delta_uuid, record_uuid, customer, monday_item_id, sync_state, created_at.

        And the order's columns that are named by `sources`.
        """
        h, o = self.tables.header_queue, self.tables.orders
        columns = (
            h.c.delta_uuid,
            h.c.record_uuid,
            h.c[CUSTOMER].label("customer"),
            h.c.monday_item_id,
            h.c.sync_state,
            _created(h),
            *(column for column in self.tables.order_columns if column.name in sources),
        )
        query = sa.select(*columns)
        if sources:
            query = query.select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
        return self.database.rows(query.where(h.c.sync_run_id == run_id).order_by(h.c.created_at, h.c.delta_uuid))

    def item_boards(self, record_uuids: Collection[str]) -> dict[int, int]:
        """The board of each item of these orders, by item id, as far back as the log goes."""
        h, log = self.tables.header_queue, self.tables.log
        query = (
            sa.select(log.c.monday_id, log.c.board_id)
            .select_from(h.join(log, log.c.delta_uuid == h.c.delta_uuid))
            .where(log.c.outcome.in_(["created", "adopted"]), log.c.board_id.is_not(None))
        )
        found = (
            row for chunk in chunks(record_uuids) for row in self.database.rows(query.where(h.c.record_uuid.in_(chunk)))
        )
        return {row["monday_id"]: row["board_id"] for row in found}

    def run_lines(self, run_id: str) -> list[Row]:
        """What became of a run's lines.

        As delta_uuid, line_uuid, record_uuid, customer, monday_subitem_id, sync_state, created_at.
        """
        line, o = self.tables.line_queue, self.tables.orders
        query = (
            sa.select(
                line.c.delta_uuid,
                line.c.line_uuid,
                line.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                line.c.monday_subitem_id,
                line.c.sync_state,
                _created(line),
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid))
            .where(line.c.sync_run_id == run_id)
            .order_by(line.c.record_uuid, line.c.created_at, line.c.delta_uuid)
        )
        return self.database.rows(query)

    def outcomes(self, run_id: str) -> list[Row]:
        """A run's rows counted: customer, row (header, line), state, rows, on_board (those with an id of monday's)."""
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        found: list[Row] = []
        for kind, table, id_column, customer, rows in (
            ("header", h, h.c.monday_item_id, h.c[CUSTOMER], h),
            (
                "line",
                line,
                line.c.monday_subitem_id,
                o.c[CUSTOMER],
                line.outerjoin(o, o.c.record_uuid == line.c.record_uuid),
            ),
        ):
            query = (
                sa.select(
                    customer.label("customer"),
                    table.c.sync_state.label("state"),
                    sa.func.count(id_column).label("on_board"),
                    sa.func.count().label("rows"),
                )
                .select_from(rows)
                .where(table.c.sync_run_id == run_id)
                .group_by(customer, table.c.sync_state)
            )
            found += [{"row": kind} | row for row in self.database.rows(query)]
        return found

    def run_records(self, run_id: str) -> list[Row]:
        """What a run still holds, by record_uuid and kind of row, oldest first.

        As record_uuid, row (header, line), rows (how many), oldest (created_at) and lacking: the delta_uuid of a header
        without an item, or the line_uuid of a line without a subitem; None if each has one.
        """
        h, line = self.tables.header_queue, self.tables.line_queue
        found: list[Row] = []
        for kind, table, key, id_column in (
            ("header", h, h.c.delta_uuid, h.c.monday_item_id),
            ("line", line, line.c.line_uuid, line.c.monday_subitem_id),
        ):
            query = (
                sa.select(
                    table.c.record_uuid,
                    sa.func.count().label("rows"),
                    sa.func.min(_created(table).element).label("oldest"),
                    sa.func.min(sa.case((id_column.is_(None), sa.cast(key, sa.String(36))))).label("lacking"),
                )
                .where(table.c.sync_run_id == run_id, table.c.sync_state == State.PENDING)
                .group_by(table.c.record_uuid)
            )
            found += [{"row": kind} | row for row in self.database.rows(query)]
        return sorted(found, key=lambda row: (row["oldest"], row["record_uuid"]))

    def _headers(self, where: sa.ColumnElement[bool]) -> list[Row]:
        h, o = self.tables.header_queue, self.tables.orders
        query = (
            sa.select(
                h.c.delta_uuid,
                h.c.record_uuid,
                h.c.GroupMonday,
                h.c.monday_group_id,
                h.c.monday_item_id,
                _created(h),
                sa.case((o.c.record_uuid.is_(None), 0), else_=1).label("has_order"),
                *self.tables.order_columns,
            )
            .select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
            .where(where)
            .order_by(h.c[CUSTOMER], h.c.created_at, h.c.delta_uuid)
        )
        return self.database.rows(query)

    def claimed_lines(self, run_id: str, *names: str, sources: Collection[str] = ()) -> list[Row]:
        """The lines a run holds, by record_uuid, then oldest first.

        As delta_uuid, line_uuid, record_uuid, customer, size_code, qty, monday_subitem_id and parent_item_id (known
        from the queue or from ORDER_LIST_LINES), order_item_id (ORDER_LIST's item, for late lines), created_at,
        has_line; or as those of them that are named. And the columns of ORDER_LIST that are named by `sources`.
        """
        line = self.tables.line_queue
        held = sa.and_(line.c.sync_run_id == run_id, line.c.sync_state == State.PENDING)
        return self._lines(held, *names, sources=sources)

    def lines_on_board(self, run_id: str) -> list[Row]:
        """Those of the claimed lines that have a subitem: line_uuid, monday_subitem_id, parent_item_id."""
        line, m = self.tables.line_queue, self.tables.order_lines
        return self._lines(
            sa.and_(
                line.c.sync_run_id == run_id,
                line.c.sync_state == State.PENDING,
                sa.func.coalesce(line.c.monday_subitem_id, m.c.monday_subitem_id).is_not(None),
            ),
            "line_uuid",
            "monday_subitem_id",
            "parent_item_id",
        )

    def held_lines(self, run_id: str) -> set[str]:
        """The delta_uuids of the lines a run holds."""
        return self._held(self.tables.line_queue, run_id)

    def _held(self, table: sa.Table, run_id: str) -> set[str]:
        query = sa.select(table.c.delta_uuid).where(table.c.sync_state == State.PENDING, table.c.sync_run_id == run_id)
        return set(self.database.column(query))

    def lines(self, delta_uuids: Collection[str], *, sources: Collection[str] = ()) -> list[Row]:
        """The same columns for named lines, whatever their state."""
        line = self.tables.line_queue
        return [
            row for chunk in chunks(delta_uuids) for row in self._lines(line.c.delta_uuid.in_(chunk), sources=sources)
        ]

    def _lines(self, where: sa.ColumnElement[bool], *names: str, sources: Collection[str] = ()) -> list[Row]:
        line, o, m = self.tables.line_queue, self.tables.orders, self.tables.order_lines
        query = (
            sa.select(
                line.c.delta_uuid,
                line.c.line_uuid,
                line.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                line.c.size_code,
                line.c.qty,
                sa.func.coalesce(line.c.monday_subitem_id, m.c.monday_subitem_id).label("monday_subitem_id"),
                sa.func.coalesce(line.c.parent_item_id, m.c.parent_item_id).label("parent_item_id"),
                o.c.monday_item_id.label("order_item_id"),
                _created(line),
                sa.case((m.c.line_uuid.is_(None), 0), else_=1).label("has_line"),
                *(o.c[source] for source in sources),
            )
            .select_from(
                line.outerjoin(o, o.c.record_uuid == line.c.record_uuid).outerjoin(
                    # A line that the main table has under another order is not this one.
                    m,
                    sa.and_(m.c.line_uuid == line.c.line_uuid, m.c.record_uuid == line.c.record_uuid),
                )
            )
            .where(where)
            .order_by(line.c.record_uuid, line.c.created_at, line.c.delta_uuid)
        )
        if names:
            query = query.with_only_columns(*(query.selected_columns[name] for name in names))
        return self.database.rows(query)

    def leases(self) -> list[Lease]:
        """Who holds claimed rows now."""
        h, line = self.tables.header_queue, self.tables.line_queue
        held: Counter[str] = Counter()
        for table in (h, line):
            query = (
                sa.select(table.c.sync_run_id, sa.func.count().label("rows"))
                .where(table.c.sync_state == State.PENDING, table.c.sync_run_id.is_not(None))
                .group_by(table.c.sync_run_id)
            )
            held.update({row["sync_run_id"]: row["rows"] for row in self.database.rows(query)})
        return [Lease(run_id=run_id, rows=rows) for run_id, rows in sorted(held.items())]

    def stuck(self) -> list[Row]:
        """Rows that a run has claimed and left behind: their lease has expired, and any run may claim them.

        Counted by customer and run, as customer, run_id, rows and since (the oldest lease's last renewal). Lines count
        where they wait for no header any more: the others come with their header.
        """
        found: list[Row] = []
        for table, query in (
            (self.tables.header_queue, self._claimable_headers(())),
            (self.tables.line_queue, self._claimable_lines(())),
        ):
            left = (
                query.add_columns(table.c.sync_run_id.label("run_id"), table.c.sync_attempted_at.label("since"))
                .where(table.c.sync_state == State.PENDING, table.c.sync_run_id.is_not(None))
                .subquery()
            )
            counted = sa.select(
                left.c.customer,
                left.c.run_id,
                sa.func.count().label("rows"),
                sa.func.min(left.c.since).label("since"),
            ).group_by(left.c.customer, left.c.run_id)
            found += self.database.rows(
                counted if table is self.tables.header_queue else counted.where(left.c.late == 1)
            )
        return found

    def errors(self, run_id: str | None = None) -> list[Row]:
        """Rows in ERROR (of one run, or all): table, customer, order_number, record_uuid, size, reason."""
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        headers = sa.select(
            h.c[CUSTOMER].label("customer"),
            h.c[ORDER_NUMBER].label("order_number"),
            h.c.record_uuid,
            h.c.delta_uuid,
            h.c.sync_error_message.label("reason"),
        ).where(h.c.sync_state == State.ERROR)
        lines = (
            sa.select(
                o.c[CUSTOMER].label("customer"),
                o.c[ORDER_NUMBER].label("order_number"),
                line.c.record_uuid,
                line.c.delta_uuid,
                line.c.size_code.label("size"),
                line.c.sync_error_message.label("reason"),
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid))
            .where(line.c.sync_state == State.ERROR)
        )
        if run_id is not None:
            headers = headers.where(h.c.sync_run_id == run_id)
            lines = lines.where(line.c.sync_run_id == run_id)
        rows: list[Row] = [
            *({"row": "header", "size": None} | row for row in self.database.rows(headers)),
            *({"row": "line"} | row for row in self.database.rows(lines)),
        ]
        return sorted(rows, key=lambda r: (r["customer"] or "", r["order_number"] or "", r["delta_uuid"]))

    def counts(self) -> list[Row]:
        """INSERT rows by customer and state: customer, row (header, line), state, rows, oldest (created_at)."""
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        headers = (
            sa.select(
                h.c[CUSTOMER].label("customer"),
                h.c.sync_state.label("state"),
                sa.func.count().label("rows"),
                sa.func.min(h.c.created_at).label("oldest"),
            )
            .where(h.c.action_type == Action.INSERT)
            .group_by(h.c[CUSTOMER], h.c.sync_state)
        )
        lines = (
            sa.select(
                o.c[CUSTOMER].label("customer"),
                line.c.sync_state.label("state"),
                sa.func.count().label("rows"),
                sa.func.min(line.c.created_at).label("oldest"),
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid))
            .where(line.c.action_type == Action.INSERT)
            .group_by(o.c[CUSTOMER], line.c.sync_state)
        )
        return [
            *({"row": "header"} | row for row in self.database.rows(headers)),
            *({"row": "line"} | row for row in self.database.rows(lines)),
        ]

    # ---- conditions -------------------------------------------------------------------------------

    def _free(self, table: sa.Table, expired: datetime, over: Collection[str]) -> sa.ColumnElement[bool]:
        """PENDING, and nobody's: never leased, given back, its run is over, or the lease has expired."""
        return sa.and_(
            table.c.sync_state == State.PENDING,
            sa.or_(
                table.c.sync_run_id.is_(None),
                table.c.sync_attempted_at.is_(None),
                table.c.sync_attempted_at < expired,
                table.c.sync_run_id.in_(list(over)),
            ),
        )

    def _claimable_header(self, expired: datetime, over: Collection[str]) -> sa.ColumnElement[bool]:
        h = self.tables.header_queue
        return sa.and_(
            h.c.action_type == Action.INSERT, sa.or_(h.c.sync_state == State.NEW, self._free(h, expired, over))
        )

    def _claimable_line(self, expired: datetime, over: Collection[str]) -> sa.ColumnElement[bool]:
        line = self.tables.line_queue
        # The design has lines start as PENDING; a site that writes NEW means the same.
        return sa.and_(
            line.c.action_type == Action.INSERT,
            sa.or_(line.c.sync_state == State.NEW, self._free(line, expired, over)),
        )

    def _blocked_records(self) -> sa.CompoundSelect[Any]:
        h, line = self.tables.header_queue, self.tables.line_queue
        return sa.union_all(
            sa.select(h.c.record_uuid).where(h.c.sync_state == State.ERROR, h.c.action_type == Action.INSERT),
            sa.select(line.c.record_uuid).where(line.c.sync_state == State.ERROR, line.c.action_type == Action.INSERT),
        )

    def _held_records(self, expired: datetime, over: Collection[str]) -> sa.Select[Any]:
        h = self.tables.header_queue
        return sa.select(h.c.record_uuid).where(
            h.c.sync_state == State.PENDING,
            h.c.sync_run_id.is_not(None),
            h.c.sync_run_id.not_in(list(over)),
            h.c.sync_attempted_at >= expired,
        )


class OrderQueue(QueueReader):
    """Claims, renews, gives back and retries queue rows."""

    def __init__(self, database: WritableDatabase, tables: Tables, *, lease_seconds: float) -> None:
        super().__init__(database, tables, lease_seconds=lease_seconds)
        self._database = database

    def claim_headers(self, run_id: str, delta_uuids: Iterable[str], over: Collection[str] = ()) -> int:
        """Claims these headers for the run; returns how many it now holds of them.

        A record_uuid is claimed whole or not at all: where another worker got one of its headers first, the
        run gives back the rest.
        """
        wanted = list(delta_uuids)
        self._claim_headers(run_id, wanted, over)
        return self._count_held(self.tables.header_queue, run_id, wanted)

    @in_transaction
    def _claim_headers(self, connection: sa.Connection, run_id: str, wanted: list[str], over: Collection[str]) -> None:
        h = self.tables.header_queue
        now = self._database.now(connection)
        self._claim(connection, h, wanted, self._claimable_header(now - self.lease, over), run_id, now)
        self._give_back_broken(connection, run_id, wanted)

    def claim_lines(self, run_id: str, delta_uuids: Iterable[str], over: Collection[str] = ()) -> int:
        """Claims these lines for the run; returns how many it now holds of them."""
        wanted = list(delta_uuids)
        self._claim_lines(run_id, wanted, over)
        return self._count_held(self.tables.line_queue, run_id, wanted)

    @in_transaction
    def _claim_lines(self, connection: sa.Connection, run_id: str, wanted: list[str], over: Collection[str]) -> None:
        now = self._database.now(connection)
        condition = self._claimable_line(now - self.lease, over)
        self._claim(connection, self.tables.line_queue, wanted, condition, run_id, now)

    def _count_held(self, table: sa.Table, run_id: str, wanted: list[str]) -> int:
        """How many of these rows the run holds: read back, for a trigger may hide how many a statement changed."""
        return len(self._held(table, run_id).intersection(key.lower() for key in wanted))

    def _claim(
        self,
        connection: sa.Connection,
        table: sa.Table,
        delta_uuids: list[str],
        condition: sa.ColumnElement[bool],
        run_id: str,
        now: datetime,
    ) -> None:
        # As a CASE the condition cannot tempt the server to read all rows of a state instead of these by their key.
        free = sa.case((condition, 1), else_=0) == 1
        for chunk in chunks(delta_uuids):
            connection.execute(
                sa.update(table)
                .where(table.c.delta_uuid.in_(chunk), free)
                .values(sync_state=State.PENDING, sync_run_id=run_id, sync_attempted_at=now, sync_error_message=None)
            )

    def _give_back_broken(self, connection: sa.Connection, run_id: str, wanted: list[str]) -> None:
        """Gives back the headers of record_uuids of which another run holds a part."""
        h = self.tables.header_queue
        theirs = h.alias("theirs")
        # Correlated, so that each row looks up its own record_uuid instead of reading every claimed row.
        another_holds_a_part = sa.exists().where(
            theirs.c.record_uuid == h.c.record_uuid,
            theirs.c.sync_state == State.PENDING,
            theirs.c.sync_run_id.is_not(None),
            theirs.c.sync_run_id != run_id,
        )
        for chunk in chunks(wanted):
            connection.execute(
                sa.update(h)
                .where(h.c.delta_uuid.in_(chunk), h.c.sync_run_id == run_id, another_holds_a_part)
                .values(sync_state=State.NEW, sync_run_id=None)
            )

    @in_transaction
    def renew(self, connection: sa.Connection, run_id: str) -> int:
        """Extends the run's lease on all its rows; returns how many rows it still holds."""
        held = 0
        now = self._database.now(connection)
        for table in (self.tables.header_queue, self.tables.line_queue):
            result = connection.execute(
                sa.update(table)
                .where(table.c.sync_run_id == run_id, table.c.sync_state == State.PENDING)
                .values(sync_attempted_at=now)
            )
            held += result.rowcount
        return held

    @in_transaction
    def take_over(self, connection: sa.Connection, run_id: str, from_run_id: str) -> int:
        """Makes the rows of a run that is over the rows of this run; returns how many."""
        taken = 0
        now = self._database.now(connection)
        for table in (self.tables.header_queue, self.tables.line_queue):
            result = connection.execute(
                sa.update(table)
                .where(table.c.sync_run_id == from_run_id, table.c.sync_state == State.PENDING)
                .values(sync_run_id=run_id, sync_attempted_at=now)
            )
            taken += result.rowcount
        return taken

    @in_transaction
    def release(self, connection: sa.Connection, run_id: str) -> int:
        """Gives back every row the run still holds: headers become NEW, lines stay PENDING, unleased."""
        released = 0
        for table, state in (
            (self.tables.header_queue, State.NEW),
            (self.tables.line_queue, State.PENDING),
        ):
            result = connection.execute(
                sa.update(table)
                .where(table.c.sync_run_id == run_id, table.c.sync_state == State.PENDING)
                .values(sync_state=state, sync_run_id=None)
            )
            released += result.rowcount
        return released

    def assign_groups(self, run_id: str, group_ids: Mapping[str, str]) -> None:
        """Writes monday_group_id into the run's headers; `group_ids` is by delta_uuid."""
        self._assign(self.tables.header_queue, "monday_group_id", run_id, group_ids)

    def assign_parents(self, run_id: str, parent_ids: Mapping[str, int]) -> None:
        """Writes parent_item_id into the run's lines; `parent_ids` is by delta_uuid."""
        self._assign(self.tables.line_queue, "parent_item_id", run_id, parent_ids)

    def _assign(self, table: sa.Table, column: str, run_id: str, values: Mapping[str, Any]) -> None:
        """A transaction for each thousand rows: a busy run has too many for the time of one statement."""
        for chunk in chunks(values.items()):
            self._assign_chunk(table, column, run_id, chunk)

    @in_transaction
    def _assign_chunk(
        self, connection: sa.Connection, table: sa.Table, column: str, run_id: str, values: list[tuple[str, Any]]
    ) -> None:
        connection.execute(
            sa.update(table)
            .where(table.c.delta_uuid == sa.bindparam("key"), table.c.sync_run_id == run_id)
            .values({column: sa.bindparam("value")}),
            [{"key": key, "value": value} for key, value in values],
        )

    @in_transaction
    def retry(self, connection: sa.Connection, customers: Collection[str] = ()) -> int:
        """ERROR -> NEW (headers) or PENDING (lines), for all or some customers; returns how many rows."""
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        # A header whose order is missing in ORDER_LIST has its customer in the queue only.
        queued = h.alias("queued")
        of_customers = sa.union_all(
            *(sa.select(t.c.record_uuid).where(t.c[CUSTOMER].in_(list(customers))) for t in (o, queued))
        )
        reset = 0
        for table, state in ((h, State.NEW), (line, State.PENDING)):
            update = sa.update(table).where(table.c.sync_state == State.ERROR, table.c.action_type == Action.INSERT)
            if customers:
                update = update.where(table.c.record_uuid.in_(of_customers))
            result = connection.execute(update.values(sync_state=state, sync_run_id=None, sync_error_message=None))
            reset += result.rowcount
        return reset


def _created(table: sa.Table) -> sa.Label[datetime]:
    """created_at, which a site may have left empty: such rows are the oldest."""
    return sa.func.coalesce(table.c.created_at, sa.literal(datetime(1900, 1, 1), table.c.created_at.type)).label(
        "created_at"
    )
