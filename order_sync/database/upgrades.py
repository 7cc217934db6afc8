"""Which version the tables of order_sync's own are of, and the steps that bring them up to date.

In: a database, and the tables as this program knows them. Out: the version, SQL for people to read, upgraded tables.
Never touches a table of the site's. A step may be interrupted between any two statements, and is then continued.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from order_sync.database import catalog, ddl
from order_sync.database.catalog import Found
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.own_tables import VERSION
from order_sync.database.sql_server import is_transient
from order_sync.database.tables import Tables
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import DatabaseFault

FIRST = 1  # that of the tables before they had a version
UPGRADE = "`order-sync db upgrade`"


class OtherVersion(ConfigurationError):
    """The tables are of another version than this program's."""

    why = DatabaseFault.OTHER_VERSION


@dataclass(frozen=True, kw_only=True)
class Step:
    """How the tables come to a version from the one before."""

    version: int
    what: str
    creates: Callable[[Tables], tuple[sa.Table, ...]]

    def statements(self, database: Database, tables: Tables) -> list[CreateTable | CreateIndex]:
        """Those that have not been executed yet."""
        return [statement for table in self.creates(tables) for statement in _lacking(database, table)]


STEPS = (
    Step(
        version=2,
        what="a version for the tables, and what is on the boards",
        creates=lambda tables: (tables.schema_versions, tables.items, tables.subitems),
    ),
    Step(version=3, what="which orders and lines were cancelled", creates=lambda tables: (tables.cancelled,)),
    Step(
        version=4,
        what="when boards last agreed with the tables, and the edits that people keep",
        creates=lambda tables: (tables.looks, tables.edits),
    ),
)
CURRENT = VERSION


def version_of(database: Database, tables: Tables, found: Found | None = None) -> int | None:
    """The version of the tables; None if there are none. `found` is what `catalog.columns` said of all of them."""
    versions = tables.schema_versions
    columns = found or catalog.columns(database, *tables.ours)
    if columns[versions]:
        try:
            rows = database.column(sa.select(versions.c.version).order_by(versions.c.version.desc()))
        except SQLAlchemyError as error:
            if is_transient(error):
                raise
            return CURRENT  # this user has no right to read it, which the look at the rights reports
        if rows:
            return int(rows[0])
    return FIRST if any(columns[table] for table in tables.ours if table is not versions) else None


def check_version(database: Database, tables: Tables) -> None:
    """Raises ConfigurationError if the tables are of another version than this program's."""
    expect_version(database, tables, version_of(database, tables))


def expect_version(database: Database, tables: Tables, version: int | None) -> None:
    """The same for a version that was read already."""
    if problem := mismatch(database, tables, version):
        raise OtherVersion(f"{tables.schema_versions.fullname}: {problem}.")


def check_upgradable(database: Database, tables: Tables) -> None:
    """Raises ConfigurationError if the tables cannot be upgraded: they are not there, or a newer program's."""
    version = version_of(database, tables)
    if version is None:
        raise ConfigurationError(
            f"The database {database.shown} has none of order_sync's own tables: `order-sync db init` creates them.",
            DatabaseFault.NOTHING_TO_UPGRADE,
        )
    if version > CURRENT:
        check_version(database, tables)


def mismatch(database: Database, tables: Tables, version: int | None) -> str:
    """The problem with the version and the next step; empty if there is none."""
    if version is None or version == CURRENT:
        return ""
    if version > CURRENT:
        return (
            f"the tables in {database.shown} have version {version}, but this program supports only up to {CURRENT}: "
            "install the version of order_sync that upgraded them, or a newer one"
        )
    unseen = (
        f" (unless this user has no rights on {tables.schema_versions.name})" if database.dialect == "mssql" else ""
    )
    return (
        f"the tables in {database.shown} have version {version}{unseen}, but this program needs version {CURRENT}: "
        f"run {UPGRADE}"
    )


def pending(database: Database, tables: Tables) -> list[Step]:
    """The steps that are left for tables of an earlier version."""
    version = version_of(database, tables)
    return [step for step in STEPS if version is not None and step.version > version]


def script(database: Database, tables: Tables, step: Step) -> list[str]:
    """What the step will execute, as SQL of this database."""
    made = [ddl.statement(element, database.dialect) for element in step.statements(database, tables)]
    return [*made, ddl.insert_version(tables.schema_versions, step.version, database.dialect)]


def upgrade(database: WritableDatabase, tables: Tables) -> list[Step]:
    """Takes the steps that are left; returns them. None if the tables are up to date, newer, or not there."""
    steps = pending(database, tables)
    for step in steps:
        _take(database, tables, step)
    return steps


def set_version(connection: sa.Connection, database: Database, tables: Tables, version: int) -> None:
    """Puts on record, in this transaction, that the tables have come to the version."""
    versions = tables.schema_versions
    there = sa.select(versions.c.version).where(versions.c.version == version)
    if connection.execute(there).first() is None:
        row = {"version": version, "upgraded_at": database.now(connection)}
        connection.execute(sa.insert(versions).inline().values(row))


def _take(database: WritableDatabase, tables: Tables, step: Step) -> None:
    """One step in one transaction. A server without transactions for DDL may leave a part of it: it is continued."""
    left = step.statements(database, tables)

    def work(connection: sa.Connection) -> None:
        for statement in left:
            connection.execute(statement)
        set_version(connection, database, tables, step.version)

    try:
        database.transaction(work)
    except SQLAlchemyError:
        # Somebody else has upgraded them meanwhile, in part or as a whole; or the answer to our COMMIT was lost.
        if (version_of(database, tables) or 0) >= step.version:
            return
        if len(step.statements(database, tables)) == len(left):
            raise
        _take(database, tables, step)


def _lacking(database: Database, table: sa.Table) -> list[CreateTable | CreateIndex]:
    """What creates the table with its indexes, or the indexes that it lacks."""
    indexes = ddl.indexes(table, database.dialect)
    if not catalog.columns(database, table)[table]:
        return [CreateTable(table), *map(CreateIndex, indexes)]
    try:
        there = catalog.indexed(database, table)
    except SQLAlchemyError:
        return []  # this server does not show them, and `db check` says so
    return [CreateIndex(index) for index in indexes if not any(_begins(found, index) for found in there)]


def _begins(found: tuple[str, ...], index: sa.Index) -> bool:
    names = tuple(str(column.name).lower() for column in index.columns)
    return found[: len(names)] == names
