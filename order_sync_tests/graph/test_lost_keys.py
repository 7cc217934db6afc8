"""People delete or overwrite the keys on the board by which orders and lines are found there.

In: orders that are on the board, without their keys. Out: each is still once there, and has its key again.
"""

from __future__ import annotations

from typing import Any

import pytest

from order_sync.database.entries import Operation
from order_sync.database.resync import resync
from order_sync.demo.samples import SampleOrders
from order_sync.demo.words import PO
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Row, Stage
from order_sync_tests.graph.test_changes import GROUP, add
from order_sync_tests.graph.test_identity import once_on_the_board
from order_sync_tests.graph.test_odd_orders import again
from order_sync_tests.graph.test_order_life import cancel, queue, update
from order_sync_tests.graph.test_plan import planned_then_done
from order_sync_tests.graph.test_reconcile import compare


@pytest.fixture
def on_board(stage: Stage) -> SampleOrders:
    """Four orders with three lines each, on the board."""
    sample = add(stage, 4)
    stage.sync()
    return sample


def item_of(stage: Stage, header: Row) -> Row:
    [row] = stage.rows(stage.tables.items, stage.tables.items.c.record_uuid == header["record_uuid"])
    return next(item for item in stage.board()["items"] if item["id"] == str(row["item_id"]))


def set_key(stage: Stage, header: Row, text: str, *, of_line: bool = False) -> dict[str, Any]:
    """A person types over the key of an order's item, or of its first subitem; returns that."""
    shown = item_of(stage, header)["subitems"][0] if of_line else item_of(stage, header)
    stage.emulator.person.edit(shown["id"], "line_uuid" if of_line else "record_uuid", text)
    return dict(shown)


def test_a_lost_key_doubles_nothing_and_is_written_back(
    stage: Stage, on_board: SampleOrders, caplog: pytest.LogCaptureFixture
) -> None:
    changed, same, cancelled, edited = on_board.headers
    for header in (changed, cancelled):
        set_key(stage, header, "")
    set_key(stage, same, "by hand")
    subitem = set_key(stage, same, "", of_line=True)
    [line] = [row for row in on_board.lines if row["line_uuid"] == subitem["columns"]["line_uuid"]]
    set_key(stage, edited, changed["record_uuid"])  # another order's
    queue(
        stage,
        headers=[update(changed, **{PO: "PO 7"}), again(same), cancel(cancelled), again(edited)],
        lines=[again(line)],
    )
    _, summary = planned_then_done(stage)
    assert (summary.items_created, summary.subitems_created, summary.cancelled, summary.keys_restored) == (0, 0, 1, 4)
    kept = {item_of(stage, header)["columns"]["record_uuid"]: header for header in (changed, same, edited)}
    assert kept == {header["record_uuid"]: header for header in (changed, same, edited)}
    assert len(stage.board()["items"]) == len(kept)
    assert item_of(stage, same)["subitems"][0]["columns"]["line_uuid"] == line["line_uuid"]
    assert "record_uuid was 'by hand' on the board: its key is written back" in caplog.text
    assert compare(stage).agrees


def test_an_item_with_a_foreign_key_is_not_adopted(
    stage: Stage, on_board: SampleOrders, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by a look before creating, nor for what is in doubt; the order's own item is another one."""
    new = make_order(number="A-9", lines=2, minute=9, columns={"GroupMonday": GROUP})
    first = on_board.headers[0]
    taken = set_key(stage, first, new.headers[0]["record_uuid"])
    subitem = set_key(stage, on_board.headers[1], new.lines[0]["line_uuid"], of_line=True)
    stage.add(new)
    summary = stage.sync()
    assert (summary.items_created, summary.subitems_created) == (1, 2)
    assert f"item {taken['id']} of order {first['record_uuid']} has the record_uuid of order" in caplog.text
    report = compare(stage)
    assert report.counts == {"keys lost": 2}
    assert {row["monday_id"] for row in report.rows["keys lost"]} == {int(taken["id"]), int(subitem["id"])}


def test_reconcile_reports_and_repairs_lost_keys(stage: Stage, on_board: SampleOrders) -> None:
    first, second, *_ = on_board.headers
    item, subitem = set_key(stage, first, ""), set_key(stage, second, "?", of_line=True)
    report = compare(stage)
    assert report.counts == {"keys lost": 2}
    assert [row["what"] for row in report.rows["keys lost"]] == [
        f"item {item['id']} of order {first['record_uuid']} has no key on the board",
        f"subitem {subitem['id']} of line {subitem['columns']['line_uuid']} has the key '?' on the board",
    ]
    assert set(report.repairable) == {first["record_uuid"], second["record_uuid"]}
    with stage.database() as database:
        resync(database, stage.tables, report.repairable)
    assert stage.sync().keys_restored == 2
    assert once_on_the_board(stage, 4)
    log = stage.tables.log
    assert {row["operation"] for row in stage.rows(log, log.c.outcome == "key restored")} == {
        Operation.CHANGE_ITEMS,
        Operation.CHANGE_SUBITEMS,
    }
