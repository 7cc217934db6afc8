"""The report on each database: who waits and who is rejected, why, since when, and where to look at it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from order_sync.cli.output.reports import print_report
from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.demo.samples import SampleOrders
from order_sync.monday.errors import REJECTED_CODES
from order_sync.orders.codes import MONDAYS, RETRY, Rule
from order_sync.orders.errors import Rejected, Transient
from order_sync.orders.naming import CUSTOMER, NO_CUSTOMER
from order_sync.orders.states import Action, State
from order_sync.reports.links import KnownBoard, Links, read_links
from order_sync.reports.report import CustomerLine, Report, make_report
from order_sync.reports.report_page import render
from order_sync.reports.trace import trace
from order_sync_tests.contract.site import BOARD, MORNING, Site, make_order, record, uuids

BOARD_URL = "https://example.monday.com/boards/4700000001"
DAGSTER = "http://127.0.0.1:3000/"


def report_of(site: Site, *, days: float = 7, run_id: str | None = None) -> Report:
    links = read_links(site.database, site.tables, DAGSTER)
    return make_report(site.database, site.tables, links, days=days, run_id=run_id)


def syncing(site: Site, run_id: str, *orders: SampleOrders) -> Journal:
    site.claim(run_id, *orders)
    journal = site.journal(run_id)
    with journal.holding_board(name="Planning", url=BOARD_URL):
        pass
    site.change(site.tables.boards, {"run_id": run_id, "leased_until": site.now() + timedelta(hours=1)})
    return journal


def make_synced(site: Site, order: SampleOrders, *, days_ago: float = 0) -> None:
    done = {"sync_state": State.SYNCED, "sync_completed_at": site.now() - timedelta(days=days_ago)}
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, done, record_uuid=record(order))


def test_customers_are_counted_in_orders(site: Site) -> None:
    names = {CUSTOMER: "O'Malley & Daughters 七"}
    synced, old, _waits, late, rejected = (
        make_order(customer=names[CUSTOMER], headers=2, minute=minute) for minute in range(5)
    )
    other, nobody = make_order(customer="Other"), make_order(customer=None, minute=9)
    blank = make_order(customer="", minute=11)
    cancelled = make_order(customer="Cancelled")
    site.add(synced, old, _waits, late, rejected, other, nobody, blank, cancelled)
    make_synced(site, synced)
    make_synced(site, other)
    make_synced(site, old, days_ago=8)
    make_synced(site, late)
    site.change(site.tables.line_queue, {"sync_state": State.PENDING}, delta_uuid=late.lines[0]["delta_uuid"])
    site.change(site.tables.line_queue, {"sync_state": State.ERROR}, delta_uuid=rejected.lines[0]["delta_uuid"])
    # An order that waits to be cancelled waits like any other.
    for table in (site.tables.header_queue, site.tables.line_queue):
        site.change(table, {"action_type": Action.DELETE}, record_uuid=record(cancelled))
    report = report_of(site)
    assert {line.customer: line for line in report.customers} == {
        NO_CUSTOMER: CustomerLine(customer=NO_CUSTOMER, waiting=2, oldest_waiting=MORNING + timedelta(minutes=9)),
        names[CUSTOMER]: CustomerLine(
            customer=names[CUSTOMER],
            synced=1,
            waiting=2,
            rejected=1,
            oldest_waiting=MORNING + timedelta(minutes=2),
        ),
        "Other": CustomerLine(customer="Other", synced=1),
        "Cancelled": CustomerLine(customer="Cancelled", waiting=1, oldest_waiting=MORNING),
    }
    assert (report.total.synced, report.total.waiting, report.total.rejected) == (2, 5, 1)
    assert report_of(site, days=9).total.synced == 3


def test_a_rejected_row_says_why_where_and_by_which_run(site: Site) -> None:
    order = make_order(number="A-7", headers=1)
    site.add(order)
    journal = syncing(site, "run-1", order)
    [header], (line, _) = uuids([order], "headers"), uuids([order], "lines")
    journal.adopt(Operation.ITEMS, {header: "11"})
    site.change(site.tables.line_queue, {"parent_item_id": 11}, delta_uuid=line)
    journal.reject(Operation.SUBITEMS, {line: Rejected("first", code="Old")})
    site.queue().retry()
    site.queue().release("run-1")
    site.claim("run-2", SampleOrders(headers=order.headers, lines=[order.lines[0]]))
    site.change(site.tables.boards, {"run_id": "run-2"})
    refusal = Rejected("refused: <qty>", code="ColumnValueException", request_id="req-1")
    site.journal("run-2").reject(Operation.SUBITEMS, {line: refusal})
    [row] = report_of(site).rejected
    assert (row.row, row.size, row.order_number, row.record_uuid) == ("line", "S0", "A-7", record(order))
    assert (row.code, row.reason, row.request_id, row.tries) == ("ColumnValueException", refusal.message, "req-1", 2)
    assert (row.run_id, row.run_url) == ("run-2", "http://127.0.0.1:3000/runs/run-2")
    assert (row.board_id, row.board, row.board_url) == (BOARD, "Planning", BOARD_URL)
    assert row.item_url == f"{BOARD_URL}/pulses/11"
    assert row.rejected_at is not None


def test_errors_are_counted_by_code_with_what_to_do(site: Site) -> None:
    orders = [make_order(number=f"A-{n}", minute=n) for n in range(4)]
    site.add(*orders)
    journal = syncing(site, "run-1", *orders)
    journal.reject(
        Operation.SUBITEMS, {key: Rejected("no size", code=Rule.NO_SIZE) for key in uuids(orders[:2], "lines")}
    )
    [header] = uuids([orders[2]], "headers")
    journal.reject(Operation.ITEMS, {header: Rejected("never seen", code="BrandNewException")})
    # A row that somebody else has put into ERROR: nobody logged a code, nor a reason.
    site.change(site.tables.header_queue, {"sync_state": State.ERROR}, delta_uuid=orders[3].headers[0]["delta_uuid"])
    report = report_of(site)
    reported = [(c.code, c.by, c.rows, c.orders, c.sample) for c in report.categories]
    assert reported[0] == (Rule.NO_SIZE, "order_sync", 4, 2, "no size")
    assert set(reported[1:]) == {
        ("BrandNewException", "monday", 1, 1, "never seen"),
        (None, "unknown", 1, 1, "no reason was recorded"),
    }
    assert report.categories[0].example.order_number == "A-0"
    assert "Fill in size_code of the line in ORDER_LIST_LINES_DELTA" in report.categories[0].next
    assert all("`order-sync retry`" in category.next for category in report.categories)


def test_every_rule_and_every_code_is_reported_with_advice(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Through the queue row and the log, to the page and the command line; a code nobody has seen before as well."""
    codes: list[str | None] = [*Rule, *sorted(REJECTED_CODES | MONDAYS.keys()), "BrandNewException {x} %s", "", None]
    order = make_order(lines=len(codes))
    site.add(order)
    journal = syncing(site, "run-1", order)
    keys = dict(zip(uuids([order], "lines"), codes, strict=True))
    journal.reject(Operation.SUBITEMS, {key: Rejected(f"why {code}", code=code) for key, code in keys.items()})
    report = report_of(site)
    assert {row.delta_uuid: row.code or None for row in report.rejected} == {k: c or None for k, c in keys.items()}
    advised = {category.code: category for category in report.categories}
    for rule in Rule:
        assert (advised[rule].by, advised[rule].title) == ("monday" if rule.is_mondays else "order_sync", rule.heading)
        assert advised[rule].explained == rule
    for category in report.categories:
        assert category.title.strip()
        assert category.next.endswith(RETRY)
        assert not re.search(r"\{\w*\}", category.next), category
    page = render(report)
    print_report(report)
    shown = " ".join(capsys.readouterr().out.split())
    assert all(rule.heading in page and rule.heading in shown for rule in Rule)


def test_runs_are_read_from_the_log(site: Site) -> None:
    orders = [make_order(number=f"A-{n}", minute=n) for n in range(2)]
    site.add(*orders)
    journal = syncing(site, "run-1", *orders)
    (one, two), lines = uuids(orders, "headers"), uuids(orders, "lines")
    journal.adopt(Operation.ITEMS, {one: "11"})
    journal.adopt(Operation.ITEMS, {one: "12"})
    journal.reject(Operation.SUBITEMS, {lines[0]: Rejected("no")})
    site.insert(
        site.tables.log,
        {
            "logged_at": site.now() - timedelta(days=8),
            "run_id": "old-run",
            "delta_uuid": two,
            "operation": Operation.ITEMS,
            "outcome": "unsettled",
            "message": str(Transient("HTTP 503")),
        },
    )
    [run] = report_of(site).runs
    assert (run.run_id, run.rows, run.created, run.adopted, run.rejected) == ("run-1", 2, 0, 2, 1)
    assert run.url == "http://127.0.0.1:3000/runs/run-1"
    assert run.began <= run.ended
    assert [(r.run_id, r.unsettled) for r in report_of(site, days=9).runs] == [("run-1", 0), ("old-run", 1)]


def test_the_report_of_one_run_leaves_the_others_out(site: Site) -> None:
    mine, theirs = make_order(number="A-1", customer="Mine"), make_order(number="A-2", customer="Theirs", minute=1)
    site.add(mine, theirs)
    for run_id, order in (("run-1", mine), ("run-2", theirs)):
        syncing(site, run_id, order).reject(Operation.ITEMS, {uuids([order], "headers")[0]: Rejected("no")})
        site.change(site.tables.boards, {"run_id": None, "leased_until": None})
    report = report_of(site, run_id="run-1")
    assert [row.order_number for row in report.rejected] == ["A-1"]
    assert [line.customer for line in report.customers] == ["Mine"]
    assert [run.run_id for run in report.runs] == ["run-1"]
    assert report_of(site, run_id="nobody's").customers == []


def test_a_trace_links_each_row_to_its_board(site: Site) -> None:
    order = make_order(number="A-1")
    site.add(order)
    journal = syncing(site, "run-1", order)
    site.insert(site.tables.boards, {"board_id": BOARD + 1, "name": "Another", "url": "https://another"})
    [header], lines = uuids([order], "headers"), uuids([order], "lines")
    journal.adopt(Operation.ITEMS, {header: "11"})
    site.change(site.tables.line_queue, {"parent_item_id": 11}, delta_uuid=lines[0])
    journal.reject(Operation.SUBITEMS, {lines[0]: Rejected("no", code=Rule.NO_SIZE, request_id="req-1")})
    [story] = trace(site.database, site.tables, read_links(site.database, site.tables, DAGSTER), "A-1")
    link = f"{BOARD_URL}/pulses/11"
    assert (story["board_id"], story["board"], story["item_url"]) == (BOARD, "Planning", link)
    assert story["headers"][0]["item_url"] == link
    assert {row["delta_uuid"]: row["item_url"] for row in story["lines"]} == {lines[0]: link, lines[1]: None}
    rejection = next(event for event in story["events"] if event["what"].endswith("rejected"))
    assert (rejection["code"], rejection["request_id"], rejection["board_id"]) == (Rule.NO_SIZE, "req-1", BOARD)
    assert rejection["run_url"] == "http://127.0.0.1:3000/runs/run-1"


def test_a_report_of_nothing_is_a_page_too(site: Site) -> None:
    page = render(report_of(site))
    assert "Nothing to do: no row is rejected." in page
    assert "No run has processed a row." in page


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)"])
def test_an_invalid_address_makes_no_link(url: str | None) -> None:
    links = Links(boards={1: KnownBoard(name="B", url=url)})
    assert (links.board(1), links.item(1, 5), links.run("run-1")) == (None, None, None)
    assert links.item(2, 5) is None
    assert (links.or_only(None), Links(boards={}).or_only(None)) == (1, None)
