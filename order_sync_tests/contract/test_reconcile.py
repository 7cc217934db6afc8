"""The tables' side of reconcile: what is compared, what is left alone, and how an order goes back into the queue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from order_sync.database import expected
from order_sync.database.expected import Expected, SyncedRows
from order_sync.database.requeue import REQUEUED_BY, Requeued, requeue
from order_sync.demo.samples import SampleOrders
from order_sync.monday.placed import BoardItem, BoardSubitem
from order_sync.orders.states import State
from order_sync.sync.compare import ITEM, SUBITEM, Comparison, Finding, Findings, Kind, Level, of_main_tables
from order_sync_tests.contract.site import BOARD, MORNING, Site, make_order, new_uuid, record
from order_sync_tests.contract.test_commit import RUN, is_synced, on_board, run_commit

Ids = dict[str, int]


def synced(site: Site, *orders: SampleOrders) -> Ids:
    """The orders on the board and SYNCED; monday's ids by delta_uuid."""
    site.add(*orders)
    ids = on_board(site, *orders)
    assert len(run_commit(site).ready) == len(orders)
    return ids


def board_items(orders: Iterable[SampleOrders], ids: Ids) -> list[BoardItem]:
    """What the board shows of these orders: one item each, with its lines under it."""
    return [
        BoardItem(
            id=ids[order.headers[0]["delta_uuid"]],
            group_id="topics",
            record_uuid=record(order),
            subitems=tuple(BoardSubitem(id=ids[line["delta_uuid"]], key=line["line_uuid"]) for line in order.lines),
        )
        for order in orders
    ]


class Look:
    """A board that is compared page by page with the tables, as they are."""

    def __init__(self, site: Site, *, days: int = 0) -> None:
        self.synced, self.comparison = SyncedRows(site.database, site.tables, days=days), Comparison()
        self._before = self._main()

    def show(self, items: Iterable[BoardItem], groups: Iterable[str] = ("topics",)) -> None:
        page = list(items)
        lines = [subitem.key for item in page for subitem in item.subitems]
        known = self.synced.known([item.record_uuid for item in page], lines, frozenset(groups))
        self.comparison.show(BOARD, page, known)

    def missing(self, level: Level) -> list[Expected]:
        rows = self.synced.items() if level is ITEM else self.synced.subitems()
        return list(self.comparison.missing(level, rows))

    def finish(self) -> Findings:
        return self.comparison.finish(each for each in self._main() if each in self._before)

    def _main(self) -> list[Finding]:
        return of_main_tables(*self.synced.differing(), ("ORDER_LIST", "ORDER_LIST_LINES"))


def compared(site: Site, items: Iterable[BoardItem], *, days: int = 0) -> tuple[Look, Findings]:
    look = Look(site, days=days)
    look.show(items)
    return look, look.finish()


def kinds(found: Findings) -> dict[Kind, int]:
    return {kind: count for kind, count in found.counts.items() if count}


def test_agreement_is_not_reported(site: Site) -> None:
    orders = [make_order(minute=n, headers=2, lines=3) for n in range(3)]
    look, found = compared(site, board_items(orders, synced(site, *orders)))
    assert kinds(found) == {}
    assert (look.missing(ITEM), look.missing(SUBITEM)) == ([], [])
    assert (len(look.comparison.items), len(look.comparison.subitems)) == (3, 9)
    assert (len(list(look.synced.items())), len(list(look.synced.subitems()))) == (6, 9)


def test_each_difference_is_reported_by_kind(site: Site) -> None:
    order, other = make_order(lines=2), make_order(minute=1, lines=2)
    ids = synced(site, order, other)
    first, second = board_items([order, other], ids)
    strangers = [
        BoardItem(id=1, group_id="topics", record_uuid=""),
        BoardItem(id=2, group_id="topics", record_uuid="no uuid"),
        BoardItem(id=3, group_id="elsewhere", record_uuid=new_uuid()),
        BoardItem(id=4, group_id="topics", record_uuid=first.record_uuid),
        # Somebody dragged a subitem to another item, and one was copied.
        BoardItem(
            id=second.id,
            group_id="theirs",
            record_uuid=second.record_uuid,
            subitems=(
                second.subitems[0],
                first.subitems[1],
                BoardSubitem(id=5, key=second.subitems[0].key),
                BoardSubitem(id=6, key=new_uuid()),
                BoardSubitem(id=7, key=""),
            ),
        ),
    ]
    first = BoardItem(id=first.id, group_id="topics", record_uuid=first.record_uuid, subitems=first.subitems[:1])
    look, found = compared(site, [first, *strangers])
    assert kinds(found) == {
        Kind.OWN_ROWS: 2,
        Kind.UNKNOWN: 3,
        Kind.ITEM_DOUBLED: 1,
        Kind.SUBITEM_DOUBLED: 1,
        Kind.WRONG_PARENT: 1,
        Kind.OTHER_GROUP: 1,
    }
    assert found.wrong == 6
    assert [finding.monday_id for finding in found.first[Kind.ITEM_DOUBLED]] == [4]
    [missing] = look.missing(SUBITEM)
    assert missing.key == other.lines[1]["line_uuid"]
    assert look.missing(ITEM) == []


def test_different_ids_and_one_sided_synced_rows_are_found(site: Site) -> None:
    order, other, half, half_line = (make_order(minute=n) for n in range(4))
    ids = synced(site, order, other, half, half_line)
    items = board_items([order, other, half, half_line], ids)
    tables = site.tables
    # On the board under another id than the queue says, with nothing there under that one.
    site.change(tables.header_queue, {"monday_item_id": 99}, record_uuid=record(order))
    site.change(tables.orders, {"monday_item_id": 98}, record_uuid=record(other))
    site.change(tables.orders, {"sync_state": None}, record_uuid=record(half))
    site.change(tables.order_lines, {"sync_state": None}, line_uuid=half_line.lines[0]["line_uuid"])
    site.change(tables.order_lines, {"parent_item_id": 97}, line_uuid=half_line.lines[1]["line_uuid"])
    look, found = compared(site, items)
    assert kinds(found) == {Kind.WRONG_ID: 3, Kind.NOT_IN_MAIN: 2}
    # It is there, under its key: to recreate it would double it.
    assert look.missing(ITEM) == []


def test_orders_of_a_running_run_are_not_judged(site: Site) -> None:
    """Neither rows that it has not finished, nor those that it finishes while the board is read."""
    done, going = make_order(minute=1), make_order(minute=2)
    ids = synced(site, done)
    site.add(going)
    look = Look(site)
    ids |= on_board(site, going, first_id=2_000)
    [shown, half_done] = board_items([done, going], ids)
    look.show([shown])
    assert len(run_commit(site).ready) == 1
    # Its item came after its page was read.
    assert look.missing(ITEM) == []
    assert kinds(look.finish()) == {}
    look = Look(site)
    site.change(site.tables.header_queue, {"sync_state": State.PENDING}, record_uuid=record(going))
    look.show([shown, BoardItem(id=77, group_id="?", record_uuid=half_done.record_uuid)])
    assert look.missing(ITEM) == []
    assert kinds(look.finish()) == {}


def test_what_is_missing_is_read_a_page_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "PAGE", 2)
    orders = [make_order(minute=n, lines=1) for n in range(5)]
    ids = synced(site, *orders)
    look, _ = compared(site, board_items(orders[:1], ids))
    missing = look.missing(ITEM)
    assert {row.key for row in missing} == {record(order) for order in orders[1:]}
    assert look.missing(SUBITEM) == []  # they were deleted with their items
    assert len(list(look.synced.subitems())) == 5
    assert look.synced.still_synced(missing) == missing
    site.change(site.tables.header_queue, {"sync_state": State.NEW}, record_uuid=missing[0].key)
    assert look.synced.still_synced(missing) == missing[1:]


def test_orders_of_long_ago_are_not_missed(site: Site) -> None:
    old, new = make_order(minute=1), make_order(minute=2)
    synced(site, old, new)
    long_ago = site.now() - timedelta(days=91)
    site.change(site.tables.header_queue, {"sync_completed_at": long_ago}, record_uuid=record(old))
    look, _ = compared(site, [], days=90)
    assert [row.record_uuid for row in look.missing(ITEM)] == [record(new)]


# ---- requeue --------------------------------------------------------------------------------------------


def put_back(site: Site, order: SampleOrders, *items: int) -> Requeued:
    return requeue(site.database, site.tables, {record(order): list(items)})


def rows_of(site: Site, order: SampleOrders) -> dict[str, list[Any]]:
    return {table.name: site.rows(table, record_uuid=record(order)) for table in site.tables.site}


def test_an_order_is_requeued_whole_and_recreated(site: Site) -> None:
    order, other = make_order(minute=1), make_order(minute=2)
    ids = synced(site, order, other)
    before = rows_of(site, other)
    item = ids[order.headers[0]["delta_uuid"]]
    assert put_back(site, order, item).records == [record(order)]
    assert rows_of(site, other) == before
    header = site.row(site.tables.header_queue, record_uuid=record(order))
    assert (header["sync_state"], header["monday_item_id"], header["sync_run_id"]) == (State.NEW, None, None)
    for row in site.rows(site.tables.line_queue, record_uuid=record(order)):
        assert (row["sync_state"], row["monday_subitem_id"], row["parent_item_id"]) == (State.PENDING, None, None)
    main = site.row(site.tables.orders, record_uuid=record(order))
    assert (main["sync_state"], main["monday_item_id"], main["last_synced_at"]) == (None, None, None)
    for row in site.rows(site.tables.order_lines, record_uuid=record(order)):
        assert (row["sync_state"], row["monday_subitem_id"], row["parent_item_id"]) == (None, None, None)
    logged = [row for row in site.rows(site.tables.log) if row["run_id"] == REQUEUED_BY]
    assert {(row["outcome"], row["monday_id"]) for row in logged} == {
        ("requeued", ids[row["delta_uuid"]]) for row in [*order.headers, *order.lines]
    }
    # The answer to the COMMIT may have been lost: once more changes nothing.
    after = rows_of(site, order)
    assert put_back(site, order, item).records == [record(order)]
    assert rows_of(site, order) == after
    assert len([row for row in site.rows(site.tables.log) if row["run_id"] == REQUEUED_BY]) == len(logged)
    new_ids = on_board(site, order, first_id=5_000)
    assert run_commit(site).ready == [record(order)]
    assert is_synced(site, order)
    assert site.row(site.tables.orders, record_uuid=record(order))["monday_item_id"] in new_ids.values()


def test_an_order_that_is_made_again_has_no_edits(site: Site) -> None:
    order = make_order()
    ids = synced(site, order)
    edit = {"board_id": BOARD, "on_board": "x", "seen_at": MORNING, "run_id": RUN}
    site.insert(
        site.tables.edits, edit | {"key_uuid": record(order), "column_id": "name", "record_uuid": record(order)}
    )
    assert put_back(site, order, ids[order.headers[0]["delta_uuid"]]).records
    assert site.rows(site.tables.edits) == []


def test_existing_items_of_the_order_keep_their_ids(site: Site) -> None:
    order = make_order(headers=2)
    ids = synced(site, order)
    first, second = order.headers
    ids[second["delta_uuid"]] = 9_000  # an order of two items, of the time when each header had its own
    site.change(site.tables.header_queue, {"monday_item_id": 9_000}, delta_uuid=second["delta_uuid"])
    assert put_back(site, order, ids[second["delta_uuid"]]).records == [record(order)]
    header = site.row(site.tables.header_queue, delta_uuid=first["delta_uuid"])
    assert (header["sync_state"], header["monday_item_id"]) == (State.NEW, ids[first["delta_uuid"]])
    assert site.row(site.tables.header_queue, delta_uuid=second["delta_uuid"])["monday_item_id"] is None
    for row in site.rows(site.tables.line_queue):
        assert (row["sync_state"], row["monday_subitem_id"]) == (State.PENDING, ids[row["delta_uuid"]])
    # No main row is ahead of its queue row; ids of what is there stay.
    assert site.row(site.tables.orders, record_uuid=record(order))["sync_state"] is None
    for row in site.rows(site.tables.order_lines):
        assert (row["sync_state"], row["last_synced_at"]) == (None, None)
        assert row["monday_subitem_id"] is not None


def test_a_returned_line_with_a_subitem_is_included(site: Site) -> None:
    order = make_order(lines=2)
    ids = synced(site, order)
    late = order.lines[0]["delta_uuid"]
    site.change(site.tables.line_queue, {"sync_state": State.PENDING, "sync_run_id": None}, delta_uuid=late)
    assert put_back(site, order, ids[order.headers[0]["delta_uuid"]]).records == [record(order)]
    line = site.row(site.tables.line_queue, delta_uuid=late)
    assert (line["monday_subitem_id"], line["parent_item_id"]) == (None, None)


def test_a_line_rejected_for_its_deleted_item_is_included(site: Site) -> None:
    order = make_order()
    ids = synced(site, order)
    item = ids[order.headers[0]["delta_uuid"]]
    late = order.lines[0]["delta_uuid"]
    values = {"sync_state": State.ERROR, "monday_subitem_id": None, "sync_error_message": "its item was deleted"}
    site.change(site.tables.line_queue, values, delta_uuid=late)
    assert put_back(site, order, item).records == [record(order)]
    assert site.row(site.tables.line_queue, delta_uuid=late)["sync_state"] == State.PENDING
    assert len(site.queue().claimable_headers()) == 1


@pytest.mark.parametrize("case", ["a run has a row", "a line is not queued", "nothing is deleted"])
def test_an_order_is_left_as_it_is(site: Site, case: str) -> None:
    order = make_order()
    ids = synced(site, order)
    item = ids[order.headers[0]["delta_uuid"]]
    if case == "a run has a row":
        late = order.lines[0] | {"delta_uuid": new_uuid(), "sync_run_id": "run-9", "sync_attempted_at": site.now()}
        site.insert(site.tables.line_queue, late)
        reason = "run run-9 holds rows of it"
    elif case == "a line is not queued":
        with site.database.write() as connection:
            line = site.tables.line_queue
            connection.execute(line.delete().where(line.c.delta_uuid == order.lines[0]["delta_uuid"]))
        reason = f"1 of its lines (first {order.lines[0]['line_uuid']}) have no row in ORDER_LIST_LINES_DELTA"
    else:
        item = 4_711
        reason = "it has no SYNCED header whose item was deleted"
    before = rows_of(site, order)
    done = put_back(site, order, item)
    assert done.records == []
    assert done.held[record(order)].startswith(reason)
    assert rows_of(site, order) == before


# ---- rows that a run left behind ------------------------------------------------------------------------


def test_stuck_rows_are_counted_by_customer_and_run(site: Site) -> None:
    stuck, fresh, waiting, blocked = (make_order(minute=n, customer=f"C{n}", headers=2) for n in range(4))
    site.add(stuck, fresh, waiting, blocked)
    site.claim("run-1", stuck)
    site.claim("run-2", blocked)
    for run_id in ("run-1", "run-2"):
        site.age_claims(run_id, 700)
    site.claim("run-3", fresh)
    site.change(site.tables.line_queue, {"sync_state": State.ERROR}, delta_uuid=blocked.lines[0]["delta_uuid"])
    [row] = site.queue(lease_seconds=600).stuck()
    assert (row["customer"], row["run_id"], row["rows"]) == ("C0", "run-1", 2)


def test_a_late_line_may_be_stuck_alone(site: Site) -> None:
    order = make_order(lines=2)
    synced(site, order)
    values = {"sync_state": State.PENDING, "monday_subitem_id": None, "sync_run_id": RUN}
    site.change(site.tables.line_queue, values, delta_uuid=order.lines[0]["delta_uuid"])
    site.age_claims(RUN, 700)
    assert [(row["customer"], row["rows"]) for row in site.queue().stuck()] == [("Weber & Co", 1)]
