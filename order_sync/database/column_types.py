"""Types and indexes that the tables share, for SQL Server and SQLite alike.

In: nothing. Out: datetime2, nvarchar, and indexes of uuids as each database looks rows up by them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeEngine

from order_sync.database.guid import uuid_key


def datetime2(kind: sa.DateTime | None = None) -> TypeEngine[Any]:
    return (kind or sa.DateTime()).with_variant(mssql.DATETIME2(), "mssql")  # type: ignore[no-untyped-call]


def text(length: int | None = None) -> TypeEngine[Any]:
    """nvarchar(length), or nvarchar(max)."""
    return sa.Unicode(length) if length else sa.UnicodeText().with_variant(mssql.NVARCHAR(), "mssql")


def index_uuids(table: sa.Table, *of: str, primary: bool = False) -> None:
    """An index of uuids: on SQL Server of the columns, on SQLite of their keys, which rows are looked up by there.

    With `primary` only on SQLite: SQL Server has the primary key's.
    """
    columns = [table.c[f"{name}_uuid"] for name in of]
    name = f"IX_{table.name}_{of[0]}"
    made = {"sqlite": sa.Index(f"{name}_key", *(uuid_key(column) for column in columns))}
    made |= {} if primary else {"mssql": sa.Index(name, *columns)}
    for dialect, index in made.items():
        index.ddl_if(dialect=dialect).info["dialect"] = dialect
