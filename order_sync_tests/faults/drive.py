"""One run of the job, in two ways: through Dagster, or through the same assets and IO managers without its executor.

In: settings and a run id. Out: nothing; an error as the run raised it.
The second way costs a fifth: Dagster's own record and event log are a stub, every line of the product is the same.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import dagster as dg
import sqlalchemy as sa
import tenacity

from order_sync.assets import main_tables, monday, queue
from order_sync.automation.jobs import JOB_NAME
from order_sync.cli import launch
from order_sync.database import board_lease, uptime
from order_sync.database.connection import Database
from order_sync.deployments import resources
from order_sync.monday.pacing import Clock, Pacer
from order_sync.resources import runs
from order_sync.settings import PREFIX, Settings
from order_sync.sync import writer
from order_sync_tests.faults.cases import Way
from order_sync_tests.faults.scenario import SPEED

log = logging.getLogger("order_sync_tests.faults")
CLOCK_FILE = "clock"
SLEPT_FILE = "slept"


@dataclass(frozen=True)
class Record:
    """What Dagster's record knows of runs: which began, and which of them have ended."""

    folder: Path

    def begin(self, run_id: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{run_id}.began").touch()

    def end(self, run_id: str) -> None:
        (self.folder / f"{run_id}.ended").touch()

    def get_run_by_id(self, run_id: str) -> Any:
        if not (self.folder / f"{run_id}.began").exists():
            return None
        return SimpleNamespace(run_id=run_id, is_finished=(self.folder / f"{run_id}.ended").exists())

    def get_run_ids(self, _filters: dg.RunsFilter, limit: int) -> list[str]:
        """No run that has ended: as many as are kept never are."""
        return []

    def report_run_failed(self, run: Any, _message: str) -> None:
        self.end(run.run_id)


@dataclass
class _Context:
    """What the IO managers use of Dagster's contexts."""

    run: Any
    instance: Any
    asset_key: dg.AssetKey = field(default_factory=lambda: dg.AssetKey("none"))
    log: logging.Logger = log
    definition_metadata: Mapping[str, Any] = field(default_factory=dict)

    def log_event(self, event: Any) -> None: ...

    def add_output_metadata(self, metadata: Any) -> None: ...

    def of(self, name: str) -> Any:
        return _Context(self.run, self.instance, dg.AssetKey(name))


def run_bare(settings: Settings, run_id: str) -> None:
    """The steps of the job in Dagster's order. Never tidies up after a death, as Dagster does not."""
    record = Record(settings.home / "record")
    record.begin(run_id)
    try:
        run_job(resources(settings), run_id, record)
    finally:
        record.end(run_id)


def run_job(made: Mapping[str, Any], run_id: str, instance: Any) -> None:
    """The steps of the job with these resources; `instance` is what they use of Dagster's."""
    run = SimpleNamespace(
        run_id=run_id,
        job_name=JOB_NAME,
        parent_run_id=None,
        root_run_id=None,
        asset_selection=None,
        job_snapshot_id=None,
        run_config={},
    )
    context: Any = _Context(run, instance)
    queue_io, monday_io = made["queue_io"], made["monday_io"]
    queue_io.setup_for_execution(context)
    try:
        monday_io.setup_for_execution(context)
        try:
            _run_steps(context, made)
        finally:
            monday_io.teardown_after_execution(context)
    finally:
        queue_io.teardown_after_execution(context)


def _run_steps(context: Any, made: Mapping[str, Any]) -> None:
    queue_io, monday_io, scope = made["queue_io"], made["monday_io"], made["scope"]
    resources = {"sql_server": made["sql_server"], "monday": made["monday"]}

    def load(manager: Any, name: str) -> Any:
        return manager.load_input(context.of(name))

    def keep(manager: Any, name: str, rows: Any) -> None:
        manager.handle_output(context.of(name), rows)

    waiting = load(queue_io, "ORDER_LIST_DELTA")
    keep(queue_io, "pending_headers", _body(queue.pending_headers)(waiting, scope, made["sql_server"]))
    keep(
        monday_io,
        "monday_groups",
        _body(monday.monday_groups)(load(queue_io, "pending_headers"), scope=scope, **resources),
    )
    waiting, headers = load(queue_io, "ORDER_LIST_LINES_DELTA"), load(queue_io, "pending_headers")
    keep(queue_io, "pending_lines", _body(queue.pending_lines)(waiting, headers, scope))
    headers, groups = load(queue_io, "pending_headers"), load(monday_io, "monday_groups")
    keep(monday_io, "monday_items", _body(monday.monday_items)(headers, groups, scope=scope, **resources))
    lines, items = load(queue_io, "pending_lines"), load(monday_io, "monday_items")
    keep(monday_io, "monday_subitems", _body(monday.monday_subitems)(lines, items, scope=scope, **resources))
    items, subitems = load(monday_io, "monday_items"), load(monday_io, "monday_subitems")
    for output in _body(main_tables.main_tables)(items, subitems):
        keep(queue_io, output.output_name, output.value)


def _body(asset: dg.AssetsDefinition) -> Callable[..., Any]:
    """The asset's own function: Dagster's direct invocation takes longer than all that it does."""
    return asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]


def run_dagster(settings: Settings, run_id: str) -> None:
    """The real job, as `order-sync sync` runs it; Dagster names the run itself."""
    os.environ["DAGSTER_HOME"] = str(settings.home)
    launch.sync(settings)


DRIVERS: dict[str, Callable[[Settings, str], None]] = {"bare": run_bare, "dagster": run_dagster}


def forget_settings() -> None:
    """What this machine has set says nothing here."""
    for name in Settings.model_fields:
        os.environ.pop(PREFIX + name.upper(), None)


@contextmanager
def quick_time() -> Iterator[None]:
    """Waits for other runs and for the database are SPEED times shorter, as those for monday are by a setting.

    Batches grow as if answers took no time: they take SPEED times as long as they do, and a busy machine would give a
    run other steps.
    """
    grow = Pacer._grow

    def grow_at_once(self: Pacer, operation: str, rows: int, seconds: float) -> None:
        grow(self, operation, rows, 0.0)
        self._row_seconds[operation], self._answered_late = seconds / rows, seconds

    def sleep(seconds: float) -> None:
        time.sleep(seconds / SPEED)

    def monotonic() -> float:
        return time.monotonic() * SPEED

    with (
        mock.patch.object(Pacer, "_grow", grow_at_once),
        mock.patch.object(tenacity.nap, "time", SimpleNamespace(sleep=sleep)),
        mock.patch.object(board_lease, "sleep", sleep),
        mock.patch.object(board_lease, "monotonic", monotonic),
        mock.patch.object(runs, "sleep", sleep),
    ):
        yield


def share_time(page_url: str) -> None:
    """From now on what this process waits for monday passes on monday's clock at once; for a process of one run."""
    skipped = 0.0

    def now(self: Clock) -> float:
        return time.monotonic() + skipped

    def sleep(self: Clock, seconds: float) -> None:
        nonlocal skipped
        skipped += seconds
        # Not by httpx, whose every request is a step.
        host, port = urlsplit(page_url).hostname, urlsplit(page_url).port
        connection = HTTPConnection(str(host), port, timeout=60)
        connection.request(
            "POST", "/_emulator/clock", json.dumps({"seconds": seconds}), {"Content-Type": "application/json"}
        )
        connection.getresponse().read()
        connection.close()

    Clock.now, Clock.sleep = now, sleep  # type: ignore[method-assign]


def _seconds_in(path: Path) -> float:
    return float(path.read_text(encoding="utf-8")) if path.exists() else 0.0


@contextmanager
def aware_of_sleep(home: Path) -> Iterator[None]:
    """The clock that counts sleep is ahead by as many seconds as a file says: as long as the process was stopped."""
    right, slept = uptime.now, home / SLEPT_FILE

    def now() -> float:
        return right() + _seconds_in(slept)

    with mock.patch.object(uptime, "now", now):
        yield


@contextmanager
def odd_clock(home: Path) -> Iterator[None]:
    """The database's clock is wrong by as many seconds as a file says, which may change at any time."""
    right, wrong_by = Database.now, home / CLOCK_FILE

    def now(self: Database, connection: sa.Connection) -> datetime:
        return right(self, connection) + timedelta(seconds=_seconds_in(wrong_by))

    with mock.patch.object(Database, "now", now):
        yield


WAYS: Mapping[Way, dict[str, Any]] = {  # settings
    Way.WRITERS: {"writers": 3},
    Way.JOB: {"bulk_rows": 2},
    Way.ARCHIVE: {"bulk_cancels": 1},
}


@contextmanager
def going(way: Way) -> Iterator[None]:
    """Few rows are enough for several writers, and for a job."""
    with ExitStack() as stack:
        if way is Way.WRITERS:
            stack.enter_context(mock.patch.object(writer, "SMALLEST_SHARE", 1))
        elif way is Way.JOB:
            stack.enter_context(mock.patch.object(Pacer, "seconds", return_value=math.inf))
        elif way is Way.ARCHIVE:
            stack.enter_context(mock.patch.object(Pacer, "requests", return_value=math.inf))
        yield
