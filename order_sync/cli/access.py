"""In: settings.
Out: the database with its tables, and a monday client, open while a command uses them.
Never: a write by a read-only command: it gets a `Database`, which cannot write. Any command upgrades the embedded
deployment's own tables, and no others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from order_sync.database.check import Finding, check_tables, inspect
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.sources import check_sources, unknown_sources
from order_sync.database.tables import Tables
from order_sync.database.upgrades import pending, upgrade
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import load_mapping
from order_sync.settings import Settings, tables_of

if TYPE_CHECKING:
    from order_sync.monday.client import MondayClient
    from order_sync.sync.reconcile import Report

log = logging.getLogger("order_sync.cli")
D = TypeVar("D", bound=Database)


@contextmanager
def connected(kind: type[D], settings: Settings) -> Iterator[tuple[D, Tables]]:
    """The database, and its tables as the settings describe them."""
    database, tables = kind(settings.database, access_token=settings.access_token), tables_of(settings)
    try:
        yield database, tables
    finally:
        database.dispose()


@contextmanager
def opened(kind: type[D], settings: Settings) -> Iterator[tuple[D, Tables]]:
    """The database with its tables, checked."""
    with connected(kind, settings) as (database, tables):
        check(database, tables, settings)
        check_sources(database, tables, load_mapping(settings.mapping), settings.mapping)
        yield database, tables


def expect_board(settings: Settings, otherwise: str) -> None:
    """Raises ConfigurationError if no board is configured; `otherwise` ends its sentence."""
    if not settings.board_ids:
        raise ConfigurationError(f"Set ORDER_SYNC_MONDAY_BOARD_ID{otherwise}", SettingsFault.NO_BOARD)


def check(database: Database, tables: Tables, settings: Settings) -> None:
    """Raises ConfigurationError if the tables do not fit. The embedded deployment's are upgraded first."""
    if settings.deployment == "embedded" and not settings.dry_run:
        database.check_reachable()
        if pending(database, tables):
            with connected(WritableDatabase, settings) as (writable, _):
                upgrade(writable, tables)
    check_tables(database, tables)


def table_findings(database: Database, tables: Tables, settings: Settings) -> list[Finding]:
    """What the tables lack for a sync, and what the mapping reads that they do not have."""
    unknown = unknown_sources(database, tables, load_mapping(settings.mapping))
    of_mapping = [Finding(table=f"mapping {settings.mapping}", problem=str(source)) for source in unknown]
    return [*of_mapping, *inspect(database, tables)]


@contextmanager
def monday(settings: Settings) -> Iterator[MondayClient]:
    from order_sync.monday.client import MondayClient
    from order_sync.monday.transport import MondayTransport

    if not settings.token:
        raise ConfigurationError("Set ORDER_SYNC_MONDAY_TOKEN: monday's API requires a token.", SettingsFault.NO_TOKEN)
    transport = MondayTransport(settings.api_url, settings.token, version=settings.monday_version)
    with MondayClient(transport, attempts=4) as client:
        client.check_version()
        yield client


def compared(settings: Settings, *, days: int, recent: bool = False) -> Report:
    """Compares the boards with the tables; `days` as in reconcile. `recent`: what has changed, as every night."""
    from order_sync.database.housekeeping import tidy
    from order_sync.database.looks import keep_marks
    from order_sync.sync.nightly import Nightly
    from order_sync.sync.reconcile import reconcile

    mapping = load_mapping(settings.mapping)
    kind = WritableDatabase if recent and not settings.dry_run else Database
    with opened(kind, settings) as (database, tables), monday(settings) as client:
        if not recent:
            return reconcile(client, settings.board_ids, mapping, database, tables, days=days)
        night = Nightly(client, mapping, database, tables, days=days)
        looked = night.look(settings.board_ids, whole_days=settings.reconcile_whole_days)
        if isinstance(database, WritableDatabase):
            keep = partial(keep_marks, database, tables, looked.marks)
            tidy("Keeping the time of this comparison", keep, log.warning)
        return looked.report
