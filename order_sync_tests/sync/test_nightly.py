"""The look of every night: few calls where nothing has changed, and nothing missed that people did to a board."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from order_sync.database.commit import commit
from order_sync.database.entries import Entry, Operation
from order_sync.database.looks import Mark, Numbers, keep_marks, read_marks
from order_sync.emulator import Fault, FaultKind
from order_sync.monday import operations
from order_sync.monday.values import to_json
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync import nightly
from order_sync.sync.nightly import Nightly
from order_sync.sync.reconcile import Report
from order_sync.sync.rows import NewRow
from order_sync_tests.contract.site import make_order, set_clock
from order_sync_tests.sync.stage import Stage, item_row
from order_sync_tests.waiting import until

HOURS = 24

Shown = dict[str, list[str]]  # the subitems of each item


class Time:
    """Time that passes for monday and for the database alike."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stage, self._monkeypatch = stage, monkeypatch
        at_monday = datetime.fromtimestamp(stage.emulator.advance(0), UTC).replace(tzinfo=None)
        set_clock(monkeypatch, at_monday - stage.site.now())

    def passes(self, hours: float = HOURS) -> None:
        self._stage.emulator.advance(hours * 3_600)
        set_clock(self._monkeypatch, timedelta(hours=hours))


@pytest.fixture
def time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(stage, monkeypatch)


@pytest.fixture
def shown(stage: Stage, time: Time) -> Shown:
    """Three SYNCED orders with two lines each, of yesterday."""
    orders = [make_order(lines=2, minute=n) for n in range(3)]
    stage.claim(*orders)
    stage.create(Operation.ITEMS, [item_row(order.headers[0], f"Order {n}") for n, order in enumerate(orders)])
    headers = {row["record_uuid"]: row["monday_item_id"] for row in stage.site.rows(stage.site.tables.header_queue)}
    rows = []
    for line in (line for order in orders for line in order.lines):
        item = headers[line["record_uuid"]]
        stage.site.change(stage.site.tables.line_queue, {"parent_item_id": item}, delta_uuid=line["delta_uuid"])
        values = to_json({"line_uuid": line["line_uuid"], "qty": str(line["qty"])})
        variables = {"parent": str(item), "name": f"Size {line['size_code']}", "values": values}
        rows.append(NewRow(key=line["delta_uuid"], variables=variables))
    stage.create(Operation.SUBITEMS, rows)
    assert len(commit(stage.site.database, stage.site.queue(), "run-1").ready) == 3
    time.passes()
    return {item["id"]: [subitem["id"] for subitem in item["subitems"]] for item in stage.board()["items"]}


def night(stage: Stage, *, whole_days: int = 7) -> Report:
    with stage.client() as client:
        night = Nightly(client, load_mapping(), stage.site.database, stage.site.tables, days=0)
        looked = night.look([EMBEDDED_BOARD], whole_days=whole_days)
    keep_marks(stage.site.database, stage.site.tables, looked.marks)
    assert bool(looked.marks) == looked.report.agrees
    return looked.report


def mark(stage: Stage) -> Mark:
    return read_marks(stage.site.database, stage.site.tables, [EMBEDDED_BOARD])[EMBEDDED_BOARD]


def test_a_quiet_board_takes_two_calls_after_the_first_night(stage: Stage, shown: Shown) -> None:
    first = night(stage)
    assert (first.agrees, first.since, first.items, first.subitems) == (True, None, 3, 6)
    assert mark(stage).beside == Numbers(items=0, subitems=0)
    before = mark(stage)
    second = night(stage)
    # With the one for the API's version they are three.
    assert (second.agrees, second.calls, second.items) == (True, 2, 0), second
    assert second.since
    assert "nothing else has changed since" in second.verdict
    assert mark(stage).looked_at > before.looked_at
    assert mark(stage).whole_at == before.whole_at


def test_ten_thousand_quiet_items_take_no_more_calls(stage: Stage, time: Time) -> None:
    rows = io.StringIO()
    csv.writer(rows).writerows([["name"], *([f"Item {n}"] for n in range(10_000))])
    stage.emulator.configure(bulk_start_ms=0, bulk_row_ms=0, timeout_s=0)
    with stage.client() as client:
        body = operations.body(operations.INGEST_ITEMS, {"board": str(EMBEDDED_BOARD), "group": "topics"})
        job = (client.mutate(body, idempotency_key="k", operation="x", rows=1).data or {})["ingest_items"]
        client.upload(job["upload_url"], rows.getvalue().encode())
    until(lambda: stage.emulator.stats()["items"] == 10_000, "the items")
    time.passes()
    now = stage.site.now()
    others = Numbers(items=10_000, subitems=0)
    keep_marks(
        stage.site.database, stage.site.tables, {EMBEDDED_BOARD: Mark(looked_at=now, whole_at=now, beside=others)}
    )
    report = night(stage)
    assert (report.agrees, report.calls, bool(report.since)) == (True, 2, True)


Act = Callable[[Stage, Shown], object]
PERSON: dict[str, tuple[Act, dict[str, int], int]] = {
    # What people do, what is found of it, and how many calls more than two that takes.
    "a cell": (lambda s, of: s.emulator.person.edit(min(of), "style", "Theirs"), {"values that differ": 1}, 1),
    "a subitem's cell": (
        lambda s, of: s.emulator.person.edit(of[min(of)][1], "qty", "4711"),
        {"values that differ": 1},
        1,
    ),
    "a name": (lambda s, of: s.emulator.person.rename(min(of), "Theirs"), {"values edited on the board": 1}, 1),
    "a copy": (lambda s, of: s.emulator.person.duplicate(min(of)), {"items doubled": 1, "subitems doubled": 2}, 2),
    "a row of their own": (
        lambda s, _: s.emulator.person.add_item(EMBEDDED_BOARD, "topics", "By hand"),
        {"rows without a key": 1},
        1,
    ),
}


@pytest.mark.parametrize("what", PERSON)
def test_what_people_change_is_found_by_what_was_updated(stage: Stage, shown: Shown, time: Time, what: str) -> None:
    assert night(stage).agrees
    time.passes()
    act, found, calls = PERSON[what]
    act(stage, shown)
    time.passes(2)
    report = night(stage)
    ours = {kind: count for kind, count in report.counts.items() if kind != OTHER_GROUP}
    assert (ours, report.calls) == (found, 2 + calls)
    assert report.since
    # What is wrong is found again until it is put right; the rest is reported once.
    time.passes()
    again = night(stage)
    assert {kind: count for kind, count in again.counts.items() if kind != OTHER_GROUP} == (
        {} if report.agrees else found
    )


OTHER_GROUP = "in a group that order_sync does not know"


def delete_and_add(stage: Stage, shown: Shown) -> None:
    stage.emulator.person.delete(min(shown))
    stage.emulator.person.add_item(EMBEDDED_BOARD, "topics", "By hand")


REMOVED: dict[str, tuple[Act, dict[str, int]]] = {
    "a deleted item": (lambda s, of: s.emulator.person.delete(min(of)), {"items missing": 1}),
    "an archived item": (lambda s, of: s.emulator.person.archive(min(of)), {"archived": 1}),
    "a deleted subitem": (lambda s, of: s.emulator.person.delete(of[min(of)][0]), {"subitems missing": 1}),
    "one deleted, one added": (delete_and_add, {"items missing": 1, "rows without a key": 1}),
}


@pytest.mark.parametrize("what", REMOVED)
def test_what_people_remove_is_found_by_the_number_of_items(stage: Stage, shown: Shown, time: Time, what: str) -> None:
    assert night(stage).agrees
    time.passes()
    act, found = REMOVED[what]
    act(stage, shown)
    report = night(stage)
    assert {kind: count for kind, count in report.counts.items() if kind != OTHER_GROUP} == found
    assert report.since is None
    assert bool(night(stage).since) == report.agrees  # what is archived is known from then on


def test_what_a_run_wrote_is_no_difference(stage: Stage, shown: Shown) -> None:
    assert night(stage).agrees
    [header, *_] = stage.site.rows(stage.site.tables.header_queue)
    variables = {"item": str(header["monday_item_id"]), "values": to_json({"style": "Changed"})}
    stage.create(Operation.CHANGE_ITEMS, [NewRow(key=header["delta_uuid"], variables=variables)])
    report = night(stage)
    assert (report.agrees, report.items, report.calls, bool(report.since)) == (True, 1, 3, True), report


@pytest.mark.parametrize("operation", ["boards", "items"])
def test_a_look_that_fails_half_way_leaves_the_mark(stage: Stage, shown: Shown, operation: str) -> None:
    assert night(stage).agrees
    before = mark(stage)
    stage.emulator.person.edit(min(shown), "style", "Theirs")
    stage.faults(Fault(kind=FaultKind.DAILY_LIMIT, operation=operation))
    with pytest.raises(OrderSyncError):
        night(stage)
    assert mark(stage) == before
    stage.faults()
    assert night(stage).counts["values that differ"] == 1


def test_boards_are_read_whole_once_a_week(
    stage: Stage, shown: Shown, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert night(stage).agrees
    time.passes(6 * HOURS)
    assert night(stage).since
    time.passes()
    assert night(stage).since is None
    assert night(stage).since
    assert night(stage, whole_days=0).since is None
    set_clock(monkeypatch, timedelta(days=-1))  # somebody sets the database's clock back
    assert night(stage).since is None


def test_while_a_run_writes_no_mark_is_kept(stage: Stage, shown: Shown) -> None:
    entry = Entry(idempotency_key="k", operation=Operation.CANCEL_ITEMS, keys=("k",), body="{}")
    journal = stage.journal()
    with journal.holding_board(), stage.client() as client:
        journal.open(entry)
        night = Nightly(client, load_mapping(), stage.site.database, stage.site.tables, days=0)
        looked = night.look([EMBEDDED_BOARD], whole_days=7)
        assert (looked.report.agrees, looked.marks) == (True, {})


def test_where_much_has_changed_boards_are_read_whole(
    stage: Stage, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert night(stage).agrees
    monkeypatch.setattr(nightly, "LOOK_UP", 1)
    for item in sorted(shown)[:2]:
        stage.emulator.person.edit(item, "style", "Theirs")
    report = night(stage)
    assert (report.counts["values that differ"], report.since) == (2, None)
