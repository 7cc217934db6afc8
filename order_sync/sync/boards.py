"""The boards of one run: opened once, and held by their leases from the first step that has rows for them to the last.

In: a client, and how to open a board's journal. Out: `BoardWork` on a board that the run holds and on which nothing is
in doubt. Never waits for a board while it holds another one: the run that has it may be waiting for ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from order_sync.database import uptime
from order_sync.database.claims import OrderQueue
from order_sync.database.connection import WritableDatabase
from order_sync.database.entries import Unsettled, known_groups
from order_sync.database.journal import Journal
from order_sync.monday.board import Board, check_mapping
from order_sync.monday.client import MondayClient
from order_sync.orders.errors import BoardRefused, ConfigurationError
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import TextKey
from order_sync.sync.board_work import BoardWork
from order_sync.sync.delivery import Manner
from order_sync.sync.facts import Group, Site, groups_of, read_sites
from order_sync.sync.known import Known
from order_sync.sync.plan_file import AGAIN, PlanChanged
from order_sync.sync.rows import Row
from order_sync.sync.twins import Found
from order_sync.sync.writer import BoardWriter
from order_sync.text.counted import counted

T = TypeVar("T")

log = logging.getLogger("order_sync.monday")

NOTED_SECONDS = 30  # between two lines that say that the run waits for a board


@dataclass
class _Hold:
    """A board that the run holds."""

    journal: Journal
    renewed_at: float
    known: Known
    looked: bool = False  # what is in doubt has been asked for since

    @property
    def is_fresh(self) -> bool:
        """Most of the lease is left: it need not be renewed yet."""
        return uptime.now() - self.renewed_at <= self.journal.lease_seconds / 3


@dataclass(eq=False, kw_only=True)
class Boards:
    """What a run knows of its boards, and which of them it holds."""

    client: MondayClient
    queue: OrderQueue
    run_id: str
    mapping: ColumnMapping
    manner: Manner
    journal: Callable[[int], Journal]  # of a board
    unsettled: Callable[[], Unsettled]
    exact: bool = False  # the run follows a plan: what other runs have left is not its business
    sites: dict[int, Site] = field(default_factory=dict)
    twins: Found = field(default_factory=Found)  # those that were found and not yet reported
    recovered: int = 0  # rows that an earlier run had sent, and which are on the board
    _held: dict[int, _Hold] = field(default_factory=dict)
    _looked: set[int] = field(default_factory=set)  # boards that were looked at for twins
    _found: Unsettled = field(default_factory=Unsettled)  # at the beginning of the step
    _rows_renewed_at: float = field(default_factory=uptime.now)

    def open(self, board_ids: Sequence[int]) -> None:
        """Reads the boards, and checks them against the mapping. Raises BoardRefused if it may read none of them."""
        self.sites = _open_sites(self.client, board_ids)
        for site in self.sites.values():
            check_mapping(site.board, site.subitems, self.mapping)

    def groups(self, board_id: int) -> dict[TextKey, Group]:
        site = self.sites[board_id]
        if site.groups is not None:
            return site.groups
        return groups_of(site.board, known_groups(self.queue.database, self.queue.tables, board_id))

    def begin_step(self, rows: Sequence[Row], busy: Collection[int]) -> dict[str, str]:
        """Looks for requests in doubt; returns the rows that must wait, with the reason.

        Those on boards that are not `busy` in this step are resolved now. A rule may have changed since: an order that
        an earlier run sent to another board must not be sent twice.
        """
        first = next((board_id for board_id in self.sites if board_id in busy), None)
        before = self._held.get(first) if first is not None else None
        # Taken before the look, which then says what is in doubt there, too.
        held = self._hold(first, ahead=True) if first is not None else None
        if held is None or not held.looked or (held is before and any(row.get("late") for row in rows)):
            # But once for whole orders: the run has held them, and the board, since before the last look.
            self._look()
        if not self.exact and self._resolve_elsewhere(busy):
            self._look()
            self._forget()
        boards = {row["delta_uuid"]: row["board_id"] for row in rows if "delta_uuid" in row}
        return {
            key: f"a request to board {board_id} that may have created it is still in doubt"
            for board_id in sorted(self._found.open)
            if set(boards.values()) - {board_id}
            for entry in self.journal(board_id).in_doubt()
            for key in entry.keys
            if boards.get(key, board_id) != board_id
        }

    def _look(self) -> None:
        self._found = self.unsettled()
        for hold in self._held.values():
            hold.looked = True

    def _resolve_elsewhere(self, busy: Collection[int]) -> bool:
        """Whether there was any board with something to resolve."""
        there = ((self._found.watched - self._looked) | self._found.doubtful) - set(busy)
        for board_id in sorted(there):
            try:
                with self.holding(board_id):
                    pass
            except BoardRefused as error:
                self._looked.add(board_id)
                log.warning("requests to board %d are in doubt and cannot be looked up: %s", board_id, error)
        return bool(there)

    @contextmanager
    def holding(self, board_id: int) -> Iterator[BoardWork]:
        """The work on the board, held by the run; released after an error, so that the next holder looks again."""
        site = self._site(board_id)
        try:
            hold = self._hold(board_id)
            if not self._are_rows_fresh:
                self._forget()
            journal = hold.journal
            writer = BoardWriter(self.client, journal, self.mapping, self.manner, site.board.labels)
            self._check_settled(journal, board_id) if self.exact else self._settle(hold, writer, board_id)
            known = hold.known
            yield BoardWork(self.client, site, journal=journal, writer=writer, mapping=self.mapping, known=known)
        except BaseException:
            self._release(board_id)
            raise

    def _settle(self, hold: _Hold, writer: BoardWriter, board_id: int) -> None:
        """Archives the twins of earlier runs, and finds the outcome of their requests."""
        if board_id not in self._looked:
            self._looked.add(board_id)
            self.twins.add(writer.twins.look() if board_id in self._found.watched else Found())
        if (not hold.looked or board_id in self._found.open) and (resolved := writer.recover()):
            hold.known.forget()
            self.recovered += writer.recovered
            log.info("resolved %s that an earlier run left in doubt", counted(resolved, "request"))

    def _check_settled(self, journal: Journal, board_id: int) -> None:
        """Raises PlanChanged if a request is in doubt: to find its outcome may take writes that no plan names."""
        if in_doubt := len(journal.in_doubt()):
            raise PlanChanged(
                f"{counted(in_doubt, 'request')} to board {board_id} got no answer, and the plan does not say what "
                f"became of it. Nothing of this step was sent. Run order-sync sync, which finds out. Then: {AGAIN}"
            )

    def read_ahead(self) -> None:
        """Reads the lines that the run holds, for the next step, in the transaction of the caller."""
        if len(self._held) == 1 and self._may_read_ahead:
            next(iter(self._held.values())).known.read_ahead(lines=True)

    @property
    def _may_read_ahead(self) -> bool:
        """Whether only the holder of the one board there is can change what the tables have of the run's rows.

        That is so as long as no request is open anywhere, which somebody might close, and no twin may turn up. A board
        that is taken again is known afresh.
        """
        return len(self.sites) == 1 and not (self._found.open or self._found.watched)

    def _hold(self, board_id: int, *, ahead: bool = False) -> _Hold:
        """The board, held by this run. `ahead`: the transaction that takes it also reads what the steps ask for."""
        hold = self._held.get(board_id)
        return hold if hold and hold.is_fresh else self._take(board_id, self._site(board_id).board, ahead)

    def _take(self, board_id: int, board: Board, ahead: bool) -> _Hold:
        journal, noted_at = self.journal(board_id), float("-inf")
        known = Known(self.queue, self.run_id, board_id)

        def waiting(holder: str) -> None:
            nonlocal noted_at
            self.release()
            self.heartbeat()
            if monotonic() - noted_at > NOTED_SECONDS:
                noted_at = monotonic()
                log.info("board %d is held by run %s: waiting for it", board_id, holder, extra={"waits": True})

        def look() -> None:
            self._look()
            known.forget()
            if self._may_read_ahead:  # after the look: what is closed before is read
                known.read_ahead()
            self.client.pacer.take_ahead()  # last: the account's row is every run's

        journal.take(waiting, name=board.name, url=board.url, look=look if ahead else None)
        hold = self._held[board_id] = _Hold(journal, uptime.now(), known, looked=ahead)
        return hold

    @property
    def _are_rows_fresh(self) -> bool:
        """Most of the lease on the run's rows is left: no other run can have taken them over."""
        return uptime.now() - self._rows_renewed_at <= self.queue.lease.total_seconds() / 3

    def _forget(self) -> None:
        for hold in self._held.values():
            hold.known.forget()

    def heartbeat(self) -> None:
        """Renews the leases on the run's rows and on its boards, each once a third of it has passed."""
        if not self._are_rows_fresh:
            self.queue.renew(self.run_id)
            self._rows_renewed_at = uptime.now()
            self._forget()
        for hold in self._held.values():
            if not hold.is_fresh:
                hold.journal.renew()
                hold.renewed_at = uptime.now()

    def release_after(self, database: WritableDatabase, work: Callable[[], T]) -> T:
        """`work`, and then lets other runs have the boards, in one transaction."""
        held = [hold.journal for hold in self._held.values()]

        def both() -> T:
            done = work()
            for journal in held:
                journal.release()
            self.client.pacer.wind_down()  # last: the account's row is every run's
            return done

        done = database.in_one_transaction(both)
        self._held.clear()
        return done

    def release(self) -> None:
        """Lets other runs have the boards."""
        for board_id in list(self._held):
            self._release(board_id)

    def _release(self, board_id: int) -> None:
        if hold := self._held.pop(board_id, None):
            hold.journal.release()

    def _site(self, board_id: int) -> Site:
        """The board, also one that no rule names any more. Raises BoardRefused if the token does not see it."""
        if board_id not in self.sites:
            try:
                self.sites |= read_sites(self.client, [board_id])
            except ConfigurationError as error:
                raise BoardRefused(str(error)) from error
        return self.sites[board_id]


def _open_sites(client: MondayClient, board_ids: Sequence[int]) -> dict[int, Site]:
    """The boards that the token may read; raises BoardRefused if it may read none of them.

    Raises ConfigurationError for one that it does not see at all: that is a wrong id, not a missing permission.
    """
    try:
        return read_sites(client, board_ids)
    except BoardRefused as error:
        refused = error
    sites: dict[int, Site] = {}
    for board_id in board_ids if len(board_ids) > 1 else ():
        try:
            sites |= read_sites(client, [board_id])
        except BoardRefused as error:
            log.error("board %d cannot be read, its rows wait: %s", board_id, error)
    if not sites:
        raise refused
    return sites
