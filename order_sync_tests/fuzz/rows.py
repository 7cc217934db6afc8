"""The site's tables with values of any type in any column, as SQLite can hold them, through a whole dry run.

In: changes of cells as JSON. Out: nothing. Raises what the reading of the tables, the mapping or the plan raises.
A fresh copy of one small database for each input; no board is asked.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr

from order_sync.automation.jobs import JOB_NAME
from order_sync.cli.access import connected
from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.database.queue import QueueReader
from order_sync.demo.samples import insert_orders
from order_sync.deployments import resources
from order_sync.settings import Settings, sqlite_url, tables_of
from order_sync_tests.faults.drive import Record, _Context, _run_steps
from order_sync_tests.faults.scenario import GROUPS, order

TABLES = ("ORDER_LIST_DELTA", "ORDER_LIST_LINES_DELTA", "ORDER_LIST", "ORDER_LIST_LINES")
MOST = 8  # cells of one input


@dataclass(frozen=True)
class _Instance(Record):
    """Dagster's record of runs, which keeps nothing."""

    is_ephemeral: bool = True


@cache
def _template(folder: Path) -> Path:
    settings = Settings(home=folder, database_url=SecretStr(sqlite_url(folder / "template.db")))
    with connected(WritableDatabase, settings) as (database, tables):
        create_all(database, tables)
        for number in range(2):
            insert_orders(database, tables, order(number, GROUPS[number], sizes="SM"))
        database.dispose()
    return folder / "template.db"


def play_rows(said: dict[str, Any], folder: Path) -> None:
    path = folder / "rows.db"
    shutil.copy(_template(folder), path)
    cells = said.get("cells")
    with closing(sqlite3.connect(path)) as connection:
        for cell in (cells if isinstance(cells, list) else [])[:MOST]:
            _set(connection, cell)
        connection.commit()
    url = SecretStr(sqlite_url(path))
    settings = Settings(home=folder, deployment="production", database_url=url, dry_run=True)  # no token: asks no board
    _look(settings)
    _dry_run(settings)


def _set(connection: sqlite3.Connection, cell: Any) -> None:
    """`{"table": 0, "row": 0, "column": "qty", "value": ...}`; bytes are `{"bytes": "ff00"}`."""
    if not isinstance(cell, dict):
        return
    table, row, column, value = (cell.get(name) for name in ("table", "row", "column", "value"))
    if not isinstance(table, int) or not isinstance(row, int) or not 0 <= table < len(TABLES):
        return
    columns = [found[1] for found in connection.execute(f'PRAGMA table_info("{TABLES[table]}")')]
    if column not in columns:
        column = columns[(column if isinstance(column, int) else len(str(column))) % len(columns)]
    if isinstance(value, dict) and isinstance(value.get("bytes"), str):
        with suppress(ValueError):
            value = bytes.fromhex(value["bytes"])
    if isinstance(value, list | dict):
        value = str(value)
    update = f'UPDATE "{TABLES[table]}" SET "{column}" = ? WHERE rowid = ?'  # noqa: S608 - names of ours
    with suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):  # no table holds that
        connection.execute(update, (value, row + 1))


def _look(settings: Settings) -> None:
    """What `order-sync status` and `report` read."""
    with connected(WritableDatabase, settings) as (database, tables):
        reader = QueueReader(database, tables, lease_seconds=600)
        reader.claimable_headers()
        database.dispose()


def _dry_run(settings: Settings) -> None:
    assert tables_of(settings)
    run = SimpleNamespace(
        run_id="a-run",
        job_name=JOB_NAME,
        parent_run_id=None,
        root_run_id=None,
        asset_selection=None,
        job_snapshot_id=None,
        run_config={},
    )
    context: Any = _Context(run, _Instance(settings.home / "record"))
    made = resources(settings)
    for name in ("queue_io", "monday_io"):
        made[name].setup_for_execution(context)
    try:
        _run_steps(context, made)
    finally:
        for name in ("monday_io", "queue_io"):
            made[name].teardown_after_execution(context)
        made["sql_server"].database.dispose()  # the next input comes in the same file
