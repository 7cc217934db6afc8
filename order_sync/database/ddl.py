"""T-SQL for people to run: tables, columns and indexes that are missing, and columns that have to be altered.

In: a table of ours and what the database has. Out: statements as text. Runs nothing.
A column that only the mapping knows is in none of them: it may be a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from order_sync.database.own_tables import OF_VERSION
from order_sync.database.tables import is_only_mapped

if TYPE_CHECKING:
    from order_sync.database.catalog import Attached, FoundColumn, FoundIndex

# SQLite takes T-SQL's quotes, and has types of its own.
DIALECTS: Mapping[str, Dialect] = {"mssql": mssql.dialect(), "sqlite": sqlite.dialect()}  # type: ignore[no-untyped-call]
_DIALECT = DIALECTS["mssql"]
TEXT = frozenset({"nvarchar", "varchar", "nchar", "char", "ntext", "text"})


def quoted(name: str) -> str:
    return str(_DIALECT.identifier_preparer.quote_identifier(name))


def table_name(table: sa.Table) -> str:
    return str(_DIALECT.identifier_preparer.format_table(table))


def sql_type(column: sa.Column[Any], dialect: Dialect = _DIALECT) -> str:
    return str(column.type.compile(dialect=dialect))


def create_table(table: sa.Table, dialect: str = "mssql") -> str:
    """The table with its indexes, without the columns that only the mapping knows; that of versions with its row."""
    create = CreateTable(table)
    create.columns = [part for part in create.columns if not is_only_mapped(part.element)]
    version = table.info.get(OF_VERSION)
    row = [insert_version(table, version, dialect)] if version else []
    return "\n".join([statement(create), *(create_index(index) for index in indexes(table)), *row])


def insert_version(table: sa.Table, version: int, dialect: str) -> str:
    now = "SYSUTCDATETIME()" if dialect == "mssql" else "CURRENT_TIMESTAMP"
    row: dict[str, Any] = {"version": sa.literal_column(str(version)), "upgraded_at": sa.literal_column(now)}
    return f"{sa.insert(table).values(row).inline().compile(dialect=DIALECTS[dialect])};"


def indexes(table: sa.Table, dialect: str = "mssql") -> list[sa.Index]:
    """Those that the table has on this database."""
    of = (index for index in table.indexes if index.info.get("dialect", dialect) == dialect)
    return sorted(of, key=lambda index: str(index.name))


def create_index(index: sa.Index, dialect: str = "mssql") -> str:
    return statement(CreateIndex(index), dialect)


def create_key_index(table: sa.Table) -> str:
    """In place of a PRIMARY KEY that the table lacks."""
    key = [column.name for column in table.primary_key.columns]
    columns = ", ".join(quoted(name) for name in key)
    return f"CREATE UNIQUE INDEX {quoted(f'UX_{table.name}_key')} ON {table_name(table)} ({columns});"


def add_column(column: sa.Column[Any], dialect: Dialect) -> str:
    """A column is added to a table that has rows: it must allow NULL or have a default."""
    if column.name == "created_at":
        rest = "NOT NULL DEFAULT SYSUTCDATETIME()"
    elif column.server_default is not None:
        rest = f"NOT NULL DEFAULT {column.server_default.arg.text}"  # type: ignore[attr-defined]
    else:
        rest = "NULL"
    return f"ALTER TABLE {table_name(column.table)} ADD {quoted(column.name)} {sql_type(column, dialect)} {rest};"


def replace_check(table: sa.Table, name: str, column: str, values: list[str]) -> str:
    allowed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return "\n".join(
        [
            f"ALTER TABLE {table_name(table)} DROP CONSTRAINT {quoted(name)};",
            f"ALTER TABLE {table_name(table)} ADD CONSTRAINT {quoted(name)} CHECK ({quoted(column)} IN ({allowed}));",
        ]
    )


def grant(rights: str, table: sa.Table, user: str) -> str:
    return f"GRANT {rights} ON {table_name(table)} TO {quoted(user)};"


def statement(element: CreateTable | CreateIndex, dialect: str = "mssql") -> str:
    return str(element.compile(dialect=DIALECTS[dialect])).strip() + ";"


# ---- altering a column --------------------------------------------------------------------------------


def type_of(found: FoundColumn) -> str:
    """The column's type as the database has it, as T-SQL writes it."""
    size = ""
    if found.type in TEXT - {"ntext", "text"} and found.length is not None:
        size = "(max)" if found.length == -1 else f"({found.length})"
    elif found.type in ("decimal", "numeric") and found.precision is not None:
        size = f"({found.precision}, {found.scale or 0})"
    elif found.type in ("datetime2", "datetimeoffset", "time") and found.scale is not None:
        size = f"({found.scale})"
    return f"{found.type.upper()}{size}"


@dataclass(frozen=True, kw_only=True)
class Alteration:
    """A column to be altered: to another type, or to the other nullability. What is not asked for is kept."""

    column: sa.Column[Any]
    found: FoundColumn
    to_type: str = ""
    nullable: bool | None = None

    @property
    def only_grows(self) -> bool:
        """The same type of text, and longer: the one change that an index, a default or a CHECK allows."""
        kind = self.to_type.partition("(")[0].strip().lower()
        return kind == self.found.type and self.nullable is None

    def statement(self, usual_collation: str = "") -> str:
        nullable = self.found.nullable if self.nullable is None else self.nullable
        kind = self.to_type or type_of(self.found)
        # Without COLLATE the column would get the database's own collation, without NOT NULL it would allow NULL.
        is_text = kind.partition("(")[0].strip().lower() in TEXT
        kept = self.found.collation if is_text and self.found.collation != usual_collation else ""
        null = "" if nullable is None else " NULL" if nullable else " NOT NULL"
        collation = f" COLLATE {kept}" if kept else ""
        return f"{self._table} ALTER COLUMN {quoted(self.column.name)} {kind}{collation}{null};"

    @property
    def _table(self) -> str:
        return f"ALTER TABLE {table_name(self.column.table)}"

    def script(self, attached: Attached) -> str:
        """The statement between those that drop what is in its way and those that create it again.

        What cannot be created again from what the catalog says is named in a comment.
        """
        before, after, by_hand = _around(self, attached)
        comments = []
        if by_hand:
            comments.append(f"-- In the way, drop first and create again afterwards: {', '.join(by_hand)}")
        if attached.unread:
            comments.append(
                f"-- Not shown by this server: {', '.join(attached.unread)} of the column. "
                "Drop first what is in the way, and create it again afterwards"
            )
        if self.nullable is False:
            comments.append(f"-- Correct first the rows in which {quoted(self.column.name)} is NULL")
        if self.found.nullable is None and self.nullable is None:
            comments.append("-- Add NOT NULL if the column is NOT NULL: without it, it will allow NULL")
        return "\n".join([*comments, *before, self.statement(attached.usual_collation), *after])


def _around(change: Alteration, attached: Attached) -> tuple[list[str], list[str], list[str]]:
    """What to run before, what to run after, and what only a person can drop and create again."""
    table, alter = table_name(change.column.table), f"ALTER TABLE {table_name(change.column.table)}"
    before, after = [], []
    by_hand = [f"computed column {quoted(name)}" for name in attached.computed]
    for index in attached.indexes:
        if index.plain and not change.only_grows:
            before.append(f"DROP INDEX {quoted(index.name)} ON {table};")
            after.append(_create_again(index, table))
        elif index.constraint or not change.only_grows:
            by_hand.append(f"{'key' if index.constraint else 'index'} {quoted(index.name)}")
    if change.only_grows:
        return before, after, by_hand
    if attached.default and attached.default.definition is None:
        by_hand.append(f"default {quoted(attached.default.name)}")
    elif attached.default:
        name = quoted(attached.default.name)
        before.append(f"{alter} DROP CONSTRAINT {name};")
        after.append(
            f"{alter} ADD CONSTRAINT {name} DEFAULT {attached.default.definition} FOR {quoted(change.column.name)};"
        )
    for check in attached.checks:
        if check.clause is None:
            by_hand.append(f"CHECK {quoted(check.name)}")
        else:
            before.append(f"{alter} DROP CONSTRAINT {quoted(check.name)};")
            after.append(f"{alter} ADD CONSTRAINT {quoted(check.name)} CHECK ({check.clause});")
    return before, after, by_hand


def _create_again(index: FoundIndex, table: str) -> str:
    unique = "UNIQUE " if index.unique else ""
    included = f" INCLUDE ({', '.join(map(quoted, index.included))})" if index.included else ""
    return f"CREATE {unique}INDEX {quoted(index.name)} ON {table} ({', '.join(map(quoted, index.columns))}){included};"
