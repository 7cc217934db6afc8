"""One request's way to monday and back: sent until its outcome is known, even if answers are lost on the way.

In: a journal entry. Out: monday's id, or the reason of the rejection, for every key of it.
Never resends as new what may have taken effect: what is in doubt is looked up on the board first
(docs/state-machine.md).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.monday import operations, shapes
from order_sync.monday.budget import Grant
from order_sync.monday.client import BUDGET, BUDGET_SLICE_SECONDS, MondayClient
from order_sync.monday.errors import classify, is_locked, parse_errors
from order_sync.monday.lists import is_active
from order_sync.monday.transport import Reply
from order_sync.orders.errors import Fatal, Missing, NotMonday, OrderSyncError, Rejected, Transient
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.monday_faults import MondayFault
from order_sync.sync.facts import made_by
from order_sync.sync.rows import Row

T = TypeVar("T")

log = logging.getLogger("order_sync.monday")

SEARCHED = (Operation.ITEMS, Operation.IMPORT)  # looked up by a search, which may be late; all else is read directly


@dataclass(kw_only=True)
class Outcome:
    """The outcome of rows by key: monday's id, or the reason why there is none.

    `again` could not be created now and may be later; `waiting` must not be created now, and is no failure.
    `request_id` is what monday calls the request, where one answer says all of it.
    """

    created: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    again: dict[str, Transient] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    fatal: OrderSyncError | None = None
    request_id: str | None = None
    doubtful: bool = False  # it was in doubt: what was created may turn up a second time
    unanswered: bool = False  # monday left the request without an answer to the end
    adopted: int = 0
    recreated: int = 0  # created rows that had been deleted before their order was SYNCED
    # Of what was on the board already, monday's ids by key.
    changed: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    cancelled: dict[str, str] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)  # of monday's that archived some of them: each can be undone
    kept: list[Row] = field(default_factory=list)  # people's edits that stay, as a table for people
    keys_restored: int = 0  # that somebody had deleted or overwritten
    deleted: dict[str, int] = field(default_factory=dict)  # what was to be altered and is not there any more

    @property
    def altered(self) -> set[str]:
        """The rows whose item or subitem was changed, moved or cancelled."""
        return {*self.changed, *self.moved, *self.cancelled}

    def take_deleted(self, rows: Iterable[Row]) -> list[Row]:
        """Those of the rows that are `deleted`: the caller decides on them again."""
        lost = [row for row in rows if row["delta_uuid"] in self.deleted]
        for row in lost:
            self.waiting.pop(row["delta_uuid"], None)
        self.deleted = {}
        return lost

    def add(self, other: Outcome) -> None:
        """Adds the outcome of other rows."""
        self.created |= other.created
        self.changed |= other.changed
        self.moved |= other.moved
        self.cancelled |= other.cancelled
        self.jobs += other.jobs
        self.kept += other.kept
        self.rejected |= other.rejected
        self.waiting |= other.waiting
        self.adopted += other.adopted
        self.recreated += other.recreated
        self.keys_restored += other.keys_restored


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a board is written, as the settings say. `settle` and `search` are seconds."""

    settle: float = 65.0  # after a request left monday no longer executes it
    search: float = 90.0  # after a row was made monday's search shows it
    writers: int = 1
    bulk_rows: int = 0  # the least rows of an import job; 0: no jobs
    bulk_cancels: int = 0  # the least items of a job that archives; 0: no jobs


USUAL = Manner()


class Spent(Exception):
    """monday refuses a request that was in doubt, or has kept such a refusal: only a new key can continue."""


class Locked(Exception):
    """Another request of ours is writing to the board, which monday does not like: nothing took effect."""


JOB_STARTS = 3  # attempts
LONGEST_START_WAIT = 60.0  # seconds that a job's start may be put off; after that requests are the better way


class Delivery:
    """Requests that create rows on one board. The caller holds the board's lease."""

    def __init__(
        self,
        client: MondayClient,
        journal: Journal,
        mapping: ColumnMapping,
        manner: Manner = USUAL,
    ) -> None:
        self._client = client
        self._journal = journal
        self._mapping = mapping
        self._manner = manner

    def start_job(self, entry: Entry, request: str, grant: Grant, read: Callable[[Reply], T]) -> T:
        """What `read` finds in the answer to the start of one of monday's jobs; a short refusal is waited out."""
        for attempt in range(1, JOB_STARTS + 1):
            try:
                reply = self._client.mutate(
                    request,
                    idempotency_key=entry.idempotency_key,
                    operation=entry.operation,
                    rows=1,
                    grant=grant,
                    last_check=self._journal.expect_time_left,
                )
                return read(reply)
            except Transient as error:
                wait = error.wait_seconds if error.wait_seconds is not None else 1.0
                if not error.no_effect or wait > LONGEST_START_WAIT or attempt == JOB_STARTS:
                    raise
                self._client.wait(wait, f"another attempt to start a job: {error}")
                grant = self.admit(entry.operation, 1)
                self._journal.sending_again(entry)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def admit(
        self, operation: str, rows: int, *, whole: bool = False, stopped: Callable[[], bool] = lambda: False
    ) -> Grant:
        """Waits until some of the rows, or all of them, are within the account's budget; no rows if it is stopped."""
        asked = False
        while not (grant := self._client.pacer.admit(operation, rows, whole=whole)).rows:
            if stopped():
                return grant
            if not asked and self._client.pacer.is_vague:
                asked = True
                self._client.ask_budget()
                continue
            # In slices: an answer to another writer, or another run, may bring news.
            # The lease is renewed before, not after: the new minute's points are for writing.
            self._journal.renew()
            self._client.wait(min(grant.wait_seconds, BUDGET_SLICE_SECONDS), BUDGET, of=grant.wait_seconds)
        return grant

    def deliver(
        self,
        entry: Entry,
        grant: Grant | None = None,
        *,
        doubted_since: float | None = None,
        on_locked: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Sends an entry until its outcome is known: with a `grant` for the first time, else an earlier run may have.

        `on_locked` is asked whether there are other writers of ours to wait for.
        Raises Rejected if the whole request is refused and was never in doubt, Locked if another of our writers is in
        the way, Spent if only a new key can continue, Fatal, and Transient once the attempts are used up: the entry
        then stays open, in doubt, for the next run.
        """
        for attempt in self._client.retrying():
            with attempt:
                if doubted_since is not None and (outcome := self._look_twice(entry, doubted_since)):
                    return outcome
                if grant is None:
                    grant = self.admit(entry.operation, len(entry.keys), whole=True)
                    self._journal.sending_again(entry)
                paid, grant = grant, None
                try:
                    outcome = self._send(entry, paid)
                except Transient as error:
                    if is_locked(error) and doubted_since is None and on_locked():
                        raise Locked from error
                    # Once in doubt, always in doubt: a later refusal says nothing of an earlier sending.
                    if not error.no_effect:
                        doubted_since = self._client.clock.now()
                        self._client.pacer.shrink(entry.operation)
                    raise
                except Fatal as error:
                    # A firewall that looks into answers may have kept back one that says what was made.
                    if doubted_since is None and not isinstance(error, NotMonday):
                        self._journal.close(entry)  # refused as a whole, and never sent before
                    raise
                except Rejected as error:
                    if doubted_since is not None:  # it says nothing of the sending before, which has to be watched
                        raise Spent from error
                    raise
                outcome.doubtful = doubted_since is not None
                return self._without_doubts(entry, outcome)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def resolve(self, entry: Entry, since: float) -> Outcome:
        """The outcome of a request that an earlier run left in doubt; rows missing in it must be created.

        `since`, by our own clock, this run is the only one that may send it. When it was sent is not asked: only the
        database's clock could say so, and that may have jumped.
        """
        try:
            return self.deliver(entry, doubted_since=since)
        except Spent:
            return Outcome(doubtful=True)  # nothing took effect; the rows get requests of their own

    def settle(self, entry: Entry, since: float) -> None:
        """Waits until monday has finished the request last sent at `since`, and its search finds the result."""
        remaining = self._unsettled_seconds(entry, since)
        if remaining > 0:
            self._client.wait(remaining, f"request {entry.idempotency_key} to settle: its answer was lost")
            self._journal.renew()

    def _unsettled_seconds(self, entry: Entry, since: float) -> float:
        return since + self._manner.settle + self._lateness(entry.operation) - self._client.clock.now()

    def _lateness(self, operation: Operation) -> float:
        """How much later than a row is made a look-up may show it."""
        return self._manner.search if operation in SEARCHED else 0.0

    def find(self, entry: Entry, among: Collection[str] | None = None) -> dict[str, str]:
        """The entry's rows that are on the board, or those `among` them: monday's id by key."""
        return made_by(entry, self._client, self._journal.board_id, self._mapping, among, self._journal.owners)

    def _send(self, entry: Entry, grant: Grant) -> Outcome:
        reply = self._client.mutate(
            entry.body,
            idempotency_key=entry.idempotency_key,
            operation=entry.operation,
            rows=len(entry.keys),
            grant=grant,
            last_check=self._journal.expect_time_left,
        )
        return read_outcome(entry, reply)

    def _without_doubts(self, entry: Entry, outcome: Outcome) -> Outcome:
        """The outcome with the ids of rows that monday made although its answer does not name them.

        Sending such a row as new without a look would double it; the same key would only replay the answer.
        """
        for pause in (0.0, self._lateness(entry.operation)):
            doubtful = [key for key, error in outcome.again.items() if not error.no_effect]
            if not doubtful:
                break
            outcome.doubtful = True
            self._client.wait(pause)
            found = self.find(entry)
            for key in doubtful:
                if key in found:
                    outcome.created[key] = found[key]
                    del outcome.again[key]
        return outcome

    def settled(self, entry: Entry) -> Outcome:
        """What a request has altered that can no longer be under way. The next run decides on the rest again.

        It is not sent again: somebody may have edited the item since.
        """
        found = self.find(entry)
        reason = f"request {entry.idempotency_key} was in doubt, and the board does not show it: the next run decides"
        waiting = {key: reason for key in entry.keys if key not in found}
        return Outcome(created=found, waiting=waiting, doubtful=True)

    def _look_twice(self, entry: Entry, since: float) -> Outcome | None:
        """What the board shows of an entry, None if nothing.

        One look is enough only if it shows all of it: monday may still be at the rest, or be late to show it. So what
        the second look does not show was not made, and a part that it shows is all that there will ever be.
        """
        if entry.operation.is_absolute:  # even if the board shows all of it: late, it would undo something newer
            self.settle(entry, since)
            return self.settled(entry)
        is_settled = self._unsettled_seconds(entry, since) <= 0  # now: a look may take long
        found = self.find(entry)
        if len(found) < len(entry.keys) and not is_settled:
            self.settle(entry, since)
            found = self.find(entry)
        return Outcome(created=found, doubtful=True) if found else None


def _made(operation: Operation, row: Any) -> str | None:
    """The id of the row that an answer names; None where it names none that could be one."""
    monday_id = shapes.mapping(row).get("id")
    return shapes.text_id(monday_id) if operation is Operation.GROUPS else shapes.numeric_id(monday_id)


def read_outcome(entry: Entry, reply: Reply) -> Outcome:
    """What the reply says of each alias. Raises what an error means that concerns the whole request."""
    errors = parse_errors(reply)
    data = reply.data or {}
    outcome = Outcome(request_id=reply.request_id)
    keys = {operations.alias(number): key for number, key in enumerate(entry.keys)}
    for alias, key in keys.items():
        if monday_id := _made(entry.operation, data.get(alias)):
            if is_active(shapes.mapping(data[alias])):
                outcome.created[key] = monday_id
            else:  # monday changes what is archived, but nobody sees it
                what = f"item {monday_id} is no longer on the board"
                outcome.rejected[key] = Rejected(what, missing=Missing.ITEM, request_id=reply.request_id)
    whole = [e for e in errors if e.alias not in keys]
    if whole and not outcome.created and not any(e.alias in keys for e in errors):
        meaning = classify(whole[0], reply)
        if isinstance(meaning, Transient) and meaning.no_effect and reply.replayed:
            raise Spent
        raise meaning
    unexplained = Transient(
        "monday's answer names neither an id nor an error for this row",
        MondayFault.ODD_ANSWER,
        request_id=reply.request_id,
    )
    for error in errors:
        meaning = classify(error, reply)
        failed = keys.get(error.alias or "")
        if isinstance(meaning, Fatal):
            outcome.fatal = meaning
        elif isinstance(meaning, Transient) and failed is None:
            unexplained = meaning
        elif failed is None or failed in outcome.created:
            continue
        elif isinstance(meaning, Rejected):
            outcome.rejected[failed] = meaning
        else:
            outcome.again[failed] = meaning
    for key in entry.keys:
        if key not in outcome.created and key not in outcome.rejected:
            outcome.again.setdefault(key, unexplained)
    return outcome
