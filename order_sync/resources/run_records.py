"""Dagster's own record of runs, which would grow for ever: only the newest runs of a job are kept.

In: Dagster's instance. Out: fewer runs in it, with their events, files and captured output.
Never removes a run that still holds rows or a board, or that has asked monday for something that is in doubt:
before a run takes that up, it asks the record whether that run has finished.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData

from order_sync.database.housekeeping import runs_at_work
from order_sync.database.queue import QueueReader

EXPIRING = "Removing old runs from Dagster"
AT_ONCE = 20  # removed by one run: an old installation comes down to its number of runs step by step
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def expire_runs(instance: dg.DagsterInstance, job_name: str, kept: int, queue: QueueReader) -> int:
    """Removes ended runs of the job but for the newest `kept` (0: keeps all); returns how many."""
    if not kept or job_name.startswith("__"):  # Dagster's job for assets that are chosen in its UI, of any project
        return 0
    ended = dg.RunsFilter(job_name=job_name, statuses=ENDED)
    old = instance.get_run_ids(ended, limit=kept + AT_ONCE)[kept:]
    busy = runs_at_work(queue.database, queue.tables) if old else set()
    removed = [run_id for run_id in old if run_id not in busy]
    for run_id in removed:
        _remove(instance, run_id)
    return len(removed)


def _remove(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.delete_run(run_id)
    storage = instance.event_log_storage
    # Dagster's API leaves both of these behind: half of what a run takes.
    if isinstance(storage, SqlEventLogStorage):
        checks = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            connection.execute(checks.delete().where(checks.c.run_id == run_id))
    if isinstance(storage, SqliteEventLogStorage):
        path = storage.path_for_shard(run_id)
        with suppress(OSError):  # Windows keeps a file that the UI has open; it has no events any more
            for ending in ("", "-wal", "-shm"):
                Path(path + ending).unlink(missing_ok=True)
    with suppress(OSError):
        instance.compute_log_manager.delete_logs(prefix=[run_id])


def expire_observations(instance: dg.DagsterInstance, assets: Sequence[str], before: datetime) -> None:
    """Removes observations of these assets that no run has made, and which Dagster's API would keep for ever."""
    storage, events = instance.event_log_storage, SqlEventLogStorageTable
    if not isinstance(storage, SqlEventLogStorage):
        return
    old = events.delete().where(
        events.c.run_id == RUNLESS_RUN_ID,
        events.c.dagster_event_type == dg.DagsterEventType.ASSET_OBSERVATION.value,
        events.c.asset_key.in_([dg.AssetKey(asset).to_string() for asset in assets]),
        events.c.timestamp < before.astimezone(UTC).replace(tzinfo=None),
    )
    with storage.index_connection() as connection:
        connection.execute(old)
    if isinstance(storage, SqliteEventLogStorage):  # it keeps each event twice
        with storage.run_connection(RUNLESS_RUN_ID) as connection:
            connection.execute(old)


class UncapturedLogManager(LocalComputeLogManager):
    """Dagster's folder of captured output, for a command whose output is on the screen: it adds nothing to it."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> UncapturedLogManager:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        yield CapturedLogContext(log_key)
