"""Reads while connections break, a database fails over or is paused: each is tried again, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database import audit, catalog
from order_sync.database import connection as database_module
from order_sync.database.check import check_tables
from order_sync.database.commit import readiness
from order_sync.database.entries import (
    Entry,
    Operation,
    entries_in_doubt,
    known_groups,
    recent_imports,
    unsettled,
)
from order_sync.demo.samples import SampleOrders
from order_sync.orders.errors import ConfigurationError, DatabaseUnavailable
from order_sync.reports.links import Links
from order_sync.reports.report import make_report
from order_sync_tests.contract.site import BOARD, Site, make_order, uuids

BROKEN = "[08S01] [Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x2746 (10054) (SQLExecDirectW)"
PAUSED = "[42000] [Microsoft][SQL Server]Database 'orders' is not currently available. (40613) (SQLDriverConnect)"


@contextmanager
def failing(site: Site, text: str, *, times: int) -> Iterator[list[str]]:
    """Each statement fails this many times, with the driver's own error; returns those that failed."""
    failed: list[str] = []
    error = site.database.engine.dialect.dbapi.OperationalError  # type: ignore[union-attr]

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if failed.count(statement) < times:
            failed.append(statement)
            raise error("42000", text)

    event.listen(site.database.engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(site.database.engine, "before_cursor_execute", fail)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between two attempts, which take no time here."""
    pauses: list[float] = []
    monkeypatch.setattr(database_module, "sleep", pauses.append)
    return pauses


@pytest.fixture
def order(site: Site) -> SampleOrders:
    order = make_order()
    site.add(order)
    site.claim("run-1", order)
    journal = site.journal()
    assert journal._try_board() is None
    journal.open(Entry(idempotency_key="key-1", operation=Operation.ITEMS, keys=("k",), body="{}"))
    return order


READS: dict[str, Callable[[Site, SampleOrders], object]] = {
    "claimable": lambda site, order: site.queue().claimable_headers(),
    "claimed": lambda site, order: site.queue().claimed_headers("run-1"),
    "leases": lambda site, order: site.queue().leases(),
    "stuck": lambda site, order: site.queue().stuck(),
    "readiness": lambda site, order: readiness(site.queue(), "run-1"),
    "past_lease": lambda site, order: audit.past_lease(site.queue()),
    "headers": lambda site, order: site.queue().headers(uuids([order], "headers")),
    "unsettled": lambda site, order: unsettled(site.database, site.tables, lambda run_id: True),
    "entries_in_doubt": lambda site, order: len(entries_in_doubt(site.database, site.tables, BOARD)),
    "recent_imports": lambda site, order: recent_imports(site.database, site.tables, timedelta(hours=1)),
    "known_groups": lambda site, order: known_groups(site.database, site.tables, BOARD),
    "columns": lambda site, order: catalog.columns(site.database, site.tables.orders)[site.tables.orders],
    "indexes": lambda site, order: catalog.indexed(site.database, site.tables.orders),
    "checks": lambda site, order: catalog.checks(site.database, site.tables.orders, "sync_state"),
    "report": lambda site, order: make_report(site.database, site.tables, Links(boards={})).customers,
}


@pytest.mark.parametrize("name", READS)
def test_a_read_survives_a_broken_connection(site: Site, order: SampleOrders, name: str) -> None:
    read = READS[name]
    expected = read(site, order)
    with failing(site, BROKEN, times=1) as failed:
        assert read(site, order) == expected
    assert failed


def test_a_paused_database_is_waited_for_and_then_reported(site: Site, pauses: list[float]) -> None:
    with failing(site, PAUSED, times=1_000), pytest.raises(sa.exc.OperationalError):
        site.queue().leases()
    assert 20 < sum(pauses) < 60


def test_an_unavailable_database_is_not_a_wrong_setting(site: Site) -> None:
    with failing(site, PAUSED, times=1_000), pytest.raises(DatabaseUnavailable, match="not currently available"):
        check_tables(site.database, site.tables)
    with (
        failing(site, "no such login (18456) (SQLDriverConnect)", times=1),
        pytest.raises(ConfigurationError) as caught,
    ):
        check_tables(site.database, site.tables)
    assert not isinstance(caught.value, DatabaseUnavailable)
