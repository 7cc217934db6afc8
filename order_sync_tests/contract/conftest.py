"""The databases that the contract is held against: SQLite always, SQL Server where the environment names one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.schema import CreateSchema, CreateTable, DropSchema

from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.database.own_tables import VERSION
from order_sync.database.tables import Tables, make_tables
from order_sync.database.upgrades import set_version
from order_sync_tests.contract.site import Site, new_uuid

MSSQL_URL = "ORDER_SYNC_TEST_MSSQL_URL"


@contextmanager
def schema_on_server(name: str) -> Iterator[Site]:
    """An empty schema of its own on SQL Server, dropped at the end with the tables that it has by then."""
    url = os.environ.get(MSSQL_URL)
    if not url:
        pytest.skip(f"no SQL Server: {MSSQL_URL} is not set")
    schema = f"{name}_{new_uuid()[:8]}"
    site = Site(database=WritableDatabase(url), tables=make_tables(schema=schema))
    with site.database.write() as connection:
        connection.execute(CreateSchema(schema))
    try:
        yield site
    finally:
        with site.database.write() as connection:
            site.tables.metadata.drop_all(connection)
        with site.database.write() as connection:
            connection.execute(DropSchema(schema))
        site.database.dispose()


@pytest.fixture(scope="session")
def server() -> Iterator[Site]:
    """SQL Server with the tables in a schema of their own."""
    with schema_on_server("contract") as site:
        create_all(site.database, site.tables)
        yield site


def hide_row_counts(database: WritableDatabase) -> None:
    """As where NOCOUNT is ON, or a trigger hides them: every statement says that it changed -1 rows."""

    @event.listens_for(database.engine, "after_cursor_execute")
    def _hide(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context._rowcount = -1


@pytest.fixture(params=["sqlite", "mssql"])
def site(request: pytest.FixtureRequest, empty_file: Path, tmp_path: Path) -> Iterator[Site]:
    """A database with empty tables."""
    if request.param == "mssql":
        site = request.getfixturevalue("server")
        with site.database.write() as connection:
            for table in (*site.tables.site, *site.tables.ours):
                if table is not site.tables.schema_versions:
                    connection.execute(sa.delete(table))
            set_version(connection, site.database, site.tables, VERSION)
        yield site
        return
    path = tmp_path / "orders.db"
    shutil.copy(empty_file, path)
    database = WritableDatabase(f"sqlite:///{path}")
    hide_row_counts(database)
    yield Site(database=database, tables=make_tables())
    database.dispose()


@pytest.fixture(params=["sqlite", "mssql"])
def loose_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The tables as a careless site has them: every column takes NULL, and no key is unique."""
    if request.param == "sqlite":
        site = Site(database=WritableDatabase(f"sqlite:///{tmp_path / 'loose.db'}"), tables=make_tables())
        create_loose(site)
        yield site
        site.database.dispose()
        return
    with schema_on_server("loose") as site:
        create_loose(site)
        yield site


def create_loose(site: Site) -> None:
    tables: Tables = site.tables
    with site.database.write() as connection:
        for table in tables.site:
            columns = (sa.Column(column.name, column.type) for column in table.columns)
            connection.execute(CreateTable(sa.Table(table.name, sa.MetaData(schema=table.schema), *columns)))
            for index in table.indexes:
                index.create(connection)
        for table in tables.ours:
            table.create(connection)
        set_version(connection, site.database, tables, VERSION)
