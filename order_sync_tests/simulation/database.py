"""The order database in memory: one SQLite connection, which every worker uses in turn.

In: the image of a database, made once. Out: an engine for the product, images of what it holds, and a clock that may
be wrong. No two transactions ever overlap: a worker gives way only outside of one, and the simulation checks that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from order_sync.database import connection, engines
from order_sync_tests.contract.site import MORNING
from order_sync_tests.model.recorder import about_to_commit, committed
from order_sync_tests.simulation.virtual_time import VirtualTime

DATABASE_URL = "sqlite:////simulation/orders.db"  # no file is ever opened


def _nothing(*_: Any) -> None: ...


class _Kept(sqlite3.Connection):
    """The one connection: a worker that dies closes it, which undoes what it had not committed and nothing else."""

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()


class MemoryDatabase:
    """`on_begin` is called before each BEGIN, `on_commit` before each COMMIT and, with True, after it."""

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self.writes = False  # the transaction that is open
        self.wrong_by = timedelta()
        self.on_begin: Callable[[], None] = _nothing
        self.on_commit: Callable[[bool], None] = _nothing
        self._raw = sqlite3.connect(":memory:", factory=_Kept, cached_statements=1_000)
        create = sa.create_engine

        def in_memory(url: sa.URL, **_: Any) -> sa.Engine:
            engine = create(url, creator=lambda: self._raw, poolclass=StaticPool, hide_parameters=True)
            sa.event.listen(engine, "begin", self._begin)  # before the product's own listener, which begins
            return engine

        with mock.patch.object(sa, "create_engine", in_memory):
            self.engine = engines._sqlite(sa.make_url(DATABASE_URL), read_only=False)
        self.engine.dispose = _nothing  # type: ignore[assignment, method-assign]
        commit = self.engine.dialect.do_commit

        def do_commit(connection: Any) -> None:
            if not self.writes:
                commit(connection)
                return
            self.on_commit(False)
            about_to_commit(connection)
            commit(connection)
            committed(connection)
            self.writes = False
            self.on_commit(True)

        self.engine.dialect.do_commit = do_commit  # type: ignore[assignment, method-assign]

    def _begin(self, connection: sa.Connection) -> None:
        self.on_begin()
        if self._raw.in_transaction:
            raise AssertionError("a worker gave way within a transaction")
        self.writes = not connection.get_execution_options().get("order_sync_read")

    def now(self) -> datetime:
        return MORNING + timedelta(seconds=self._clock.now) + self.wrong_by

    @property
    def changes(self) -> int:
        """How many rows were ever written."""
        return self._raw.total_changes

    def image(self) -> sqlite3.Connection:
        """A copy of all that the database holds."""
        copy = sqlite3.connect(":memory:")
        self._raw.backup(copy)
        return copy

    def restore(self, image: sqlite3.Connection) -> None:
        image.backup(self._raw)

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(table)).mappings()]

    def insert_missing(self, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
        """Those of the rows whose key the table lacks, as new as they came."""
        key = next(iter(table.primary_key.columns))
        there = {row[key.name] for row in self.rows(table)}
        with self.engine.begin() as connection:
            for row in rows:
                if row[key.name] not in there:
                    connection.execute(sa.insert(table).values(row))

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Whoever in this process opens a database opens this one."""

        # Plain functions: a mock would keep each of their calls.
        def engine_for(*_: Any, **__: Any) -> sa.Engine:
            return self.engine

        def now(*_: Any) -> datetime:
            return self.now()

        with (
            mock.patch.object(connection, "engine_for", engine_for),
            mock.patch.object(connection.Database, "now", now),
        ):
            yield
