"""In: a job that is started, the file that is uploaded for it, questions how far it is.
Out: the file's rows as items of the board, created in the background, and a report when all are done.
Never: a job or a row without an effect; and no job that still runs after a reset."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

from order_sync.emulator import bulk_file, columns
from order_sync.emulator.boards import active_group
from order_sync.emulator.bulk_file import FailureReason, Outcome, Rejected, Row, RowStatus, Sheet
from order_sync.emulator.clock import Clock
from order_sync.emulator.effects import Effect, JobBegun, JobFinished, JobStarted, JobUploaded
from order_sync.emulator.errors import MondayError, invalid_board, invalid_column, not_found
from order_sync.emulator.faults import Fault, FaultKind
from order_sync.emulator.items import Items
from order_sync.emulator.limits import Budgets
from order_sync.emulator.locks import BoardLocks
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import Board, Item, State

#: Upload and report URLs live that long.
URL_LIFE_S = 600
_CHUNK = 100
#: A chunk takes about this long at most, in real time.
_CHUNK_S = 0.05

_log = logging.getLogger(__name__)


class JobState(StrEnum):
    UPLOAD_PENDING = "UPLOAD_PENDING"
    REJECTED = "REJECTED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(slots=True)
class Counts:
    """None: nobody knows, as the emulator was killed while the job ran."""

    submitted: int | None = 0
    invalid: int | None = 0
    skipped: int | None = 0
    created: int | None = 0
    updated: int | None = 0
    failed: int | None = 0


@dataclass(slots=True, eq=False)
class Job:
    start: JobStarted
    state: JobState = JobState.UPLOAD_PENDING
    counts: Counts = field(default_factory=Counts)
    progress: int = 0
    failure_reason: str | None = None
    failure_message: str | None = None
    report: str | None = None
    uploaded: bool = False
    #: Of the request that started it and of the upload; not kept over a restart, nor is the file.
    faults: tuple[Fault, ...] = ()
    body: bytes | None = None

    @property
    def id(self) -> str:
        return self.start.job_id

    @property
    def finished(self) -> bool:
        return self.state not in (JobState.UPLOAD_PENDING, JobState.PROCESSING)

    def fault(self, kind: FaultKind) -> Fault | None:
        return next((fault for fault in self.faults if fault.kind is kind), None)

    def signature(self, expires: str) -> str:
        return hmac.new(self.start.secret.encode(), expires.encode(), "sha256").hexdigest()


class Jobs:
    """Every job, as its effects made it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._jobs: dict[str, Job] = {}
        self._by_secret: dict[str, Job] = {}
        for effect in state.effects:
            self._apply(effect)
        for job in list(self._jobs.values()):
            if job.uploaded and not job.finished:
                # Its rows are on the board, but how many nobody has counted.
                job.counts = Counts(**dict.fromkeys(asdict(job.counts)))
                self.finish(job, JobState.FAILED, FailureReason.INTERNAL_ERROR)

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def of_secret(self, secret: str) -> Job | None:
        return self._by_secret.get(secret)

    def record(self, effect: Effect) -> None:
        self._apply(self._state.record(effect))

    def finish(
        self,
        job: Job,
        state: JobState,
        reason: FailureReason | None = None,
        message: str | None = None,
        report: str | None = None,
    ) -> None:
        self.record(
            JobFinished(
                job_id=job.id,
                state=state,
                counts=asdict(job.counts),
                progress=job.progress,
                failure_reason=reason,
                failure_message=message,
                report=report,
            )
        )

    def _apply(self, effect: Effect) -> None:
        match effect:
            case JobStarted():
                self._jobs[effect.job_id] = self._by_secret[effect.secret] = Job(effect)
            case JobUploaded():
                self._jobs[effect.job_id].uploaded = True
            case JobBegun():
                self._jobs[effect.job_id].state = JobState.PROCESSING
            case JobFinished():
                job = self._jobs[effect.job_id]
                job.state, job.progress = JobState(effect.state), effect.progress
                job.counts = Counts(**effect.counts)
                job.failure_reason, job.failure_message = effect.failure_reason, effect.failure_message
                job.report = effect.report
            case _:
                pass


class Bulk:
    """monday's rules for bulk imports."""

    def __init__(
        self,
        state: State,
        items: Items,
        budgets: Budgets,
        locks: BoardLocks,
        clock: Clock,
        settings: Callable[[], EmulatorSettings],
    ) -> None:
        self._items = items
        self._budgets = budgets
        self._locks = locks
        self._clock = clock
        self._settings = settings
        self._jobs = Jobs(state)
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def start(
        self,
        board_id: str,
        group_id: str,
        on_match: Mapping[str, str] | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> Job:
        board = self._items.boards.open_board(board_id)
        if board.parent is not None:
            raise invalid_board(board_id)
        group = active_group(board, group_id)
        match = on_match or {}
        column_id = match.get("match_column_id")
        if column_id is not None and (column_id not in board.columns or board.columns[column_id].type == "subtasks"):
            raise invalid_column(column_id)
        effect = JobStarted(
            job_id=str(uuid.uuid4()),
            secret=secrets.token_urlsafe(24),
            board_id=board.id,
            group_id=group.id,
            match_column_id=column_id,
            behaviour=match.get("behaviour"),
        )
        self._jobs.record(effect)
        job = self._job(effect.job_id)
        job.faults = faults
        return job

    def status(self, job_id: str, base_url: str) -> SimpleNamespace:
        """monday's ItemsJobStatus. Each makes a new URL of the report."""
        job = self._job(job_id)
        report_url = None
        if job.report is not None:
            expires = str(self._clock.now() + URL_LIFE_S)
            report_url = f"{base_url}_reports/{job.id}?expires={expires}&signature={job.signature(expires)}"
        return SimpleNamespace(
            status=job.state,
            counts=job.counts,
            progress_percentage=job.progress,
            failure_reason=job.failure_reason,
            failure_message=job.failure_message,
            fully_imported=job.state is JobState.COMPLETED and job.counts.failed == 0,
            report_created=job.report is not None,
            report_url=report_url,
        )

    def awaiting(self, secret: str) -> Job | None:
        """The job that an upload URL belongs to, None for one that is unknown or too old."""
        job = self._jobs.of_secret(secret)
        return job if job is not None and self._clock.now() - job.start.at < URL_LIFE_S else None

    def report(self, job_id: str, expires: str, signature: str) -> str | None:
        """None for a URL that is not one of ours, or too old."""
        job = self._jobs.get(job_id)
        if job is None or not hmac.compare_digest(job.signature(expires).encode(), signature.encode()):
            return None
        return job.report if self._clock.now() < float(expires) else None

    def upload(self, job: Job, body: bytes, faults: tuple[Fault, ...]) -> None:
        """Until the job begins, the last file counts; after that none does."""
        if job.state is not JobState.UPLOAD_PENDING:
            return
        stuck = any(fault.kind is FaultKind.JOB_STUCK for fault in (*job.faults, *faults))
        if stuck:
            return
        job.body, first = body, not job.uploaded
        job.faults = (*job.faults, *faults)
        self._jobs.record(JobUploaded(job_id=job.id, size=len(body)))
        if first:
            task = asyncio.get_running_loop().create_task(self._run(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _job(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            raise not_found("Job", job_id)
        return job

    async def _run(self, job: Job) -> None:
        await self._clock.sleep(self._settings().bulk_start_ms / 1_000)
        async with self._locks.awaited(job.start.board_id):
            self._jobs.record(JobBegun(job_id=job.id))
            try:
                await self._process(job)
            except Rejected as refusal:
                self._jobs.finish(job, JobState.REJECTED, refusal.reason, refusal.message)
            except Exception:
                _log.exception("a bulk import failed in a way monday does not know")
                self._jobs.finish(job, JobState.FAILED, FailureReason.INTERNAL_ERROR)

    async def _process(self, job: Job) -> None:
        if job.fault(FaultKind.JOB_REJECTED) is not None:
            raise Rejected(FailureReason.INTERNAL_ERROR, None)
        settings = self._settings()
        board = self._items.boards.board(job.start.board_id)
        body, job.body = job.body or b"", None
        limits = {"max_bytes": settings.bulk_max_bytes, "max_rows": settings.bulk_max_rows}
        # In a thread: a large file takes seconds, in which the API still answers.
        sheet = await asyncio.to_thread(bulk_file.read_sheet, board, body, **limits)
        plan = Plan(job.start, board, sheet)
        if board.items_count + plan.new_items > settings.items_limit:
            limit = settings.items_limit
            raise Rejected(FailureReason.BOARD_CAPACITY_EXCEEDED, f"The board would hold more than {limit} items")
        if not self._budgets.reserve_rows(settings, len(sheet.rows)):
            raise Rejected(FailureReason.ACCOUNT_CAPACITY_EXCEEDED, "The account has no rows left in this hour")
        job.counts.submitted = len(sheet.rows)
        outcomes: list[Outcome] = []
        try:
            await self._write_rows(job, plan, outcomes)
        finally:
            written = (job.counts.created or 0) + (job.counts.updated or 0)
            self._budgets.release_rows(len(sheet.rows) - written)
        if len(outcomes) < len(sheet.rows):
            self._jobs.finish(job, JobState.FAILED, FailureReason.INTERNAL_ERROR)
        else:
            missing = job.fault(FaultKind.REPORT_MISSING) is not None
            self._jobs.finish(job, JobState.COMPLETED, report=None if missing else bulk_file.report(sheet, outcomes))

    async def _write_rows(self, job: Job, plan: Plan, outcomes: list[Outcome]) -> None:
        """Fewer outcomes than rows: a fault broke it off."""
        rows, fault = plan.sheet.rows, job.fault(FaultKind.JOB_FAILED)
        while len(outcomes) < len(rows):
            row_s = self._settings().bulk_row_ms / 1_000
            real_s = self._clock.real(row_s)
            size = min(_CHUNK, max(1, int(_CHUNK_S / real_s))) if real_s else _CHUNK
            chunk = rows[len(outcomes) : len(outcomes) + size]
            await self._clock.sleep(row_s * len(chunk))
            for row in chunk:
                if fault is not None and (job.counts.created or 0) + (job.counts.updated or 0) >= fault.rows:
                    return
                outcomes.append(self._write(job, plan, row))
                job.progress = 100 * len(outcomes) // len(rows)

    def _write(self, job: Job, plan: Plan, row: Row) -> Outcome:
        counts = job.counts
        if row.errors:
            counts.invalid = (counts.invalid or 0) + 1
            return Outcome(row=row, status=RowStatus.VALIDATION_ERROR)
        if row.number in plan.skipped:
            counts.skipped = (counts.skipped or 0) + 1
            return Outcome(row=row, status=RowStatus.SKIPPED)
        item = plan.updates.get(row.number)
        try:
            if item is None:
                item = self._items.add_row(plan.board, job.start.group_id, row.name, row.values)
                counts.created = (counts.created or 0) + 1
            else:
                self._items.change_row(item, row.name, row.values)
                counts.updated = (counts.updated or 0) + 1
        except MondayError as error:
            counts.failed = (counts.failed or 0) + 1
            return Outcome(row=row, status=RowStatus.FAILED, error=str(error))
        return Outcome(row=row, status=RowStatus.SUCCESS, item_id=item.id)


class Plan:
    """Which rows are skipped and which change an item, by row number; looked up once, before the first row."""

    def __init__(self, start: JobStarted, board: Board, sheet: Sheet) -> None:
        self.board = board
        self.sheet = sheet
        self.skipped: set[int] = set()
        self.updates: dict[int, Item] = {}
        if start.match_column_id is not None:
            self._match(start.match_column_id, update=start.behaviour == "UPSERT")
        self.new_items = sum(
            1
            for row in sheet.rows
            if not row.errors and row.number not in self.skipped and row.number not in self.updates
        )

    def _match(self, column_id: str, *, update: bool) -> None:
        if column_id not in ("name", *self.sheet.columns):
            raise Rejected(FailureReason.INVALID_UPLOAD, f'The file lacks the column to match, "{column_id}"')
        last: dict[str, Row] = {}
        for row in self.sheet.rows:
            key = "" if row.errors else self._key(column_id, row.name, row.values)
            if key:
                if key in last:
                    self.skipped.add(last[key].number)
                last[key] = row
        found = self._items(column_id, self.board.active_items)
        for key, row in last.items():
            if key not in found:
                continue
            if update:
                self.updates[row.number] = found[key]
            else:
                self.skipped.add(row.number)

    def _items(self, column_id: str, items: Iterable[Item]) -> dict[str, Item]:
        """By value; of several with one value the most recently created, as they come oldest first."""
        return {self._key(column_id, item.name, item.values): item for item in items}

    def _key(self, column_id: str, name: str, values: Mapping[str, Any]) -> str:
        if column_id == "name":
            return name
        return columns.text(self.board.columns[column_id], values.get(column_id)) or ""
