"""A stand-in for pyodbc that keeps what would go to SQL Server: statements, parameters and their types.

In: the calls that SQLAlchemy makes of a driver. Out: what was sent, and what pyodbc would ask the server to describe.
As in pyodbc's params.cpp: a bound None of any type is described, and so is each parameter of a fast executemany.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from order_sync.database.engines import engine_for

URL = "mssql+pyodbc://sync:secret@server/orders"
CONSTANTS = {
    "SQL_BIGINT": -5,
    "SQL_BIT": -7,
    "SQL_DOUBLE": 8,
    "SQL_GUID": -11,
    "SQL_INTEGER": 4,
    "SQL_NUMERIC": 2,
    "SQL_SMALLINT": 5,
    "SQL_TYPE_DATE": 91,
    "SQL_TYPE_TIMESTAMP": 93,
    "SQL_VARCHAR": 12,
    "SQL_WVARCHAR": -9,
}
# What SQLAlchemy asks a server at its first connection.
ANSWERS = {
    "ProductVersion": "16.0.1000.6",
    "schema_name()": "dbo",
    "SYSUTCDATETIME": datetime(2026, 11, 23, 8, 0),
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A statement with one row of parameters, and what was said of their types."""

    statement: str
    parameters: tuple[Any, ...]
    types: tuple[Any, ...]

    @property
    def untyped(self) -> list[Any]:
        """Parameters whose type, size and digits were not all given."""
        known = [*self.types, *[None] * len(self.parameters)]
        return [
            value
            for value, type_ in zip(self.parameters, known, strict=False)
            if not (isinstance(type_, tuple) and len(type_) == 3 and all(isinstance(part, int) for part in type_))
        ]


@dataclass
class Driver:
    """What has been sent since it was made."""

    sent: list[Sent] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)  # what a new session was set to
    described: list[str] = field(default_factory=list)  # statements whose parameters the server had to describe
    failures: list[str] = field(default_factory=list)  # what the next statements answer instead

    def module(self) -> Any:
        class Error(Exception):
            pass

        errors = {
            name: type(name, (Error,), {})
            for name in ("DatabaseError", "OperationalError", "ProgrammingError", "IntegrityError", "InterfaceError")
        }
        return SimpleNamespace(
            **CONSTANTS,
            **errors,
            Error=Error,
            NUMBER=float,
            DATETIME=datetime,
            ROWID=int,
            BINARY=bytes,
            STRING=str,
            Binary=bytes,
            BinaryNull=object(),
            Cursor=_Cursor,
            paramstyle="qmark",
            version="5.5.0",
            drivers=lambda: ["ODBC Driver 18 for SQL Server"],
            connect=lambda *_args, **_kwargs: _Connection(self),
        )

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """What imports pyodbc meanwhile gets this."""
        engine_for.cache_clear()  # those of another driver
        with patch.dict(sys.modules, {"pyodbc": self.module()}):
            yield
        engine_for.cache_clear()


class _Connection:
    timeout = 0
    autocommit = False

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def cursor(self) -> _Cursor:
        return _Cursor(self._driver)

    def execute(self, statement: str) -> None:
        self._driver.settings.append(statement)

    def add_output_converter(self, _type: int, _convert: object) -> None:
        pass

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Cursor:
    fast_executemany = False
    rowcount = -1

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._types: tuple[Any, ...] = ()
        self._answer: list[tuple[Any, ...]] = []
        self.description: list[tuple[Any, ...]] | None = None

    def setinputsizes(self, types: Sequence[Any] | None) -> None:
        self._types = tuple(types or ())

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        if statement.strip() == "SELECT 1":  # is the connection still there?
            return
        if self._driver.failures:
            raise sys.modules["pyodbc"].OperationalError("42000", self._driver.failures.pop(0))
        self._driver.sent.append(Sent(statement=statement, parameters=tuple(parameters), types=self._types))
        if any(value is None for value in parameters):
            self._driver.described.append(statement)
        found = next((answer for part, answer in ANSWERS.items() if part in statement), None)
        self._answer = [(found,)] if found else []
        reads = statement.lstrip().upper().startswith("SELECT")
        self.description = [("answer", None, None, None, None, None, None)] if reads else None

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if self.fast_executemany:
            self._driver.described.append(statement)
        for row in rows:
            self.execute(statement, row)

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._answer.pop(0) if self._answer else None

    def fetchmany(self, _size: int = 1) -> list[tuple[Any, ...]]:
        return []

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._answer = self._answer, []
        return rows

    def nextset(self) -> bool:
        return False

    def close(self) -> None:
        pass
