"""In: items to archive or delete in the background, questions how far that is, the wish to undo it.
Out: the items removed one after another, a report, and what was removed back on the board.
Never: a job that still runs after a reset, and nothing brought back that it did not remove itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

from order_sync.emulator.boards import number
from order_sync.emulator.clock import Clock, iso_moment
from order_sync.emulator.effects import Effect, RemovalFinished, RemovalStarted, RemovalUndone
from order_sync.emulator.errors import MondayError, invalid_argument, not_found
from order_sync.emulator.faults import Fault, FaultKind
from order_sync.emulator.items import Items
from order_sync.emulator.locks import BoardLocks
from order_sync.emulator.settings import EmulatorSettings
from order_sync.emulator.state import State

_BROKEN_OFF = "The job was broken off"


class JobState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(slots=True, eq=False)
class Removal:
    start: RemovalStarted
    status: JobState = JobState.PENDING
    removed: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    error: str | None = None
    updated: float = 0.0
    undone: bool = False

    @property
    def id(self) -> str:
        return self.start.job_id

    @property
    def finished(self) -> bool:
        return self.status not in (JobState.PENDING, JobState.RUNNING)

    def note(self, effect: RemovalFinished) -> None:
        self.status, self.error, self.updated = JobState(effect.status), effect.error, effect.at
        self.removed, self.failed = effect.removed, effect.failed


class Removals:
    """monday's rules for jobs that remove items."""

    def __init__(
        self,
        state: State,
        items: Items,
        locks: BoardLocks,
        clock: Clock,
        settings: Callable[[], EmulatorSettings],
    ) -> None:
        self._state = state
        self._items = items
        self._locks = locks
        self._clock = clock
        self._settings = settings
        self._jobs: dict[str, Removal] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for effect in state.effects:
            self._apply(effect)
        for job in self._jobs.values():
            if not job.finished:  # The emulator was killed while it ran.
                there = {i for i in job.start.item_ids if i in state.items and state.items[i].state == job.start.state}
                job.removed = [item_id for item_id in job.start.item_ids if item_id in there]
                self._finish(job, JobState.FAILED, _BROKEN_OFF)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def start(self, state: str, board_id: str, item_ids: list[str], faults: tuple[Fault, ...] = ()) -> Removal:
        board = self._items.boards.open_board(board_id)
        if not item_ids:
            raise invalid_argument("item_ids is empty")
        wanted = list(dict.fromkeys(number(item_id) for item_id in item_ids))
        effect = RemovalStarted(job_id=str(uuid.uuid4()), board_id=board.id, item_ids=wanted, state=state)
        self._apply(self._state.record(effect))
        job = self._jobs[effect.job_id]
        kinds = {fault.kind: fault for fault in faults}
        if FaultKind.JOB_STUCK not in kinds:
            self._go(self._run(job, kinds.get(FaultKind.JOB_FAILED)))
        return job

    def status(self, job_id: str) -> SimpleNamespace:
        """monday's AsyncJobStatus."""
        job = self._job(job_id)
        result = SimpleNamespace(
            total=len(job.start.item_ids),
            succeeded=len(job.removed),
            failed=len(job.failed),
            details={"failed_item_ids": [str(item_id) for item_id in job.failed]},
        )
        return SimpleNamespace(
            id=job.id,
            status=job.status,
            created_at=iso_moment(job.start.at),
            updated_at=iso_moment(job.updated),
            error=job.error,
            result=result if job.finished else None,
        )

    def undo(self, job_id: str) -> SimpleNamespace:
        """monday's UndoResult: a running job stops, a completed one is taken back in the background."""
        job = self._job(job_id)
        self._items.boards.open_board(job.start.board_id)
        if not job.finished:
            self._finish(job, JobState.CANCELLED)
            return SimpleNamespace(success=True, message="The job was cancelled")
        if job.status is not JobState.COMPLETED or job.undone:
            return SimpleNamespace(success=False, message="There is nothing to undo")
        self._apply(self._state.record(RemovalUndone(job_id=job.id)))
        self._go(self._take_back(job))
        return SimpleNamespace(success=True, message="The undo has begun")

    def _job(self, job_id: str) -> Removal:
        job = self._jobs.get(job_id)
        if job is None:
            raise not_found("Job", job_id)
        return job

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Removal, failure: Fault | None) -> None:
        await self._pause(self._settings().bulk_start_ms)
        async with self._locks.awaited(job.start.board_id):
            if job.status is JobState.PENDING:  # and not cancelled meanwhile
                job.status, job.updated = JobState.RUNNING, self._clock.now()
            for item_id in job.start.item_ids:
                await self._pause(self._settings().bulk_row_ms)
                if job.finished:
                    return
                if failure is not None and len(job.removed) >= failure.rows:
                    self._finish(job, JobState.FAILED, _BROKEN_OFF)
                    return
                self._remove(job, item_id)
            self._finish(job, JobState.COMPLETED)

    def _remove(self, job: Removal, item_id: int) -> None:
        item = self._state.items.get(item_id)
        if item is None or item.board.id != job.start.board_id or item.state == "deleted":
            job.failed.append(item_id)
        elif item.state != job.start.state:
            self._items.remove(item, job.start.state)
            job.removed.append(item_id)

    async def _take_back(self, job: Removal) -> None:
        async with self._locks.awaited(job.start.board_id):
            for item_id in job.removed:
                await self._pause(self._settings().bulk_row_ms)
                item = self._state.items[item_id]
                if item.state == job.start.state:
                    try:
                        self._items.restore(item)
                    except MondayError:
                        continue  # The board has no room for it, or its item is not there any more.

    async def _pause(self, milliseconds: float) -> None:
        if milliseconds:
            await self._clock.sleep(milliseconds / 1_000)

    def _finish(self, job: Removal, status: JobState, error: str | None = None) -> None:
        effect = RemovalFinished(job_id=job.id, status=status, removed=job.removed, failed=job.failed, error=error)
        self._apply(self._state.record(effect))

    def _apply(self, effect: Effect) -> None:
        match effect:
            case RemovalStarted():
                self._jobs[effect.job_id] = Removal(effect, updated=effect.at)
            case RemovalFinished():
                self._jobs[effect.job_id].note(effect)
            case RemovalUndone():
                self._jobs[effect.job_id].undone = True
            case _:
                pass
