"""A stage for one test: a database, a Dagster instance and a board in the emulator, all in a temporary folder.

In: a folder and a running emulator. Out: what a test does (add orders, sync, start commands) and sees.
Never the machine's own settings, its DAGSTER_HOME or the embedded deployment's usual ports.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from filelock import FileLock

from order_sync.cli import launch
from order_sync.cli.access import connected
from order_sync.cli.launch import Summary
from order_sync.database.check import create_all
from order_sync.database.claims import OrderQueue
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import Tables
from order_sync.demo.board import board_seed
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders
from order_sync.emulator import BoardSeed, Emulator
from order_sync.orders.mapping import load_mapping
from order_sync.orders.states import Action
from order_sync.settings import EMBEDDED_BOARD, PREFIX, Settings, load_settings, tables_of
from order_sync_tests.graph.agreement import Agreement, compare
from order_sync_tests.waiting import DUE

ROOT = Path(__file__).resolve().parents[2]
OTHER_BOARD = EMBEDDED_BOARD + 10

Row = dict[str, Any]


class Record(Enum):
    """Where Dagster keeps its record of runs."""

    ON_DISK = auto()
    IN_MEMORY = auto()

    @staticmethod
    def for_test(request: pytest.FixtureRequest) -> Record:
        return Record.ON_DISK if request.node.get_closest_marker("on_disk") else Record.IN_MEMORY


@dataclass(frozen=True, kw_only=True)
class Stage:
    folder: Path  # the working folder; holds dagster.yaml
    settings: Settings
    emulator: Emulator
    tables: Tables
    record: dg.DagsterInstance | None = None  # Dagster's, where it is in memory; else in files, as processes need it

    # ---- orders

    def add(self, sample: SampleOrders) -> None:
        with self.database() as database:
            insert_orders(database, self.tables, sample)

    def add_orders(self, count: int, *, seed: int = 1) -> SampleOrders:
        sample = arriving_orders(count, seed=seed, created_at=datetime.now(UTC).replace(tzinfo=None))
        self.add(sample)
        return sample

    def execute(self, statement: sa.Executable) -> None:
        with self.database() as database, database.write() as connection:
            connection.execute(statement)

    def retry(self) -> int:
        with self.database() as database:
            return OrderQueue(database, self.tables, lease_seconds=self.settings.lease_seconds).retry()

    # ---- running

    def sync(self, *, customers: Sequence[str] = (), limit: int | None = None) -> Summary:
        return launch.sync(self.settings, customers=customers, limit=limit)

    @contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """`order-sync ARGUMENTS` in a process group of its own, which ends with the block."""
        assert self.record is None, "processes share Dagster's record only in files: mark the test with on_disk"
        with in_group(command(*arguments), self.folder, environment) as process:
            yield process

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.started(*arguments, **environment) as process:
            out, err = process.communicate(timeout=DUE)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    # ---- looking

    @contextmanager
    def database(self) -> Iterator[WritableDatabase]:
        with connected(WritableDatabase, self.settings) as (database, _):
            yield database

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        if self.record:
            yield self.record
        else:
            self.settings.home.mkdir(parents=True, exist_ok=True)
            with FileLock(self.settings.home / "dagster.lock"):  # two that make Dagster's tables at once would fail
                instance = dg.DagsterInstance.get()
            with instance:
                yield instance

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[Row]:
        with self.database() as database, database.read() as connection:
            found = connection.execute(sa.select(table).where(*where).order_by(*table.primary_key.columns))
            return [dict(row) for row in found.mappings()]

    def inserts(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[Row]:
        """INSERT rows of a queue table."""
        return self.rows(table, table.c.action_type == Action.INSERT, *where)

    def site_rows(self) -> dict[str, list[Row]]:
        """Every row of the site's four tables."""
        return {table.name: self.rows(table) for table in self.tables.site}

    def steps_waiting(self) -> set[str]:
        """Steps of the latest run that have asked for a board, and have to wait for it."""
        with self.instance() as instance:
            (run,) = instance.get_runs(limit=1)
            return _steps_waiting(instance, run.run_id)

    def runs_waiting(self) -> int:
        """Runs of which a step has asked for a board, and has to wait for it."""
        with self.instance() as instance:
            return sum(bool(_steps_waiting(instance, run.run_id)) for run in instance.get_runs())

    def unsynced(self) -> int:
        """INSERT rows of both queue tables that are not SYNCED."""
        return sum(
            row["sync_state"] != "SYNCED"
            for table in (self.tables.header_queue, self.tables.line_queue)
            for row in self.inserts(table)
        )

    def dump(self) -> dict[str, list[Any]]:
        """Every row of every table, ours included."""
        with closing(sqlite3.connect(self.database_file)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {n: connection.execute(f'SELECT * FROM "{n}" ORDER BY rowid').fetchall() for n in names}  # noqa: S608 - SQLite's own names

    @property
    def database_file(self) -> Path:
        return self.settings.home / "orders.db"

    def file_sum(self) -> str:
        return hashlib.sha256(self.database_file.read_bytes()).hexdigest()

    def agreement(self) -> Agreement:
        return compare(self.settings, self.emulator.state())

    def board(self) -> Row:
        """The main board, as the emulator holds it."""
        return next(b for b in self.emulator.state()["boards"] if b["id"] == str(self.settings.board_id))

    def mutations(self) -> list[Row]:
        return [request for request in self.emulator.requests() if request["kind"] == "mutation"]


def _steps_waiting(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    return {entry.step_key or "" for entry in instance.all_logs(run_id) if "is held by run" in entry.user_message}


@contextmanager
def stage_in(
    folder: Path, emulator: Emulator, record: Record = Record.ON_DISK, /, **environment: str
) -> Iterator[Stage]:
    """The stage, with an empty board and empty tables; `environment` are further settings.

    With Dagster's record in memory a run costs half as much, and no process shares it.
    """
    emulator.reset()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name in Settings.model_fields:
            patch.delenv(PREFIX + name.upper(), raising=False)
        patch.setenv("DAGSTER_HOME", str(folder))
        patch.setenv("ORDER_SYNC_HOME", str(folder / "home"))
        patch.setenv("ORDER_SYNC_MONDAY_URL", emulator.url)
        # The local monday does at once what it is asked, and shows it, unless a test says so.
        patch.setenv("ORDER_SYNC_SETTLE_SECONDS", "0.2")
        patch.setenv("ORDER_SYNC_SEARCH_SECONDS", "0.2")
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        copy_instance_file(folder)
        settings = load_settings()
        settings.home.mkdir()
        instance = stack.enter_context(_in_memory(folder)) if record is Record.IN_MEMORY else None
        if instance:
            patch.setattr(launch, "dagster_instance", lambda _home: nullcontext(instance))
        stage = Stage(folder=folder, settings=settings, emulator=emulator, tables=tables_of(settings), record=instance)
        with stage.database() as database:
            create_all(database, stage.tables)
        yield stage


@pytest.fixture
def stage(board_process: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage for each test, on the emulator process that all tests share."""
    with stage_in(tmp_path, board_process, Record.for_test(request)) as stage:
        yield stage


def two_boards() -> tuple[BoardSeed, BoardSeed]:
    """The embedded board and another one like it."""
    seed = board_seed(load_mapping())
    other = {"id": OTHER_BOARD, "subitem_board_id": OTHER_BOARD + 1, "name": "Another plan"}
    return seed, seed.model_copy(update=other)


def _in_memory(folder: Path) -> dg.DagsterInstance:
    """Dagster's own instance for tests, set as the project's dagster.yaml says but for where it stores."""
    settings = yaml.safe_load((folder / launch.INSTANCE_FILE).read_text(encoding="utf-8"))
    stored = ("storage", "local_artifact_storage", "compute_logs")
    return dg.DagsterInstance.ephemeral(settings={name: settings[name] for name in settings if name not in stored})


def copy_instance_file(folder: Path) -> None:
    """The project's own dagster.yaml, with everything it stores in this folder."""
    text = (ROOT / launch.INSTANCE_FILE).read_text(encoding="utf-8")
    assert ".order_sync/dagster" in text
    text = text.replace(".order_sync/dagster", (folder / "dagster").as_posix())
    (folder / launch.INSTANCE_FILE).write_text(text, encoding="utf-8")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "order_sync", *arguments]


@contextmanager
def in_group(
    arguments: list[str], folder: Path, environment: dict[str, str], *, quiet: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A process and all that it starts; any that are left end with the block.

    What a `quiet` one writes goes to a file in the folder: nobody has to read it for it to go on.
    """
    with (folder / "output.txt").open("ab") as sink, _started(arguments, folder, environment, sink, quiet) as process:
        try:
            yield process
        finally:
            end_group(process)


def _started(
    arguments: list[str], folder: Path, environment: dict[str, str], sink: IO[bytes], quiet: bool
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=sink if quiet else subprocess.PIPE,
        stderr=sink if quiet else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_group(process: subprocess.Popen[Any]) -> None:
    """SIGTERM to the whole group, SIGKILL to what is left of it."""
    for sign, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and group_lives(process):
            time.sleep(0.05)


def group_lives(process: subprocess.Popen[Any]) -> bool:
    process.poll()  # a dead leader that nobody has waited for still counts as its group
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
