"""A run that sleeps between its COMMIT and its request: another one does the work, and monday forgets its key.

In: a process that is stopped, or a clock that says so. Out: nothing leaves any more, and every row is there once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from order_sync.database import uptime
from order_sync.database.entries import Operation
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.errors import LeaseLost
from order_sync_tests.graph.stage import ROOT
from order_sync_tests.sync.stage import Stage
from order_sync_tests.sync.test_bulk_import import create, recover
from order_sync_tests.sync.test_doubt import lose_memory, next_run
from order_sync_tests.waiting import until

LEASE = 180.0  # of the stage's boards
NIGHT = 8 * 3600.0


class Nap:
    """Time that passes for the clock that counts sleep, and for nothing else here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        now = uptime.now
        monkeypatch.setattr(uptime, "now", lambda: now() + self.seconds)


@pytest.fixture
def nap(monkeypatch: pytest.MonkeyPatch) -> Nap:
    return Nap(monkeypatch)


class Sleepy(MondayTransport):
    """Calls `sleep` when a mutation has got as far as its `part`: 0 before anything, 1 behind the check of its head."""

    def __init__(self, url: str, part: int, sleep: Callable[[], None]) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._part, self._sleep = part, sleep

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        checks = 0

        def last_check() -> None:
            nonlocal checks
            how["last_check"]()
            checks += 1
            if checks == self._part:
                self._sleep()

        if not idempotency_key:
            return super().send(body)
        if not self._part:
            self._sleep()
        return super().send(body, idempotency_key=idempotency_key, last_check=last_check)


@pytest.mark.parametrize("part", [0, 1])
def test_a_request_that_slept_past_its_lease_never_leaves(stage: Stage, nap: Nap, part: int) -> None:
    rows = stage.wanted(Operation.ITEMS, 4)

    def sleep() -> None:
        nap.seconds += NIGHT
        lose_memory(stage)
        next_run(stage, rows)

    with pytest.raises(LeaseLost):
        stage.create(Operation.ITEMS, rows, transport=Sleepy(stage.emulator.url, part, sleep))
    stage.check_once(Operation.ITEMS, rows)


def test_it_is_checked_after_the_connection_is_made(stage: Stage, nap: Nap, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, connect = stage.wanted(Operation.ITEMS, 2), socket.create_connection

    def slow(*arguments: Any, **more: Any) -> socket.socket:
        nap.seconds += NIGHT
        return connect(*arguments, **more)

    monkeypatch.setattr(socket, "create_connection", slow)
    with pytest.raises(LeaseLost, match="Nothing was sent"):
        stage.create(Operation.ITEMS, rows)
    assert stage.mutations() == []


def test_a_run_that_slept_alone_leaves_nothing_in_doubt(stage: Stage, nap: Nap) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)

    def sleep() -> None:
        nap.seconds += LEASE

    with pytest.raises(LeaseLost):
        stage.create(Operation.ITEMS, rows, transport=Sleepy(stage.emulator.url, 0, sleep))
    assert (stage.mutations(), stage.journal().in_doubt()) == ([], [])
    stage.create(Operation.ITEMS, rows, run_id="run-2")
    stage.check_once(Operation.ITEMS, rows)


def test_a_short_pause_stops_no_run(stage: Stage, nap: Nap) -> None:
    rows = stage.wanted(Operation.ITEMS, 2)

    def sleep() -> None:
        nap.seconds += LEASE - 20

    stage.create(Operation.ITEMS, rows, transport=Sleepy(stage.emulator.url, 1, sleep))
    stage.check_once(Operation.ITEMS, rows)


def test_the_file_of_a_job_never_leaves_after_a_sleep(stage: Stage, nap: Nap, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = stage.wanted(Operation.ITEMS, 6)
    upload = MondayTransport.upload

    def late(self: MondayTransport, *arguments: Any, **more: Any) -> None:
        nap.seconds += LEASE
        upload(self, *arguments, **more)

    monkeypatch.setattr(MondayTransport, "upload", late)
    with pytest.raises(LeaseLost):
        create(stage, rows)
    monkeypatch.setattr(MondayTransport, "upload", upload)
    assert stage.items() == {}
    recover(stage, rows)
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX can stop a process")
def test_a_process_that_was_stopped_sends_nothing(stage: Stage) -> None:
    rows = stage.wanted(Operation.ITEMS, 3)
    sent = json.dumps([asdict(row) for row in rows])
    arguments = (stage.emulator.url, str(stage.site.database.url), "1", sent)
    run = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.sleeper", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert os.WIFSTOPPED(os.waitpid(run.pid, os.WUNTRACED)[1])
        [lease] = stage.site.rows(stage.site.tables.boards)
        until(lambda: stage.site.now() > lease["leased_until"], "the lease to pass")
        lose_memory(stage)
        next_run(stage, rows)
        assert stage.mutations()
        already = len(stage.mutations())
    finally:
        os.kill(run.pid, signal.SIGCONT)
        said, _ = run.communicate(timeout=30)
    assert said.startswith("LeaseLost: OS-601: Run run-1")
    assert len(stage.mutations()) == already
    stage.check_once(Operation.ITEMS, rows)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux reports the same clock in a file")
def test_the_clock_counts_the_sleep_of_the_machine() -> None:
    since_boot = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert uptime.now() == pytest.approx(since_boot, abs=5)
