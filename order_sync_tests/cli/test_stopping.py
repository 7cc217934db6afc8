"""A command that is stopped, or whose reader closes the pipe: one line at most, and an exit code of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from order_sync_tests.emulator.monday import MINUTE_MS, asleep
from order_sync_tests.graph.stage import ROOT, Stage, command
from order_sync_tests.waiting import DUE

pytestmark = [pytest.mark.on_disk, pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")]

STOPPED = "order-sync: OS-602: Stopped. Nothing is lost: the next sync continues from here."


def in_the_middle(stage: Stage) -> None:
    """Waits until a request of the run is with the emulator, whose clock stands as good as still."""
    asleep(stage.emulator, 1)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_sync_that_is_stopped_says_one_line(stage: Stage, sign: signal.Signals) -> None:
    stage.add_orders(3)
    stage.emulator.configure(mutation_ms=MINUTE_MS, timeout_s=0)
    with stage.started("sync") as process:
        in_the_middle(stage)
        os.killpg(process.pid, sign)  # as a terminal does: every process of the group
        out, errors = process.communicate(timeout=3 * DUE)
    assert (process.returncode, out) == (130, "")
    assert errors.split("\n")[-2:] == [STOPPED, ""], errors
    assert "Traceback" not in errors
    assert [line for line in errors.splitlines() if line and "━" not in line] == [STOPPED]
    with stage.instance() as instance:
        (run,) = instance.get_runs(limit=1)
    assert run.status in (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)


def test_a_question_to_monday_that_is_stopped_says_one_line(stage: Stage) -> None:
    stage.emulator.configure(latency_ms=MINUTE_MS, timeout_s=0)
    with stage.started("board", "check") as process:
        in_the_middle(stage)
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=3 * DUE)
    assert (process.returncode, out, errors.strip()) == (130, "", "order-sync: Stopped.")


@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM"])
def test_ctrl_c_while_modules_are_imported(stage: Stage, tmp_path: Path, sign: str) -> None:
    (tmp_path / "click.py").write_text(f"import os, signal\nos.kill(os.getpid(), signal.{sign})\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = stage.run("status", PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "order-sync: Stopped.")


# ---- a reader that closes the pipe ---------------------------------------------------------------------------------


def with_output(stage: Stage, arguments: list[str], output: int) -> tuple[int, str]:
    """Exit code and standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command(*arguments), cwd=stage.folder, env=environment, stdout=output, stderr=subprocess.PIPE, timeout=3 * DUE
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["status", "--json"], ["report"], ["--help"], ["db", "grant", "somebody"], ["sync", "--dry-run"]],
    ids=" ".join,
)
def test_a_closed_output_ends_it_silently(stage: Stage, arguments: list[str]) -> None:
    stage.add_orders(3)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert with_output(stage, arguments, writer) == (141, "")
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["db", "grant", "somebody"]], ids=" ".join)
def test_a_full_disk_is_said_in_one_line(stage: Stage, arguments: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, errors = with_output(stage, arguments, full)
    finally:
        os.close(full)
    assert (code, len(errors.strip().splitlines())) == (2, 1), errors
    assert "No space left" in errors


def test_a_closed_error_output_stops_no_sync(stage: Stage) -> None:
    stage.add_orders(3)
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command("sync"), cwd=stage.folder, env=environment, stdout=subprocess.PIPE, stderr=writer, timeout=3 * DUE
        )
    finally:
        os.close(writer)
    assert (done.returncode, stage.unsynced()) == (0, 0)
    assert b"3 orders SYNCED" in done.stdout


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run([sys.executable, "-m", "order_sync", "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.split(",")[0], done.stderr) == (0, "order-sync", "")
