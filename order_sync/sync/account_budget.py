"""The complexity budget of an account in ORDER_SYNC_BUDGETS: one row for all runs that share a token.

In and out as for `Budget`; this is the shared kind. Leaves the database alone until it is shared.
A run takes points from the row for several small requests at once and keeps what answers say until it takes more, so
most requests do without the database. What it has not written counts as spent: other runs wait rather than overdraw.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from random import SystemRandom
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_sync.database.connection import WritableDatabase, in_transaction
from order_sync.database.tables import Tables
from order_sync.database.writes import lost
from order_sync.monday.budget import (
    NOTHING,
    UNKNOWN_QUOTA,
    UNREPORTED_SECONDS,
    Budget,
    Grant,
    Reported,
    Window,
    begun,
    reserve,
    settle,
)

AHEAD = 0.05  # of a minute's points: what a run takes beyond a smaller request; another run may lack it meanwhile
KEPT = 0.01  # of a minute's points: for what a run asks at its end; the rest of them is not returned
NEWS_SECONDS = 10.0  # by which a minute ends sooner than its row says

randrange = SystemRandom().randrange

Answer = tuple[Grant, float, Reported | None, float]  # of a request: its grant, its cost, the reported budget, and when


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
        self._ahead = NOTHING  # points taken from the row and not yet given to a request
        self._answers: list[Answer] = []  # which the row does not know yet
        self._row: Any = None  # as this run has written it last
        self._any_taken = False  # points for a request
        self._is_winding_down = False  # what is not written is not worth a transaction

    def share(self) -> None:
        self._shared = True

    def reserve(self, each: float, rows: int, quota: float, *, whole: bool = False) -> Grant:
        if not self._shared:
            return super().reserve(each, rows, quota, whole=whole)
        with self._lock:
            self._any_taken = True
            if grant := self._given(each, rows):
                return grant
            answers, self._is_winding_down = self._take_answers(), False
        grant = ahead = NOTHING

        def take(window: Window | None) -> Window:
            nonlocal grant, ahead
            window, grant = reserve(_settled(window, answers, self._now()), each, rows, quota, whole=whole)
            window, ahead = _taken_ahead(window, quota * AHEAD - grant.points if grant.rows else 0.0, quota)
            return window

        self._change(take)
        with self._lock:
            self._answers = [*self._take_ahead(), *self._answers]  # another thread may have taken some meanwhile
            self._ahead = ahead
        return grant

    def settle(self, grant: Grant, cost: float, reported: Reported | None) -> None:
        if not self._shared:
            super().settle(grant, cost, reported)
            return
        with self._lock:
            self._answers.append((grant, cost, reported, self._now()))
            known = self._current()
        if reported and (
            known is None or reported.left < known.left or reported.ends_in < known.ends_in - NEWS_SECONDS
        ):
            with self._lock:
                answers = self._take_answers()
            self._write(answers)  # every run should know at once

    def take_ahead(self, quota: float) -> None:
        """Rolled back and done again, it begins anew; where the account has no row yet, the first request adds it."""
        if self._any_taken or not self._shared or quota >= UNKNOWN_QUOTA:
            return

        def take(window: Window | None) -> Window | None:
            if window is None:
                return None
            window, self._ahead = _taken_ahead(begun(window, quota), quota * AHEAD, quota)
            return window

        self._change(take)

    def wind_down(self, quota: float) -> None:
        with self._lock:
            ahead = self._ahead
            kept = min(ahead.points, float(int(quota * KEPT))) if quota < UNKNOWN_QUOTA else 0.0
            self._ahead = replace(ahead, points=ahead.points - kept)
            answers = self._take_answers()
            self._ahead, self._is_winding_down = replace(ahead, points=kept), True
        self._write(answers, is_last=True)

    def close(self) -> None:
        with self._lock:
            answers = [] if self._is_winding_down else self._take_answers()
        self._write(answers)

    def _write(self, answers: Sequence[Answer], *, is_last: bool = False) -> None:
        if answers:
            self._change(lambda window: _settled(window, answers, self._now()), is_last=is_last)

    def _given(self, each: float, rows: int) -> Grant | None:
        """A grant from the points taken ahead, if they suffice and their minute has not ended."""
        points, window = float(ceil(each * rows)), self._current()
        if window is None or window.ends_in <= 0 or points > self._ahead.points:
            return None
        grant = replace(self._ahead, rows=rows, points=points, others=self._ahead.others - points)
        self._ahead = replace(self._ahead, points=self._ahead.points - points)
        return grant

    def _take_answers(self) -> list[Answer]:
        """What the row is to know: what was taken ahead and not needed, and then the answers so far."""
        answers, self._answers = [*self._take_ahead(), *self._answers], []
        return answers

    def _take_ahead(self) -> list[Answer]:
        ahead, self._ahead = self._ahead, NOTHING
        return [(replace(ahead, rows=1), 0.0, None, self._now())] if ahead.points else []

    def _change(self, change: Callable[[Window | None], Window | None], *, is_last: bool = False) -> None:
        while True:
            try:
                return self._changed(change, is_last)
            except IntegrityError:
                continue  # another run added the account's row at the same moment

    @in_transaction
    def _changed(
        self, connection: sa.Connection, change: Callable[[Window | None], Window | None], is_last: bool
    ) -> None:
        """Conditional on the row as this run has written it last, or else as it is now.

        What `is_last` is not read back: it only returns points, and where it is lost they count as spent.
        """
        budgets = self._tables.budgets
        mine = budgets.c.account == self._account
        now = self._database.now(connection)
        row, is_read = self._row, False
        while True:
            if row is None and not is_read:
                row, is_read = self._read(connection), True
            known = self._window_of(row, now)
            window = change(known)
            with self._lock:
                self._keep(window)
            if window is None or (window == known and not (row and self._is_endless(row, now))):
                if is_read:
                    return
                row = None
                continue
            values = self._values(window, now)
            if row is None:
                connection.execute(sa.insert(budgets).values(account=self._account, **values))
            else:
                as_known = sa.update(budgets).where(mine, budgets.c.revision == row.revision)
                if connection.execute(as_known.values(values)).rowcount == 1 and is_last:
                    self._row = None
                    return
            kept = self._read(connection)
            if kept is not None and kept.revision == values["revision"]:
                self._row = kept
                return
            if kept is None or (row is not None and kept.revision == row.revision):
                self._row = None
                raise lost("the account's budget had not been changed")
            row, is_read = kept, True  # another run was faster

    def _read(self, connection: sa.Connection) -> Any:
        budgets = self._tables.budgets
        return connection.execute(sa.select(budgets).where(budgets.c.account == self._account)).first()

    def _window_of(self, row: Any, now: datetime) -> Window | None:
        if row is None:
            return None
        return Window(
            left=float(row.points_left),
            ends_in=min(self._ends_in(row, now), UNREPORTED_SECONDS),
            in_flight=float(row.points_in_flight),
            taken=float(row.points_taken),
            before=float(row.points_before),
        )

    def _ends_in(self, row: Any, now: datetime) -> float:
        return float((row.ends_at - now).total_seconds() * self._clock_speed)

    def _is_endless(self, row: Any, now: datetime) -> bool:
        """The clock has been set back since."""
        return self._ends_in(row, now) > UNREPORTED_SECONDS

    def _values(self, window: Window, now: datetime) -> dict[str, Any]:
        return {
            "points_left": int(window.left),
            "points_in_flight": int(window.in_flight),
            "points_taken": int(window.taken),
            "points_before": int(window.before),
            "ends_at": now + timedelta(seconds=window.ends_in / self._clock_speed),
            # Not the next number: two runs that change the same row at once must not take each other's for their own.
            "revision": randrange(2**30),
        }


def _settled(window: Window | None, answers: Sequence[Answer], now: float) -> Window | None:
    """The window after these answers, each with the time at which it came."""
    for grant, cost, reported, at in answers:
        if reported is not None:
            reported = replace(reported, ends_in=reported.ends_in - (now - at), sent_ago=reported.sent_ago + (now - at))
        window = settle(window, grant, cost, reported if reported and reported.ends_in > 0 else None)
    return window


def _taken_ahead(window: Window, points: float, quota: float) -> tuple[Window, Grant]:
    """The window without `points` (or all it has), and a grant for them; none if the quota is unknown."""
    points = float(int(min(points, window.left)))
    if points <= 0 or quota >= UNKNOWN_QUOTA:
        return window, NOTHING
    window = window.reserving(points)
    return window, Grant(rows=0, points=points, others=window.in_flight, taken=window.taken)
