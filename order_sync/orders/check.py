"""Are the tables there, with the columns that order_sync reads and writes?

In: a database and the expected tables. Out: a list of what is missing, in words. Changes nothing.
"""

from __future__ import annotations

import sqlalchemy as sa

from order_sync.errors import ConfigurationError
from order_sync.orders.database import Database, WritableDatabase
from order_sync.orders.tables import Tables


def existing_columns(database: Database, table: sa.Table) -> set[str]:
    """The column names of a table as it is, empty if there is no such table."""
    with database.read() as connection:
        if database.dialect == "mssql":
            # INFORMATION_SCHEMA: SQLAlchemy's reflection doubles columns on some compatible servers.
            columns = sa.table(
                "COLUMNS",
                sa.column("TABLE_SCHEMA"),
                sa.column("TABLE_NAME"),
                sa.column("COLUMN_NAME"),
                schema="INFORMATION_SCHEMA",
            )
            query = sa.select(columns.c.COLUMN_NAME).where(columns.c.TABLE_NAME == table.name)
            if table.schema:
                query = query.where(columns.c.TABLE_SCHEMA == table.schema)
            return set(connection.execute(query).scalars())
        inspector = sa.inspect(connection)
        if not inspector.has_table(table.name, schema=table.schema):
            return set()
        return {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}


def missing(database: Database, tables: Tables) -> list[str]:
    """What is missing, one sentence each; empty when everything is there."""
    problems = []
    for table in (*tables.site, *tables.ours):
        found = {name.lower() for name in existing_columns(database, table)}
        if not found:
            problems.append(f"table {table.fullname} does not exist")
            continue
        lacking = [c.name for c in table.columns if c.name.lower() not in found]
        if lacking:
            problems.append(f"table {table.fullname} lacks " + ", ".join(f"[{name}]" for name in lacking))
    return problems


def check_tables(database: Database, tables: Tables) -> None:
    """Raises ConfigurationError that names everything missing."""
    database.check_reachable()
    problems = missing(database, tables)
    if problems:
        raise ConfigurationError("The database is not ready: " + "; ".join(problems) + ".")


def create_all(database: WritableDatabase, tables: Tables) -> None:
    """Creates the tables that are missing, in a database of our own. Idempotent."""
    with database.write() as connection:
        tables.metadata.create_all(connection)
