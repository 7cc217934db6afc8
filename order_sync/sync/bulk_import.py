"""Many new items at once, as a job of monday's: one request and one CSV file instead of a request for each hundred.

In: rows of one group, as they would be created one by one. Out: the ids of those that the job made, by key; the
others are created one by one. A job goes through the journal like a request: started, and its id on record, before
its file leaves; a file that arrives twice makes no row twice, because monday skips what has the same key.
Source: developer.monday.com, importing items in bulk (API 2026-07 and later).
"""

from __future__ import annotations

import csv
import io
import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.monday import operations, shapes
from order_sync.monday.board import item_texts
from order_sync.monday.client import MondayClient, read_data
from order_sync.monday.errors import SCHEMA_CODES, classify, parse_errors
from order_sync.monday.labels import Labels
from order_sync.monday.transport import Reply
from order_sync.orders.errors import Fatal, NotFound, QuotaExhausted, Rejected, Transient
from order_sync.orders.monday_faults import MondayFault
from order_sync.sync.delivery import Delivery, Outcome
from order_sync.sync.facts import keys_on_board
from order_sync.sync.rows import NewRow
from order_sync.text.counted import counted
from order_sync.text.redaction import Redaction

log = logging.getLogger("order_sync.monday")

ROWS_A_JOB = 10_000
ROWS_AN_HOUR = 19_000  # of an account
JOBS_AN_HOUR = 100  # of an account
POLL_SECONDS = 10.0  # monday asks not to poll more often
URL_SECONDS = 600.0  # that an upload may wait
UPLOADS = 3  # attempts
REPORTS = 3  # attempts
STALLED_SECONDS = 300.0  # without progress; the next run looks at the job again
OVER_SECONDS = 7_200.0  # after which a silent job is assumed finished: all its URLs have expired long since
WATCHED_SECONDS = 3 * STALLED_SECONDS  # that runs must have looked at it before that is believed
SAMPLES = 100  # rows of a report that are held against the board
ROW_SECONDS = 0.05  # of a job, before one has been seen
ENDED = {"COMPLETED", "FAILED", "REJECTED"}
FAILED_ROWS = {"validation_error", "failed"}
Report = Mapping[int, tuple[str, str, str]]  # status, item id and error, by row number from 1


def choose_jobs(
    rows: Sequence[NewRow],
    *,
    smallest: int,
    labels: Labels,
    recent: tuple[int, int],
    seconds: Callable[[int], float],
    one_by_one: Callable[[int], float],
) -> list[list[NewRow]]:
    """The rows that are better imported, job by job, each of one group: enough of them, safe and faster so.

    `recent` are the jobs of the last hour and their rows; `seconds` and `one_by_one` say how long rows take.
    """
    groups: dict[str, list[NewRow]] = {}
    for row in rows:
        groups.setdefault(row.variables["group"], []).append(row)
    jobs_done, rows_done = recent
    jobs: list[list[NewRow]] = []
    for group in sorted(groups.values(), key=len, reverse=True):
        if len(group) < smallest:
            break
        job = [row for row in group if _cells(row, labels) is not None]
        job = job[: max(0, min(ROWS_A_JOB, ROWS_AN_HOUR - rows_done))]
        if len(job) >= smallest and jobs_done < JOBS_AN_HOUR and seconds(len(job)) < one_by_one(len(job)):
            jobs.append(job)
            jobs_done, rows_done = jobs_done + 1, rows_done + len(job)
    return jobs


def job_seconds(rows: int, row_seconds: float = ROW_SECONDS) -> float:
    """How long a job of this number of rows is expected to take."""
    return 2 * POLL_SECONDS + rows * row_seconds


class BulkImport:
    """Imports items on one board. The caller holds the board's lease."""

    def __init__(
        self, client: MondayClient, journal: Journal, delivery: Delivery, key_column: str, labels: Labels, smallest: int
    ) -> None:
        """`labels` are those that the board has; `smallest` is the least rows of a job, 0 for no jobs at all."""
        self._client = client
        self._journal = journal
        self._delivery = delivery
        self._key_column = key_column
        self._labels = labels
        self._smallest = smallest
        self._row_seconds = ROW_SECONDS

    def jobs(self, rows: Sequence[NewRow], *, writers: int) -> list[list[NewRow]]:
        """See `choose_jobs`."""
        if not self._smallest or len(rows) < self._smallest:
            return []
        return choose_jobs(
            rows,
            smallest=self._smallest,
            labels=self._labels,
            recent=self._journal.recent_imports(timedelta(hours=1)),
            seconds=lambda count: job_seconds(count, self._row_seconds),
            one_by_one=lambda count: self._client.pacer.seconds(Operation.ITEMS, count) / writers,
        )

    def create(self, rows: Sequence[NewRow]) -> Outcome:
        """Imports the rows, which are of one group. What is not in the outcome was not imported, and is not in doubt.

        Raises Fatal, and Transient if the job's end cannot be learnt: it then stays in doubt, for the next run.
        """
        board, group = str(self._journal.board_id), rows[0].variables["group"]
        match = {"match_column_id": self._key_column, "behaviour": "SKIP"}
        request = operations.body(operations.INGEST_ITEMS, {"board": board, "group": group, "match": match})
        # What the journal keeps: the file, too, and the values that its cells stand for.
        body = {"request": request, "csv": self._file(rows), "values": [row.variables["values"] for row in rows]}
        entry = Entry(
            idempotency_key=str(uuid.uuid4()),
            operation=Operation.IMPORT,
            keys=tuple(row.key for row in rows),
            body=json.dumps(body, ensure_ascii=False),
        )
        grant = self._delivery.admit(Operation.IMPORT, 1)
        self._journal.open(entry)
        started = self._client.clock.now()
        try:
            job = self._delivery.start_job(entry, request, grant, _job)
        except (Rejected, Transient) as error:
            # Without a file nothing has happened on the board, even if the request succeeded.
            log.warning("monday did not start the import (%s): creating %d items one by one", error, len(rows))
            self._smallest = 0  # nor would it start the next one
            self._journal.close(entry)
            return Outcome()
        except Fatal:
            self._journal.close(entry)
            raise
        entry = self._noted(entry, job=job)
        log.info("importing %d items as job %s", len(rows), job["job_id"])
        outcome = self.finish(entry)
        self._journal.close(entry, created=outcome.created, watch=outcome.doubtful)
        seconds = self._client.clock.now() - started
        self._row_seconds = max(0.0, seconds - POLL_SECONDS) / len(rows)
        log.info("imported %d of %d items in %.0f s", len(outcome.created), len(rows), seconds)
        return outcome

    @property
    def available(self) -> bool:
        """monday has not refused a job yet."""
        return self._smallest > 0

    def finish(self, entry: Entry) -> Outcome:
        """Sees a job through, also one of an earlier run. The caller closes the entry.

        Raises Transient if the job's end cannot be learnt now: the entry stays open, and its rows must wait.
        """
        job = json.loads(entry.body).get("job")
        if job is None:
            return Outcome()  # its file never left
        progress = self._follow(entry, str(job["job_id"]), str(job["upload_url"]))
        if progress is None:
            log.warning("monday did not accept the file of job %s: creating its items one by one", job["job_id"])
            return self._found(entry, {})
        if progress["status"] != "COMPLETED":
            self._smallest = 0
            reason = str(progress.get("failure_message") or progress.get("failure_reason") or "no reason given")
            reason = Redaction(str(job["upload_url"])).text(reason)  # it may say which file could not be read
            log.warning("job %s is %s: %s", job["job_id"], progress["status"], reason)
            return self._found(entry, {})
        return self._found(entry, self._report(entry, str(job["job_id"]), progress))

    # ---- the job ----------------------------------------------------------------------------------

    def _follow(self, entry: Entry, job_id: str, upload_url: str) -> dict[str, Any] | None:
        """Uploads the file and waits for the job to end; None if monday has taken no file."""
        clock = self._client.clock
        began = moved_at = clock.now()
        # An earlier run may have sent the file, and have died before it noted more than that it was about to.
        perhaps_there = bool(json.loads(entry.body).get("sent"))
        uploads, shown = 0, -1
        progress: dict[str, Any] = {"status": "UPLOAD_PENDING"} if entry.age is None else self._status(job_id)
        while progress["status"] not in ENDED:
            # As long as runs have looked at it: the database's clock, which says when it began, may have jumped.
            age = float(json.loads(entry.body).get("watched", 0)) + clock.now() - began
            pending = progress["status"] == "UPLOAD_PENDING"
            if pending and uploads < UPLOADS and age < URL_SECONDS:
                entry = self._noted(entry, sent=True)
                uploads += 1
                taken = self._upload(job_id, upload_url, json.loads(entry.body)["csv"])
                perhaps_there = perhaps_there or taken is not None
                uploads = UPLOADS if taken else uploads
            elif pending and (not perhaps_there or age > URL_SECONDS + STALLED_SECONDS):
                return None  # refused each time, too late to be sent, or not there long after its URL has died
            elif clock.now() - moved_at > STALLED_SECONDS:
                if age > WATCHED_SECONDS and _is_long_over(entry):
                    return None
                self._noted(entry, watched=age)
                raise Transient(
                    f"monday's import job {job_id} of {counted(len(entry.keys), 'item')} makes no progress "
                    f"({progress['status']}, {max(shown, 0)} %). Nothing is lost: its rows wait, "
                    "and the next run checks it again",
                    MondayFault.NO_END_OF_JOB,
                )
            self._client.wait(POLL_SECONDS)
            self._journal.renew()
            progress = self._status(job_id)
            percent = min(100, int(progress.get("progress_percentage") or 0))
            if percent != shown:
                moved_at, shown = clock.now(), percent
                done = len(entry.keys) * percent // 100
                extra = {"progress": (str(Operation.ITEMS), done, len(entry.keys))}
                log.info("import job %s: %s, %d %%", job_id, progress["status"], percent, extra=extra)
        return progress

    def _status(self, job_id: str) -> dict[str, Any]:
        """Raises Transient if monday does not report the status of the job."""
        try:
            progress = self._client.query(operations.JOB_STATUS, {"job": job_id}).get("fetch_job_status")
        except NotFound as error:
            return {"status": "FAILED", "failure_message": f"monday no longer knows it ({error})"}
        except QuotaExhausted:
            raise
        except Fatal as error:
            raise Transient(
                f"monday does not report the status of job {job_id}: {error}", MondayFault.NO_END_OF_JOB
            ) from error
        if not isinstance(progress, dict) or not progress.get("status"):
            raise Transient(f"monday does not report the status of job {job_id}", MondayFault.NO_END_OF_JOB)
        return progress

    def _upload(self, job_id: str, url: str, text: str) -> bool | None:
        """True if the file was taken, None if it was refused, False if that is not known."""
        try:
            self._client.upload(url, text.encode(), last_check=self._journal.expect_time_left)
        except Transient as error:
            log.warning("monday did not accept the file of job %s: %s", job_id, error)
            return None if error.no_effect else False
        return True

    def _noted(self, entry: Entry, **more: Any) -> Entry:
        """The entry with more about the job, on record."""
        entry = replace(entry, body=json.dumps({**json.loads(entry.body), **more}, ensure_ascii=False))
        self._journal.amend(entry)
        return entry

    def _report(self, entry: Entry, job_id: str, progress: Mapping[str, Any]) -> Report:
        """The report, by row number; empty if there is none to be had, or none to be trusted."""
        for _ in range(REPORTS):
            url = progress.get("report_url")
            if not progress.get("report_created") or not url:
                break
            self._journal.renew()
            try:
                report = read_report(self._client.download(str(url)))
            except Transient as error:
                log.warning("the report of job %s cannot be read: %s", job_id, error)
                self._client.wait(1.0)
                progress = self._status(job_id)
                continue
            if report.keys() == set(range(1, len(entry.keys) + 1)) and self._is_true(entry, report):
                return report
            log.warning("the report of job %s does not match its rows: looking them up instead", job_id)
            break
        return {}

    def _is_true(self, entry: Entry, report: Report) -> bool:
        """Samples of the report, held against the board: is the item of a row the one with the row's key?"""
        named = [(report[number][1], key) for number, key in enumerate(entry.keys, start=1) if report[number][1]]
        step = max(1, len(named) // SAMPLES)
        samples = dict([*named[::step][: SAMPLES - 1], *named[-1:]])
        texts = item_texts(self._client, samples, self._key_column)
        on_board = keys_on_board(entry, self._key_column)
        return all(texts.get(item, "").lower() == on_board[key].lower() for item, key in samples.items())

    # ---- the result -------------------------------------------------------------------------------

    def _found(self, entry: Entry, report: Report) -> Outcome:
        """The ids of the rows that are on the board, from the report, and by look-up where it does not say.

        A row that is neither failed by the report nor on the board in the end was not made: the job has ended.
        """
        outcome, failed, skipped = Outcome(), {}, []
        for number, key in enumerate(entry.keys, start=1):
            status, item_id, error = report.get(number, ("", "", ""))
            if item_id:
                outcome.created[key] = item_id
            elif status in FAILED_ROWS:
                failed[key] = error
            elif status == "skipped":
                skipped.append(key)
        if failed:
            first = next(iter(failed.values()))
            log.warning("%d items were not imported, first reason: %s", len(failed), first)
        self._look_up(entry, outcome, set(failed))
        outcome.doubtful = len(outcome.created) + len(failed) < len(entry.keys)
        left = [key for key in skipped if key not in outcome.created]
        if left and not _is_long_over(entry):
            raise Transient(
                f"monday skipped {counted(len(left), 'item')} of an import, first delta_uuid {left[0]}: its search "
                "does not find them on the board yet. The next run searches again",
                MondayFault.NOT_FOUND_YET,
            )
        return outcome

    def _look_up(self, entry: Entry, outcome: Outcome, failed: set[str]) -> None:
        """Adds what the board shows; looked up again when everything that the job did must be seen."""
        for last in (False, True):
            unknown = [key for key in entry.keys if key not in outcome.created and key not in failed]
            if not unknown:
                return
            if last:
                self._delivery.settle(entry, self._client.clock.now())
            outcome.created |= self._delivery.find(entry, unknown)

    # ---- the file ---------------------------------------------------------------------------------

    def _file(self, rows: Sequence[NewRow]) -> str:
        cells = [_cells(row, self._labels) or {} for row in rows]
        columns = list(dict.fromkeys(column for row in cells for column in row))
        text = io.StringIO()
        # Everything quoted: a carriage return that is not would end the row, and shift all that follow.
        writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(["name", *columns])
        for row, values in zip(rows, cells, strict=True):
            writer.writerow([row.variables["name"], *(values.get(column, "") for column in columns)])
        return text.getvalue()


def read_report(text: str) -> Report:
    """The rows of a report. Raises Transient if it cannot be read."""
    try:
        # By position: a column of the board may have the name of one of these.
        lines = [line for line in list(csv.reader(io.StringIO(text, newline="")))[1:] if line]
        return {int(line[0]): (line[1], shapes.numeric_id(line[2]) or "", line[3]) for line in lines}
    except (ValueError, IndexError, csv.Error) as error:
        raise Transient(f"it is not the CSV of a report ({error})", MondayFault.ODD_ANSWER) from error


def _is_long_over(entry: Entry) -> bool:
    """Whether an earlier run began the job so long ago that it must have ended, by the database's clock."""
    return entry.age is not None and entry.age.total_seconds() > OVER_SECONDS


def _job(reply: Reply) -> dict[str, str]:
    """The id and upload URL of the job that was started; raises what an error means."""
    if errors := parse_errors(reply):
        if errors[0].code in SCHEMA_CODES:
            raise Rejected(f"this account has no bulk import: {errors[0].message}", code=errors[0].code)
        raise classify(errors[0], reply)
    job = read_data(reply, operations.INGEST_ITEMS)["ingest_items"]
    return {"job_id": job["job_id"], "upload_url": job["upload_url"]}


def _cells(row: NewRow, labels: Labels) -> dict[str, str] | None:
    """The row's values as the file has them, None if it has one that only a request can carry."""
    cells = {}
    for column, value in json.loads(row.variables["values"]).items():
        cell = _cell(value, labels.get(column, {}))
        if cell is None:
            return None
        cells[column] = cell
    return cells


def _cell(value: Any, labels: Mapping[str, int]) -> str | None:
    """A column value as a cell of the file; None for a label that the board lacks, as a job creates none.

    None also for a tick: a checkbox is not one of the types that monday imports.
    """
    match value:
        case str():
            return value
        case {"url": str(url)}:
            return url if value.get("text") == url and url.startswith(("http://", "https://")) else None
        case {"date": str(text)} | {"text": str(text)}:
            return text
        # A file's cell is read without the blanks around it.
        case {"label": str(label)} if label in labels and label == label.strip():
            return label
        case {"labels": [str(label)]} if label in labels and label == label.strip() and "," not in label:
            return label
    return None
