"""Where cases are played: an emulator, a folder, and what happens to a database from outside.

In: a folder. Out: runs in child processes, verdicts, and the passing of time.
Never waits for time to pass: leases and journal rows are set back instead.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import httpx
import sqlalchemy as sa

from order_sync.cli.access import connected
from order_sync.database.claims import OrderQueue
from order_sync.database.connection import WritableDatabase
from order_sync.emulator import Emulator, start_emulator
from order_sync.orders.mapping import load_mapping
from order_sync.settings import Settings, tables_of
from order_sync_tests.faults.cases import HELD_SECONDS, TARDY, Sabotage, Way
from order_sync_tests.faults.children import UNFORESEEN, Child
from order_sync_tests.faults.drive import CLOCK_FILE, DRIVERS, SLEPT_FILE, WAYS, quick_time, share_time
from order_sync_tests.faults.scenario import (
    GOOD_LINK,
    LINK,
    Expected,
    emulator_settings,
    settings_in,
    write_mapping,
    write_rules,
)
from order_sync_tests.faults.steps import DATABASE_FILE, Step, Steps, watching
from order_sync_tests.faults.strikes import HalfAnswer, Strike
from order_sync_tests.faults.verdict import Held, Verdict, judge, look
from order_sync_tests.graph.stage import ROOT
from order_sync_tests.waiting import until

PAST_LEASES = timedelta(minutes=11)  # and within the time that monday keeps an answer
PAST_REPLAY = timedelta(minutes=31)


def no_strike(step: Step) -> None:
    """A run without faults."""


class Ground:
    def __init__(self, folder: Path, emulator: Emulator, mapping: Path) -> None:
        self.emulator = emulator
        self.http = httpx.Client(trust_env=False)
        self.home = folder / "case"
        self._mapping = mapping
        self._rules = write_rules(mapping)
        self.tables = tables_of(self.settings)
        self._runs = 0

    @property
    def settings(self) -> Settings:
        return settings_in(self.home, self._mapping, self.emulator.url)

    @contextmanager
    def opened(self, template: Path | None = None) -> Iterator[None]:
        """An empty board, and a folder of its own with what the template holds."""
        self.emulator.reset()
        if template is not None and template.is_dir():
            shutil.copytree(template, self.home)
        else:
            self.home.mkdir()
        if template is not None and template.is_file():
            shutil.copy(template, self.home / DATABASE_FILE)
        try:
            yield
        finally:
            shutil.rmtree(self.home)

    @contextmanager
    def database(self) -> Iterator[WritableDatabase]:
        with connected(WritableDatabase, self.settings) as (database, _):
            yield database

    # ---- runs

    def start(
        self,
        strike: Strike = no_strike,
        *,
        driver: str = "bare",
        way: Way = Way.REQUESTS,
        sabotage: Sabotage = Sabotage.NONE,
        shared_time: bool = False,
        **changes: Any,
    ) -> Child:
        self._runs += 1
        if way is Way.BOARDS:
            changes["mapping"] = self._rules
        run_id, settings = f"run-{self._runs}", self.settings.model_copy(update=WAYS.get(way, {}) | changes)

        def run() -> None:
            if shared_time:
                share_time(self.emulator.page_url)
            if isinstance(strike, HalfAnswer):
                with strike.before(self.emulator.url) as url:
                    DRIVERS[driver](settings.model_copy(update={"monday_url": url}), run_id)
            else:
                DRIVERS[driver](settings, run_id)

        return Child(run, self.home, strike, way=way, sabotage=sabotage)

    def warm_up(self, run_id: str) -> list[httpx.Request]:
        """One run in this process: what it imports and caches, every child has. Returns what it wrote on the board."""
        written: list[httpx.Request] = []
        with quick_time(), _recording(written), watching(Steps()):
            DRIVERS["bare"](self.settings, run_id)
        gc.collect()
        gc.freeze()  # else the first collection in a child copies all memory
        return written

    def write_again(self, written: Iterable[httpx.Request]) -> None:
        """What a run wrote on the board, on an empty one: the same ids come of it."""
        for request in written:
            self.http.post(
                self.emulator.url, content=request.content, headers={"Authorization": request.headers["Authorization"]}
            ).raise_for_status()

    # ---- a job that is held

    def hold_job(self) -> None:
        """Waits until the job has looked up what the board holds, and sleeps before its first row."""
        until(lambda: self.emulator.stats()["sleeping"] == 1, "the job to begin")

    def let_job_go(self, run: Child, already: int) -> None:
        """Once the run waits for it or has ended; `already` requests were made before the run."""

        def waits() -> bool:
            asked = any("fetch_job_status" in record["operations"] for record in self.emulator.requests()[already:])
            return asked and len(self.emulator.effects(kind="job_started")) == 1  # else it asks for its own

        until(lambda: run.has_ended() or waits(), "the run to end, or to wait for the job")
        self.emulator.advance(HELD_SECONDS)
        until(lambda: run.has_ended() and not self._unfinished_jobs(), "the run and the job to end")

    def _unfinished_jobs(self) -> int:
        return len(self.emulator.effects(kind="job_started")) - len(self.emulator.effects(kind="job_finished"))

    # ---- a request that is executed late

    def abandon(self, run: Child) -> None:
        """It goes on to send its request, and is killed while monday has not yet executed it."""
        already = self.emulator.stats()["sleeping"]
        self.emulator.configure(faults=[TARDY])
        run.go_on()
        until(lambda: self.emulator.stats()["sleeping"] > already or run.has_ended(), "the request to come")
        run.kill()

    def let_it_work(self) -> None:
        """What monday is at is executed now, at the latest."""
        self.emulator.advance(60.0)
        until(lambda: self.emulator.stats()["sleeping"] == 0, "the request to be executed")

    # ---- looking

    def look(self) -> Held:
        with self.database() as database:
            return look(database, self.tables, self.emulator.state(), self.emulator.effects())

    def judge(self, expected: Expected, *, final: bool) -> Verdict:
        return judge(self.look(), expected, final=final)

    # ---- what happens outside

    def pass_time(self, gone_by: timedelta) -> None:
        """Leases and open journal rows are that old now, and runs that are stopped have slept for so long."""
        slept = self.home / SLEPT_FILE
        before = float(slept.read_text(encoding="utf-8")) if slept.exists() else 0.0
        slept.write_text(str(before + gone_by.total_seconds()), encoding="utf-8")
        then = datetime.now(UTC).replace(tzinfo=None) - gone_by
        t = self.tables
        leases = [
            sa.update(table).where(table.c.sync_state == "PENDING").values(sync_attempted_at=then)
            for table in (t.header_queue, t.line_queue)
        ]
        board = sa.update(t.boards).where(t.boards.c.run_id.is_not(None)).values(leased_until=then)
        with self.database() as database, database.write() as connection:
            for statement in (*leases, board, sa.update(t.journal).values(opened_at=then, sent_at=then)):
                connection.execute(statement)

    def jump(self, by: timedelta) -> None:
        """The database's clock is set wrong by that much, also under runs that go on."""
        (self.home / CLOCK_FILE).write_text(str(by.total_seconds()), encoding="utf-8")

    def repair(self) -> None:
        """A person corrects the rejected rows, and `order-sync retry` frees them."""
        t = self.tables
        with self.database() as database:
            with database.write() as connection:
                connection.execute(sa.update(t.orders).values({LINK: GOOD_LINK}))
                for table in (t.line_queue, t.order_lines):
                    connection.execute(sa.update(table).where(table.c.size_code == " ").values(size_code="XL"))
            OrderQueue(database, t, lease_seconds=self.settings.lease_seconds).retry()


@contextmanager
def _recording(written: list[httpx.Request]) -> Iterator[None]:
    send = httpx.HTTPTransport.handle_request

    def handle_request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and b"mutation" in request.content:
            written.append(request)
        return send(self, request)

    with mock.patch.object(httpx.HTTPTransport, "handle_request", handle_request):
        yield


def unforeseen(end: str, *, must_finish: bool = False) -> list[str]:
    """What is wrong with a run's end: an error without a name or a message, or any where there was no reason."""
    bad = end.startswith(UNFORESEEN) or (must_finish and end != "done")
    return [f"a run ended so: {end}"] if bad else []


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    mapping = write_mapping(folder)
    with start_emulator(emulator_settings(load_mapping(write_rules(mapping)))) as emulator:
        yield Ground(folder, emulator, mapping)


def make_instance(folder: Path) -> None:
    """A Dagster instance with empty storage, to be copied; its paths are relative to the folder."""
    text = (ROOT / "dagster.yaml").read_text(encoding="utf-8").replace(".order_sync/dagster", "dagster")
    (folder / "dagster.yaml").write_text(text, encoding="utf-8")
    here = Path.cwd()
    os.chdir(folder)
    try:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            instance.get_runs(limit=1)
    finally:
        os.chdir(here)
