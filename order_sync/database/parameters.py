"""Parameters as SQL Server gets them: each with its own column's type, and NULL written into the statement.

In: a statement and its values, as SQLAlchemy hands them to pyodbc. Out: the same with nothing left to guess.
Never lets pyodbc ask the server to describe a parameter (sp_describe_undeclared_parameters): where that fails inside
a transaction, a server may roll it back without a word. pyodbc asks for every None, in spite of setinputsizes, and
for every parameter of a fast executemany (src/params.cpp: GetNullInfo, ExecuteMulti).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mssql.base import MSExecutionContext
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.types import TypeEngine

DRIVER_NAME = "mssql+order_sync"  # of a URL whose statements go through TypedDialect

SqlType = tuple[int, int, int]  # ODBC type, size, digits

# Text is declared as long as its kind may be, so that a value that is longer than the column compares as unequal.
VARCHAR, NVARCHAR, MAX = 8_000, 4_000, 0

# What a statement consists of where a question mark may stand: texts and quoted names, and parameters.
_PARTS = re.compile(r"""'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|\?""")


class TypedContext(MSExecutionContext):
    """One execution; `parameter_types` are those of its parameters, in their order."""

    parameter_types: Sequence[SqlType | None] = ()


class TypedDialect(MSDialect_pyodbc):
    """pyodbc for SQL Server, with the types of all parameters and without a bound None."""

    supports_statement_cache = True
    execution_ctx_cls = TypedContext

    def do_set_input_sizes(
        self, cursor: Any, list_of_tuples: list[tuple[str, Any, TypeEngine[Any]]], context: Any
    ) -> None:
        context.parameter_types = [sql_type(of, self) for _, _, of in list_of_tuples]

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        types = context.parameter_types if context is not None else ()
        kept = [n for n, value in enumerate(parameters) if value is not None]
        cursor.setinputsizes([types[n] for n in kept] if types else None)
        cursor.execute(_with_nulls(statement, parameters), [parameters[n] for n in kept])

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Row by row. INSERTs do not come here, but as statements of many rows; see `changes` for UPDATEs."""
        for row in parameters:
            self.do_execute(cursor, statement, row, context)


registry.register(DRIVER_NAME.replace("+", "."), __name__, TypedDialect.__name__)


def sql_type(of: TypeEngine[Any], dialect: MSDialect_pyodbc) -> SqlType | None:
    """The ODBC type of a bound value; None where SQLAlchemy knows none, so that the value itself must say."""
    odbc: Any = dialect.dbapi
    match of._unwrapped_dialect_impl(dialect):
        case sa.Uuid():
            return odbc.SQL_GUID, 16, 0
        case (sa.Unicode() | sa.UnicodeText()) as text:
            return odbc.SQL_WVARCHAR, _size(text.length, NVARCHAR), 0
        case sa.String() as text:
            return odbc.SQL_VARCHAR, _size(text.length, VARCHAR), 0
        case sa.Boolean():
            return odbc.SQL_BIT, 1, 0
        case sa.SmallInteger():
            return odbc.SQL_SMALLINT, 5, 0
        case sa.BigInteger():
            return odbc.SQL_BIGINT, 19, 0
        case sa.Integer():
            return odbc.SQL_INTEGER, 10, 0
        case sa.Float():
            return odbc.SQL_DOUBLE, 53, 0
        case sa.Numeric(precision=int(precision), scale=int(scale)):
            return odbc.SQL_NUMERIC, precision, scale
        case sa.DateTime():
            return odbc.SQL_TYPE_TIMESTAMP, 27, 7
        case sa.Date():
            return odbc.SQL_TYPE_DATE, 10, 0
    return None


def _size(length: int | str | None, longest: int) -> int:
    return longest if isinstance(length, int) and length <= longest else MAX


def _with_nulls(statement: str, parameters: Sequence[Any]) -> str:
    """The statement with NULL in place of each parameter that is None."""
    if None not in parameters:
        return statement
    values = iter(parameters)

    def written(part: re.Match[str]) -> str:
        return "NULL" if part[0] == "?" and next(values) is None else part[0]

    return _PARTS.sub(written, statement)
