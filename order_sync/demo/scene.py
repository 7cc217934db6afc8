"""The demo's stage: the embedded database, the emulator, and a comparison of the two.

In: the settings of the embedded deployment. Out: a filled database, a running emulator, an `Agreement`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from order_sync.database.schema import upgrade
from order_sync.database.tables import Tables
from order_sync.demo.board import board_seeds
from order_sync.demo.drafts import Size
from order_sync.demo.samples import SampleOrders, arriving_orders, insert_orders, make_orders
from order_sync.emulator import EmulatorError, EmulatorSettings, serve, start_emulator
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.mapping import load_mapping
from order_sync.orders.naming import text_key
from order_sync.orders.states import Action, State
from order_sync.orders.toml_file import in_words, read_toml
from order_sync.orders.validation import problems
from order_sync.settings import Settings, tables_of
from order_sync.text.counted import counted

STATE_FILE = "board.jsonl"


# ---- the database -----------------------------------------------------------------------------------


@contextmanager
def only_demo(settings: Settings) -> Iterator[BaseFileLock]:
    """A lock that is held until the block ends; ConfigurationError where another demo uses the same folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "demo.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(
            f"A demo runs in {settings.home}. Wait until it has ended, or set ORDER_SYNC_HOME to another folder and "
            "ORDER_SYNC_MONDAY_URL to another port."
        ) from None
    try:
        yield lock
    finally:
        lock.release()


def prepare_database(settings: Settings, size: str) -> bool:
    """Makes the embedded database and adds the sample orders; False if it has them already."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database, tables = WritableDatabase(settings.database), tables_of(settings)
    try:
        upgrade(database, tables)  # of a demo that an earlier version began
        create_all(database, tables)
        check_tables(database, tables)
        sample = make_orders(Size(size))
        if _is_there(database, tables, sample):
            return False
        insert_orders(database, tables, sample)
        return True
    finally:
        database.dispose()


def add_arriving(settings: Settings, count: int) -> None:
    """Adds new orders, different ones each time."""
    database, tables = WritableDatabase(settings.database), tables_of(settings)
    try:
        check_tables(database, tables)
        now = datetime.now(UTC).replace(tzinfo=None)
        insert_orders(database, tables, arriving_orders(count, seed=time.time_ns(), created_at=now))
    finally:
        database.dispose()


def _is_there(database: Database, tables: Tables, sample: SampleOrders) -> bool:
    first = sample.headers[0]["delta_uuid"]
    with database.read() as connection:
        query = sa.select(sa.func.count()).where(tables.header_queue.c.delta_uuid == first)
        return bool(connection.execute(query).scalar_one())


# ---- the emulator -----------------------------------------------------------------------------------


class RunningEmulator:
    """An emulator that somebody else started."""

    def __init__(self, page_url: str) -> None:
        self.page_url = page_url

    def state(self) -> dict[str, Any]:
        response = httpx.get(f"{self.page_url}_emulator/state", timeout=60, trust_env=False)
        return response.raise_for_status().json()  # type: ignore[no-any-return]


@contextmanager
def emulator(settings: Settings, *, state_file: Path) -> Iterator[Any]:
    """The emulator at the settings' address: the one that runs there, or one for as long as the block lasts."""
    address = urlsplit(settings.api_url)
    if address.port is None:
        raise ConfigurationError("ORDER_SYNC_MONDAY_URL must name the emulator's port: http://127.0.0.1:8765/v2.")
    running = RunningEmulator(f"http://{address.hostname}:{address.port}/")
    try:
        stats = httpx.get(f"{running.page_url}_emulator/stats", timeout=5, trust_env=False)
        stats.raise_for_status().json()["effects"]
    except httpx.ConnectError:
        pass
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"Port {address.port} is taken by something that is not the monday emulator ({reason}). "
            "Set ORDER_SYNC_MONDAY_URL to http://127.0.0.1:ANOTHER_PORT/v2."
        ) from None
    else:
        yield running
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
        raise ConfigurationError(f"The monday emulator did not start: {error}") from None
    with started:
        yield started


def serve_emulator(
    settings: Settings,
    *,
    config: Path | None,
    memory: bool,
    options: Mapping[str, Any],
) -> None:
    """Serves in the foreground until Ctrl-C; `options` that are not None go before the file.

    Raises ConfigurationError for a wrong setting or a taken port.
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
        raise ConfigurationError(f"The monday emulator did not start: {error}") from None


def _wrong_settings(error: ValidationError, given: dict[str, Any]) -> ConfigurationError:
    found = (in_words(given, problem, ("name", "id")) for problem in problems(error, EmulatorSettings))
    return ConfigurationError(f"The emulator's settings are wrong: {'; '.join(found)}")


# ---- do the tables and the board agree? -------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What is SYNCED in the database against what is on the board."""

    items: int
    subitems: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def text(self) -> str:
        verdict = "[green]Tables and board agree:[/]" if self.agree else "[bold red]Tables and board differ:[/]"
        first = [*self.lost[:3], *self.doubled[:3], *self.wrong[:3]]
        return (
            f"{verdict} {counted(self.items, 'item')} and {counted(self.subitems, 'subitem')}, {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled, {len(self.wrong)} under another id or parent."
            + "".join(f"\n  {line}" for line in first)
        )


def compare(settings: Settings, state: Mapping[str, Any]) -> Agreement:
    """Holds the rows of all four tables that are on the boards against the boards: keys, ids, parents, groups.

    Every SYNCED queue row must be there once; every row on a board must be known under its id.
    """
    mapping = load_mapping(settings.mapping)
    boards = [board for board in state["boards"] if int(board["id"]) in settings.board_ids]
    item_key, line_key = mapping.items.key_column, mapping.subitems.key_column
    there = [item for board in boards for item in board["items"]]
    items = [(i["columns"].get(item_key), int(i["id"]), i["group_id"]) for i in there]
    subitems = [(s["columns"].get(line_key), int(s["id"]), int(i["id"])) for i in there for s in i["subitems"]]
    database, tables = Database(settings.database), tables_of(settings)
    h, line, o, m = tables.header_queue, tables.line_queue, tables.orders, tables.order_lines
    try:
        with database.read() as connection:
            headers = connection.execute(
                sa.select(h.c.record_uuid, h.c.monday_item_id, h.c.monday_group_id, h.c.sync_state)
                .where(h.c.action_type == Action.INSERT)
                .order_by(h.c.created_at, h.c.delta_uuid)
            ).all()
            lines = connection.execute(
                sa.select(line.c.line_uuid, line.c.monday_subitem_id, line.c.parent_item_id, line.c.sync_state).where(
                    line.c.action_type == Action.INSERT
                )
            ).all()
            orders = set(
                connection.execute(sa.select(o.c.monday_item_id).where(o.c.sync_state == State.SYNCED)).scalars()
            )
            order_lines = {
                row.line_uuid: tuple(row)[1:]
                for row in connection.execute(
                    sa.select(m.c.line_uuid, m.c.monday_subitem_id, m.c.parent_item_id).where(
                        m.c.sync_state == State.SYNCED
                    )
                )
            }
    finally:
        database.dispose()
    lost, doubled, wrong = [], [], []
    headers = list({row.record_uuid: row for row in headers}.values())  # the newest of each order counts
    for what, known, found in (("item", headers, items), ("subitem", lines, subitems)):
        doubled += [
            f"{what} {key} is {n} times on the board" for key, n in Counter(t[0] for t in found).items() if n > 1
        ]
        by_key = {t[0]: t[1:] for t in found}
        for key, monday_id, place, sync_state in known:
            if key not in by_key and (sync_state == State.SYNCED or monday_id is not None):
                lost.append(f"{what} {key} ({sync_state}) is not on the board")
            elif key in by_key and by_key[key] != (monday_id, place):
                wrong.append(f"{what} {key} is {by_key[key]} on the board, {(monday_id, place)} in the queue table")
        unknown = by_key.keys() - {row[0] for row in known}
        wrong += [f"{what} {key} is on the board and in no queue table" for key in unknown]
    for board in boards:
        groups = Counter(text_key(group["title"]) for group in board["groups"] if group["state"] == "active")
        doubled += [f"group '{title}' is {n} times on board {board['id']}" for title, n in groups.items() if n > 1]
    wrong += [f"ORDER_LIST names item {i}, which is not on the board" for i in orders - {item[1] for item in items}]
    wrong += [
        f"line {row.line_uuid} is SYNCED with {order_lines.get(row.line_uuid)} in the main table, not {tuple(row)[1:3]}"
        for row in lines
        if row.sync_state == State.SYNCED and order_lines.get(row.line_uuid) != tuple(row)[1:3]
    ]
    return Agreement(items=len(items), subitems=len(subitems), lost=lost, doubled=doubled, wrong=wrong)
