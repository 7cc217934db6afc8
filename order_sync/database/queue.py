"""The two queue tables: what can be claimed, and what a run has claimed.

In: a run id, or the keys of rows. Out: plain rows (dicts by column name), never a DataFrame.
Reads only; claims.py claims, claimable.py says what may be claimed, counts.py how the queue stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import alias
from order_sync.database.cancelled import is_done, is_off_the_board
from order_sync.database.conditions import created, flag, is_of_run, is_outdated, moment, same_order, unsynced
from order_sync.database.connection import Row, chunks, in_one_read
from order_sync.database.counts import QueueCounts, Unclear
from order_sync.database.customers import spelling
from order_sync.database.guid import uuid_key
from order_sync.database.row_versions import says, synced_lines
from order_sync.database.written import items_on_record, on_record_columns
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, customer_key
from order_sync.orders.states import State


@dataclass(frozen=True, kw_only=True)
class Due:
    """What a run would take up now, counted by the database."""

    headers: int = 0
    # These two are looked for only where no header is due: a run takes up all.
    late_lines: int = 0
    nameless: int = 0  # rows that name no order, which a run rejects
    newest: datetime | None = None
    customers: tuple[str | None, ...] = ()

    @property
    def rows(self) -> int:
        return self.headers + self.late_lines + self.nameless


class QueueReader(QueueCounts):
    """Reads the queue tables. Writes nothing."""

    # ---- what can be claimed ----------------------------------------------------------------------

    @in_one_read
    def claimable_headers(self, over: Collection[str] = (), unclear: Unclear | None = None) -> list[Row]:
        """Headers that a run may claim, oldest first, as delta_uuid, record_uuid, customer, order, created_at.

        Left out is every record_uuid that is held as a whole; held.py says of each by what. `over` names runs that
        have ended: what they hold is free. `unclear` is what the queue says of that, where it has been read.
        """
        h = self.tables.header_queue
        rows = self.database.rows(self.claimable(over).headers().order_by(h.c.created_at, h.c.delta_uuid))
        return self._in_order(rows, unclear)

    def has_open_rows(self) -> bool:
        """Whether anything is to be looked at: one look into an index where nothing waits."""
        tables = (self.tables.header_queue, self.tables.line_queue)
        return any(self.database.column(sa.select(t.c.sync_state).where(unsynced(t)).limit(1)) for t in tables)

    @in_one_read
    def due(self, over: Collection[str] = ()) -> Due:
        """What waits for a run, without a look at each row here: hundreds of thousands may wait."""
        free, unclear = self.claimable(over), self.unclear().records
        headers, lines = self._counted(self.tables.header_queue, free.headers(), unclear), list[Row]()
        if not headers:
            lines = self._counted(self.tables.line_queue, free.late_lines(), unclear)
        found = [*headers, *lines]
        return Due(
            headers=sum(row["rows"] for row in headers),
            late_lines=sum(row["rows"] for row in lines),
            nameless=0 if headers else self.count_without_order(),
            newest=max((row["newest"] for row in found), default=None),
            customers=tuple(row["customer"] for row in found),
        )

    def _counted(self, table: sa.Table, query: sa.Select[Any], unclear: Collection[str]) -> list[Row]:
        """Claimable rows by customer: customer, rows, newest. Without those that are unclear."""
        for some in chunks(unclear):
            query = query.where(table.c.record_uuid.not_in(some))
        rows = query.subquery()
        counted = sa.select(
            sa.func.max(rows.c.customer).label("customer"),
            sa.func.count().label("rows"),
            sa.func.max(rows.c.created_at).label("newest"),
        ).group_by(spelling(rows.c.customer))
        return sorted(self.database.rows(counted), key=lambda row: row["newest"])

    @in_one_read
    def claimable_lines(self, over: Collection[str] = (), unclear: Unclear | None = None) -> list[Row]:
        """Lines that a run may claim, oldest first; `over` and `unclear` as for headers.

        As delta_uuid, line_uuid, record_uuid, customer, created_at, late (True where no header of the
        record_uuid is waiting any more: the line came after its order was synced).
        """
        line = self.tables.line_queue
        rows = self.database.rows(self.claimable(over).lines().order_by(line.c.created_at, line.c.delta_uuid))
        for row in rows:
            row["late"] = bool(row["late"])
        return self._in_order(rows, unclear)

    def _in_order(self, rows: list[Row], of_queue: Unclear | None = None) -> list[Row]:
        """Oldest first, without orders whose rows share a key or whose headers contradict each other."""
        rows.sort(key=lambda row: row["created_at"])  # as it was read: text that is no time sorts as text in SQLite
        unclear = (of_queue or self.unclear()).records
        return [row for row in rows if row["record_uuid"] not in unclear] if unclear else rows

    # ---- what a run has claimed -------------------------------------------------------------------

    def claimed_headers(self, run_id: str) -> list[Row]:
        """The headers a run holds, in the order to send: by customer, then oldest first.

        Every order column that the mapping or a name needs, from the queue or else from ORDER_LIST, plus
        delta_uuid, record_uuid, action, GroupMonday, monday_group_id, monday_item_id (None before it exists),
        created_at, has_order (False: ORDER_LIST lacks the record_uuid), outdated (True: a newer version is SYNCED) and
        is_off (True: the order was cancelled by this version or a newer one), and item_board_id: where its item is.
        """
        h = self.tables.header_queue
        return _in_order(self._headers(sa.and_(h.c.sync_run_id == run_id, h.c.sync_state == State.PENDING)))

    def headers(self, delta_uuids: Collection[str]) -> list[Row]:
        """The same for named headers, in any state. Name the oldest first.

        And sync_state, with order_state and order_item_id of ORDER_LIST.
        """
        h, o = self.tables.header_queue, self.tables.orders
        states = (h.c.sync_state, o.c.sync_state.label("order_state"), o.c.monday_item_id.label("order_item_id"))
        found = (row for keys in chunks(delta_uuids) for row in self._headers(h.c.delta_uuid.in_(keys), *states))
        return _in_order(found)

    def headers_of(self, run_id: str) -> list[Row]:
        """The same columns of a run's headers, in any state."""
        return self._headers(is_of_run(self.tables.header_queue, run_id))

    def _headers(self, where: sa.ColumnElement[bool], *more: sa.ColumnElement[Any]) -> list[Row]:
        h, o = self.tables.header_queue, self.tables.orders
        query = (
            sa.select(
                h.c.delta_uuid,
                h.c.record_uuid,
                h.c.GroupMonday,
                h.c.monday_group_id,
                h.c.monday_item_id,
                created(h),
                *says(self.tables, h, is_outdated(h)),
                sa.case((o.c.record_uuid.is_(None), 0), else_=1).label("has_order"),
                self._item_board(),
                *self.tables.order_columns,
                *more,
            )
            .select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
            .where(where)
            .order_by(h.c.created_at, h.c.delta_uuid)
        )
        return self.database.rows(query)

    def _item_board(self) -> sa.Label[int]:
        """The board that an order's item is on record for."""
        h, items = self.tables.header_queue, self.tables.items
        return (
            sa.select(items.c.board_id)
            .where(items.c.record_uuid == h.c.record_uuid)
            .scalar_subquery()
            .label("item_board_id")
        )

    def run_headers(self, run_id: str, sources: Collection[str] = ()) -> list[Row]:
        """A run's headers: delta_uuid, record_uuid, customer, monday_item_id, monday_group_id, sync_state, created_at.

        And done (nothing is left to do on a board), is_off (the order was cancelled), item_board_id as above,
        order_state and order_item_id (of ORDER_LIST), and the order's columns that are named by `sources`.
        """
        h, o = self.tables.header_queue, self.tables.orders
        columns = (
            h.c.delta_uuid,
            h.c.record_uuid,
            h.c[CUSTOMER].label("customer"),
            h.c.monday_item_id,
            h.c.monday_group_id,
            h.c.sync_state,
            created(h),
            flag(is_done(self.tables, h)).label("done"),
            flag(is_off_the_board(self.tables, h.c.record_uuid)).label("is_off"),
            self._item_board(),
            o.c.sync_state.label("order_state"),
            o.c.monday_item_id.label("order_item_id"),
            *(column for column in self.tables.order_columns if column.name in sources),
        )
        query = sa.select(*columns).select_from(h.outerjoin(o, o.c.record_uuid == h.c.record_uuid))
        return self.database.rows(query.where(is_of_run(h, run_id)).order_by(h.c.created_at, h.c.delta_uuid))

    def item_boards(self, record_uuids: Collection[str]) -> dict[int, int]:
        """The board of each item of these orders, by item id; of orders that are not on record, as the log has it.

        An order that the first version carried, and whose item nobody has written to since, is only in the log.
        """
        h, log = self.tables.header_queue, self.tables.log
        on_record = items_on_record(self.database, self.tables, record_uuids)
        found = {item.id: item.board_id for item in on_record.values()}
        query = (
            sa.select(log.c.monday_id, log.c.board_id)
            .select_from(h.join(log, log.c.delta_uuid == h.c.delta_uuid))
            .where(log.c.outcome.in_(["created", "adopted"]), log.c.board_id.is_not(None))
        )
        for chunk in chunks(set(record_uuids) - on_record.keys()):
            for row in self.database.rows(query.where(h.c.record_uuid.in_(chunk))):
                found[row["monday_id"]] = row["board_id"]
        return found

    def run_lines(self, run_id: str) -> list[Row]:
        """A run's lines with their outcome.

        As delta_uuid, line_uuid, record_uuid, customer, monday_subitem_id, parent_item_id, sync_state, created_at, done
        (as above), is_off (the line was cancelled), order_is_off, and of ORDER_LIST_LINES line_state, line_subitem_id
        and line_parent_id.
        """
        line, o, m = self.tables.line_queue, self.tables.orders, self.tables.order_lines
        query = (
            sa.select(
                line.c.delta_uuid,
                line.c.line_uuid,
                line.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                line.c.monday_subitem_id,
                line.c.parent_item_id,
                line.c.sync_state,
                created(line),
                flag(is_done(self.tables, line)).label("done"),
                flag(is_off_the_board(self.tables, line.c.line_uuid)).label("is_off"),
                flag(is_off_the_board(self.tables, line.c.record_uuid)).label("order_is_off"),
                m.c.sync_state.label("line_state"),
                m.c.monday_subitem_id.label("line_subitem_id"),
                m.c.parent_item_id.label("line_parent_id"),
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid).outerjoin(m, _same_line(line, m)))
            .where(is_of_run(line, run_id))
            .order_by(line.c.record_uuid, line.c.created_at, line.c.delta_uuid)
        )
        return self.database.rows(query)

    def claimed_lines(
        self, run_id: str, *names: str, sources: Collection[str] = (), on_record: bool = False
    ) -> list[Row]:
        """The lines a run holds, by record_uuid, then oldest first.

        As delta_uuid, line_uuid, record_uuid, customer, action, size_code, qty, monday_subitem_id and parent_item_id
        (known from the queue or from ORDER_LIST_LINES), order_item_id (ORDER_LIST's item, for late lines), created_at,
        has_line, outdated and is_off (as of a header), and own_header (1 where the run holds a header of the order); or
        as those of them that are named. And the columns of ORDER_LIST that are named by `sources`.
        """
        h, line = self.tables.header_queue, self.tables.line_queue
        held = sa.and_(line.c.sync_run_id == run_id, line.c.sync_state == State.PENDING)
        own = alias(h, "own")
        has_own = sa.exists().where(
            same_order(own, line), own.c.sync_run_id == run_id, own.c.sync_state == State.PENDING
        )
        more = [flag(has_own).label("own_header"), *(self.tables.orders.c[source] for source in sources)]
        # By what the index of a run's rows has: without statistics SQLite would read all that waits.
        by = uuid_key(line.c.record_uuid)
        return self._lines(held, *names, more=more, by=by, on_record=on_record)

    def held_headers(self, run_id: str) -> list[Row]:
        """The headers a run holds, oldest first: delta_uuid, record_uuid, monday_item_id, and what is on record."""
        h, items = self.tables.header_queue, self.tables.items
        query = (
            sa.select(h.c.delta_uuid, h.c.record_uuid, h.c.monday_item_id, *on_record_columns(items))
            .select_from(h.outerjoin(items, items.c.record_uuid == h.c.record_uuid))
            .where(h.c.sync_run_id == run_id, h.c.sync_state == State.PENDING)
        )
        return self.database.rows(query.order_by(h.c.created_at, h.c.delta_uuid))

    def held_lines(self, run_id: str) -> list[Row]:
        """The lines a run holds: their uuids, ids, queued_subitem_id (the queue's own), and what is on record."""
        names = ("delta_uuid", "line_uuid", "record_uuid", "monday_subitem_id", "parent_item_id")
        return self.claimed_lines(run_id, *names, on_record=True)

    def lines(self, delta_uuids: Collection[str], *, sources: Collection[str] = ()) -> list[Row]:
        """The same columns for named lines, in any state.

        And sync_state, with the ids of the queue alone (queued_subitem_id, queued_parent_id), the state and ids of
        ORDER_LIST_LINES (line_state, line_subitem_id, line_parent_id), and order_number and order_state of ORDER_LIST.
        """
        line, o, m = self.tables.line_queue, self.tables.orders, self.tables.order_lines
        states = (
            line.c.sync_state,
            line.c.monday_subitem_id.label("queued_subitem_id"),
            line.c.parent_item_id.label("queued_parent_id"),
            m.c.sync_state.label("line_state"),
            m.c.monday_subitem_id.label("line_subitem_id"),
            m.c.parent_item_id.label("line_parent_id"),
            o.c[ORDER_NUMBER].label("order_number"),
            o.c.sync_state.label("order_state"),
            *(o.c[source] for source in sources),
        )
        return [row for keys in chunks(delta_uuids) for row in self._lines(line.c.delta_uuid.in_(keys), more=states)]

    def _lines(
        self,
        where: sa.ColumnElement[bool],
        *names: str,
        more: Iterable[sa.ColumnElement[Any]] = (),
        by: sa.ColumnElement[Any] | None = None,
        on_record: bool = False,
    ) -> list[Row]:
        line, o, m = self.tables.line_queue, self.tables.orders, self.tables.order_lines
        synced = synced_lines(line, where)
        rows = line.outerjoin(o, o.c.record_uuid == line.c.record_uuid).outerjoin(m, _same_line(line, m))
        if not names or "outdated" in names:
            keys = (line.c.record_uuid, line.c.line_uuid)
            rows = rows.outerjoin(synced, sa.and_(*(uuid_key(key) == synced.c[f"{key.name}_key"] for key in keys)))
        if on_record:
            rows = rows.outerjoin(self.tables.subitems, self.tables.subitems.c.line_uuid == line.c.line_uuid)
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
                created(line),
                *says(self.tables, line, synced.c.newest > moment(line)),
                sa.case((m.c.line_uuid.is_(None), 0), else_=1).label("has_line"),
                *more,
            )
            .select_from(rows)
            .where(where)
            .order_by(line.c.record_uuid if by is None else by, line.c.created_at, line.c.delta_uuid)
        )
        if names:
            query = query.with_only_columns(*(query.selected_columns[name] for name in names))
        if on_record:
            own = line.c.monday_subitem_id.label("queued_subitem_id")
            query = query.add_columns(own, *on_record_columns(self.tables.subitems))
        return self.database.rows(query)


def _same_line(line: sa.Table, of_main: sa.Table) -> sa.ColumnElement[bool]:
    """A line that the main table has under another order is not this one."""
    return sa.and_(of_main.c.line_uuid == line.c.line_uuid, of_main.c.record_uuid == line.c.record_uuid)


def _in_order(headers: Iterable[Row]) -> list[Row]:
    """Headers, the oldest first, in the order to send: a customer's together, however the database sorts text."""
    return sorted(headers, key=lambda row: customer_key(row[CUSTOMER]))
