"""One database, SQL Server or SQLite, opened for reading or for writing.

In: a SQLAlchemy URL. Out: connections whose transactions are short and explicit.
A plain `Database` opens read-only and has no `write`: what holds one cannot change a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from order_sync.errors import ConfigurationError

T = TypeVar("T")

# SQL Server takes at most 2,100 parameters a statement; this leaves room for a statement's others.
CHUNK = 1_000

_READ = {"order_sync_read": True}


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    items = list(values)
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Database:
    """Reads only. On SQLite the file itself is opened read-only."""

    read_only = True

    def __init__(self, url: str | sa.URL) -> None:
        self.url = sa.make_url(url)
        self.engine = self._create_engine()

    def _create_engine(self) -> sa.Engine:
        if self.url.get_backend_name() == "sqlite":
            return _sqlite_engine(self.url, read_only=self.read_only)
        return sa.create_engine(self.url, pool_pre_ping=True)

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection for SELECTs; its transaction is rolled back at the end."""
        return self.engine.connect().execution_options(**_READ)

    def now(self, connection: sa.Connection) -> datetime:
        """The database's own clock (UTC, naive): leases compare one clock, whoever's machine asks."""
        if self.dialect == "mssql":
            return connection.execute(sa.select(sa.func.SYSUTCDATETIME())).scalar_one()  # type: ignore[no-any-return]
        return datetime.now(UTC).replace(tzinfo=None)

    def check_reachable(self) -> None:
        """Raises ConfigurationError, in one line and without the password, if nobody answers."""
        path = self.url.database
        if self.dialect == "sqlite" and path not in (None, "", ":memory:") and not Path(path).exists():
            raise ConfigurationError(
                f"There is no database at {path}. Run `order-sync demo` to make a sample one, "
                "or set ORDER_SYNC_DATABASE_URL."
            )
        try:
            with self.read() as connection:
                connection.execute(sa.select(sa.literal(1)))
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            shown = self.url.render_as_string(hide_password=True)
            raise ConfigurationError(f"The database at {shown} cannot be reached: {reason}") from None

    def dispose(self) -> None:
        self.engine.dispose()


class WritableDatabase(Database):
    """Reads and writes."""

    read_only = False

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: committed at the end, rolled back by an exception."""
        with self.engine.begin() as connection:
            yield connection


def _sqlite_engine(url: sa.URL, *, read_only: bool) -> sa.Engine:
    if read_only and url.database not in (None, "", ":memory:"):
        url = url.set(
            database=f"file:{Path(str(url.database)).resolve().as_posix()}",
            query={"mode": "ro", "uri": "true"},
        )
    engine = sa.create_engine(url, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late (at the first write); ours is in _on_begin.
        connection.isolation_level = None
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: a deferred transaction that turns writer half way may be refused.
        reads = read_only or connection.get_execution_options().get("order_sync_read")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


__all__ = ["CHUNK", "Database", "OperationalError", "WritableDatabase", "chunks"]
