"""What a database says of its own tables: columns, keys, indexes, CHECKs and triggers.

In: a database and a table. Out: what its catalog holds. INFORMATION_SCHEMA comes first; sys.* is an extra that a
compatible server may lack, so a caller expects SQLAlchemyError from each function here. Decides and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from order_sync.database.built_once import built_once
from order_sync.database.connection import Database, Row
from order_sync.database.ddl import quoted, table_name
from order_sync.database.guid import Guid

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FoundColumn:
    """A column as the database has it. What a catalog does not say is None, or empty.

    `length` is in characters, -1 for max; `scale` is of a number, or the digits of a second.
    """

    name: str
    type: str = ""
    length: int | None = None
    nullable: bool | None = None
    precision: int | None = None
    scale: int | None = None
    collation: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundCheck:
    """A CHECK constraint; `clause` is None where this user may not see it."""

    name: str
    clause: str | None


@dataclass(frozen=True, kw_only=True)
class FoundIndex:
    """An index with its columns in order. `plain`: it can be created again from what is here."""

    name: str
    columns: tuple[str, ...]
    included: tuple[str, ...] = ()
    unique: bool = False
    plain: bool = True
    constraint: bool = False  # of a PRIMARY KEY or UNIQUE: a primary key, that is, a constraint and not an index


@dataclass(frozen=True, kw_only=True)
class FoundDefault:
    """The default of a column; `definition` is None where this user may not see it."""

    name: str
    definition: str | None


@dataclass(frozen=True, kw_only=True)
class Attached:
    """What hangs on a column, and keeps a server from altering it."""

    indexes: tuple[FoundIndex, ...] = ()
    default: FoundDefault | None = None
    checks: tuple[FoundCheck, ...] = ()
    computed: tuple[str, ...] = ()  # columns that are computed from it
    usual_collation: str = ""  # what a text column gets where none is named
    unread: tuple[str, ...] = ()  # the parts that the server does not show


# ---- columns ------------------------------------------------------------------------------------------

_ESSENTIAL = ("COLUMN_NAME", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH")
_FURTHER = ("IS_NULLABLE", "NUMERIC_PRECISION", "NUMERIC_SCALE", "DATETIME_PRECISION", "COLLATION_NAME")


Columns = Mapping[str, FoundColumn]  # by lower-case name
Found = Mapping[sa.Table, Columns]


def columns(database: Database, *tables: sa.Table) -> Found:
    """The columns of each table, none if there is no such table, or none that this user may see."""
    if database.dialect != "mssql":
        rows = database.rows(_reflected(*tables))
    else:
        # INFORMATION_SCHEMA: SQLAlchemy's reflection doubles columns on some compatible servers.
        try:
            rows = _described(database, tables, (*_ESSENTIAL, *_FURTHER))
        except SQLAlchemyError:
            rows = _described(database, tables, _ESSENTIAL)
    found: dict[str, dict[str, FoundColumn]] = {}
    for row in rows:
        found.setdefault(row["TABLE_NAME"].lower(), {})[row["COLUMN_NAME"].lower()] = _column(row)
    return {table: found.get(table.name.lower(), {}) for table in tables}


def _described(database: Database, tables: Sequence[sa.Table], names: Sequence[str]) -> list[Row]:
    view = _view("COLUMNS", "TABLE_SCHEMA", "TABLE_NAME", *names)
    of_tables = (view.c.TABLE_SCHEMA == (tables[0].schema or "dbo"), view.c.TABLE_NAME.in_([t.name for t in tables]))
    return database.rows(sa.select(view.c.TABLE_NAME, *(view.c[name] for name in names)).where(*of_tables))


@built_once
def _reflected(*tables: sa.Table) -> sa.Select[Any]:
    """SQLite's answer under the names of INFORMATION_SCHEMA."""
    master = sa.table("sqlite_master", *(sa.column(name, sa.String) for name in ("type", "name")))
    info = sa.func.pragma_table_info(master.c.name).table_valued("name", "notnull").alias("info")
    return (
        sa.select(
            master.c.name.label("TABLE_NAME"),
            info.c.name.label("COLUMN_NAME"),
            sa.case((info.c.notnull == 1, "NO"), else_="YES").label("IS_NULLABLE"),
        )
        .select_from(master.join(info, sa.true()))
        .where(master.c.type.in_(["table", "view"]), master.c.name.collate("NOCASE").in_([t.name for t in tables]))
    )


def _column(row: Row) -> FoundColumn:
    nullable, digits = row.get("IS_NULLABLE"), row.get("DATETIME_PRECISION")
    return FoundColumn(
        name=row["COLUMN_NAME"],
        type=row.get("DATA_TYPE", "").lower(),
        length=row.get("CHARACTER_MAXIMUM_LENGTH"),
        nullable=None if nullable is None else str(nullable).strip().upper() == "YES",
        precision=row.get("NUMERIC_PRECISION"),
        scale=row.get("NUMERIC_SCALE") if digits is None else digits,
        collation=row.get("COLLATION_NAME") or "",
    )


# ---- indexes, CHECKs, triggers ------------------------------------------------------------------------


def indexed(database: Database, table: sa.Table) -> set[tuple[str, ...]]:
    """The columns, in lower case and in their order, of each index and key; of a key that has none, the first."""
    if database.dialect != "mssql":
        return _reflected_indexes(database, table)
    usage = _view("KEY_COLUMN_USAGE", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", *_CONSTRAINT, "ORDINAL_POSITION")
    kinds = _view("TABLE_CONSTRAINTS", *_CONSTRAINT, "CONSTRAINT_TYPE")
    keys = (
        sa.select(usage.c.COLUMN_NAME.label("name"))
        .join(kinds, _same_constraint(usage, kinds))
        .where(
            _of_table(usage, table),
            usage.c.ORDINAL_POSITION == 1,
            kinds.c.CONSTRAINT_TYPE.in_(["PRIMARY KEY", "UNIQUE"]),
        )
    )
    parts, named = _sys("index_columns", "object_id", "index_id", "column_id", "key_ordinal"), _sys_columns()
    indexes = (
        sa.select(parts.c.index_id, named.c.name)
        .select_from(parts.join(named, _same_column(parts, named)))
        .where(parts.c.key_ordinal > 0, parts.c.object_id == _object_id(table))
        .order_by(parts.c.index_id, parts.c.key_ordinal)
    )
    found = _listed((row["index_id"], row["name"]) for row in database.rows(indexes))
    with suppress(SQLAlchemyError):  # a key mostly has an index, which is among the others
        found |= {(str(row["name"]).lower(),) for row in database.rows(keys)}
    return found


def _reflected_indexes(database: Database, table: sa.Table) -> set[tuple[str, ...]]:
    lists = sa.func.pragma_index_list(table.name).table_valued("name").alias("lists")
    parts = sa.func.pragma_index_info(lists.c.name).table_valued("seqno", sa.column("name", sa.String)).alias("parts")
    found = database.rows(
        sa.select(lists.c.name.label("index"), parts.c.name.label("column"))
        .select_from(lists.join(parts, sa.true()))
        .order_by(lists.c.name, parts.c.seqno)
    )
    # Uuids are looked up by an expression: an index of that has no column, but its name says which one it covers.
    by_key = {index.name: tuple(str(column.name).lower() for column in index.columns) for index in table.indexes}
    key = database.reading(
        lambda connection: sa.inspect(connection).get_pk_constraint(table.name, table.schema)["constrained_columns"]
    )
    expressions = {row["index"] for row in found if not row["column"]}
    plain = _listed((row["index"], row["column"]) for row in found if row["index"] not in expressions)
    plain |= {tuple(name.lower() for name in key[:1])}
    uuids = {column.name.lower() for column in table.columns if isinstance(column.type, Guid)}
    # An index that begins with a uuid's spelling finds no uuid.
    return {names for names in plain if names and names[0] not in uuids} | {
        by_key[name] for name in expressions if name in by_key
    }


def _listed(columns: Iterable[tuple[Any, str]]) -> set[tuple[str, ...]]:
    """The names of each index's columns, of (index, name)."""
    names: dict[Any, list[str]] = {}
    for index, name in columns:
        names.setdefault(index, []).append(name.lower())
    return {tuple(of_index) for of_index in names.values()}


def checks(database: Database, table: sa.Table, column: str) -> list[FoundCheck]:
    """The CHECK constraints that look at a column."""
    if database.dialect != "mssql":
        found = database.reading(
            lambda connection: sa.inspect(connection).get_check_constraints(table.name, schema=table.schema)
        )
        return [
            FoundCheck(name=str(check["name"] or ""), clause=check["sqltext"])
            for check in found
            if column.lower() in check["sqltext"].lower()
        ]
    clauses = _view("CHECK_CONSTRAINTS", *_CONSTRAINT, "CHECK_CLAUSE")
    usage = _view("CONSTRAINT_COLUMN_USAGE", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", *_CONSTRAINT)
    query = (
        sa.select(clauses.c.CONSTRAINT_NAME, clauses.c.CHECK_CLAUSE)
        .join(usage, _same_constraint(usage, clauses))
        .where(_of_table(usage, table), usage.c.COLUMN_NAME == column)
    )
    return [FoundCheck(name=row["CONSTRAINT_NAME"], clause=row["CHECK_CLAUSE"]) for row in database.rows(query)]


def triggers(database: Database, table: sa.Table) -> list[str]:
    """The names of the table's enabled triggers."""
    if database.dialect != "mssql":
        master = sa.table("sqlite_master", *(sa.column(name, sa.String) for name in ("type", "name", "tbl_name")))
        query = sa.select(master.c.name).where(master.c.type == "trigger", master.c.tbl_name == table.name)
    else:
        sys = _sys("triggers", "name", "is_disabled", "parent_id")
        query = sa.select(sys.c.name).where(sys.c.is_disabled == 0, sys.c.parent_id == _object_id(table))
    return [str(row["name"]) for row in database.rows(query)]


# ---- what hangs on a column ---------------------------------------------------------------------------


def attached(database: Database, table: sa.Table, column: str) -> Attached:
    """Read only where a column has to be altered: these parts of the catalog are the first that a server lacks."""
    unread: list[str] = []

    def read(what: str, part: Callable[[Database, sa.Table, str], T], otherwise: T) -> T:
        try:
            return part(database, table, column)
        except SQLAlchemyError:
            unread.append(what)
            return otherwise

    return Attached(
        indexes=read("indexes", _indexes_of, ()),
        default=read("default", _default_of, None),
        checks=tuple(read("CHECKs", checks, [])),
        computed=read("computed columns", _computed_from, ()),
        usual_collation=read("collation", _usual_collation, ""),
        unread=tuple(unread),
    )


_KIND = ("type", "has_filter", "is_unique", "is_primary_key", "is_unique_constraint")
_PART = ("key_ordinal", "is_included_column", "is_descending_key")


def _indexes_of(database: Database, table: sa.Table, column: str) -> tuple[FoundIndex, ...]:
    whole = _sys("indexes", "object_id", "index_id", "name", *_KIND)
    parts = _sys("index_columns", "object_id", "index_id", "column_id", *_PART)
    named = _sys_columns()
    query = (
        sa.select(
            whole.c.name.label("index_name"),
            named.c.name.label("column_name"),
            *(whole.c[name] for name in _KIND),
            *(parts.c[name] for name in _PART),
        )
        .select_from(
            whole.join(
                parts, sa.and_(parts.c.object_id == whole.c.object_id, parts.c.index_id == whole.c.index_id)
            ).join(named, _same_column(parts, named))
        )
        .where(whole.c.object_id == _object_id(table))
    )
    by_name: dict[str, list[Row]] = {}
    for row in database.rows(query):
        by_name.setdefault(str(row["index_name"]), []).append(row)
    indexes = (_index(name, rows) for name, rows in sorted(by_name.items()))
    return tuple(
        index for index in indexes if column.lower() in {name.lower() for name in (*index.columns, *index.included)}
    )


_NONCLUSTERED = 2


def _index(name: str, rows: Sequence[Row]) -> FoundIndex:
    keys = sorted((row for row in rows if not row["is_included_column"]), key=lambda row: int(row["key_ordinal"]))
    constraint = bool(rows[0]["is_primary_key"] or rows[0]["is_unique_constraint"])
    return FoundIndex(
        name=name,
        columns=tuple(str(row["column_name"]) for row in keys),
        included=tuple(str(row["column_name"]) for row in rows if row["is_included_column"]),
        unique=bool(rows[0]["is_unique"]),
        plain=not constraint
        and int(rows[0]["type"]) == _NONCLUSTERED
        and not rows[0]["has_filter"]
        and not any(row["is_descending_key"] for row in rows),
        constraint=constraint,
    )


def _default_of(database: Database, table: sa.Table, column: str) -> FoundDefault | None:
    defaults = _sys("default_constraints", "name", "definition", "parent_object_id", "parent_column_id")
    named = _sys_columns()
    query = (
        sa.select(defaults.c.name, defaults.c.definition)
        .select_from(
            defaults.join(
                named,
                sa.and_(
                    named.c.object_id == defaults.c.parent_object_id, named.c.column_id == defaults.c.parent_column_id
                ),
            )
        )
        .where(defaults.c.parent_object_id == _object_id(table), named.c.name == column)
    )
    found = database.rows(query)
    return FoundDefault(name=found[0]["name"], definition=found[0]["definition"]) if found else None


def _usual_collation(database: Database, _table: sa.Table, _column: str) -> str:
    of_database = sa.func.DATABASEPROPERTYEX(
        sa.func.DB_NAME(), sa.bindparam(None, "Collation", sa.Unicode(128)), type_=sa.Unicode(128)
    )
    # The function answers with a sql_variant, which a driver may not know.
    return str(database.column(sa.select(sa.cast(of_database, sa.Unicode(128))))[0] or "")


def _computed_from(database: Database, table: sa.Table, column: str) -> tuple[str, ...]:
    computed = _sys("computed_columns", "object_id", "name", "definition")
    query = sa.select(computed.c.name, computed.c.definition).where(computed.c.object_id == _object_id(table))
    # A definition that this user may not see may use the column: named, rather than left out.
    return tuple(
        str(row["name"])
        for row in database.rows(query)
        if row["definition"] is None or quoted(column).lower() in row["definition"].lower()
    )


# ---- names of the catalog -----------------------------------------------------------------------------

_CONSTRAINT = ("CONSTRAINT_SCHEMA", "CONSTRAINT_NAME")


def _view(name: str, *names: str) -> sa.TableClause:
    return _table("INFORMATION_SCHEMA", name, names, sa.Unicode(128))


def _of_table(view: sa.TableClause, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(view.c.TABLE_SCHEMA == (table.schema or "dbo"), view.c.TABLE_NAME == table.name)


def _same_constraint(one: sa.TableClause, other: sa.TableClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in _CONSTRAINT))


def _sys(name: str, *names: str) -> sa.FromClause:
    """Under its own name: a column by schema, table and name is what not every server reads."""
    return _table("sys", name, names, sa.Integer()).alias(name)


_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "name": sa.Unicode(128),
    "definition": sa.Unicode(),
    "ORDINAL_POSITION": sa.Integer(),
}


def _table(schema: str, name: str, names: Sequence[str], kind: sa.types.TypeEngine[Any]) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, _TYPES.get(column, kind)) for column in names), schema=schema)


def _sys_columns() -> sa.FromClause:
    return _sys("columns", "object_id", "column_id", "name")


def _same_column(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.object_id == other.c.object_id, one.c.column_id == other.c.column_id)


def _object_id(table: sa.Table) -> sa.Function[int]:
    return sa.func.OBJECT_ID(sa.bindparam(None, table_name(table), sa.Unicode(300)), type_=sa.Integer())
