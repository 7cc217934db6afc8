"""The database as a Dagster resource: SQL Server in production, SQLite in the embedded deployment.

Out: a reader, and from the live resource also the queue, the journal and the commit.
The read-only resource has no method that writes, and opens the database read-only.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import dagster as dg
from pydantic import Field
from sqlalchemy.exc import DBAPIError

from order_sync.database.check import check_tables
from order_sync.database.claims import OrderQueue
from order_sync.database.commit import Readiness, commit
from order_sync.database.connection import Database, WritableDatabase
from order_sync.database.entries import Unsettled, unsettled
from order_sync.database.housekeeping import Expired, expired
from order_sync.database.journal import Journal
from order_sync.database.looks import Mark, keep_marks
from order_sync.database.queue import QueueReader
from order_sync.database.sources import check_sources
from order_sync.database.sql_server import is_transient
from order_sync.database.tables import TableNames, Tables, shared_tables
from order_sync.database.upgrades import OtherVersion, upgrade
from order_sync.monday.budget import Budget
from order_sync.orders.mapping import ColumnMapping, load_mapping
from order_sync.sync.account_budget import AccountBudget


class ReadOnlySqlServerResource(dg.ConfigurableResource[None]):
    """Reads the site's tables. Writes nothing."""

    url: str = Field(repr=False, description="SQLAlchemy URL, as ORDER_SYNC_DATABASE_URL; holds a password.")
    access_token: str = Field(default="", repr=False, description="Entra ID token, instead of a password.")
    database_schema: str | None = Field(default=None, description="Schema of the tables.")
    header_queue: str = "ORDER_LIST_DELTA"
    line_queue: str = "ORDER_LIST_LINES_DELTA"
    orders: str = "ORDER_LIST"
    order_lines: str = "ORDER_LIST_LINES"
    mapping_file: str = Field(description="The TOML file of the column mapping.")
    lease_seconds: float = Field(description="How long a run's claim on rows lasts without renewal.")

    @cached_property
    def mapping(self) -> ColumnMapping:
        return load_mapping(Path(self.mapping_file))

    @cached_property
    def tables(self) -> Tables:
        names = TableNames(
            header_queue=self.header_queue, line_queue=self.line_queue, orders=self.orders, order_lines=self.order_lines
        )
        return shared_tables(names, self.database_schema, self.mapping.item_sources)

    @cached_property
    def database(self) -> Database:
        return Database(self.url, access_token=self.access_token)

    @cached_property
    def reader(self) -> QueueReader:
        return QueueReader(self.database, self.tables, lease_seconds=self.lease_seconds)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Closes the connections of a reader: SQLite would write its file when the last one is closed."""
        if "database" in self.__dict__:
            self.database.dispose()

    def check(self) -> None:
        """Raises ConfigurationError if the mapping, the database or its tables will not do."""
        found = check_tables(self.database, self.tables)
        check_sources(self.database, self.tables, self.mapping, self.mapping_file, found)

    @contextmanager
    def looking(self) -> Iterator[QueueReader]:
        """The reader, for as long as a sensor looks. Raises DatabaseUnavailable if the next tick may find it again."""
        try:
            self.check()
            yield self.reader
        except DBAPIError as error:
            if not is_transient(error):
                raise
            raise self.database.unreachable(error) from None
        finally:
            self.database.dispose()

    def budget(self, account: str, *, clock_speed: float) -> Budget:
        """The complexity that is left to an account; what reads only keeps it to itself."""
        return Budget(lambda: time.monotonic() * clock_speed)

    def keep_marks(self, marks: Mapping[int, Mark]) -> None:
        """When boards were last compared with the tables; a dry run keeps nothing."""


class SqlServerResource(ReadOnlySqlServerResource):
    """Reads and writes the site's tables."""

    board_lease_seconds: float = Field(description="How long a run's lease on a board lasts without renewal.")
    log_days: int = Field(default=0, description="How long the log keeps its rows; 0: for ever.")
    log_payloads: bool = Field(default=False, description="Store the values sent for each row in the log.")
    upgrades: bool = Field(default=False, description="Upgrade order_sync's own tables first.")

    @cached_property
    def database(self) -> WritableDatabase:
        return WritableDatabase(self.url, access_token=self.access_token)

    @cached_property
    def queue(self) -> OrderQueue:
        return OrderQueue(self.database, self.tables, lease_seconds=self.lease_seconds)

    def check(self) -> None:
        try:
            super().check()
        except OtherVersion:
            if not self.upgrades or not upgrade(self.database, self.tables):
                raise
            super().check()

    def journal(self, board_id: int, run_id: str, is_over: Callable[[str], bool]) -> Journal:
        return Journal(
            self.database,
            self.tables,
            board_id=board_id,
            run_id=run_id,
            lease_seconds=self.board_lease_seconds,
            is_over=is_over,
            log_payloads=self.log_payloads,
        )

    def unsettled(self, is_over: Callable[[str], bool]) -> Unsettled:
        """Boards with requests that are open or watched."""
        return unsettled(self.database, self.tables, is_over, timedelta(seconds=self.board_lease_seconds))

    def budget(self, account: str, *, clock_speed: float) -> AccountBudget:
        """The complexity that is left to an account, shared by every run on this database."""
        return AccountBudget(self.database, self.tables, account=account, clock_speed=clock_speed)

    def keep_marks(self, marks: Mapping[int, Mark]) -> None:
        keep_marks(self.database, self.tables, marks)

    def expired_log(self) -> Expired:
        """The rows of the log and the journal that are older than `log_days`."""
        return expired(self.database, self.tables, timedelta(days=self.log_days)) if self.log_days else {}

    def commit(self, run_id: str, plan: Readiness, then: Callable[[], object]) -> Readiness:
        return commit(self.database, self.queue, run_id, plan, then)
