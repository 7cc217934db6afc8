"""One database, SQL Server or SQLite, opened for reading or for writing.

In: a SQLAlchemy URL. Out: connections whose transactions are short and explicit.
A plain `Database` opens read-only and has no `write`: what holds one cannot change a row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property, wraps
from pathlib import Path
from threading import local
from time import sleep
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

from order_sync.database.engines import engine_for
from order_sync.database.sql_server import MISREAD, is_misread, is_transient, reason
from order_sync.orders.errors import ConfigurationError, DatabaseUnavailable
from order_sync.orders.faults import DatabaseFault, SettingsFault

log = logging.getLogger("order_sync.orders")

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R", bound="HasReader")
S = TypeVar("S", bound="HasDatabase")
Row = dict[str, Any]

# SQL Server takes at most 2,100 parameters a statement; this leaves room for a statement's others.
CHUNK = 1_000

RETRY_SECONDS = 150.0  # a query that has timed out (QUERY_SECONDS) is tried once more
REACH_SECONDS = 5.0  # for the first question: a person may be waiting who mistyped the server's name

_READ = {"order_sync_read": True}


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    items = list(values)
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Database:
    """Reads only. On SQLite the file itself is opened read-only."""

    read_only = True

    def __init__(self, url: str | sa.URL, *, access_token: str | None = None) -> None:
        """`access_token` is an Entra ID token for SQL Server, in place of a password."""
        self.url = _url(url)
        self._access_token = access_token
        self._shared = local()  # the connection of `together`, one a thread

    @cached_property
    def engine(self) -> sa.Engine:
        """Raises ConfigurationError if there is no driver for the URL."""
        return engine_for(self.url, self._access_token, read_only=self.read_only)

    @property
    def dialect(self) -> str:
        return self.url.get_backend_name()

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection for SELECTs; its transaction is rolled back at the end. Nothing here is tried again."""
        return self.engine.connect().execution_options(**_READ)

    def reading(self, work: Callable[[sa.Connection], T], *, seconds: float = RETRY_SECONDS) -> T:
        """`work` on a connection for SELECTs, which is tried again as a whole after a transient error."""
        shared = getattr(self._shared, "connection", None)
        if shared is not None:
            return work(shared)

        def once() -> T:
            with self.read() as connection:
                return work(connection)

        return retrying(seconds=seconds)(once)

    def together(self, work: Callable[[], T], *, seconds: float = RETRY_SECONDS) -> T:
        """All reads of `work` in one transaction, tried again as a whole. What `work` writes, it would not see."""

        return self.reading(lambda connection: self.within(connection, work), seconds=seconds)

    def within(self, connection: sa.Connection, work: Callable[[], T]) -> T:
        """All reads of `work` on this connection: where it writes, they see what it has written."""
        outer, self._shared.connection = getattr(self._shared, "connection", None), connection
        try:
            return work()
        finally:
            self._shared.connection = outer

    def rows(self, *queries: sa.Executable) -> list[Row]:
        """All rows of the queries, one after the other, by column name."""
        return self.reading(lambda connection: [row for query in queries for row in to_rows(connection.execute(query))])

    def column(self, query: sa.Select[Any]) -> list[Any]:
        """The values of a query of one column."""
        return self.reading(lambda connection: list(connection.execute(query).scalars()))

    def count(self, query: sa.SelectBase) -> int:
        """How many rows the query finds. It must not be ordered."""
        return int(self.column(sa.select(sa.func.count()).select_from(query.subquery()))[0])

    def now(self, connection: sa.Connection) -> datetime:
        """The database's own clock (UTC, naive): leases compare one clock, from any machine."""
        if self.dialect == "mssql":
            return connection.execute(sa.select(sa.func.SYSUTCDATETIME())).scalar_one()  # type: ignore[no-any-return]
        return datetime.now(UTC).replace(tzinfo=None)

    def current_time(self) -> datetime:
        return self.reading(self.now)

    def check_reachable(self) -> None:
        """Raises ConfigurationError, in one line and without the password, if nobody answers."""
        # SQLite looks at a file only when it is asked for something in it.
        there = sa.select(sa.func.count()).select_from(sa.table("sqlite_master"))
        self.first_look(lambda: self.rows(there if self.dialect == "sqlite" else sa.select(sa.literal(1))))

    def first_look(self, work: Callable[[], T]) -> T:
        """The reads of `work`, as `together`. Raises ConfigurationError if nobody answers.

        DatabaseUnavailable, which is one, where the database will likely answer by itself after a while.
        """
        path = self.url.database
        if self.dialect == "sqlite" and path and not Path(path).exists():
            raise ConfigurationError(
                f"There is no database at {path}. Create one with empty tables by `order-sync db init` (in the "
                "embedded deployment, with sample orders by `order-sync demo`), or set ORDER_SYNC_DATABASE_URL to "
                "your own.",
                DatabaseFault.NO_FILE,
            )
        try:
            return self.together(work, seconds=REACH_SECONDS)
        except SQLAlchemyError as error:
            raise self.unreachable(error) from None

    def unreachable(self, error: SQLAlchemyError) -> ConfigurationError:
        """What to say of the error, in one line and without the password."""
        text = f"The database {self.shown} cannot be reached: {reason(error)}"
        if is_transient(error):
            return DatabaseUnavailable(
                f"{text.rstrip('.')}. It may be starting, paused or failing over: retry in a minute."
            )
        return ConfigurationError(text, DatabaseFault.UNREACHABLE)

    @property
    def shown(self) -> str:
        """Server and database, without user, password and options."""
        return sa.URL.create(
            self.url.drivername, host=self.url.host, port=self.url.port, database=self.url.database
        ).render_as_string()

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

    def transaction(self, work: Callable[[sa.Connection], T]) -> T:
        """`work` in one transaction, which is tried again as a whole after a transient error.

        The answer to a COMMIT may be lost, so `work` must be right also when it has been done before. Within another
        transaction it is a part of that one.
        """
        shared = getattr(self._shared, "connection", None)
        if shared is not None and not shared.get_execution_options().get("order_sync_read"):
            return work(shared)

        def once() -> T:
            with self.write() as connection:
                return work(connection)

        return retrying()(once)

    def in_one_transaction(self, work: Callable[[], T]) -> T:
        """All that `work` reads and writes, in one transaction."""
        return self.transaction(lambda connection: self.within(connection, work))


class HasReader(Protocol):
    @property
    def database(self) -> Database: ...


class HasDatabase(Protocol):
    @property
    def _database(self) -> WritableDatabase: ...


def in_one_read(method: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """A method whose reads all run in one transaction; see `Database.together`."""

    @wraps(method)
    def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.database.together(lambda: method(self, *args, **kwargs))

    return cast("Callable[Concatenate[R, P], T]", call)


def in_transaction(method: Callable[Concatenate[S, sa.Connection, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method whose first argument is the connection of a transaction of its own; see `transaction`."""

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._database.transaction(lambda connection: method(self, connection, *args, **kwargs))

    return cast("Callable[Concatenate[S, P], T]", call)


def retrying(*, seconds: float = RETRY_SECONDS) -> Retrying:
    """Tries a transaction, or a read, again after an error that passes by itself: the one place that does.

    About half a minute of attempts, which is what most fail-overs take; none is begun after this many seconds.
    """
    return Retrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential_jitter(multiplier=0.2, max=10),
        stop=stop_after_attempt(8) | stop_after_delay(seconds),
        sleep=lambda seconds: sleep(seconds),
        before_sleep=_log_retry,
        reraise=True,
    )


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if error is not None:
        log.warning("transient database error, retrying (attempt %d): %s", state.attempt_number, reason(error))


def to_rows(result: sa.CursorResult[Any]) -> list[Row]:
    """Read a chunk at a time: the driver's rows and ours are never all there together."""
    names = list(result.keys())
    rows: list[Row] = []
    before: Sequence[Any] = [None] * len(names)
    for chunk in result.partitions(CHUNK):
        for row in chunk:
            # A text that is the same as in the row before, as an order's in each of its lines, is kept once.
            before = [old if old == new and type(new) is str else new for old, new in zip(before, row, strict=True)]
            rows.append(dict(zip(names, before, strict=True)))
    return rows


def _url(url: str | sa.URL) -> sa.URL:
    try:
        made = sa.make_url(url)
        known = made.get_backend_name() in ("mssql", "sqlite")
    except (ArgumentError, ValueError):
        known = False
    if not known:
        # Never the URL itself: it may hold a password.
        raise ConfigurationError(
            "ORDER_SYNC_DATABASE_URL (or --url) is not a supported database URL: "
            "use mssql+pyodbc://user:password@server/database or sqlite:///file.",
            SettingsFault.DATABASE_URL,
        )
    if is_misread(made):
        raise ConfigurationError(f"ORDER_SYNC_DATABASE_URL (or --url) {MISREAD}.", SettingsFault.DATABASE_URL)
    has_options = made.query or (isinstance(url, str) and "?" in url)  # one without a value is not in the query
    if made.get_backend_name() == "sqlite" and (has_options or (made.database or "").startswith("file:")):
        raise ConfigurationError(
            "ORDER_SYNC_DATABASE_URL names a SQLite file with options: use sqlite:///path without options, "
            "and in the path write %3F for ?, %23 for # and %25 for %.",
            SettingsFault.DATABASE_URL,
        )
    if made.get_backend_name() == "sqlite" and made.database in (None, "", ":memory:"):
        raise ConfigurationError(
            "ORDER_SYNC_DATABASE_URL (or --url) names no SQLite file. A database in memory would be lost with each "
            "command: use sqlite:///path.",
            SettingsFault.DATABASE_URL,
        )
    return made
