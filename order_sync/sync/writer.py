"""Creates and alters rows on one board, each once in effect, by one writer or several.

In: desired rows with a key each. Out: monday's id, or the reason of the rejection, for every key.
Never sends a request that the journal does not hold; how one request becomes certain is delivery.py's.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from types import MappingProxyType
from typing import Any

from graphql import DocumentNode

from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.monday import operations
from order_sync.monday.budget import Grant
from order_sync.monday.client import MondayClient
from order_sync.monday.errors import LOCK_WAIT, may_differ
from order_sync.monday.labels import Labels
from order_sync.monday.pacing import BODY_BYTES
from order_sync.orders.catalogue import code_in
from order_sync.orders.errors import BoardRefused, Rejected, Transient
from order_sync.orders.mapping import ColumnMapping
from order_sync.sync.batches import SMALLEST_SHARE, Batches
from order_sync.sync.bulk_archive import BulkArchive
from order_sync.sync.bulk_import import BulkImport
from order_sync.sync.delivery import USUAL, Delivery, Locked, Manner, Outcome, Spent
from order_sync.sync.rows import Look, NewRow, Repair
from order_sync.sync.twins import Twins
from order_sync.text.excerpt import IN_TRACE, log_first

log = logging.getLogger("order_sync.monday")

TEMPLATES: Mapping[Operation, DocumentNode] = {
    Operation.GROUPS: operations.CREATE_GROUP,
    Operation.ITEMS: operations.CREATE_ITEM,
    Operation.SUBITEMS: operations.CREATE_SUBITEM,
    Operation.CHANGE_ITEMS: operations.CHANGE_ITEM,
    Operation.CHANGE_SUBITEMS: operations.CHANGE_ITEM,
    Operation.MOVE_ITEMS: operations.MOVE_ITEM,
    Operation.ADOPT_ITEMS: operations.CHANGE_ITEM,
    Operation.ADOPT_SUBITEMS: operations.CHANGE_ITEM,
}
CANCELS: Mapping[str, DocumentNode] = {
    "archive": operations.ARCHIVE_ITEM,
    "delete": operations.DELETE_ITEM,
    "move": operations.MOVE_ITEM,
    "label": operations.CHANGE_ITEM,
}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What one `write` is about: the same for all its requests."""

    operation: Operation
    template: DocumentNode
    shared: Mapping[str, Any]
    repair: Repair | None
    look: Look | None


class BoardWriter:
    """Writes groups, items and subitems on one board. The caller holds the board's lease."""

    def __init__(
        self,
        client: MondayClient,
        journal: Journal,
        mapping: ColumnMapping,
        manner: Manner = USUAL,
        labels: Labels = MappingProxyType({}),
    ) -> None:
        """`labels` are those that the board has."""
        self._client = client
        self._journal = journal
        self._mapping = mapping
        self.delivery = Delivery(client, journal, mapping, manner)
        self.twins = Twins(client, journal, self.delivery, mapping)
        self._bulk = BulkImport(client, journal, self.delivery, mapping.items.key_column, labels, manner.bulk_rows)
        archives = mapping.items.cancel.by == "archive"
        self._archive = BulkArchive(client, journal, self.delivery, manner.bulk_cancels if archives else 0)
        self._writers = manner.writers
        self._repairing = threading.RLock()
        self._undecided: set[str] = set()  # rows of import jobs whose end nobody knows yet: they must wait
        self._reported_at = float("-inf")
        self.recovered = 0  # rows of requests in doubt that are on the board

    def recover(self) -> int:
        """Resolves every request that an earlier run left in doubt; returns how many there were."""
        entries = self._journal.in_doubt()
        since = self._client.clock.now()
        for entry in entries:
            log.warning(
                "request %s (%s, %d rows) is in doubt: looking it up on board %d",
                entry.idempotency_key,
                entry.operation,
                len(entry.keys),
                self._journal.board_id,
            )
            try:
                outcome = self._resolved(entry, since)
            except Transient as error:
                if entry.operation is not Operation.IMPORT:
                    raise
                self._leave_undecided(entry.keys, error)
                continue
            # The step of a refused row is asked what can be done about it.
            outcome.rejected.clear()
            self._close(entry, outcome)
            self.recovered += len(outcome.created) if entry.operation.of_queue else 0
            log.info(
                "request %s is resolved: %d rows adopted, %d to be created",
                entry.idempotency_key,
                len(outcome.created),
                len(entry.keys) - len(outcome.created),
            )
            if outcome.fatal:
                raise outcome.fatal
        return len(entries)

    def write(
        self,
        operation: Operation,
        rows: Sequence[NewRow],
        shared: Mapping[str, Any],
        *,
        repair: Repair | None = None,
        look: Look | None = None,
    ) -> Outcome:
        """Creates the rows, or alters them. `created` in the outcome has monday's id of each row that it was done to.

        What is in its `again` could not be done now and may be later.
        `repair` is asked about rejected rows before they are recorded as such, and `look` before that whether the
        board still is as it was.
        Raises Fatal, and Transient if monday cannot be reached or if nothing at all could be created. All that was
        created before it raises is recorded.
        """
        by_job = self._by_job(operation, rows)
        rows = [row for row in rows if row.key not in by_job.created and row.key not in by_job.waiting]
        batches = Batches(rows, self._writers, by_job)
        del rows  # a row that is done need not be kept
        template = self._template(operation)
        self._create(_Plan(operation=operation, template=template, shared=shared, repair=repair, look=look), batches)
        self._journal.reject(operation, batches.last_judgement())
        total = batches.total
        given_up = [f"{key} is given up for now: {error}" for key, error in total.again.items()]
        log_first(log.warning, given_up, IN_TRACE)
        if total.again and not total.created:
            raise next(iter(total.again.values()))
        return total

    def _template(self, operation: Operation) -> DocumentNode:
        if not operation.cancels:
            return TEMPLATES[operation]
        rules = self._mapping.subitems if operation.of_lines else self._mapping.items
        return CANCELS[rules.cancel.by]

    def _resolved(self, entry: Entry, since: float) -> Outcome:
        if entry.operation is Operation.IMPORT:
            return self._bulk.finish(entry)
        if entry.operation is Operation.ARCHIVE:
            return self._archive.finish(entry, since)
        return self.delivery.resolve(entry, since)

    def _by_job(self, operation: Operation, rows: Sequence[NewRow]) -> Outcome:
        """What jobs are better for than requests."""
        if operation is Operation.ITEMS:
            return self._import(rows)
        return self._archive.archive(rows) if operation is Operation.CANCEL_ITEMS else Outcome()

    def _import(self, rows: Sequence[NewRow]) -> Outcome:
        """Imports the rows for which that is the better way. Those of a job that is not over must wait."""
        total = Outcome()
        rows = [row for row in rows if row.key not in self._undecided]
        for job in self._bulk.jobs(rows, writers=self._writers):
            if not self._bulk.available:
                break
            self._client.beat()
            try:
                total.created |= self._bulk.create(job).created
            except Transient as error:
                self._leave_undecided([row.key for row in job], error)
        total.waiting = dict.fromkeys(self._undecided, "its import job has not finished")
        return total

    def _leave_undecided(self, keys: Iterable[str], error: Transient) -> None:
        log.warning("leaving an import job to the next run: %s", error)
        self._undecided |= set(keys)

    def _create(self, plan: _Plan, rows: Batches) -> None:
        writers = min(rows.writers, ceil(rows.count / SMALLEST_SHARE))
        if writers <= 1:
            self._work(0, plan, rows)
            return

        def work(writer: int) -> None:
            try:
                self._work(writer, plan, rows)
            except BaseException:
                rows.stop()
                raise

        with ThreadPoolExecutor(writers) as pool:
            futures = [pool.submit(work, writer) for writer in range(writers)]
            try:
                for future in futures:
                    future.result()
            finally:
                rows.stop()  # the run is interrupted: requests on their way are waited for, no new one leaves

    def _work(self, writer: int, plan: _Plan, rows: Batches) -> None:
        """Runs one writer, batch after batch, until no rows are left."""
        operation = plan.operation
        while batch := rows.take(writer, self._client.pacer.batch_size(operation)):
            self._client.beat()
            grant = self.delivery.admit(operation, len(batch), stopped=lambda: rows.stopped)
            if rows.stopped:
                return
            fitting, body = _fit(plan.template, batch[: grant.rows], plan.shared)
            rows.put_back(batch[len(fitting) :])
            batch = fitting
            entry = Entry(
                idempotency_key=str(uuid.uuid4()),
                operation=operation,
                keys=tuple(row.key for row in batch),
                body=body,
            )
            self._journal.open(entry)
            outcome = self._attempt(entry, grant, batch, rows)
            if outcome is None:
                continue
            batch = self._settled(batch, entry, outcome, plan, rows)
            if outcome.again:
                longest = max(outcome.again.values(), key=lambda error: error.wait_seconds or 0)
                self._client.wait(longest.wait_seconds or 0, f"another attempt: {longest}")
            rows.done(batch, outcome)
            self._report(operation, rows)

    def _attempt(self, entry: Entry, grant: Grant, batch: list[NewRow], rows: Batches) -> Outcome | None:
        """The outcome of a request; None if its rows wait again."""
        try:
            return self.delivery.deliver(entry, grant, on_locked=rows.fewer_writers)
        except Rejected as error:
            if len(batch) > 1:
                self._journal.close(entry)
                rows.halve(batch)
                return None
            return Outcome(rejected={batch[0].key: error})
        except Locked:
            self._journal.close(entry)
            rows.requeue(batch)
            self._client.wait(LOCK_WAIT)
            return None
        except Spent:
            return Outcome(doubtful=True)
        except Transient as error:
            if error.no_effect or not rows.failed():
                raise
            return self._unanswered(entry, error)

    def _unanswered(self, entry: Entry, error: Transient) -> Outcome:
        """What the board shows of a request that monday left without an answer to the end."""
        self.delivery.settle(entry, self._client.clock.now())
        if entry.operation.is_absolute:
            return replace(self.delivery.settled(entry), unanswered=True)
        found = self.delivery.find(entry)
        if entry.operation is Operation.ITEMS and not found and error.code == "no_answer":
            # Silence proves nothing, and nor does a search that may be late: the entry stays in doubt.
            raise error
        again = {key: error for key in entry.keys if key not in found}
        return Outcome(created=found, again=again, doubtful=True, unanswered=True)

    def _settled(self, batch: list[NewRow], entry: Entry, outcome: Outcome, plan: _Plan, rows: Batches) -> list[NewRow]:
        """Puts on record what became of a batch; returns it as its rows are to be sent again.

        Raises what stops the board or the run, once everything that was created is on record.
        """
        if plan.look and any(may_differ(error) for error in outcome.rejected.values()):
            self._look_again(outcome, plan.look)
        if outcome.fatal:
            _spare(outcome)  # what stops the others may have refused these, too
        elif plan.repair and outcome.rejected:
            try:
                batch = self._repaired(batch, outcome, plan.repair)
            except BoardRefused as error:  # a group is refused as the items are; first what was created
                outcome.fatal = error
                _spare(outcome)
        suspended = rows.suspend(batch, outcome)
        self._close(entry, outcome)
        self._journal.reject(entry.operation, rows.judge(batch, outcome, suspended))
        if outcome.fatal:
            raise outcome.fatal
        if rows.verdict.is_the_board:
            raise rows.verdict.board_refused()
        return batch

    def _look_again(self, outcome: Outcome, look: Look) -> None:
        doubtful = [error for error in outcome.rejected.values() if may_differ(error)]
        try:
            with self._repairing:
                look(doubtful)
        except BoardRefused as error:
            outcome.fatal = outcome.fatal or error

    def _repaired(self, batch: Sequence[NewRow], outcome: Outcome, repair: Repair) -> list[NewRow]:
        """The batch with its rejected rows as `repair` would have them sent again."""
        with self._repairing:
            repaired = repair(outcome.rejected)
        outcome.rejected |= repaired.rejected
        for key in repaired.again:
            refused = outcome.rejected.pop(key)
            outcome.again[key] = _again(refused)
        for key, reason in repaired.waiting.items():
            del outcome.rejected[key]
            outcome.waiting[key] = reason
        return [repaired.again.get(row.key, row) for row in batch]

    def _close(self, entry: Entry, outcome: Outcome) -> None:
        self._journal.close(
            entry,
            created=outcome.created,
            failed=outcome.rejected
            | outcome.again
            | {key: Transient(why, code_in(why)) for key, why in outcome.waiting.items()},
            request_id=outcome.request_id,
            watch=outcome.doubtful and entry.operation.may_double,
        )

    def _report(self, operation: Operation, rows: Batches) -> None:
        done = len(rows.total.created) + len(rows.total.rejected) + len(rows.total.waiting)
        now = self._client.clock.now()
        # A line every few seconds for people; every batch for a progress bar, which listens at DEBUG.
        is_due = done == rows.count or now - self._reported_at >= 5
        if is_due:
            self._reported_at = now
        log.log(
            logging.INFO if is_due else logging.DEBUG,
            "%s: %d of %d done, %d rejected",
            operation,
            done,
            rows.count,
            len(rows.total.rejected),
            extra={"progress": (str(operation), done, rows.count)},
        )


def _again(refused: Rejected) -> Transient:
    return Transient(str(refused), refused.why, code=refused.code, no_effect=True, request_id=refused.request_id)


def _spare(outcome: Outcome) -> None:
    """Retries rows that may have been refused because of the board."""
    for key in [key for key, error in outcome.rejected.items() if may_differ(error)]:
        outcome.again[key] = _again(outcome.rejected.pop(key))


def _fit(template: DocumentNode, batch: list[NewRow], shared: Mapping[str, Any]) -> tuple[list[NewRow], str]:
    """As much of the batch as one request may hold in bytes, and its body."""
    while True:
        body = operations.body_of_many(template, [row.variables for row in batch], shared)
        if len(body.encode()) <= BODY_BYTES or len(batch) == 1:
            return batch, body
        batch = batch[: len(batch) // 2]
