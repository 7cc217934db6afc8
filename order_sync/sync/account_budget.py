"""The complexity budget of an account in ORDER_SYNC_BUDGETS: one row for all runs that share a token.

In and out as for `Budget`, of which this is the shared kind. Leaves the database alone until it is shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_sync.database.connection import WritableDatabase, in_transaction
from order_sync.database.tables import Tables
from order_sync.database.writes import lost
from order_sync.monday.budget import NOTHING, UNTOLD_SECONDS, Budget, Leave, Told, Window, reserve, settle


class AccountBudget(Budget):
    """The budget of an account, kept in ORDER_SYNC_BUDGETS for every run that uses the same token.

    Until it is shared it leaves the database alone: a run first asks monday whether it may run at all.
    """

    def __init__(
        self,
        database: WritableDatabase,
        tables: Tables,
        *,
        account: str,
        clock_speed: float = 1.0,
    ) -> None:
        """`clock_speed`: how many of monday's seconds pass in one of the database's."""
        super().__init__(lambda: time.monotonic() * clock_speed)
        self._database = database
        self._tables = tables
        self._account = account
        self._clock_speed = clock_speed
        self._shared = False

    def share(self) -> None:
        self._shared = True

    def reserve(self, each: float, rows: int, quota: float, *, whole: bool = False) -> Leave:
        if not self._shared:
            return super().reserve(each, rows, quota, whole=whole)
        leave = NOTHING

        def take(window: Window | None) -> Window | None:
            nonlocal leave
            window, leave = reserve(window, each, rows, quota, whole=whole)
            return window

        self._change(take)
        return leave

    def settle(self, leave: Leave, cost: float, told: Told | None) -> None:
        if self._shared:
            self._change(lambda window: settle(window, leave, cost, told))
        else:
            super().settle(leave, cost, told)

    def _change(self, change: Callable[[Window | None], Window | None]) -> None:
        while True:
            try:
                return self._changed(change)
            except IntegrityError:
                continue  # another run added the account's row at the same moment

    @in_transaction
    def _changed(self, connection: sa.Connection, change: Callable[[Window | None], Window | None]) -> None:
        budgets = self._tables.budgets
        mine = budgets.c.account == self._account
        # Written before it is read: from here on the row is locked, and what is read of it stays true to the end.
        connection.execute(sa.update(budgets).where(mine).values(revision=budgets.c.revision + 1))
        now = self._database.now(connection)
        row = connection.execute(sa.select(budgets).where(mine)).first()
        known, is_endless = None, False
        if row is not None:
            ends_in = (row.ends_at - now).total_seconds() * self._clock_speed
            is_endless = ends_in > UNTOLD_SECONDS  # the clock has been set back since
            known = Window(
                left=float(row.points_left),
                ends_in=min(ends_in, UNTOLD_SECONDS),
                in_flight=float(row.points_in_flight),
                taken=float(row.points_taken),
                before=float(row.points_before),
            )
        window = change(known)
        with self._lock:
            self._keep(window)
        if window is None or (window == known and not is_endless):
            return
        values = {
            "points_left": int(window.left),
            "points_in_flight": int(window.in_flight),
            "points_taken": int(window.taken),
            "points_before": int(window.before),
            "ends_at": now + timedelta(seconds=window.ends_in / self._clock_speed),
        }
        if row is None:
            connection.execute(sa.insert(budgets).values(account=self._account, revision=1, **values))
            return
        connection.execute(sa.update(budgets).where(mine).values(**values))
        kept = connection.execute(sa.select(budgets.c.revision, budgets.c.points_left).where(mine)).one()
        if (kept.revision, kept.points_left) != (row.revision, values["points_left"]):
            raise lost("another run had changed the account's budget")
