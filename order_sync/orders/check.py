"""Do the tables have what order_sync reads and writes? And what would it take?

In: a database and the expected tables. Out: findings, each with the T-SQL that mends it. Changes nothing itself;
`create_all` is for an empty database only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from order_sync.errors import ConfigurationError
from order_sync.orders.database import Database, WritableDatabase
from order_sync.orders.sql_server import reason
from order_sync.orders.tables import State, Tables

# Columns of the design that nothing reads: a site may lack them.
NOT_NEEDED = frozenset({"row_hash"})

# SQLite takes T-SQL's quotes, and has types of its own.
DIALECTS: Mapping[str, Dialect] = {"mssql": mssql.dialect(), "sqlite": sqlite.dialect()}  # type: ignore[no-untyped-call]

# The data types, as INFORMATION_SCHEMA names them, that hold what a column of ours holds.
GUID = frozenset({"uniqueidentifier"})
TEXT = frozenset({"nvarchar", "varchar", "nchar", "char", "ntext", "text"})
TIME = frozenset({"datetime2", "datetime", "smalldatetime"})
NUMBER = frozenset({"smallint", "int", "bigint", "tinyint", "decimal", "numeric", "money", "float", "real"})
BIG = frozenset({"bigint", "decimal", "numeric"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that stands in the way (`blocks`) or may surprise, and the statement that mends it."""

    table: str
    problem: str
    remedy: str = ""
    blocks: bool = True

    def __str__(self) -> str:
        return f"{self.table}: {self.problem}"


@dataclass(frozen=True, kw_only=True)
class FoundColumn:
    """A column as the database has it; `length` in characters, -1 for max, None where it has none."""

    name: str
    type: str
    length: int | None = None


def inspect(database: Database, tables: Tables) -> list[Finding]:
    """Everything that does not fit, tables first. Empty when order_sync can work."""
    findings: list[Finding] = []
    for table in (*tables.site, *tables.ours):
        found = columns(database, table)
        if not found:
            findings.append(
                Finding(table=table.fullname, problem="the table does not exist", remedy=_sql(CreateTable(table)))
            )
            continue
        findings += column_findings(table, found, DIALECTS[database.dialect])
        findings += _index_findings(database, table)
        if database.dialect == "mssql" and table in tables.site:
            findings += _constraint_findings(database, table)
            findings += _trigger_findings(database, table)
    return findings


def missing(database: Database, tables: Tables) -> list[Finding]:
    """The tables and columns that are not there: what every run makes sure of before it begins."""
    return [
        finding
        for table in (*tables.site, *tables.ours)
        for finding in _missing(table, columns(database, table), DIALECTS[database.dialect])
    ]


def check_tables(database: Database, tables: Tables) -> None:
    """Raises ConfigurationError that names everything in the way; `order-sync db check` says more."""
    database.check_reachable()
    problems = missing(database, tables)
    if problems:
        raise ConfigurationError(
            "The database is not ready: " + "; ".join(str(problem) for problem in problems) + ". "
            "`order-sync db check` prints the statements to run."
        )


def create_all(database: WritableDatabase, tables: Tables) -> list[str]:
    """Creates the tables that are missing, with their indexes; returns their names. Idempotent."""
    missing = [table for table in tables.metadata.sorted_tables if not columns(database, table)]

    def create(connection: sa.Connection) -> None:
        for table in missing:
            table.create(connection, checkfirst=False)

    database.transaction(create)
    return [table.fullname for table in missing]


def permissions(tables: Tables, *, user: str) -> list[str]:
    """The least that a user needs, as T-SQL: reading and writing rows of these tables, and no DDL."""

    def grant(rights: str, table: sa.Table) -> str:
        return f"GRANT {rights} ON {_sql(table)} TO {_quoted(user)};"

    return [
        *(grant("SELECT, UPDATE", table) for table in tables.site),
        *(grant("SELECT, INSERT, UPDATE", table) for table in tables.ours),
        *(grant("DELETE", table) for table in (tables.journal, tables.log)),  # what has expired
    ]


# ---- what is there ------------------------------------------------------------------------------------


def columns(database: Database, table: sa.Table) -> dict[str, FoundColumn]:
    """The table's columns by lower-case name, empty if there is no such table."""
    if database.dialect != "mssql":
        with database.read() as connection:
            inspector = sa.inspect(connection)
            if not inspector.has_table(table.name, schema=table.schema):
                return {}
            return {
                column["name"].lower(): FoundColumn(name=column["name"], type="")
                for column in inspector.get_columns(table.name, schema=table.schema)
            }
    # INFORMATION_SCHEMA: SQLAlchemy's reflection doubles columns on some compatible servers.
    view = _view("COLUMNS", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH")
    query = sa.select(view.c.COLUMN_NAME, view.c.DATA_TYPE, view.c.CHARACTER_MAXIMUM_LENGTH).where(
        _of_table(view, table)
    )
    return {
        row["COLUMN_NAME"].lower(): FoundColumn(
            name=row["COLUMN_NAME"], type=row["DATA_TYPE"].lower(), length=row["CHARACTER_MAXIMUM_LENGTH"]
        )
        for row in database.rows(query)
    }


def _view(name: str, *names: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, sa.Unicode(128)) for column in names), schema="INFORMATION_SCHEMA")


def _of_table(view: sa.TableClause, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(view.c.TABLE_SCHEMA == (table.schema or "dbo"), view.c.TABLE_NAME == table.name)


# ---- what does not fit --------------------------------------------------------------------------------


def _missing(table: sa.Table, found: Mapping[str, FoundColumn], dialect: Dialect) -> Iterator[Finding]:
    if not found:
        yield Finding(table=table.fullname, problem="the table does not exist", remedy=_sql(CreateTable(table)))
        return
    for column in table.columns:
        if column.name.lower() not in found and column.name not in NOT_NEEDED:
            yield Finding(
                table=table.fullname,
                problem=f"column [{column.name}] is missing",
                remedy=f"ALTER TABLE {_sql(table)} ADD {_name(column)} {_sql_type(column, dialect)}{_added(column)};",
            )


def column_findings(
    table: sa.Table, found: Mapping[str, FoundColumn], dialect: Dialect = DIALECTS["mssql"]
) -> Iterator[Finding]:
    yield from _missing(table, found, dialect)
    for column in table.columns:
        there = found.get(column.name.lower())
        if there is None or not there.type:
            continue
        wanted = _accepted(column)
        alter = f"ALTER TABLE {_sql(table)} ALTER COLUMN {_name(column)} {_sql_type(column)};"
        if wanted and there.type not in wanted:
            yield Finding(
                table=table.fullname,
                problem=f"column [{column.name}] is {there.type}, it must be one of {', '.join(sorted(wanted))}",
                remedy=alter,
            )
        elif column.name in WRITTEN and _too_short(column, there):
            yield Finding(
                table=table.fullname,
                problem=f"column [{column.name}] holds {there.length} characters, {_length(column)} are needed",
                remedy=alter,
            )
        elif there.type == "datetime":
            yield Finding(
                table=table.fullname,
                problem=f"column [{column.name}] is datetime, which rounds to 3 ms; datetime2 does not",
                remedy=alter,
                blocks=False,
            )


# The text columns that order_sync writes: these must hold what it puts there.
WRITTEN = frozenset({"sync_state", "sync_run_id", "sync_error_message", "monday_group_id"})


def _accepted(column: sa.Column[Any]) -> frozenset[str]:
    kind = column.type
    if _sql_type(column).upper() == "UNIQUEIDENTIFIER":
        return GUID
    if isinstance(kind, sa.BigInteger):
        return BIG
    if column.name in ("sync_state", "action_type"):
        return frozenset({"nvarchar", "varchar"})  # char would come back with blanks behind it
    if isinstance(kind, sa.String):
        return TEXT
    if isinstance(kind, sa.DateTime):
        # A business date may also be a plain date.
        return (
            TIME
            if column.name.startswith(("sync_", "created_at", "last_synced"))
            else TIME | {"date", "datetimeoffset"}
        )
    return NUMBER


def _length(column: sa.Column[Any]) -> int | str:
    return getattr(column.type, "length", None) or "nvarchar(max)"


def _too_short(column: sa.Column[Any], there: FoundColumn) -> bool:
    if there.length is None or there.length == -1:
        return False
    wanted = getattr(column.type, "length", None)
    # An error message is cut to fit nowhere: less than 500 characters would lose the reason.
    return there.length < (wanted or 500)


def _index_findings(database: Database, table: sa.Table) -> Iterator[Finding]:
    """Indexes that a large table needs: without them every claim reads all of it."""
    if not table.indexes:
        return
    try:
        first = _indexed_first(database, table)
    except SQLAlchemyError as error:
        yield Finding(table=table.fullname, problem=f"its indexes cannot be read ({reason(error)})", blocks=False)
        return
    for index in table.indexes:
        leading = next(iter(index.columns)).name
        if leading.lower() not in first:
            yield Finding(
                table=table.fullname,
                problem=f"no index begins with [{leading}], so every look-up reads the whole table",
                remedy=_sql(CreateIndex(index)),
                blocks=False,
            )


def _indexed_first(database: Database, table: sa.Table) -> set[str]:
    if database.dialect != "mssql":
        with database.read() as connection:
            indexes = sa.inspect(connection).get_indexes(table.name, schema=table.schema)
        return {str(index["column_names"][0]).lower() for index in indexes}
    query = sa.text(
        "SELECT c.name AS name FROM sys.index_columns ic"
        " JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id"
        " WHERE ic.key_ordinal = 1 AND ic.object_id = OBJECT_ID(:table)"
    ).bindparams(sa.bindparam("table", _sql(table), sa.Unicode(300)))
    return {str(row["name"]).lower() for row in database.rows(query)}


def _constraint_findings(database: Database, table: sa.Table) -> Iterator[Finding]:
    """CHECK constraints on sync_state that do not name all of our states."""
    if "sync_state" not in table.columns:
        return
    checks = _view("CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "CHECK_CLAUSE")
    usage = _view(
        "CONSTRAINT_COLUMN_USAGE", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME"
    )
    query = (
        sa.select(checks.c.CONSTRAINT_NAME, checks.c.CHECK_CLAUSE)
        .join(
            usage,
            sa.and_(
                usage.c.CONSTRAINT_SCHEMA == checks.c.CONSTRAINT_SCHEMA,
                usage.c.CONSTRAINT_NAME == checks.c.CONSTRAINT_NAME,
            ),
        )
        .where(_of_table(usage, table), usage.c.COLUMN_NAME == "sync_state")
    )
    try:
        rows = database.rows(query)
    except SQLAlchemyError as error:
        yield Finding(table=table.fullname, problem=f"its CHECKs cannot be read ({reason(error)})", blocks=False)
        return
    needed = list(State) if "sync_run_id" in table.columns else [State.SYNCED]  # a queue, or a main table
    for row in rows:
        allowed = set(re.findall(r"'([^']*)'", row["CHECK_CLAUSE"]))
        lacking = [state for state in needed if state not in allowed]
        if lacking:
            name = _quoted(row["CONSTRAINT_NAME"])
            states = ", ".join(f"'{state}'" for state in sorted({*allowed, *needed}))
            yield Finding(
                table=table.fullname,
                problem=f"CHECK {row['CONSTRAINT_NAME']} refuses the states {', '.join(lacking)}",
                remedy=f"ALTER TABLE {_sql(table)} DROP CONSTRAINT {name};\n"
                f"ALTER TABLE {_sql(table)} ADD CONSTRAINT {name} CHECK (sync_state IN ({states}));",
            )


def _trigger_findings(database: Database, table: sa.Table) -> Iterator[Finding]:
    """Triggers fire on our updates. They break nothing here (no statement uses OUTPUT), but people should know."""
    query = sa.text("SELECT name FROM sys.triggers WHERE is_disabled = 0 AND parent_id = OBJECT_ID(:table)").bindparams(
        sa.bindparam("table", _sql(table), sa.Unicode(300))
    )
    try:
        rows = database.rows(query)
    except SQLAlchemyError as error:
        problem = f"its triggers cannot be read ({reason(error)})"
        yield Finding(table=table.fullname, problem=problem, blocks=False)
        return
    for row in rows:
        yield Finding(
            table=table.fullname,
            problem=f"trigger {row['name']} fires when order_sync updates rows: see that it queues no row again",
            blocks=False,
        )


# ---- T-SQL --------------------------------------------------------------------------------------------

_DIALECT = DIALECTS["mssql"]


def _sql(element: Any) -> str:
    if isinstance(element, sa.Table):
        return str(_DIALECT.identifier_preparer.format_table(element))
    return str(element.compile(dialect=_DIALECT)).strip() + ";"


def _name(column: sa.Column[Any]) -> str:
    return str(_DIALECT.identifier_preparer.quote_identifier(column.name))


def _quoted(name: str) -> str:
    return str(_DIALECT.identifier_preparer.quote_identifier(name))


def _sql_type(column: sa.Column[Any], dialect: Dialect = _DIALECT) -> str:
    return str(column.type.compile(dialect=dialect))


def _added(column: sa.Column[Any]) -> str:
    """A column is added to a table that has rows: it must allow NULL or have a default."""
    if column.name == "created_at":
        return " NOT NULL DEFAULT SYSUTCDATETIME()"
    if column.server_default is not None:
        return f" NOT NULL DEFAULT {column.server_default.arg.text}"  # type: ignore[attr-defined]
    return " NULL"
