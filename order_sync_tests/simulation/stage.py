"""The one process in which worlds are played: virtual time, monday, the database, and the product between them.

In: nothing. Out: what each step of a worker is reported to. Everything is set up once; a world only resets it.
Patches the product's edges (its clock, its transport, its engine, its record of runs), nothing in between.
"""

from __future__ import annotations

import copy
import gc
import logging
import math
import random
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from unittest import mock

import dagster as dg
import httpx
from pydantic import SecretStr

from order_sync.cli.access import connected
from order_sync.database import board_lease
from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.demo.board import board_seeds
from order_sync.deployments import resources
from order_sync.emulator import EmulatorSettings
from order_sync.io_managers import monday as monday_io
from order_sync.io_managers import queue as queue_io
from order_sync.monday import transport
from order_sync.monday.pacing import Pacer
from order_sync.orders.mapping import load_mapping
from order_sync.resources import sql_server
from order_sync.resources.run_report import RunReports
from order_sync.settings import Settings, tables_of
from order_sync_tests.faults import drive
from order_sync_tests.faults.scenario import write_mapping, write_rules
from order_sync_tests.faults.steps import Where, operation_of
from order_sync_tests.simulation.database import MemoryDatabase
from order_sync_tests.simulation.monday import PATIENCE, URL, Answer, Monday
from order_sync_tests.simulation.threads import greenlets_for_threads
from order_sync_tests.simulation.virtual_time import VirtualLoop, VirtualTime, installed
from order_sync_tests.simulation.workers import Died, Worker, current, give_way, wait_for

# The worker, the step (None before a BEGIN), and the request's operation.
Step = Callable[[Worker, Where | None, str], None]
POLL = 10.0  # a run that waits for a board looks that much less often: each look costs as much as a step


def _no_world(_worker: Worker, _where: Where | None, _what: str) -> None: ...


def _for_ever(*_: Any, **__: Any) -> float:
    return math.inf


def _nothing(*_: Any, **__: Any) -> None: ...


class Runs:
    """The record of runs of all machines, which a dead run's machine knows to be dead, and others do not."""

    def __init__(self) -> None:
        self.alive: dict[str, Worker] = {}

    def is_over(self, run_id: str) -> bool:
        worker, asks = self.alive.get(run_id), current()
        if worker is None or not worker.has_ended:
            return False
        if worker.end != "died":
            return True
        return asks is None or asks.machine == worker.machine


class Registry:
    """In place of the product's: file locks mean nothing within one process."""

    runs = Runs()

    def __init__(self, *_: Any) -> None: ...

    def enter(self, run_id: str) -> None:
        """The simulation knows already."""

    def leave(self, run_id: str, lock: None) -> None: ...

    def report_dead(self) -> None: ...

    def refuse_dry_run(self, run: Any) -> None: ...

    def over(self, run_ids: Iterable[str]) -> list[str]:
        return [run_id for run_id in run_ids if self.is_over(run_id)]

    def is_over(self, run_id: str) -> bool:
        return self.runs.is_over(run_id)


class _Record:
    """What Dagster's record knows: nothing that a run needs."""

    def get_run_ids(self, *_: Any, **__: Any) -> list[str]:
        return []


class Stage:
    """What a world plays on."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualTime()
        self.clock.on_sleep = self._sleep
        self.loop = VirtualLoop(self.clock)
        self.database = MemoryDatabase(self.clock)
        self.database.on_begin = lambda: self._reach(None)
        self.database.on_commit = lambda done: self._reach(Where.AFTER_COMMIT if done else Where.BEFORE_COMMIT)
        self.on_step: Step = _no_world
        self.rng = random.Random(0)
        self.latency = 0.3
        mapping = write_mapping(folder)
        self.rules = write_rules(mapping)
        (folder / "orders.db").touch()
        self.settings = Settings(
            home=folder,
            mapping=mapping,
            database_url=SecretStr(f"sqlite:///{folder / 'orders.db'}"),
            monday_url=URL,
            first_batch=2,
            largest_batch=4,
            bulk_rows=0,
            bulk_cancels=0,
            board_checks=0,
        )
        self.tables = tables_of(self.settings)
        self.monday = Monday(
            EmulatorSettings(boards=board_seeds(load_mapping(self.rules)), bulk_row_ms=2_000.0), self.loop
        )
        with self.database.installed(), connected(WritableDatabase, self.settings) as (database, tables):
            create_all(database, tables)
        self._empty = self.database.image()
        self._resources: dict[Any, dict[str, Any]] = {}

    def reset(self, seed: int, latency: float) -> None:
        self.latency = latency
        self.clock.now = 0.0
        self.database.restore(self._empty)
        self.database.wrong_by *= 0
        self.monday.reset()
        self.loop.pump()
        self.rng = random.Random(f"stage {seed}")
        random.seed(seed)
        self._uuids = random.Random(f"uuid {seed}")
        Registry.runs = Runs()

    def uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._uuids.getrandbits(128), version=4)

    # ---- a worker's steps

    def _reach(self, where: Where | None, what: str = "") -> None:
        worker = current()
        if worker is None:
            return  # the world itself looks
        if worker.is_dead:
            raise Died
        self.on_step(worker, where, what)

    def _sleep(self, seconds: float) -> None:
        worker = current()
        if worker is None:
            self.clock.advance(seconds)
            return
        if worker.is_dead:
            raise Died
        worker.wakes_at = self.clock.now + max(0.0, seconds)
        give_way()

    def _on_its_way(self) -> None:
        self._sleep(self.rng.expovariate(2.0 / self.latency))

    def send(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str], extensions: Mapping[str, Any]
    ) -> Answer:
        what = operation_of(content) if method == "POST" else method
        self._reach(Where.BEFORE_REQUEST, what)
        extensions["trace"]("http11.send_request_body.started", {})  # as httpx says it, right before the socket
        self._on_its_way()
        sending = self.monday.send(method, url, content, headers)
        worker = current()
        if not sending.is_done and worker is not None:
            wait_for(lambda: sending.is_done, self.clock.now + PATIENCE)
        if not sending.is_done:
            sending.give_up()
            raise httpx.ReadTimeout("no answer")
        self._on_its_way()
        self._reach(Where.AFTER_ANSWER, what)
        return sending.answer()

    # ---- runs

    def run(self, run_id: str, changes: Mapping[str, Any]) -> None:
        """One run of the job, by the worker that calls it."""
        key = tuple(sorted(changes.items()))
        if key not in self._resources:
            made = self._resources[key] = resources(self.settings.model_copy(update=dict(changes)))
            _ = made["sql_server"].tables  # the same for all
        drive.run_job(_copies(self._resources[key]), run_id, _Record())

    def start(self, run_id: str, machine: str, changes: Mapping[str, Any]) -> Worker:
        worker = Worker(run_id, machine, self.clock.now, lambda: self.run(run_id, changes))
        Registry.runs.alive[run_id] = worker
        return worker


def _copies(made: Mapping[str, Any]) -> dict[str, Any]:
    """Resources of a run's own: to make them from settings again would take as long as some of its steps."""
    copies = {name: copy.copy(resource) for name, resource in made.items()} | {"reports": RunReports()}
    for name in ("queue_io", "monday_io"):
        fields = copies[name].__dict__
        fields.update({field: copies[field] for field in fields.keys() & copies.keys()})
    return copies


class _Client:
    """What the transport sends with, in place of httpx's."""

    def __init__(self, stage: Stage, headers: Mapping[str, str]) -> None:
        self._stage = stage
        self._headers = headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def request(
        self,
        method: str,
        url: str,
        *,
        extensions: Mapping[str, Any],
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return self._stage.send(method, str(url), content, {**self._headers, **(headers or {})}, extensions)

    def post(self, url: str, **more: Any) -> Answer:
        return self.request("POST", url, **more)

    def close(self) -> None: ...


@contextmanager
def stage() -> Iterator[Stage]:
    """The stage, in a process that plays nothing else."""
    drive.forget_settings()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="order_sync_simulation_") as name, ExitStack() as stack:
        made = Stage(Path(name))

        def connect(self: transport.MondayTransport) -> None:
            self.client = _Client(made, self.kwargs["headers"])  # type: ignore[assignment]

        # The files of jobs go by clients of their own.
        stand_in = SimpleNamespace(**{name: getattr(httpx, name) for name in dir(httpx) if not name.startswith("__")})
        stand_in.Client = lambda **_: _Client(made, {})
        stack.enter_context(installed(made.clock))
        stack.enter_context(greenlets_for_threads(made.clock))
        stack.enter_context(made.database.installed())
        stack.enter_context(mock.patch.object(board_lease, "sleep", lambda seconds: made.clock.sleep(POLL * seconds)))
        # Few rows are enough for a job, where a run may start one.
        stack.enter_context(mock.patch.object(Pacer, "seconds", _for_ever))
        stack.enter_context(mock.patch.object(Pacer, "requests", _for_ever))
        for name in (
            "TableRecord",
            "TableSchema",
            "TableColumn",
            "TableColumnLineage",
            "TableColumnDep",
        ):  # metadata, which nobody looks at here
            stack.enter_context(mock.patch.object(dg, name, _nothing))
        stack.enter_context(mock.patch.object(dg.MetadataValue, "table", _nothing))
        stack.enter_context(mock.patch.object(monday_io, "board_metadata", return_value={}))
        stack.enter_context(mock.patch.object(transport, "httpx", stand_in))
        stack.enter_context(mock.patch.object(transport.MondayTransport, "connect", connect))
        stack.enter_context(mock.patch.object(queue_io, "RunRegistry", Registry))
        stack.enter_context(mock.patch.object(monday_io, "RunRegistry", Registry))
        stack.enter_context(mock.patch.object(uuid, "uuid4", made.uuid4))
        stack.enter_context(mock.patch.object(sql_server, "load_mapping", lru_cache(load_mapping)))
        gc.collect()
        gc.freeze()
        yield made
