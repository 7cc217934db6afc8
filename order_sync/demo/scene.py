"""The demo's stage: the embedded database and the emulator.

In: the settings of the embedded deployment. Out: a filled database, a running emulator; one demo at a time in a folder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from filelock import BaseFileLock, FileLock, Timeout
from pydantic import ValidationError

from order_sync.database.check import check_tables, create_all
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.tables import Tables
from order_sync.database.upgrades import upgrade
from order_sync.demo.board import board_seeds
from order_sync.demo.drafts import Size
from order_sync.demo.later import cancel_orders, change_orders, orders_of_a_day
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders, make_orders
from order_sync.emulator import EmulatorError, EmulatorSettings, serve, start_emulator
from order_sync.orders.config_errors import problems
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import RunFault
from order_sync.orders.mapping import load_mapping
from order_sync.orders.toml_file import in_words, read_toml
from order_sync.settings import Settings, tables_of
from order_sync.text.counted import counted

STATE_FILE = "board.jsonl"


# ---- the database -----------------------------------------------------------------------------------


@contextmanager
def only_demo(settings: Settings) -> Iterator[BaseFileLock]:
    """A lock held until the block ends. Raises ConfigurationError if another demo uses the same folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "demo.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(
            f"Another demo is running in {settings.home}. Stop it, or set ORDER_SYNC_HOME to another folder and "
            "ORDER_SYNC_MONDAY_URL to another port.",
            RunFault.DEMO,
        ) from None
    try:
        yield lock
    finally:
        lock.release()


def prepare_database(settings: Settings, size: str) -> SampleOrders | None:
    """Creates the embedded database and adds the sample orders; None if it already has them."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database, tables = WritableDatabase(settings.database), tables_of(settings)
    try:
        upgrade(database, tables)  # tables of a demo from an earlier version
        create_all(database, tables)
        check_tables(database, tables)
        sample = make_orders(Size(size))
        if _is_there(database, tables, sample):
            return None
        insert_orders(database, tables, sample)
        return sample
    finally:
        database.dispose()


def queue_orders(settings: Settings, *, arrive: int = 0, change: int = 0, cancel: int = 0) -> list[str]:
    """Queues new orders, changes and cancels, different ones for each call; returns what was queued, for people."""
    database, tables = WritableDatabase(settings.database), tables_of(settings)
    queued = []
    try:
        check_tables(database, tables)
        if arrive:
            now = datetime.now(UTC).replace(tzinfo=None)
            insert_orders(database, tables, arriving_orders(arrive, seed=time.time_ns(), created_at=now))
            queued.append(counted(arrive, "new order"))
        if change:
            queued.append(counted(change_orders(database, tables, change), "changed order"))
        if cancel:
            queued.append(counted(cancel_orders(database, tables, cancel), "cancelled order"))
        return queued
    finally:
        database.dispose()


def queue_a_day(settings: Settings) -> list[str]:
    """Queues what happens to a board's orders in a day: some change, and as many are cancelled."""
    database, tables = WritableDatabase(settings.database), tables_of(settings)
    try:
        count = orders_of_a_day(database, tables)
    finally:
        database.dispose()
    return queue_orders(settings, change=count, cancel=count)


def _is_there(database: Database, tables: Tables, sample: SampleOrders) -> bool:
    h = tables.header_queue
    return database.count(sa.select(h.c.delta_uuid).where(h.c.delta_uuid == sample.headers[0]["delta_uuid"])) > 0


# ---- the emulator -----------------------------------------------------------------------------------


@contextmanager
def emulator(settings: Settings, *, state_file: Path) -> Iterator[str]:
    """The URL of an emulator's page: of one that is already running, or of one started for the block."""
    address = urlsplit(settings.api_url)
    if address.port is None:
        raise ConfigurationError(
            "ORDER_SYNC_MONDAY_URL must name the emulator's port: http://127.0.0.1:8765/v2.", RunFault.DEMO
        )
    page_url = f"http://{address.hostname}:{address.port}/"
    try:
        answer = httpx.get(f"{page_url}_emulator/stats", timeout=5, trust_env=False)
        stats = answer.raise_for_status().json()
        stats["effects"]
    except httpx.ConnectError:
        pass
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"Port {address.port} is in use by another program than the monday emulator ({reason}). "
            "Set ORDER_SYNC_MONDAY_URL to http://127.0.0.1:ANOTHER_PORT/v2.",
            RunFault.DEMO,
        ) from None
    else:
        _check_own(stats.get("state_file"), state_file, address.port)
        yield page_url
        return
    try:
        own = EmulatorSettings(
            host=address.hostname or "127.0.0.1",
            port=address.port or 0,
            state_file=state_file,
            boards=board_seeds(load_mapping(settings.mapping)),
        )
        started = start_emulator(own)
    except ValidationError as error:
        raise _wrong_settings(error, {}) from None
    except EmulatorError as error:
        raise ConfigurationError(f"The monday emulator did not start: {error}", RunFault.EMULATOR) from None
    with started:
        yield started.page_url


def _check_own(kept: str | None, state_file: Path, port: int) -> None:
    """Raises ConfigurationError if the emulator keeps another folder's board; one in memory has no folder."""
    if kept is not None and Path(kept) != state_file.resolve():
        raise ConfigurationError(
            f"The monday emulator on port {port} belongs to another folder: it keeps its board in {kept}, and this "
            f"demo in {state_file.resolve()}. Stop that emulator or demo (Ctrl-C in its terminal), or set "
            "ORDER_SYNC_MONDAY_URL to http://127.0.0.1:ANOTHER_PORT/v2.",
            RunFault.DEMO,
        )


def serve_emulator(settings: Settings, *, config: Path | None, memory: bool, options: Mapping[str, Any]) -> None:
    """Serves in the foreground until Ctrl-C; `options` that are not None take precedence over the file.

    Raises ConfigurationError for an invalid setting or a port in use.
    """
    address = urlsplit(settings.api_url)
    given = read_toml(config, what="The emulator's file") if config else {}
    given.setdefault("boards", board_seeds(load_mapping(settings.mapping)))
    given.setdefault("port", address.port or 0)
    given |= {name: value for name, value in options.items() if value is not None}
    if not memory:
        settings.home.mkdir(parents=True, exist_ok=True)
        given.setdefault("state_file", settings.home / STATE_FILE)
    try:
        serve(EmulatorSettings.model_validate(given))
    except ValidationError as error:
        raise _wrong_settings(error, given) from None
    except EmulatorError as error:
        raise ConfigurationError(f"The monday emulator did not start: {error}", RunFault.EMULATOR) from None


def _wrong_settings(error: ValidationError, given: dict[str, Any]) -> ConfigurationError:
    found = (in_words(given, problem, ("name", "id")) for problem in problems(error, EmulatorSettings))
    return ConfigurationError(f"Invalid emulator settings: {'; '.join(found)}", RunFault.EMULATOR)
