"""The views for SSMS and Power BI: what they show, and that they read little of the queue tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from order_sync.database.connection import Row
from order_sync.database.entries import Operation
from order_sync.database.views import CHANGES, ORDERS, RUNS, create_views, views
from order_sync.orders.codes import Rule
from order_sync.orders.errors import Rejected, Transient
from order_sync.orders.monday_faults import MondayFault
from order_sync_tests.contract.site import BOARD, Site, make_order
from order_sync_tests.contract.test_journal import entry


@pytest.fixture
def with_views(site: Site) -> Iterator[Site]:
    create_views(site.database, site.tables)
    try:
        yield site
    finally:
        with site.database.write() as connection:
            for name in views(site.tables):
                view = sa.table(name, schema=site.tables.log.schema)
                connection.execute(sa.text(f"DROP VIEW {view.fullname}"))


def rows(site: Site, name: str) -> list[Row]:
    view = sa.table(name, schema=site.tables.log.schema)
    return site.database.rows(sa.select(sa.literal_column("*")).select_from(view))


def plan(site: Site, name: str, where: str = "") -> list[str]:
    """How SQLite reads a view."""
    found = site.database.rows(sa.text(" ".join(["EXPLAIN QUERY PLAN SELECT * FROM", name, where])))
    return [str(row["detail"]) for row in found]


def test_orders_are_shown_with_state_code_and_reason(with_views: Site) -> None:
    site, waiting, wrong = with_views, make_order(number="A-1"), make_order(number="A-2", lines=2)
    site.add(waiting, wrong)
    site.claim("run-1", wrong)
    line = wrong.lines[0]["delta_uuid"]
    journal = site.journal("run-1")
    with journal.holding_board():
        journal.reject(Operation.SUBITEMS, {line: Rejected("it has no size", code=Rule.NO_SIZE)})
    found = rows(site, ORDERS)
    assert len(found) == sum(len(order.headers) + len(order.lines) for order in (waiting, wrong))
    [rejected] = [row for row in found if row["state"] == "ERROR"]
    assert (rejected["order_number"], rejected["row_kind"], rejected["code"]) == ("A-2", "line", "OS-403")
    assert (rejected["reason"], rejected["run_id"], rejected["tries"]) == ("OS-403: it has no size", "run-1", 1)
    assert rejected["customer"] == wrong.headers[0]["CUSTOMER NAME"]
    others = [row for row in found if row["state"] != "ERROR"]
    assert {row["code"] for row in others} == {None}
    assert {(row["order_number"], row["state"]) for row in others if row["row_kind"] == "header"} == {
        ("A-1", "NEW"),
        ("A-2", "PENDING"),
    }


def test_what_is_synced_is_not_among_the_orders(with_views: Site) -> None:
    order = make_order()
    with_views.add(order)
    for table in (with_views.tables.header_queue, with_views.tables.line_queue):
        with_views.change(table, {"sync_state": "SYNCED"})
    assert rows(with_views, ORDERS) == []


def test_runs_and_changes_say_what_was_done(with_views: Site) -> None:
    site, order = with_views, make_order(number="A-7", lines=1)
    other = make_order(number="A-8", minute=1)
    site.add(order, other)
    site.claim("run-1", order, other)
    one, two = (each.headers[0]["delta_uuid"] for each in (order, other))
    journal = site.journal("run-1")
    with journal.holding_board(name="Planning", url="https://example.monday.com/boards/1"):
        request = entry(one, two)
        journal.open(request)
        journal.close(request, created={one: "11"}, failed={two: Transient("HTTP 503", MondayFault.BUSY)})
    [run] = rows(site, RUNS)
    assert (run["run_id"], run["rows_touched"], run["created"], run["unsettled"]) == ("run-1", 2, 1, 1)
    assert (run["rejected"], run["cancelled"]) == (0, 0)
    assert run["began_at"] <= run["ended_at"]
    changed = {row["order_number"]: row for row in rows(site, CHANGES)}
    assert (changed["A-7"]["outcome"], changed["A-7"]["monday_id"], changed["A-7"]["code"]) == ("created", 11, None)
    assert (changed["A-7"]["board_id"], changed["A-7"]["board"]) == (BOARD, "Planning")
    assert (changed["A-8"]["outcome"], changed["A-8"]["code"]) == ("unsettled", "OS-303")
    assert changed["A-8"]["message"] == "OS-303: HTTP 503"


def test_the_views_are_created_again_over_earlier_ones(with_views: Site) -> None:
    assert create_views(with_views.database, with_views.tables) == [ORDERS, RUNS, CHANGES]


def test_the_orders_are_found_by_an_index(with_views: Site) -> None:
    if with_views.database.dialect != "sqlite":
        pytest.skip("the plan of SQLite")
    steps = plan(with_views, ORDERS)
    queue = [step for step in steps if "ORDER_LIST" in step]
    assert queue
    assert not [step for step in queue if step.startswith("SCAN")]
    assert not [step for step in plan(with_views, CHANGES, "WHERE run_id = 'run-1'") if step.startswith("SCAN")]
