"""The latency of an order and the CPU cost: Dagster's real daemon with default settings, and the commands.

    python -m benchmarks.latency [--orders N] [--idle SECONDS] [--json FILE]

Orders are inserted one by one, each after the previous one is SYNCED and after a different pause, so that they hit the
daemon at different points of its loop. Idle is the CPU of the daemon and all its processes without waiting rows.

Targets: the median from INSERT to SYNCED is at most 8 s; `--help`, `status` and `trace` take at most 0.7 s of CPU each;
a tick with nothing waiting takes at most 50 ms. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
from rich.console import Console

from benchmarks.peers.ground import environment_of, stage
from benchmarks.peers.orders import SEED
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import make_tables
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders
from order_sync.emulator import Emulator
from order_sync.settings import PREFIX

MOST_SECONDS = 8.0
MOST_CPU = 0.7
MOST_TICK_MS = 50.0
DUE = 120.0
TICKS = 50
NOTHING = SampleOrders(headers=[], lines=[], orders=[], order_lines=[])

console = Console(width=120, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="The latency of an order and the CPU cost.")
    parser.add_argument("--orders", type=int, default=11, metavar="N")
    parser.add_argument("--idle", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--json", type=Path, default=Path(".order_sync/benchmarks/latency.json"), metavar="FILE")
    options = parser.parse_args()
    with stage(NOTHING, {}) as (folder, emulator, _):
        environment = environment_of(folder, emulator.url) | {"DAGSTER_HOME": str(folder)}
        with _daemon(folder, environment) as group:
            seconds = _latencies(folder, options.orders)
            idle = _idle(group, options.idle)
        commands = {
            name: _cpu(folder, environment, *_arguments(folder, name)) for name in ("--help", "status", "trace")
        }
        tick = _tick_ms(folder, emulator)
    found = [
        ("s from INSERT to SYNCED, the median", statistics.median(seconds), MOST_SECONDS),
        *((f"s of CPU of order-sync {name}", cpu, MOST_CPU) for name, cpu in commands.items()),
        ("ms of CPU of a tick with nothing waiting", tick, MOST_TICK_MS),
    ]
    for name, value, most in found:
        console.print(
            f"{name}: {value:.2f} (target: at most {most:g}) {'' if value <= most else '[bold red]missed[/]'}"
        )
    console.print(f"from {min(seconds):.1f} to {max(seconds):.1f} s; idle, the daemon takes {idle:.1%} of one CPU")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    targets = [{"name": name, "value": value, "at_most": most} for name, value, most in found]
    options.json.write_text(json.dumps({"seconds": seconds, "idle": idle, "targets": targets}, indent=1), "utf-8")
    return 0 if all(value <= most for _, value, most in found) else 1


# ---- from INSERT to SYNCED ----------------------------------------------------------------------------------


@contextmanager
def _daemon(folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """Dagster's daemon with its code server; the id of their process group."""
    with (folder / "daemon.log").open("ab") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-m", "order_sync.definitions"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield daemon.pid
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(DUE)


def _latencies(folder: Path, orders: int) -> list[float]:
    """The first order finds the daemon starting and does not count."""
    return [_seconds(folder, number) for number in range(orders + 1)][1:]


def _seconds(folder: Path, number: int) -> float:
    database, tables = WritableDatabase(f"sqlite:///{folder / 'orders.db'}"), make_tables()
    sample = arriving_orders(1, seed=SEED + number)
    time.sleep(number * 0.61 % 5)
    insert_orders(database, tables, sample)
    began = time.monotonic()
    question = "SELECT count(*) FROM ORDER_LIST_DELTA WHERE delta_uuid = ? AND sync_state = 'SYNCED'"
    while time.monotonic() - began < DUE:
        with closing(sqlite3.connect(folder / "orders.db")) as connection:
            if connection.execute(question, (sample.headers[0]["delta_uuid"],)).fetchone()[0]:
                database.dispose()
                return time.monotonic() - began
        time.sleep(0.1)
    raise TimeoutError(f"an order was not SYNCED after {DUE:.0f} s: {(folder / 'daemon.log').read_text()[-3_000:]}")


def _idle(group: int, seconds: float) -> float:
    """The share of one CPU that the daemon's processes take."""
    time.sleep(10)  # the last run's process ends
    before = _group_cpu(group)
    time.sleep(seconds)
    return (_group_cpu(group) - before) / seconds


def _group_cpu(group: int) -> float:
    """Seconds of CPU of the processes of a group, with those of their children that have ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[3]) == group:  # the session: that of the daemon, which leads it
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


# ---- the commands -------------------------------------------------------------------------------------------


def _arguments(folder: Path, name: str) -> list[str]:
    if name != "trace":
        return [name]
    with closing(sqlite3.connect(folder / "orders.db")) as connection:
        return [name, connection.execute("SELECT record_uuid FROM ORDER_LIST").fetchone()[0]]


def _cpu(folder: Path, environment: dict[str, str], *arguments: str) -> float:
    """The least of three: the first one may have to compile the package."""
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "order_sync", *arguments],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


# ---- a tick -------------------------------------------------------------------------------------------------


def _tick_ms(folder: Path, emulator: Emulator) -> float:
    """CPU of a tick of new_orders in a process that has its definitions, as the code server has."""
    os.environ.update({"DAGSTER_HOME": str(folder), f"{PREFIX}HOME": str(folder / ".order_sync")})
    os.environ.update({f"{PREFIX}DATABASE_URL": f"sqlite:///{folder / 'orders.db'}"})
    os.environ.update({f"{PREFIX}MONDAY_URL": emulator.url})
    from order_sync.definitions import build_definitions
    from order_sync.deployments import resources
    from order_sync.settings import load_settings

    settings = load_settings()
    sensor = build_definitions(settings).resolve_sensor_def("new_orders")
    with dg.DagsterInstance.get() as instance:
        spent = [_tick(sensor, instance, resources(settings)) for _ in range(TICKS)]
    return statistics.median(spent) * 1_000


def _tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, made: dict[str, object]) -> float:
    began = time.process_time()
    own = {key: made[key] for key in ("sql_server", "runs")}
    with dg.build_sensor_context(instance=instance, resources=own) as context:
        sensor(context)
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
