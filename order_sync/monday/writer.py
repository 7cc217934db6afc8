"""Creates rows on one board, each once in effect, by one writer or several.

In: desired rows with a key each. Out: monday's id, or the reason of the rejection, for every key.
Never sends a request that the journal does not hold; how one request becomes certain is delivery.py's.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from types import MappingProxyType
from typing import Any

from graphql import DocumentNode

from order_sync.errors import Rejected, Transient
from order_sync.monday import operations
from order_sync.monday.bulk_import import BulkImport
from order_sync.monday.client import MondayClient
from order_sync.monday.delivery import Delivery, Locked, Outcome, Spent
from order_sync.monday.errors import LOCK_WAIT
from order_sync.monday.labels import Labels
from order_sync.monday.pacing import BODY_BYTES
from order_sync.monday.rows import Mend, NewRow
from order_sync.orders.journal import Entry, Journal, Operation

log = logging.getLogger("order_sync.monday")

TEMPLATES: Mapping[Operation, DocumentNode] = {
    Operation.GROUPS: operations.CREATE_GROUP,
    Operation.ITEMS: operations.CREATE_ITEM,
    Operation.SUBITEMS: operations.CREATE_SUBITEM,
}
ROW_ATTEMPTS = 8
MOST_FAILURES = 3  # of requests in a row: more are not the fault of single rows
SMALLEST_SHARE = 5  # rows: below it several writers gain nothing over one


class _Rows:
    """The rows of one `create`, handed out in batches. Safe to use from several threads."""

    def __init__(self, rows: Sequence[NewRow], writers: int, imported: Outcome | None = None) -> None:
        self.total = imported or Outcome()
        self.count = len(rows) + len(self.total.created) + len(self.total.waiting)
        self.writers = writers
        self._changed = threading.Condition()
        self._waiting = deque(rows)
        self._batches_out = 0
        self.stopped = False
        self._cap = max(1, len(rows))
        self._failures = 0  # in a row, of requests that monday left without an answer to the end
        self._attempts: dict[str, int] = {}

    def take(self, writer: int, most: int) -> list[NewRow]:
        """The next batch; none if there is nothing left to do for this writer."""
        with self._changed:
            while not self._waiting and self._batches_out and not self.stopped:
                self._changed.wait(1.0)  # what is out with others may come back
            if self.stopped or not self._waiting or writer >= self.writers:
                return []
            # An equal share of the rest each, so that the writers finish together.
            share = max(SMALLEST_SHARE, ceil(len(self._waiting) / self.writers))
            size = min(most, self._cap, share, len(self._waiting))
            self._batches_out += 1
            return [self._waiting.popleft() for _ in range(size)]

    def put_back(self, rows: Sequence[NewRow]) -> None:
        """Rows that did not fit into the request."""
        with self._changed:
            self._waiting.extendleft(reversed(rows))

    def give_back(self, batch: Sequence[NewRow]) -> None:
        """A batch that was not executed."""
        with self._changed:
            self._waiting.extendleft(reversed(batch))
            self._batch_is_back()

    def halve(self, batch: Sequence[NewRow]) -> None:
        """The whole request was refused: narrow down to the row that spoils it."""
        with self._changed:
            self._cap = max(1, len(batch) // 2)
        self.give_back(batch)

    def failed(self) -> bool:
        """monday answers, but not this: the next requests hold one row each. False if that goes on for too long."""
        with self._changed:
            self._failures += 1
            self._cap = 1
            return self._failures <= MOST_FAILURES

    def done(self, batch: Sequence[NewRow], outcome: Outcome, *, answered: bool) -> None:
        """Takes in what became of a batch; what has no result yet waits again, up to a number of attempts."""
        with self._changed:
            if answered:
                self._failures = 0
            self._cap = max(self._cap, 1 if self._failures else len(batch) * 2)
            self.total.created |= outcome.created
            self.total.rejected |= outcome.rejected
            self.total.waiting |= outcome.waiting
            over = outcome.created.keys() | outcome.rejected.keys() | outcome.waiting.keys()
            left = [row for row in batch if row.key not in over]
            for row in left:
                self._attempts[row.key] = self._attempts.get(row.key, 0) + 1
                if self._attempts[row.key] >= ROW_ATTEMPTS or (not answered and len(batch) == 1):
                    self.total.again[row.key] = outcome.again.get(row.key) or Transient("monday gave no result")
                    log.warning("%s is given up for now: %s", row.key, self.total.again[row.key])
            self._waiting.extendleft(reversed([row for row in left if row.key not in self.total.again]))
            self._batch_is_back()

    def stop(self) -> None:
        """Something went wrong for all: no more batches."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def fewer_writers(self) -> bool:
        """The board was locked by another request: half as many writers go on. False if there is one already."""
        with self._changed:
            if self.writers == 1 and self._batches_out <= 1:
                return False
            if self.writers > 1:
                self.writers //= 2
                log.warning("monday locks the board: going on with %d writers", self.writers)
            return True

    def _batch_is_back(self) -> None:
        self._batches_out -= 1
        self._changed.notify_all()


class BoardWriter:
    """Creates groups, items and subitems on one board. The caller holds the board's lease."""

    def __init__(
        self,
        client: MondayClient,
        journal: Journal,
        *,
        item_key_column: str,
        subitem_key_column: str,
        settle_seconds: float = 65.0,
        writers: int = 1,
        bulk_rows: int = 0,
        labels: Labels = MappingProxyType({}),
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self.delivery = Delivery(
            client,
            journal,
            item_key_column=item_key_column,
            subitem_key_column=subitem_key_column,
            settle_seconds=settle_seconds,
            on_locked=self._on_locked,
        )
        self._bulk = BulkImport(
            client,
            journal,
            self.delivery,
            key_column=item_key_column,
            labels=labels,
            smallest=bulk_rows,
            heartbeat=heartbeat,
        )
        self._writers = writers
        self._rows: _Rows | None = None
        self._heartbeat = heartbeat  # keeps the lease on the rows while the board is written
        self._mending = threading.RLock()
        self._undecided: set[str] = set()  # rows of import jobs whose end nobody knows yet: they must wait
        self._told_at = float("-inf")

    def recover(self) -> int:
        """Resolves every request that an earlier run left in doubt; returns how many there were."""
        entries = self._journal.in_doubt()
        for entry in entries:
            log.warning(
                "request %s (%s, %d rows) is in doubt: looking it up on board %d",
                entry.idempotency_key,
                entry.operation,
                len(entry.keys),
                self._journal.board_id,
            )
            try:
                of_a_job = entry.operation is Operation.IMPORT
                outcome = self._bulk.finish(entry) if of_a_job else self.delivery.resolve(entry)
            except Transient as error:
                if not of_a_job:
                    raise
                self._leave_undecided(entry.keys, error)
                continue
            # Whoever is refused now is asked about again, by the step whose row it is: it knows what can be done.
            outcome.rejected.clear()
            self._close(entry, outcome)
            log.info(
                "request %s is resolved: %d rows adopted, %d to be created",
                entry.idempotency_key,
                len(outcome.created),
                len(entry.keys) - len(outcome.created),
            )
            if outcome.fatal:
                raise outcome.fatal
        return len(entries)

    def create(
        self, operation: Operation, rows: Sequence[NewRow], shared: Mapping[str, Any], *, mend: Mend | None = None
    ) -> Outcome:
        """Creates the rows. What is in the outcome's `again` could not be created now and may be later.

        `mend` is asked about rejected rows before they are recorded as such.
        Raises Fatal, and Transient if monday cannot be reached or if nothing at all could be created. Whatever was
        created before it raises is recorded.
        """
        imported = self._import(rows) if operation is Operation.ITEMS else Outcome()
        rows = [row for row in rows if row.key not in imported.created and row.key not in imported.waiting]
        outer, self._rows = self._rows, _Rows(rows, self._writers, imported)
        del rows  # a row that is done need not be kept
        try:
            self._create(operation, self._rows, shared, mend)
            total = self._rows.total
        finally:
            self._rows = outer
        if total.again and not total.created:
            raise next(iter(total.again.values()))
        return total

    def _import(self, rows: Sequence[NewRow]) -> Outcome:
        """Imports the rows for which that is the better way. Those of a job that is not over must wait."""
        total = Outcome()
        rows = [row for row in rows if row.key not in self._undecided]
        for job in self._bulk.jobs(rows, writers=self._writers):
            if not self._bulk.available:
                break
            self._heartbeat()
            try:
                total.created |= self._bulk.create(job).created
            except Transient as error:
                self._leave_undecided([row.key for row in job], error)
        total.waiting = dict.fromkeys(self._undecided, "its import job is not over")
        return total

    def _leave_undecided(self, keys: Iterable[str], error: Transient) -> None:
        log.warning("an import job is left to the next run: %s", error)
        self._undecided |= set(keys)

    def _create(self, operation: Operation, rows: _Rows, shared: Mapping[str, Any], mend: Mend | None) -> None:
        writers = min(rows.writers, ceil(rows.count / SMALLEST_SHARE))
        if writers <= 1:
            self._work(0, operation, rows, shared, mend)
            return

        def work(writer: int) -> None:
            try:
                self._work(writer, operation, rows, shared, mend)
            except BaseException:
                rows.stop()
                raise

        with ThreadPoolExecutor(writers, thread_name_prefix="writer") as pool:
            futures = [pool.submit(work, writer) for writer in range(writers)]
            try:
                for future in futures:
                    future.result()
            finally:
                rows.stop()  # whoever interrupts the run: requests on their way are waited for, no new one leaves

    def _work(
        self, writer: int, operation: Operation, rows: _Rows, shared: Mapping[str, Any], mend: Mend | None
    ) -> None:
        """One writer: batch after batch until there is nothing left."""
        while batch := rows.take(writer, self._client.pacer.batch_size(operation)):
            self._heartbeat()
            leave = self.delivery.admit(operation, len(batch), stopped=lambda: rows.stopped)
            if rows.stopped:
                return
            fitting, body = _fit(operation, batch[: leave.rows], shared)
            rows.put_back(batch[len(fitting) :])
            batch = fitting
            entry = Entry(
                idempotency_key=str(uuid.uuid4()),
                operation=operation,
                keys=tuple(row.key for row in batch),
                body=body,
            )
            self._journal.open(entry)
            answered = True
            try:
                outcome = self.delivery.deliver(entry, leave)
            except Rejected as error:
                if len(batch) > 1:
                    self._journal.close(entry)
                    rows.halve(batch)
                    continue
                outcome = Outcome(rejected={batch[0].key: error})
            except Locked:
                self._journal.close(entry)
                rows.give_back(batch)
                self._client.wait(LOCK_WAIT)
                continue
            except Spent:
                outcome = Outcome()
            except Transient as error:
                if error.no_effect or not rows.failed():
                    raise
                self.delivery.settle(entry)
                outcome = Outcome(created=self.delivery.find(entry))
                if operation is Operation.ITEMS and not outcome.created and error.code == "no_answer":
                    # Silence proves nothing, and nor does a search that may be late: the entry stays in doubt.
                    raise
                if len(batch) == 1 and not outcome.created:
                    outcome.again[batch[0].key] = error
                answered = False
            if mend and outcome.rejected:
                batch = self._mended(batch, outcome, mend)
            self._close(entry, outcome)
            if outcome.fatal:
                raise outcome.fatal
            if outcome.again:
                longest = max(outcome.again.values(), key=lambda error: error.wait_seconds or 0)
                self._client.wait(longest.wait_seconds or 0, f"another try: {longest}")
            rows.done(batch, outcome, answered=answered)
            self._report(operation, rows)

    def _mended(self, batch: Sequence[NewRow], outcome: Outcome, mend: Mend) -> list[NewRow]:
        """The batch with its rejected rows as `mend` would have them sent again."""
        with self._mending:
            mended = mend({key: str(error) for key, error in outcome.rejected.items()})
        outcome.rejected |= mended.rejected
        for key in mended.again:
            refused = outcome.rejected.pop(key)
            outcome.again[key] = Transient(
                str(refused), code=refused.code, no_effect=True, request_id=refused.request_id
            )
        for key, reason in mended.waiting.items():
            del outcome.rejected[key]
            outcome.waiting[key] = reason
        return [mended.again.get(row.key, row) for row in batch]

    def _close(self, entry: Entry, outcome: Outcome) -> None:
        self._journal.close(
            entry,
            created=outcome.created,
            rejected=outcome.rejected,
            unsettled=outcome.again | {key: Transient(reason) for key, reason in outcome.waiting.items()},
            request_id=outcome.request_id,
        )

    def _on_locked(self) -> bool:
        return self._rows is not None and self._rows.fewer_writers()

    def _report(self, operation: Operation, rows: _Rows) -> None:
        done = len(rows.total.created) + len(rows.total.rejected) + len(rows.total.waiting)
        now = self._client.clock.now()
        # A line every few seconds for people; every batch for a progress bar, which listens at DEBUG.
        tell = done == rows.count or now - self._told_at >= 5
        if tell:
            self._told_at = now
        log.log(
            logging.INFO if tell else logging.DEBUG,
            "%s: %d of %d done, %d rejected",
            operation,
            done,
            rows.count,
            len(rows.total.rejected),
            extra={"progress": (str(operation), done, rows.count)},
        )


def _fit(operation: Operation, batch: list[NewRow], shared: Mapping[str, Any]) -> tuple[list[NewRow], str]:
    """As much of the batch as one request may hold in bytes, and its body."""
    while True:
        body = operations.body_of_many(TEMPLATES[operation], [row.variables for row in batch], shared)
        if len(body.encode()) <= BODY_BYTES or len(batch) == 1:
            return batch, body
        batch = batch[: len(batch) // 2]
