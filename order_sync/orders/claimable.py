"""What a run may claim at one moment: the conditions on rows, and the queries made of them.

In: the tables, the moment before which a lease has expired, and the runs that have ended. Out: SQL, nothing else.
Reads and writes nothing itself: the claim and the look at what waits share these conditions, so they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.orders.tables import CUSTOMER, ORDER_NUMBER, Action, State, Tables


@dataclass(frozen=True, kw_only=True)
class Claimable:
    """What is free at one moment."""

    tables: Tables
    expired: datetime  # a lease that was last renewed before this has expired
    over: tuple[str, ...] = ()  # runs that have ended: what they hold is free

    def headers(self) -> sa.Select[Any]:
        """Headers as delta_uuid, record_uuid, customer, order_number, created_at; unordered."""
        h = self.tables.header_queue
        return sa.select(
            h.c.delta_uuid,
            h.c.record_uuid,
            h.c[CUSTOMER].label("customer"),
            h.c[ORDER_NUMBER].label("order_number"),
            created(h),
        ).where(
            self.header(),
            h.c.record_uuid.not_in(self._blocked_records()),
            h.c.record_uuid.not_in(self._held_records()),
        )

    def lines(self) -> sa.Select[Any]:
        """Lines as delta_uuid, line_uuid, record_uuid, customer, created_at, late (0 or 1); unordered."""
        h, line, o = self.tables.header_queue, self.tables.line_queue, self.tables.orders
        waiting = sa.select(h.c.record_uuid).where(
            h.c.action_type == Action.INSERT, h.c.sync_state.in_([State.NEW, State.PENDING, State.ERROR])
        )
        return (
            sa.select(
                line.c.delta_uuid,
                line.c.line_uuid,
                line.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                created(line),
                sa.case((line.c.record_uuid.in_(waiting), 0), else_=1).label("late"),
            )
            .select_from(line.outerjoin(o, o.c.record_uuid == line.c.record_uuid))
            .where(
                self.line(),
                line.c.record_uuid.not_in(self._blocked_records()),
                # A line whose order never was on the board and has no header waiting has nowhere to go yet.
                sa.or_(line.c.record_uuid.in_(waiting), o.c.monday_item_id.is_not(None)),
            )
        )

    def header(self) -> sa.ColumnElement[bool]:
        """The header itself is free, whatever may hold its order."""
        return self._row(self.tables.header_queue)

    def line(self) -> sa.ColumnElement[bool]:
        """The line itself is free. Lines start as PENDING; a site that writes NEW means the same."""
        return self._row(self.tables.line_queue)

    def _row(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.and_(
            table.c.action_type == Action.INSERT,
            sa.or_(table.c.sync_state == State.NEW, self._nobodys(table)),
        )

    def _nobodys(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """PENDING and nobody's: never leased, released, its run has ended, or the lease has expired."""
        return sa.and_(
            table.c.sync_state == State.PENDING,
            sa.or_(
                table.c.sync_run_id.is_(None),
                table.c.sync_attempted_at.is_(None),
                table.c.sync_attempted_at < self.expired,
                table.c.sync_run_id.in_(self.over),
            ),
        )

    def _blocked_records(self) -> sa.CompoundSelect[Any]:
        h, line = self.tables.header_queue, self.tables.line_queue
        return sa.union_all(
            sa.select(h.c.record_uuid).where(h.c.sync_state == State.ERROR, h.c.action_type == Action.INSERT),
            sa.select(line.c.record_uuid).where(line.c.sync_state == State.ERROR, line.c.action_type == Action.INSERT),
        )

    def _held_records(self) -> sa.Select[Any]:
        h = self.tables.header_queue
        return sa.select(h.c.record_uuid).where(
            h.c.sync_state == State.PENDING,
            h.c.sync_run_id.is_not(None),
            h.c.sync_run_id.not_in(self.over),
            h.c.sync_attempted_at >= self.expired,
        )


def created(table: sa.Table) -> sa.Label[datetime]:
    """created_at, which a site may have left empty: such rows are the oldest."""
    return sa.func.coalesce(table.c.created_at, sa.literal(datetime(1900, 1, 1), table.c.created_at.type)).label(
        "created_at"
    )
