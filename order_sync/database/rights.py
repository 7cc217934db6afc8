"""The least that the user of a sync may do: rows of these tables, and no DDL.

In: the tables, and a database to ask. Out: the GRANTs, or what is lacking. Grants nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from order_sync.database import catalog
from order_sync.database.connection import Database, chunks
from order_sync.database.ddl import grant, table_name
from order_sync.database.tables import NOT_NEEDED, WRITTEN, Tables

OF_COLUMNS = frozenset({"SELECT", "UPDATE"})  # what can be granted for some columns only
RIGHTS_A_QUERY = 200  # asked for in one: five parameters each


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """A right that the user lacks on a table; `columns` where only these are closed to it.

    Where the server does not say whether the user has it, it is not `known` to lack it.
    """

    table: sa.Table
    right: str
    columns: tuple[str, ...] = ()
    known: bool = True

    def __str__(self) -> str:
        of = f" on {', '.join(f'[{name}]' for name in self.columns)}" if self.columns else ""
        return f"this user lacks {self.right} permission{of}"


def needed(tables: Tables) -> dict[sa.Table, tuple[str, ...]]:
    """The rights on each table; those on ours include removing what has expired or is no longer on a board."""
    expiring = (tables.journal, tables.log, tables.items, tables.subitems, tables.cancelled, tables.looks, tables.edits)
    return {
        **dict.fromkeys(tables.site, ("SELECT", "UPDATE")),
        **{t: ("SELECT", "INSERT", "UPDATE", *(["DELETE"] if t in expiring else [])) for t in tables.ours},
        tables.schema_versions: ("SELECT",),
    }


def permissions(tables: Tables, *, user: str) -> list[str]:
    """The GRANTs as T-SQL."""
    return [grant(", ".join(rights), table, user) for table, rights in needed(tables).items()]


def lacking(
    database: Database, tables: Tables, found: Mapping[sa.Table, Mapping[str, catalog.FoundColumn]], *, only: str = ""
) -> Iterator[Lacking]:
    """What this connection's user lacks on the tables that are `found`, with their columns.

    `only` asks for one right. Raises SQLAlchemyError where the server does not know such questions.
    """
    wanted = [
        (table, right)
        for table, rights in needed(tables).items()
        for right in rights
        if found.get(table) and only in ("", right)
    ]
    answers = granted(database, [(table, right, None) for table, right in wanted])
    if not any(answers):  # not to be believed: a user without any right on the tables would not see them
        answers = [None] * len(answers)
    for (table, right), answer in zip(wanted, answers, strict=True):
        if answer is None:
            yield Lacking(table=table, right=right, known=False)
        if answer is not False:
            continue
        of = _columns(table, right, found[table], ours=table in tables.ours) if right in OF_COLUMNS else []
        closed = _closed(database, table, right, of)
        if closed or not of:
            yield Lacking(table=table, right=right, columns=tuple(closed) if len(closed) < len(of) else ())


def _closed(database: Database, table: sa.Table, right: str, columns: Sequence[str]) -> list[str]:
    """Those of the columns for which the right is not granted, either."""
    answers = granted(database, [(table, right, column) for column in columns])
    return [column for column, answer in zip(columns, answers, strict=True) if not answer]


def _columns(table: sa.Table, right: str, found: Mapping[str, catalog.FoundColumn], *, ours: bool) -> list[str]:
    """The columns that a run reads or writes, as the database spells them."""
    names = [
        column.name
        for column in table.columns
        if column.name not in NOT_NEEDED and (right == "SELECT" or ours or column.name in WRITTEN)
    ]
    return [found[name.lower()].name for name in names if name.lower() in found]


def granted(database: Database, wanted: Sequence[tuple[sa.Table, str, str | None]]) -> list[bool | None]:
    """Has this connection's user the right (SELECT, UPDATE ...) on each table, or on a column of it?

    None where the server does not say. A column's name is without quotes: servers up to 2022 take no others.
    """
    return [answer for chunk in chunks(wanted, RIGHTS_A_QUERY) for answer in _granted(database, chunk)]


def _granted(database: Database, wanted: Sequence[tuple[sa.Table, str, str | None]]) -> list[bool | None]:
    asked = [
        sa.func.HAS_PERMS_BY_NAME(
            *(
                sa.bindparam(None, value, sa.Unicode(300))
                for value in (table_name(table), "OBJECT", right, *([column, "COLUMN"] if column else []))
            ),
            type_=sa.Integer(),
        ).label(f"r{number}")
        for number, (table, right, column) in enumerate(wanted)
    ]
    (row,) = database.rows(sa.select(*asked))
    return [None if value is None else bool(value) for value in row.values()]


def user_name(database: Database) -> str:
    """Who this connection is inside the database."""
    return str(database.column(sa.select(sa.func.USER_NAME(type_=sa.Unicode(128))))[0])
