"""The cost of a new order and of queries with years of SYNCED rows, and with 200,000 waiting rows.

    python -m benchmarks.history [--quick] [--json FILE]

For each size of history (SYNCED headers and lines with their main tables and log, in a separate database), it measures
the CPU time of `sync` with one new order, of `status`, `report` and `trace`, each in its own process, and of a sensor
tick without waiting rows. Then it measures `status` and a tick with 200,000 waiting rows.

Targets: each costs at most 1.3 times as much with any history as with none; `status` with 200,000 waiting rows takes at
most 3 s, a tick with nothing waiting at most 50 ms. The exit code is 1 if one is missed.
"""

# ruff: noqa: S608 - the statements are our own text
from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from benchmarks.peers.ground import environment_of, stage
from benchmarks.peers.orders import SEED
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import make_tables
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders

HISTORY = (0, 100_000, 2_000_000)  # lines; an order has five
WAITING = 200_000  # rows
LINES = 5
MOST_GROWTH = 1.3
MOST_STATUS = 3.0
MOST_TICK_MS = 50.0
TIMES = 3  # the shortest counts
TICKS = 9
NOTHING = SampleOrders(headers=[], lines=[], orders=[], order_lines=[])
COMMANDS = ("sync", "status", "report", "trace")

console = Console(width=120, soft_wrap=True)

# Keys are the numbers in hexadecimal, as the demo's and a site's are: 36 characters.
KEY = "printf('%08x-{kind}000-4000-8000-%012x', n * 2654435761 % 4294967296, n)"
TRACKING = "'INSERT', '{state}', {run}, 0, datetime('now', '-40 days'), {completed}"


def main() -> int:
    parser = argparse.ArgumentParser(description="The cost of years of SYNCED rows.")
    parser.add_argument("--quick", action="store_true", help="use small sizes, to check that it runs")
    parser.add_argument("--json", type=Path, default=Path(".order_sync/benchmarks/history.json"), metavar="FILE")
    options = parser.parse_args()
    sizes = (0, 20_000) if options.quick else HISTORY
    costs = {size: _with_history(size) for size in sizes}
    waiting = _with_waiting(WAITING // 10 if options.quick else WAITING)
    found = [
        (f"{what} with {size:,} lines of history / with none", cost / costs[0][what], MOST_GROWTH)
        for size in sizes[1:]
        for what, cost in costs[size].items()
    ]
    found += [("ms of a tick with nothing waiting", max(cost["tick"] for cost in costs.values()) * 1e3, MOST_TICK_MS)]
    found += [("s of status with many waiting rows", waiting["status"], MOST_STATUS)]
    for name, value, most in found:
        console.print(
            f"{name}: {value:.2f} (target: at most {most:g}) {'' if value <= most else '[bold red]missed[/]'}"
        )
    console.print(f"s of CPU of a tick with many waiting rows: {waiting['tick']:.2f}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {"costs": costs, "waiting": waiting}
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    console.print(f"All figures: {options.json}")
    return 0 if all(value <= most for _, value, most in found) else 1


def _with_history(lines: int) -> dict[str, float]:
    """Seconds of CPU, by what was done."""
    with stage(NOTHING, {}) as (folder, emulator, _):
        fill(folder / "orders.db", lines // LINES, done=True)
        environment = environment_of(folder, emulator.url) | {"DAGSTER_HOME": str(folder)}
        costs = {"tick": _tick(environment)}
        for what in COMMANDS:
            spent = []
            for number in range(TIMES):
                record = _new_order(folder / "orders.db", number) if what == "sync" else ""
                arguments = [what, record or _a_record(folder / "orders.db")] if what == "trace" else [what]
                spent.append(_cpu(folder, environment, *arguments))
            costs[what] = min(spent)
        console.print(f"{lines:,} lines of history: " + ", ".join(f"{n} {s:.3f} s" for n, s in costs.items()))
        return costs


def _with_waiting(rows: int) -> dict[str, float]:
    with stage(NOTHING, {}) as (folder, emulator, _):
        fill(folder / "orders.db", rows // (LINES + 1), done=False)
        environment = environment_of(folder, emulator.url) | {"DAGSTER_HOME": str(folder)}
        costs = {"tick": _tick(environment), "status": min(_cpu(folder, environment, "status") for _ in range(TIMES))}
        console.print(f"{rows:,} rows waiting: " + ", ".join(f"{n} {s:.3f} s" for n, s in costs.items()))
        return costs


def fill(path: Path, orders: int, *, done: bool) -> None:
    """Adds SYNCED or waiting orders of five lines each with SQL alone: millions take a minute."""
    if not orders:
        return
    state, line_state = ("SYNCED", "SYNCED") if done else ("NEW", "PENDING")
    run = "printf('run-%d', n / 50)" if done else "NULL"
    of = {"run": run, "completed": "datetime('now', '-40 days')" if done else "NULL"}
    head, line = TRACKING.format(state=state, **of), TRACKING.format(state=line_state, **of)
    item = "n + 1" if done else "NULL"
    tracking = "action_type, sync_state, sync_run_id, retry_count, created_at, sync_completed_at"
    record = KEY.format(kind=1)
    numbered = "WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {})"
    few, many = numbered.format(orders), numbered.format(orders * LINES)
    named = "'Customer ' || n % 45, 'OLD-' || n"
    names = '"CUSTOMER NAME", "AAG ORDER NUMBER"'
    main_state = f"'{state}'" if done else "NULL"
    record_of_line = f"printf('%08x-1000-4000-8000-%012x', n / {LINES} * 2654435761 % 4294967296, n / {LINES})"
    of_line = f"{KEY.format(kind=4)}, {record_of_line}"
    statements = [
        f"INSERT INTO ORDER_LIST_DELTA (delta_uuid, record_uuid, {tracking}, {names}, monday_item_id)"
        f" {few} SELECT {KEY.format(kind=2)}, {record}, {head}, {named}, {item} FROM c",
        f"INSERT INTO ORDER_LIST (record_uuid, {names}, sync_state, monday_item_id)"
        f" {few} SELECT {record}, {named}, {main_state}, {item} FROM c",
        f"INSERT INTO ORDER_LIST_LINES_DELTA (delta_uuid, line_uuid, record_uuid, {tracking}, size_code, qty,"
        f" monday_subitem_id, parent_item_id) {many}"
        f" SELECT {KEY.format(kind=3)}, {of_line}, {line}, 'S' || (n % {LINES}), 1, {item}, {item} FROM c",
        "INSERT INTO ORDER_LIST_LINES (line_uuid, record_uuid, size_code, qty, sync_state, monday_subitem_id)"
        f" {many} SELECT {of_line}, 'S' || (n % {LINES}), 1, {main_state}, {item} FROM c",
    ]
    if done:
        statements.append(
            "INSERT INTO ORDER_SYNC_LOG (logged_at, run_id, delta_uuid, operation, outcome, monday_id)"
            f" {many} SELECT datetime('now', '-40 days'), {run}, {KEY.format(kind=3)}, 'create_subitem', 'created',"
            " n + 1 FROM c"
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-400000")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _new_order(path: Path, number: int) -> str:
    database = WritableDatabase(f"sqlite:///{path}")
    sample = arriving_orders(1, seed=SEED + number)
    insert_orders(database, make_tables(), sample)
    database.dispose()
    return str(sample.headers[0]["record_uuid"])


def _a_record(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT record_uuid FROM ORDER_LIST ORDER BY rowid DESC").fetchone()[0])


def _cpu(folder: Path, environment: Mapping[str, str], *arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "order_sync", *arguments],
        cwd=folder,
        env=dict(environment),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _tick(environment: Mapping[str, str]) -> float:
    """CPU of a tick of new_orders in a process that has its definitions, as the code server has."""
    os.environ.update(environment)
    from order_sync.definitions import build_definitions
    from order_sync.deployments import resources
    from order_sync.settings import load_settings

    settings = load_settings()
    sensor = build_definitions(settings).resolve_sensor_def("new_orders")
    spent: list[float] = []
    with dg.DagsterInstance.get() as instance:
        for _ in range(TICKS):
            made: dict[str, Any] = resources(settings)
            began = time.process_time()
            own = {key: made[key] for key in ("sql_server", "runs")}
            with dg.build_sensor_context(instance=instance, resources=own) as context:
                sensor(context)
            spent.append(time.process_time() - began)
            if spent[0] > 1:
                break
    return statistics.median(spent)


if __name__ == "__main__":
    sys.exit(main())
