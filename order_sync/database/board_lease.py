"""The lease on a board: one run writes to a board at a time.

In: a board and the run that wants it. Out: its row in ORDER_SYNC_BOARDS, taken, renewed and released.
Never takes a board from a run that may be alive: only a free, an expired or an ended run's lease changes hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from threading import local
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_sync.database import uptime
from order_sync.database.connection import WritableDatabase, in_transaction
from order_sync.database.tables import Tables
from order_sync.database.writes import lost
from order_sync.orders.errors import LeaseLost

NOTHING: Mapping[str, str] = MappingProxyType({})
ARRIVAL_SECONDS = 15.0  # of a lease, left for a request to arrive; of a short lease a quarter


@dataclass(eq=False)
class BoardLease:
    """One board, as one run holds it or would like to."""

    _database: WritableDatabase
    _tables: Tables
    _: KW_ONLY
    board_id: int
    run_id: str
    lease_seconds: float
    is_over: Callable[[str], bool] = lambda run_id: False
    # Another run's lease, as it was when we looked last.
    _seen: tuple[str, datetime] | None = field(default=None, init=False)
    _seen_since: float = field(default=0.0, init=False)
    _renewals: local = field(default_factory=local, init=False)  # of each thread, the latest

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @contextmanager
    def holding_board(
        self, on_wait: Callable[[str], None] = lambda holder: None, *, name: str | None = None, url: str | None = None
    ) -> Iterator[None]:
        """Holds the board for this run as long as the block lasts; see `take`."""
        self.take(on_wait, name=name, url=url)
        try:
            yield
        finally:
            self.release()

    def take(
        self,
        on_wait: Callable[[str], None] = lambda holder: None,
        *,
        name: str | None = None,
        url: str | None = None,
        look: Callable[[], None] | None = None,
    ) -> None:
        """Takes the board for this run, waiting until its present holder releases it, dies or expires.

        `on_wait` is called with the holder's run id about once a second. `name` and `url` are monday's, kept for links.
        `look` reads in the same transaction, once the board is the run's: what earlier holders did is committed then.
        """
        reported = {column: value for column, value in (("name", name), ("url", url)) if value}
        while holder := self._holder(reported, look):
            on_wait(holder)
            sleep(1.0)

    def _holder(self, reported: Mapping[str, str] = NOTHING, look: Callable[[], None] | None = None) -> str | None:
        try:
            return self._try_board(reported, look)
        except IntegrityError:
            return "another run"  # which added the board's row at the same moment

    @in_transaction
    def _try_board(
        self, connection: sa.Connection, reported: Mapping[str, str] = NOTHING, look: Callable[[], None] | None = None
    ) -> str | None:
        holder = self._tried(connection, reported)
        if holder is None and look is not None:
            self._database.within(connection, look)
        return holder

    def _tried(self, connection: sa.Connection, reported: Mapping[str, str]) -> str | None:
        """None if this run now holds the board, else the run that holds it. `reported`: its name and URL."""
        boards = self._tables.boards
        now = self._database.now(connection)
        taken = {"run_id": self.run_id, "leased_until": now + self._lease, **reported}
        free = sa.or_(boards.c.run_id.is_(None), boards.c.run_id == self.run_id, boards.c.leased_until <= now)
        before = self._take(connection, free, taken)
        if before is None:
            connection.execute(sa.insert(boards).values(board_id=self.board_id))
        elif before.run_id == self.run_id:
            return None
        elif self._is_held_by_another(before.run_id, before.leased_until, now):
            return str(before.run_id)
        # Conditional on what was read: two runs may have read the same board of a run that has ended.
        seen = before.run_id if before else None
        after = self._take(connection, boards.c.run_id == seen if seen else boards.c.run_id.is_(None), taken)
        if after is None or after.run_id == seen:
            raise lost(f"board {self.board_id} had no lease")
        return None if after.run_id == self.run_id else str(after.run_id)

    def _take(self, connection: sa.Connection, free: sa.ColumnElement[bool], taken: Mapping[str, Any]) -> Any:
        """Takes the board if it is free; returns who then holds it, and until when. None if it has no row yet."""
        boards = self._tables.boards
        here = boards.c.board_id == self.board_id
        connection.execute(sa.update(boards).where(here, free).values(taken))
        return connection.execute(sa.select(boards.c.run_id, boards.c.leased_until).where(here)).first()

    def _is_held_by_another(self, run_id: str | None, leased_until: datetime | None, now: datetime) -> bool:
        if run_id is None or leased_until is None or leased_until <= now or self.is_over(run_id):
            return False
        return not self._has_run_out(run_id, leased_until)

    def _has_run_out(self, run_id: str, leased_until: datetime) -> bool:
        """Whether its holder has not renewed the lease for as long as one lasts, by our own clock.

        The database's may have been set back since: then the lease seems to last for hours.
        """
        if self._seen != (run_id, leased_until):
            self._seen, self._seen_since = (run_id, leased_until), monotonic()
        return monotonic() - self._seen_since >= self.lease_seconds

    @in_transaction
    def release(self, connection: sa.Connection) -> None:
        """Lets other runs have the board; without effect if another one has it already."""
        boards = self._tables.boards
        connection.execute(
            sa.update(boards)
            .where(boards.c.board_id == self.board_id, boards.c.run_id == self.run_id)
            .values(run_id=sa.null(), leased_until=sa.null())
        )

    @in_transaction
    def renew(self, connection: sa.Connection) -> None:
        """Keeps the board for another lease time; raises LeaseLost if another run has taken it."""
        self._renew(connection)

    def _renew(self, connection: sa.Connection) -> datetime:
        now = self._extend(connection)
        boards = self._tables.boards
        here = boards.c.board_id == self.board_id
        kept = connection.execute(sa.select(boards.c.run_id, boards.c.leased_until).where(here)).first()
        self._expect_lease(kept, now)
        return now

    def expect_time_left(self) -> None:
        """Raises LeaseLost if the lease that this thread has renewed may have passed: nothing must be sent then.

        Asks no database: it is meant for the last moment before a request leaves. Measured from before the renewal was
        sent. Each thread answers for its own: that of another one may not be committed yet.
        """
        passed = uptime.now() - getattr(self._renewals, "began", float("-inf"))
        if passed > self.lease_seconds - min(ARRIVAL_SECONDS, self.lease_seconds / 4):
            raise LeaseLost(
                f"Run {self.run_id} was about to send a request to board {self.board_id} {passed:.0f} s after it had "
                f"renewed its lease, which lasts {self.lease_seconds:.0f} s: its process was stopped, or its machine "
                "asleep. Nothing was sent, and nothing is lost: another run may have done the work meanwhile. Start a "
                "new run for what still waits."
            )

    def _extend(self, connection: sa.Connection) -> datetime:
        """Extends the lease, if it is this run's; `_expect_lease` has to see that before the transaction ends."""
        boards = self._tables.boards
        self._renewals.began = uptime.now()
        now = self._database.now(connection)
        connection.execute(
            sa.update(boards)
            .where(boards.c.board_id == self.board_id, boards.c.run_id == self.run_id)
            .values(leased_until=now + self._lease)
        )
        return now

    def _expect_lease(self, kept: Sequence[Any] | None, now: datetime) -> None:
        """`kept` begins with the holder and the end of its lease."""
        if self._expect_holder(kept)[1] <= now:
            raise lost(f"the lease on board {self.board_id} was not renewed")

    def _expect_holder(self, kept: Sequence[Any] | None) -> Sequence[Any]:
        if kept is None or kept[0] != self.run_id:
            raise LeaseLost(
                f"Run {self.run_id} has lost the lease on board {self.board_id} to another run. Nothing is lost: that "
                "run, or the next one, resolves the requests in flight. Let it finish, then start a new run."
            )
        return kept
