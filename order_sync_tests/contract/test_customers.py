"""One customer in every spelling, on each database: its collation must not decide who is who."""

from __future__ import annotations

from collections import Counter

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from order_sync.database.counts import outcomes
from order_sync.database.known_customers import check_customers
from order_sync.demo.samples import SampleOrders
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.naming import CUSTOMER, NO_CUSTOMER, customer_key
from order_sync.orders.states import State
from order_sync.reports.links import Links
from order_sync.reports.report import make_report
from order_sync_tests.contract.site import Site, make_order, record, uuids

CAFE = "Caf\u00e9 Ott Ltd"
SPELLINGS = (CAFE, "CAFE\u0301 OTT LTD", " caf\u00e9 ott ltd ", "Caf\u00c9  Ott Ltd")
OTHER = "Cafe Ott Ltd"  # without the accent it is another customer, also where the collation ignores accents
# What `spelled` has: a header and two lines for each order.
ROWS = {
    (name, row): n * each
    for name, n in ((CAFE, 4), (OTHER, 1), (None, 2))
    for row, each in (("header", 1), ("line", 2))
}


def ignore_case(site: Site) -> None:
    """The customer's column with a collation that ignores case, as most SQL Server databases have it."""
    if site.database.dialect != "sqlite":
        return
    with site.database.write() as connection:
        for table in (site.tables.header_queue, site.tables.orders):
            column = f'"{CUSTOMER}" VARCHAR(100)'
            made = str(CreateTable(table).compile(connection.engine))
            assert column in made
            connection.execute(sa.text(f'DROP TABLE "{table.name}"'))
            connection.execute(sa.text(made.replace(column, f"{column} COLLATE NOCASE")))


@pytest.fixture(params=["as it is", "case ignored"])
def spelled(request: pytest.FixtureRequest, site: Site) -> tuple[Site, list[SampleOrders]]:
    """An order of each spelling, one of another customer, and two of nobody; the first spelling is the oldest."""
    if request.param == "case ignored":
        ignore_case(site)
    names = [*SPELLINGS, OTHER, None, "  "]
    orders = [make_order(customer=name, number=f"A-{n}", minute=n) for n, name in enumerate(names)]
    site.add(*reversed(orders))
    return site, orders


def test_the_counts_show_one_customer_by_its_first_spelling(spelled: tuple[Site, list[SampleOrders]]) -> None:
    site, _ = spelled
    counts = {(row["customer"], row["row"]): row["rows"] for row in site.queue().counts()}
    assert counts == ROWS


def test_what_a_run_did_is_counted_for_one_customer(spelled: tuple[Site, list[SampleOrders]]) -> None:
    site, orders = spelled
    # The queue spells it one way and the main table another.
    site.change(site.tables.orders, {CUSTOMER: CAFE.lower()}, record_uuid=record(orders[0]))
    site.claim("run-1", *orders)
    found = Counter[tuple[str | None, str]]()
    for row in outcomes(site.queue().run_headers("run-1"), site.queue().run_lines("run-1")):
        found[None if row["customer"] == NO_CUSTOMER else row["customer"], row["row"]] += row["rows"]
    assert found == ROWS


def test_rows_that_are_left_behind_are_one_customers(spelled: tuple[Site, list[SampleOrders]]) -> None:
    site, orders = spelled
    site.claim("run-1", *orders)
    site.age_claims("run-1", 10_000)
    stuck = sorted((customer_key(row["customer"]), row["rows"]) for row in site.queue().stuck())
    assert stuck == sorted((customer_key(name), rows) for name, rows in ((CAFE, 4), (OTHER, 1), (None, 2)))


def test_the_report_has_one_line_for_a_customer(spelled: tuple[Site, list[SampleOrders]]) -> None:
    site, orders = spelled
    done = {"sync_state": State.SYNCED, "sync_completed_at": site.now()}
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, done, record_uuid=record(orders[0]))
    site.change(site.tables.header_queue, {"sync_state": State.ERROR}, record_uuid=record(orders[1]))
    site.change(site.tables.line_queue, {"sync_state": State.ERROR}, delta_uuid=orders[2].lines[0]["delta_uuid"])
    report = make_report(site.database, site.tables, Links(boards={}))
    lines = {line.customer: (line.synced, line.waiting, line.rejected) for line in report.customers}
    assert lines == {CAFE: (1, 1, 2), OTHER: (0, 1, 0), NO_CUSTOMER: (0, 2, 0)}
    assert {row.customer for row in report.rejected} == {CAFE}


@pytest.mark.parametrize("typed", [" cafe\u0301 OTT ltd", CAFE])
def test_retry_finds_the_customer_in_any_spelling(spelled: tuple[Site, list[SampleOrders]], typed: str) -> None:
    site, orders = spelled
    for table, of in ((site.tables.header_queue, "headers"), (site.tables.line_queue, "lines")):
        for key in uuids(orders, of):
            site.change(table, {"sync_state": State.ERROR}, delta_uuid=key)
    assert site.queue().retry([typed]) == 4 + 8
    still = {row[CUSTOMER] for row in site.rows(site.tables.header_queue, sync_state=State.ERROR)}
    assert still == {OTHER, None, "  "}
    assert site.queue().retry([NO_CUSTOMER]) == 2 + 4
    assert site.queue().retry() == 1 + 2


def test_a_rejected_row_without_an_order_has_its_own_customer(site: Site) -> None:
    order = make_order(customer=CAFE)
    site.add(order)
    site.change(site.tables.orders, {CUSTOMER: None}, record_uuid=record(order))
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"sync_state": State.ERROR}, record_uuid=record(order))
    assert site.queue().retry([NO_CUSTOMER]) == 0
    assert site.queue().retry([CAFE.upper()]) == 1 + 2


# ---- a name that is asked for ---------------------------------------------------------------------------


def refused(site: Site, *asked: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_customers(site.database, site.tables, asked)
    assert "\n" not in str(caught.value)
    return caught.value.message


def test_a_misspelt_customer_is_refused_with_the_nearest(spelled: tuple[Site, list[SampleOrders]]) -> None:
    site, _ = spelled
    assert refused(site, CAFE, "Caf\u00e9 Otto Ltd", "entirely different") == (
        f"No order has the customer 'Caf\u00e9 Otto Ltd' (did you mean '{CAFE}'?), 'entirely different'. "
        f"Customers with waiting orders: {OTHER}, {CAFE}."
    )


def test_a_customer_is_known_in_every_spelling(spelled: tuple[Site, list[SampleOrders]]) -> None:
    site, _ = spelled
    check_customers(site.database, site.tables, [*SPELLINGS, OTHER, "", " ", NO_CUSTOMER])
    check_customers(site.database, site.tables, [])


def test_a_customer_with_nothing_waiting_is_known(site: Site) -> None:
    synced, only_in_queue, waiting = (make_order(customer=name) for name in ("Old & Sons", "Queued", "Oldest Sons"))
    site.add(synced, only_in_queue, waiting)
    for table in (site.tables.header_queue, site.tables.line_queue):
        for order in (synced, only_in_queue):
            site.change(table, {"sync_state": State.SYNCED}, record_uuid=record(order))
    site.change(site.tables.orders, {CUSTOMER: None}, record_uuid=record(only_in_queue))
    check_customers(site.database, site.tables, ["old & sons", "QUEUED"])
    assert "'Old and Sons' (did you mean 'Oldest Sons' or 'Old & Sons'?)" in refused(site, "Old and Sons")


def test_where_nobody_has_orders_that_is_said(site: Site) -> None:
    assert refused(site, "A") == "No order has the customer 'A'. Customers with waiting orders: none."
