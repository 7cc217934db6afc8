"""Many cancelled items at once, as a job of monday's: one request instead of one for each hundred, and one undo.

In: rows whose items are to be archived. Out: the items that the job has archived, by key; the others are archived one
by one, which says what is wrong with each. A job goes through the journal like a request, and its id is on record
before it is waited for: what is in doubt is read from the board once it has settled, and never sent again.
Source: developer.monday.com, bulk_archive_items and job_status (API 2026-10).
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from order_sync.database.entries import Entry, Operation, job_of, payloads
from order_sync.database.journal import Journal
from order_sync.monday import operations, shapes
from order_sync.monday.board import find_deleted
from order_sync.monday.client import MondayClient
from order_sync.monday.errors import SCHEMA_CODES, classify, parse_errors
from order_sync.monday.pacing import Pacer
from order_sync.monday.transport import Reply
from order_sync.orders.catalogue import code_in
from order_sync.orders.errors import Fatal, NotFound, NotMonday, QuotaExhausted, Rejected, Transient
from order_sync.orders.monday_faults import MondayFault
from order_sync.sync.delivery import Delivery, Outcome
from order_sync.sync.rows import NewRow
from order_sync.text.counted import counted
from order_sync.text.excerpt import IN_TRACE, log_first

log = logging.getLogger("order_sync.monday")

ROWS_A_JOB = 1_000  # monday names no limit; a larger job would be long without any news
JOB_CALLS = 2  # its start, and one look at its end; a slow one is looked at once more
ROW_SECONDS = 0.05  # that an item of a job takes, about
FIRST_POLL, LAST_POLL = 0.5, 10.0  # seconds; the pause doubles
PATIENCE = 300.0  # seconds beside those of its rows; after that the next run looks at the job again
OVER_SECONDS = 7_200.0  # of age, after which a job that does not end is read from the board like one without an id
QUIET_LOOKS = 3  # in a row that show no further item archived: nothing works on it any more
ENDED = {"COMPLETED", "FAILED", "EXPIRED", "CANCELLED"}
DECIDED_LATER = "was in doubt, and the board does not show it: the next run decides"


def archive_jobs(rows: int, *, smallest: int, pacer: Pacer) -> list[int]:
    """How many of the cancelled items each job takes; none where requests take no more calls. `smallest` 0: never."""
    if not smallest or rows < smallest:
        return []
    jobs = [min(ROWS_A_JOB, rows - start) for start in range(0, rows, ROWS_A_JOB)]
    jobs = [job for job in jobs if job >= smallest]
    return jobs if len(jobs) * JOB_CALLS < pacer.requests(Operation.CANCEL_ITEMS, sum(jobs)) else []


class BulkArchive:
    """Archives items of one board. The caller holds the board's lease."""

    def __init__(self, client: MondayClient, journal: Journal, delivery: Delivery, smallest: int) -> None:
        """`smallest`: the least items of a job, 0 for no jobs at all."""
        self._client = client
        self._journal = journal
        self._delivery = delivery
        self._smallest = smallest

    def archive(self, rows: Sequence[NewRow]) -> Outcome:
        """Archives as many of the rows as jobs are better for. What is not in the outcome is still to be archived.

        Rows in its `waiting` must not be sent now.
        """
        outcome, start = Outcome(), 0
        for count in archive_jobs(len(rows), smallest=self._smallest, pacer=self._client.pacer):
            if not self._smallest:
                break  # monday has refused a job
            self._client.beat()
            done = self._job(rows[start : start + count])
            outcome.add(done)
            start += count
        return outcome

    def finish(self, entry: Entry, since: float) -> Outcome:
        """Sees a job of an earlier run through. `since`, this run is the only one that may send it.

        Raises Transient if its end cannot be learnt now: the entry stays open, and its rows must wait.
        """
        job = job_of(entry)
        if job is None:
            return self._in_doubt(entry, since)
        outcome = self._ended(entry, job)
        reason = f"job {job} has not archived it: the next run decides"
        outcome.waiting |= {key: reason for key in entry.keys if key not in outcome.created}
        outcome.doubtful = True
        return outcome

    # ---- one job ----------------------------------------------------------------------------------

    def _job(self, rows: Sequence[NewRow]) -> Outcome:
        items = [str(row.variables["item"]) for row in rows]
        request = operations.body(operations.BULK_ARCHIVE_ITEMS, {"board": str(self._journal.board_id), "ids": items})
        entry = Entry(
            idempotency_key=str(uuid.uuid4()),
            operation=Operation.ARCHIVE,
            keys=tuple(row.key for row in rows),
            body=json.dumps({"request": request, "items": items}),
        )
        grant = self._delivery.admit(Operation.ARCHIVE, 1)
        self._journal.open(entry)
        try:
            job = self._delivery.start_job(entry, request, grant, _job)
        except Transient as error:
            if not error.no_effect:
                log.warning("the answer to the start of a job was lost (%s): reading its items", error)
                return self._closed(entry, self._in_doubt(entry, self._client.clock.now()))
            return self._refused(entry, error)
        except Rejected as error:
            return self._refused(entry, error)
        except Fatal as error:
            # A firewall that looks into answers may have kept back the one that names the job.
            if not isinstance(error, NotMonday):
                self._journal.close(entry)
            raise
        entry = replace(entry, body=json.dumps({**json.loads(entry.body), "job": job}))
        self._journal.amend(entry)
        log.info("archiving %d items of board %d as job %s", len(rows), self._journal.board_id, job)
        try:
            outcome = self._ended(entry, job)
        except Transient as error:
            log.warning("leaving an archive job to the next run: %s", error)
            return Outcome(waiting=dict.fromkeys(entry.keys, f"archive job {job} has not finished"), jobs=[job])
        outcome.jobs = [job]
        return self._closed(entry, outcome)

    def _refused(self, entry: Entry, error: Rejected | Transient) -> Outcome:
        log.warning("monday did not start a job (%s): archiving %d items one by one", error, len(entry.keys))
        self._smallest = 0  # nor would it start the next one
        self._journal.close(entry)
        return Outcome()

    def _closed(self, entry: Entry, outcome: Outcome) -> Outcome:
        """The outcome on record. What is in none of its parts is archived one by one."""
        failed = {
            key: Transient(f"job {job_of(entry)} did not archive it", MondayFault.NO_END_OF_JOB) for key in entry.keys
        }
        failed |= {key: Transient(why, code_in(why)) for key, why in outcome.waiting.items()}
        failed = {key: error for key, error in failed.items() if key not in outcome.created}
        self._journal.close(entry, created=outcome.created, failed=failed)
        items = _items(entry)
        log_first(log.warning, [f"item {items[key]}: {error}" for key, error in failed.items()], IN_TRACE)
        return outcome

    def _ended(self, entry: Entry, job: str) -> Outcome:
        """What the job has archived, once it has ended. Raises Transient if that takes too long."""
        items = _items(entry)
        progress = self._follow(entry, job)
        failed = _failed(progress, items.values())
        if failed is None:
            failed = set(items.values()) - find_deleted(self._client, items.values())
        outcome = Outcome(created={key: item for key, item in items.items() if item not in failed})
        if failed:
            what = f"{counted(len(failed), 'item')} of {len(items):,}"
            log.warning("job %s is %s and has left %s on the board", job, progress.get("status", "unknown"), what)
        if progress.get("status") == "CANCELLED":  # somebody wants them to stay
            outcome.waiting = {
                key: f"archive job {job} was cancelled on monday" for key, item in items.items() if item in failed
            }
        return outcome

    def _follow(self, entry: Entry, job: str) -> Mapping[str, Any]:
        """The last status of the job; an empty one where monday no longer knows it, or it is very old.

        A new one is looked at early, for it may be quick, and then when it is due.
        """
        expected = len(entry.keys) * ROW_SECONDS
        began, pause, due = self._client.clock.now(), FIRST_POLL, 0.0
        if entry.age is None:
            self._client.wait(FIRST_POLL)
            due = min(expected, shapes.LONGEST_WAIT) - FIRST_POLL
        while True:
            self._journal.renew()
            try:
                found = self._client.query(operations.REMOVAL_STATUS, {"job": job}).get("job_status")
            except NotFound as error:
                log.warning("monday no longer knows job %s (%s): reading its items", job, error)
                return {}
            except QuotaExhausted:
                raise
            except Fatal as error:
                raise Transient(
                    f"monday does not report the status of job {job}: {error}", MondayFault.NO_END_OF_JOB
                ) from error
            progress = shapes.mapping(found)
            if progress.get("status") in ENDED:
                return progress
            if self._client.clock.now() - began > PATIENCE + expected:
                if entry.age is not None and entry.age.total_seconds() > OVER_SECONDS:
                    return {}
                raise Transient(
                    f"monday's job {job}, which archives {counted(len(entry.keys), 'item')}, has not ended "
                    f"({progress.get('status')}). Nothing is lost: its orders wait, and the next run looks again",
                    MondayFault.NO_END_OF_JOB,
                )
            self._client.wait(max(pause, due))
            pause, due = min(2 * pause, LAST_POLL), 0.0

    # ---- in doubt ---------------------------------------------------------------------------------

    def _in_doubt(self, entry: Entry, since: float) -> Outcome:
        """What the board shows of a job whose id is not known, once nothing works on it any more."""
        self._delivery.settle(entry, since)
        items = _items(entry)
        deleted: set[str] = find_deleted(self._client, items.values())
        looks = 0
        while deleted and len(deleted) < len(items) and looks < QUIET_LOOKS:
            self._client.wait(LAST_POLL, "a job whose answer was lost")
            self._journal.renew()
            left = set(items.values()) - deleted
            more = find_deleted(self._client, left)
            looks = 0 if more else looks + 1
            deleted |= more
        return Outcome(
            created={key: item for key, item in items.items() if item in deleted},
            waiting={
                key: f"job request {entry.idempotency_key} {DECIDED_LATER}"
                for key, item in items.items()
                if item not in deleted
            },
            doubtful=True,
        )


def undo(client: MondayClient, job: str) -> tuple[bool, str]:
    """Has monday bring back what a job has archived, or stop it; returns whether it does, and what it says."""
    body = operations.body(operations.UNDO_ACTION, {"job": job})
    reply = client.mutate(body, idempotency_key=str(uuid.uuid4()), operation="undo_action", rows=1)
    if errors := parse_errors(reply):
        raise classify(errors[0], reply)
    answer = shapes.mapping((reply.data or {}).get("undo_action"))
    return answer.get("success") is True, shapes.text(answer.get("message")) or "no message"


def _items(entry: Entry) -> dict[str, str]:
    """The items that a job was to archive, by key."""
    return {key: json.loads(row)["item"] for key, row in payloads(entry).items()}


def _job(reply: Reply) -> str:
    """The id of the job that was started; raises what an error means."""
    if errors := parse_errors(reply):
        if errors[0].code in SCHEMA_CODES:
            raise Rejected(f"this account has no jobs that archive items: {errors[0].message}", code=errors[0].code)
        raise classify(errors[0], reply)
    job = shapes.text_id(shapes.mapping((reply.data or {}).get("bulk_archive_items")).get("job_id"))
    if job is None:
        raise Transient("monday's answer names no job", MondayFault.ODD_ANSWER, request_id=reply.request_id)
    return job


def _failed(progress: Mapping[str, Any], items: Collection[str]) -> set[str] | None:
    """The items that the job has not archived; None where it does not say so beyond doubt."""
    result = shapes.mapping(progress.get("result"))
    count = result.get("failed")
    if progress.get("status") != "COMPLETED" or not isinstance(count, int) or isinstance(count, bool):
        return None
    details = result.get("details")
    try:
        details = json.loads(details) if isinstance(details, str) else details
    except ValueError:
        return None
    named = shapes.mapping(details).get("failed_item_ids") or []
    failed = {str(item) for item in named} if isinstance(named, list) else set[str]()
    return failed if len(failed) == count and failed <= set(items) else None
