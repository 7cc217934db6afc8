"""What a run may claim at one moment: the conditions on rows, and the queries made of them.

In: the tables, the moment before which a lease has expired, and the runs that have ended. Out: SQL, nothing else.
Reads and writes nothing itself: the claim and the look at what waits share these conditions, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import alias
from order_sync.database.conditions import (
    blocks_its_order,
    created,
    has_known_action,
    has_no_order,
    in_states,
    is_claimed,
    is_delete,
    is_superseded,
    same_order,
    state_of,
    unsynced,
)
from order_sync.database.guid import uuid_key
from order_sync.database.tables import Tables
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.orders.states import State


@dataclass(frozen=True, kw_only=True)
class Claimable:
    """What is free at one moment."""

    tables: Tables
    expired: datetime  # a lease that was last renewed before this has expired
    latest: datetime  # one from after this is none: it would outlast the longest that a lease can be good for
    over: tuple[str, ...] = ()  # runs that have ended: what they hold is free

    def headers(self) -> sa.Select[Any]:
        """Headers as delta_uuid, record_uuid, customer, order_number, created_at; unordered."""
        h, blocked = self.tables.header_queue, self._blocked(also=self.is_leased)
        return (
            sa.select(
                h.c.delta_uuid,
                h.c.record_uuid,
                h.c[CUSTOMER].label("customer"),
                h.c[ORDER_NUMBER].label("order_number"),
                created(h),
            )
            .select_from(h.outerjoin(blocked, _is_of(blocked, h)))
            .where(unsynced(h), self.header(), ~has_no_order(h), blocked.c.record_key.is_(None))
        )

    def lines(self) -> sa.Select[Any]:
        """Lines as delta_uuid, line_uuid, record_uuid, customer, created_at, late (0 or 1); unordered."""
        line, o, blocked = self.tables.line_queue, self.tables.orders, self._blocked()
        return (
            sa.select(
                line.c.delta_uuid,
                line.c.line_uuid,
                line.c.record_uuid,
                o.c[CUSTOMER].label("customer"),
                created(line),
                sa.case((self.has_header(line), 0), else_=1).label("late"),
            )
            .select_from(line.outerjoin(o, same_order(o, line)).outerjoin(blocked, _is_of(blocked, line)))
            .where(
                unsynced(line),
                self.line(),
                ~has_no_order(line),
                blocked.c.record_key.is_(None),
                # A line whose order is not on the board and has no header waiting has nowhere to go, unless to go away.
                sa.or_(self.has_header(line), o.c.monday_item_id.is_not(None), is_delete(line)),
            )
        )

    def late_lines(self) -> sa.Select[Any]:
        """Those of the lines that no header of their order will bring along."""
        return self.lines().where(~self.has_header(self.tables.line_queue))

    def header(self) -> sa.ColumnElement[bool]:
        """The header itself is free, even if something holds its order."""
        return self._is_free(self.tables.header_queue)

    def line(self) -> sa.ColumnElement[bool]:
        """The line itself is free. Lines start as PENDING; a site that writes NEW means the same."""
        return self._is_free(self.tables.line_queue)

    def has_header(self, row: sa.FromClause) -> sa.ColumnElement[bool]:
        """A header of the row's order waits, or was rejected."""
        header = alias(self.tables.header_queue, "of_order")
        return sa.exists().where(same_order(header, row), in_states(header, State.NEW, State.PENDING, State.ERROR))

    def is_leased(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """A run that has not ended holds the row, and its lease is good."""
        return sa.and_(
            is_claimed(table),
            table.c.sync_run_id.not_in(self.over),
            table.c.sync_attempted_at.between(self.expired, self.latest),
        )

    def _is_free(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """NEW, or PENDING and nobody's: never leased, released, its run has ended, or the lease has expired.

        Or ERROR, where a newer row of the same waits: the older one is taken up with it, and shares its outcome.
        """
        superseded = sa.case((self._is_superseded(table), 1), else_=0)
        return sa.and_(
            has_known_action(table),
            sa.or_(
                state_of(table) == State.NEW,
                sa.and_(
                    state_of(table) == State.PENDING,
                    sa.or_(
                        table.c.sync_run_id.is_(None),
                        table.c.sync_attempted_at.is_(None),
                        table.c.sync_attempted_at < self.expired,
                        table.c.sync_attempted_at > self.latest,
                        table.c.sync_run_id.in_(self.over),
                    ),
                ),
                sa.case((state_of(table) == State.ERROR, superseded), else_=0) == 1,
            ),
        )

    def _is_superseded(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return is_superseded(table, self.tables.header_queue)

    def _blocks(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return blocks_its_order(table, self.tables.header_queue)

    def _blocked(self, also: Callable[[sa.FromClause], sa.ColumnElement[bool]] | None = None) -> sa.Subquery:
        """The orders that a row of theirs holds back, by record_key: of a header also those that a run has rows of.

        Joined, and so found once: asked of each row, a large order would read all its rows as many times as it has
        rows, and many waiting orders all rows that a run holds. No NOT IN, which one NULL would empty.
        """
        queues = [alias(table, "blocking") for table in (self.tables.header_queue, self.tables.line_queue)]
        kinds = [self._blocks, also] if also else [self._blocks]
        return sa.union(
            *(
                sa.select(uuid_key(queue.c.record_uuid).label("record_key")).where(holds(queue))
                for holds in kinds
                for queue in queues
            )
        ).subquery("blocked")


def _is_of(blocked: sa.Subquery, row: sa.FromClause) -> sa.ColumnElement[bool]:
    return uuid_key(row.c.record_uuid) == blocked.c.record_key
