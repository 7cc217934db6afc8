"""The engines: how a connection to SQL Server or SQLite is opened and set up.

In: a URL, a token if one replaces its password. Out: an engine, the same one for everyone in this process who asks
for the same. Never a connection that a parent process opened, or a secret in an error.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database.parameters import DRIVER_NAME
from order_sync.database.sql_server import (
    LOGIN_SECONDS,
    QUERY_SECONDS,
    complete_url,
    passwords,
    token_attributes,
    token_source,
    without_login,
)
from order_sync.database.unreadable import decode, read_anything
from order_sync.text.known_secrets import masked_errors
from order_sync.text.redaction import Redaction


@lru_cache(maxsize=16)
def engine_for(url: sa.URL, access_token: str | None, *, read_only: bool) -> sa.Engine:
    """Raises ConfigurationError if there is no driver for the URL.

    Shared, because an engine keeps the statements that it has compiled: a step of a run and a sensor's tick have
    resources of their own, and would compile all of theirs again. `dispose` closes the idle connections of all.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    engine = _sqlite(url, read_only=read_only) if is_sqlite else _sql_server(url, access_token)
    _engines.add(engine)
    return engine


_engines: WeakSet[sa.Engine] = WeakSet()


def _forget_connections() -> None:
    """In a forked process: the parent keeps using them."""
    for engine in _engines:
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_connections)


def _sql_server(url: sa.URL, access_token: str | None) -> sa.Engine:
    url, token = token_source(complete_url(url), access_token)
    engine = sa.create_engine(
        url.set(drivername=DRIVER_NAME),
        pool_pre_ping=True,
        max_overflow=-1,
        hide_parameters=True,  # an order's data does not belong into an exception
        connect_args={"timeout": LOGIN_SECONDS},
    )

    secrets = passwords(url)

    @event.listens_for(engine, "do_connect")
    def _on_do_connect(_dialect: Any, _record: Any, args: list[Any], parameters: dict[str, Any]) -> None:
        if token is not None:
            args[0] = without_login(args[0])
            with masked_errors():  # a library that asks for one may name what it asked with
                given = token()
            secrets.add(given)
            parameters["attrs_before"] = token_attributes(given)

    @event.listens_for(engine, "handle_error")
    def _on_error(context: sa.ExceptionContext) -> None:
        # A driver's error may contain the connection string.
        redaction = Redaction(*secrets)
        redaction.error(context.original_exception)
        redaction.error(context.sqlalchemy_exception)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.timeout = QUERY_SECONDS
        # Without it some errors leave a transaction open and half done.
        connection.execute("SET XACT_ABORT ON")
        # A login's or a server's default may be ON, which hides how many rows a statement changed.
        connection.execute("SET NOCOUNT OFF")
        connection.commit()

    return engine


def _sqlite(url: sa.URL, *, read_only: bool) -> sa.Engine:
    if read_only:
        url = url.set(database=Path(str(url.database)).resolve().as_uri(), query={"mode": "ro", "uri": "true"})
    engine = sa.create_engine(url, connect_args={"timeout": 60}, hide_parameters=True, max_overflow=-1)
    read_anything(engine.dialect)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late (at the first write); ours is in _on_begin.
        connection.isolation_level = None
        connection.text_factory = decode
        # Rows are found by random uuids: a cache that holds their indexes, and a log that is not copied back at every
        # commit, keep the cost of a row flat (benchmarks/claim_and_commit.py).
        connection.execute("PRAGMA cache_size=-65536")
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA wal_autocheckpoint=50000")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: a deferred transaction that turns writer half way may be refused.
        reads = read_only or connection.get_execution_options().get("order_sync_read")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
