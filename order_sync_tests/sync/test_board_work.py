"""The steps of a run on one board: groups first, then items, then subitems; and what people do in between."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.database.connection import Row
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Fault, FaultKind
from order_sync.monday.board import Board
from order_sync.monday.board_fit import read_again
from order_sync.monday.client import MondayClient
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.orders.codes import Rule
from order_sync.orders.errors import BoardRefused, Fatal
from order_sync.orders.mapping import Cancel, ColumnMap, ColumnMapping, load_mapping
from order_sync.orders.monday_faults import MondayFault
from order_sync.orders.naming import text_key
from order_sync.orders.states import Action, State
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync import board_work
from order_sync.sync.decide import AWAITED, OLDER_VERSION
from order_sync.sync.facts import Group, read_sites
from order_sync.sync.plan_file import PlanChanged
from order_sync_tests.contract.site import make_order, new_uuid, record
from order_sync_tests.sync.stage import Stage
from order_sync_tests.sync.steps import Run, a_run
from order_sync_tests.sync.test_twins import somebody

TITLE = "Weber & Co"


@pytest.fixture
def orders(stage: Stage) -> list[SampleOrders]:
    """Two orders, the first one in two versions, with two lines each."""
    orders = [make_order(number=f"A-{n}", headers=2 - n, minute=n) for n in range(2)]
    stage.site.add(*orders)
    return orders


def again(stage: Stage, row: Row, *, minutes: int = 10, **changes: Any) -> Row:
    """The order or the line, queued once more, later."""
    at = row["created_at"].replace(minute=minutes)
    later: Row = row | {"delta_uuid": new_uuid(), "created_at": at, "sync_state": State.NEW} | changes
    if "line_uuid" in row:
        later["sync_state"] = State.PENDING
    stage.site.insert(stage.site.tables.line_queue if "line_uuid" in row else stage.site.tables.header_queue, later)
    return later


def items(stage: Stage) -> dict[str, Row]:
    """The active items of the board by record_uuid."""
    return {item["columns"]["record_uuid"]: item for item in stage.board()["items"]}


def outcomes(stage: Stage, row: Row) -> list[str]:
    """What the log says became of a queue row."""
    logged = sorted(
        stage.site.rows(stage.site.tables.log, delta_uuid=row["delta_uuid"]), key=lambda line: line["log_id"]
    )
    return [line["outcome"] for line in logged]


def mapping_with(cancel: Cancel) -> ColumnMapping:
    mapping = load_mapping()
    return mapping.model_copy(update={"items": mapping.items.model_copy(update={"cancel": cancel})})


def titles(stage: Stage) -> dict[str, str]:
    return {group["title"]: group["id"] for group in stage.board()["groups"]}


def delete_group(stage: Stage, title: str = TITLE) -> None:
    somebody(stage, f'delete_group(board_id: {EMBEDDED_BOARD}, group_id: "{titles(stage)[title]}")')


def delete_item(stage: Stage, item: object) -> None:
    somebody(stage, f"delete_item(item_id: {item})")


class Meddled(MondayTransport):
    """Somebody does something right before the first request with this field leaves; then, perhaps, something else."""

    def __init__(self, stage: Stage, field: str, act: Callable[[], object]) -> None:
        super().__init__(stage.emulator.url, "a-token", timeout_seconds=5)
        self._acts = [(field, act)]

    def then(self, field: str, act: Callable[[], object]) -> None:
        self._acts.append((field, act))

    @property
    def met(self) -> bool:
        return not self._acts

    def send(self, body: str, **how: Any) -> Reply:
        if how.get("idempotency_key") and self._acts and f"{self._acts[0][0]}(" in body:
            _, act = self._acts.pop(0)
            act()
        return super().send(body, **how)


def check_synced(stage: Stage, orders: list[SampleOrders]) -> None:
    """Each order is one item, each of its lines one subitem, and all four tables say so."""
    there = items(stage)
    assert there.keys() == {record(order) for order in orders}
    for order in orders:
        item = there[record(order)]
        assert item["group_id"] == titles(stage)[TITLE]
        lines = {sub["columns"]["line_uuid"]: int(sub["id"]) for sub in item["subitems"]}
        assert lines.keys() == {line["line_uuid"] for line in order.lines}
        for row in stage.site.rows(stage.site.tables.header_queue, record_uuid=record(order)):
            assert (row["monday_item_id"], row["monday_group_id"]) == (int(item["id"]), item["group_id"])
        for row in stage.site.rows(stage.site.tables.line_queue, record_uuid=record(order)):
            assert (row["monday_subitem_id"], row["parent_item_id"]) == (lines[row["line_uuid"]], int(item["id"]))
    for table in stage.site.tables.site:
        assert {row["sync_state"] for row in stage.site.rows(table)} == {State.SYNCED}
    assert stage.journal().in_doubt() == []


def delete_column(stage: Stage, column: str, board: object = EMBEDDED_BOARD) -> None:
    somebody(stage, f'delete_column(board_id: {board}, column_id: "{column}")')


def subitem_board(stage: Stage) -> int:
    with stage.client() as client:
        board = read_sites(client, [EMBEDDED_BOARD])[EMBEDDED_BOARD].subitems
    assert board is not None
    return board.id


# ---- groups and items -------------------------------------------------------------------------------------


def test_orders_are_carried_from_queue_to_main_tables(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        groups, created, subitems, committed = run.all()
        assert run.boards.sites[EMBEDDED_BOARD].new_items == {int(item["id"]) for item in items(stage).values()}
    assert groups.created == {TITLE: titles(stage)[TITLE]}
    assert (len(created.created), created.adopted, created.recreated) == (2, 0, 0)
    assert (len(subitems.created), subitems.recreated) == (4, 0)
    for outcome in (groups, created, subitems):
        assert outcome.rejected | outcome.waiting | outcome.again == {}
    assert committed.ready == [record(order) for order in orders]
    check_synced(stage, orders)


def test_a_second_run_of_the_same_sends_nothing(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    before = len(stage.mutations())
    for order in orders:
        again(stage, order.headers[-1])
        again(stage, order.lines[0])
    with a_run(stage, "run-2") as run:
        groups, altered, subitems, committed = run.all()
    assert groups.created | altered.created | altered.changed | subitems.created | subitems.changed == {}
    assert len(committed.ready) == 2
    assert len(stage.mutations()) == before
    check_synced(stage, orders)


def test_a_group_under_another_title_is_still_its_group(
    stage: Stage, orders: list[SampleOrders], caplog: pytest.LogCaptureFixture
) -> None:
    with a_run(stage) as run:
        run.all()
    group = titles(stage)[TITLE]
    renamed = f'group_id: "{group}", group_attribute: title, new_value: "Weber"'
    somebody(stage, f"update_group(board_id: {EMBEDDED_BOARD}, {renamed})")
    late = make_order(number="A-9", minute=9)
    stage.site.add(late)
    with caplog.at_level(logging.INFO, "order_sync.monday"), a_run(stage, "run-2") as run:
        groups, created, *_ = run.all()
    assert (groups.created, len(created.created)) == ({}, 1)
    assert items(stage)[record(late)]["group_id"] == group
    assert f"group '{TITLE}' was renamed to 'Weber'" in caplog.text


def test_a_group_that_a_person_has_made_is_used(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.claim()
        made = somebody(stage, f'create_group(board_id: {EMBEDDED_BOARD}, group_name: "  {TITLE.upper()} ")')
        assert run.groups().created == {}
        run.items()
    assert {item["group_id"] for item in items(stage).values()} == {made}
    assert stage.known_groups() == {TITLE: made}


@pytest.mark.parametrize("remade", [False, True])
def test_no_item_is_made_in_a_group_the_board_hides(
    stage: Stage, orders: list[SampleOrders], monkeypatch: pytest.MonkeyPatch, remade: bool
) -> None:
    with a_run(stage) as run:
        run.claim()
        without_it = run.boards.sites[EMBEDDED_BOARD].board
        if remade:
            run.groups()
            delete_group(stage)
        monkeypatch.setattr(board_work, "read_again", lambda reader, ids: [without_it])
        with pytest.raises(Fatal, match=f"does not show 1 created group, first '{TITLE}'") as caught:
            run.items() if remade else run.groups()
        assert caught.value.why == MondayFault.GROUP_NOT_SHOWN
        waited = sorted(seconds for seconds in stage.clock.sleeps if seconds)
    assert waited == [0.5, 1, 2, 4, 8]


@pytest.mark.parametrize("when", ["before the step", "before its first request"])
def test_a_deleted_group_is_made_again_for_its_items(stage: Stage, orders: list[SampleOrders], when: str) -> None:
    meddled = Meddled(stage, "create_item", lambda: delete_group(stage))
    with a_run(stage, transport=meddled if when == "before its first request" else None) as run:
        run.claim()
        run.groups()
        if when == "before the step":
            delete_group(stage)
        outcome = run.items()
        run.subitems()
        assert len(run.commit().ready) == 2
    assert (len(outcome.created), outcome.rejected) == (2, {})
    check_synced(stage, orders)


def test_a_group_that_monday_refuses_rejects_its_items(stage: Stage, orders: list[SampleOrders]) -> None:
    stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_group", aliases=(0,), failure="final"))
    with a_run(stage) as run:
        run.claim()
        assert run.groups().rejected.keys() == {TITLE}
        outcome = run.items()
        subitems = run.subitems()
        assert run.commit().ready == []
    assert outcome.rejected.keys() == {order.headers[-1]["delta_uuid"] for order in orders}
    assert {error.code for error in outcome.rejected.values()} == {Rule.NO_GROUP}
    assert (outcome.created, subitems.created, items(stage)) == ({}, {}, {})
    errors = [row for row in stage.site.rows(stage.site.tables.header_queue) if row["sync_state"] == State.ERROR]
    assert {row["delta_uuid"] for row in errors} == outcome.rejected.keys()
    assert {row["sync_error_message"] for row in errors} == {
        f"{Rule.NO_GROUP}: its group '{TITLE}' could not be created; the log says why"
    }


def test_items_wait_for_a_group_that_is_late(stage: Stage, orders: list[SampleOrders]) -> None:
    other = make_order(number="A-3", customer="Elm", minute=3)
    stage.site.add(other)
    with a_run(stage) as run:
        run.claim()
        run.groups()
        delete_group(stage)
        delete_group(stage, "Elm")
        # Of the two groups that are made again, one never is.
        stage.faults(
            Fault(
                kind=FaultKind.PARTIAL_BATCH, operation="create_group", aliases=(0,), failure="retryable", times=1_000
            )
        )
        outcome = run.items()
        subitems = run.subitems()
        assert len(run.commit().ready) == len(items(stage)) == len(outcome.created)
    assert set(outcome.created) | set(outcome.waiting) == {o.headers[-1]["delta_uuid"] for o in (*orders, other)}
    assert outcome.waiting.keys() == {other.headers[0]["delta_uuid"]}
    [reason] = outcome.waiting.values()
    assert "its group 'Elm' could not be created yet: " in reason
    assert "The emulator was told to fail here" in reason
    assert (outcome.rejected, len(subitems.created)) == ({}, 4)


# ---- orders that are on the board -------------------------------------------------------------------------


def test_a_newer_version_changes_its_item_and_subitem(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    header = again(stage, orders[0].headers[-1], **{"TOTAL QTY": 99})
    line = again(stage, orders[0].lines[0], qty=98)
    with a_run(stage, "run-2") as run:
        _, altered, subitems, committed = run.all()
    item = items(stage)[record(orders[0])]
    assert altered.changed == {header["delta_uuid"]: item["id"]}
    assert subitems.changed.keys() == {line["delta_uuid"]}
    assert item["columns"]["total_qty"] == "99"
    quantities = {sub["columns"]["line_uuid"]: sub["columns"]["qty"] for sub in item["subitems"]}
    assert quantities[line["line_uuid"]] == "98"
    assert committed.ready == [record(orders[0])]
    check_synced(stage, orders)


def test_versions_of_an_order_move_with_its_item(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    versions = [
        again(stage, orders[0].headers[-1], minutes=10),
        again(stage, orders[0].headers[-1], minutes=20, GroupMonday="Elm"),
    ]
    with a_run(stage, "run-2") as run:
        _, outcome, _, committed = run.all()
    item = items(stage)[record(orders[0])]
    assert outcome.moved == {versions[-1]["delta_uuid"]: item["id"]}
    assert committed.ready == [record(orders[0])]
    for of in versions:
        row = stage.site.row(stage.site.tables.header_queue, delta_uuid=of["delta_uuid"])
        assert (row["monday_item_id"], row["monday_group_id"]) == (int(item["id"]), titles(stage)["Elm"])


def test_a_refused_change_is_of_all_versions(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    versions = [
        again(stage, orders[0].headers[-1], minutes=n, action_type=Action.UPDATE, **{"TOTAL QTY": n}) for n in (20, 30)
    ]
    stage.faults(
        Fault(kind=FaultKind.PARTIAL_BATCH, operation="change_multiple_column_values", aliases=(0,), failure="final")
    )
    with a_run(stage, "run-2") as run:
        _, outcome, _, committed = run.all()
    assert outcome.rejected.keys() == {versions[-1]["delta_uuid"]}
    assert committed.ready == []
    assert outcomes(stage, versions[0]) == []


def test_a_deleted_item_is_made_again_with_its_subitems(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.claim()
        run.groups()
        run.items()
        run.subitems()  # and dies before the commit
    first = items(stage)[record(orders[0])]["id"]
    delete_item(stage, first)
    with a_run(stage, "run-2") as run:
        run.queue.release("run-1")
        _, created, subitems, committed = run.all()
    assert (len(created.created), created.recreated, created.adopted) == (1, 1, 0)
    assert len(subitems.created) == 2
    assert len(committed.ready) == 2
    assert items(stage)[record(orders[0])]["id"] != first
    check_synced(stage, orders)
    assert outcomes(stage, orders[1].headers[0]).count("adopted") == 0  # it has had its item since it was created


@pytest.mark.parametrize("first", [Action.INSERT, Action.UPDATE])
def test_a_change_that_a_dead_run_made_is_looked_up(stage: Stage, orders: list[SampleOrders], first: Action) -> None:
    """The newest versions change nothing any more once a run has died that wrote them, so no change shows it."""
    order, rows = orders[0], (orders[0].headers[-1], orders[0].lines[0])
    for table, row in zip((stage.site.tables.header_queue, stage.site.tables.line_queue), rows, strict=True):
        stage.site.change(table, {"action_type": first}, delta_uuid=row["delta_uuid"])
        if first is Action.INSERT:
            again(stage, row, minutes=20, action_type=Action.UPDATE)
    with a_run(stage) as run:
        run.claim()
        run.groups()
        run.items()
        run.subitems()
    subitem = items(stage)[record(order)]["subitems"][0]["id"]
    delete_item(stage, subitem)
    with a_run(stage, "run-2") as run:
        run.queue.release("run-1")
        run.claim()
        run.groups()
        run.items()
        assert run.subitems().recreated == 1
    item = items(stage)[record(order)]["id"]
    delete_item(stage, item)
    with a_run(stage, "run-3") as run:
        run.queue.release("run-2")
        _, outcome, _, committed = run.all()
    assert outcome.recreated == 1
    assert record(order) in committed.ready
    assert items(stage)[record(order)]["id"] != item
    check_synced(stage, orders)


def test_an_item_that_the_tables_do_not_know_is_adopted(stage: Stage, orders: list[SampleOrders]) -> None:
    values = json.dumps(json.dumps({"record_uuid": record(orders[0])}))
    made = somebody(
        stage, f'create_item(board_id: {EMBEDDED_BOARD}, item_name: "by hand", column_values: {values})', who="a-token"
    )
    with a_run(stage) as run:
        _, outcome, _, committed = run.all()
    assert outcome.adopted == 1
    assert outcome.created.keys() == {orders[1].headers[0]["delta_uuid"]}
    assert len(committed.ready) == 2
    assert items(stage)[record(orders[0])]["id"] == made
    rows = stage.site.rows(stage.site.tables.header_queue, record_uuid=record(orders[0]))
    assert {row["monday_item_id"] for row in rows} == {int(made)}


def test_a_cancelled_order_leaves_the_board_with_its_lines(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    item = items(stage)[record(orders[0])]["id"]
    row = again(stage, orders[0].headers[-1], action_type=Action.DELETE)
    with a_run(stage, "run-2") as run:
        _, outcome, _, committed = run.all()
    assert outcome.cancelled == {row["delta_uuid"]: item}
    assert committed.ready == [record(orders[0])]
    assert items(stage).keys() == {record(orders[1])}
    assert stage.site.row(stage.site.tables.orders, record_uuid=record(orders[0]))["monday_item_id"] is None


def test_cancels_that_nobody_named_wait(stage: Stage, orders: list[SampleOrders]) -> None:
    strict = mapping_with(Cancel(most=1, most_share=0))
    with a_run(stage) as run:
        run.all()
    rows = [again(stage, order.headers[-1], action_type=Action.DELETE) for order in orders]
    with a_run(stage, "run-2", mapping=strict) as run:
        _, outcome, _, committed = run.all()
        assert outcome.waiting.keys() == {row["delta_uuid"] for row in rows}
        name = stage.board()["name"]
        assert all(f"would cancel 2 orders on board {name}, and" in reason for reason in outcome.waiting.values())
        assert (outcome.cancelled, committed.ready, len(items(stage))) == ({}, [], 2)
        run.queue.release("run-2")
    with a_run(stage, "run-3", mapping=strict, cancel=2) as run:
        _, outcome, _, committed = run.all()
    assert (len(outcome.cancelled), len(committed.ready), items(stage)) == (2, 2, {})


@pytest.fixture
def moving(stage: Stage, orders: list[SampleOrders]) -> ColumnMapping:
    """The orders are on the board, and the first of them is to be moved to a group for cancelled ones."""
    with a_run(stage) as run:
        run.all()
    again(stage, orders[0].headers[-1], action_type=Action.DELETE)
    return mapping_with(Cancel(by="move", group="Called off"))


def test_a_cancelled_item_moves_to_its_group(stage: Stage, orders: list[SampleOrders], moving: ColumnMapping) -> None:
    with a_run(stage, "run-2", mapping=moving) as run:
        run.all()
    assert items(stage)[record(orders[0])]["group_id"] == titles(stage)["Called off"]


def test_an_item_deleted_before_its_change_is_made_again(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    first = items(stage)[record(orders[0])]["id"]
    row = again(stage, orders[0].headers[-1], action_type=Action.UPDATE, **{"TOTAL QTY": 99})
    with a_run(stage, "run-2") as run:
        _, outcome, _, committed = run.all()
        assert outcome.changed.keys() == {row["delta_uuid"]}
    meddled = Meddled(stage, "change_multiple_column_values", lambda: delete_item(stage, first))
    row = again(stage, orders[0].headers[-1], minutes=20, action_type=Action.UPDATE, **{"TOTAL QTY": 98})
    stage.site.add(late := make_order(number="A-9", minute=9))
    with a_run(stage, "run-3", transport=meddled) as run:
        _, outcome, _, committed = run.all()
        assert run.boards.sites[EMBEDDED_BOARD].new_items == set(map(int, outcome.created.values()))
    assert meddled.met
    assert outcome.created.keys() == {row["delta_uuid"], late.headers[0]["delta_uuid"]}
    assert (outcome.waiting, outcome.deleted) == ({}, {})
    assert set(committed.ready) == {record(orders[0]), record(late)}
    assert items(stage)[record(orders[0])]["columns"]["total_qty"] == "98"


# ---- subitems ---------------------------------------------------------------------------------------------


def test_a_deleted_subitem_is_made_again(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.claim()
        run.groups()
        run.items()
        run.subitems()
        delete_item(stage, items(stage)[record(orders[0])]["subitems"][0]["id"])
        outcome = run.subitems()
        assert (len(outcome.created), outcome.recreated) == (1, 1)
        assert len(run.commit().ready) == 2
    check_synced(stage, orders)


def test_lines_wait_for_an_item_that_was_deleted(stage: Stage, orders: list[SampleOrders]) -> None:
    """Before their step, or while their request is on its way."""
    meddled = Meddled(stage, "create_subitem", lambda: delete_item(stage, items(stage)[record(orders[0])]["id"]))
    with a_run(stage, transport=meddled) as run:
        run.claim()
        run.groups()
        run.items()
        outcome = run.subitems()
        assert meddled.met
        assert outcome.waiting.keys() == {line["delta_uuid"] for line in orders[0].lines}
        assert outcome.rejected == {}
        again = run.subitems()
        assert run.commit().ready == [record(orders[1])]
        assert again.created == {}
        run.queue.release("run-1")
    with a_run(stage, "run-2") as run:
        run.all()
    check_synced(stage, orders)


def test_a_line_under_a_synced_orders_deleted_item_is_rejected(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    delete_item(stage, items(stage)[record(orders[0])]["id"])
    line = again(stage, orders[0].lines[0], qty=5)
    with a_run(stage, "run-2") as run:
        _, _, outcome, committed = run.all()
    assert {error.code for error in outcome.rejected.values()} == {Rule.ITEM_DELETED}
    assert outcome.rejected.keys() == {line["delta_uuid"]}
    assert committed.ready == []


def test_versions_of_a_line_share_its_subitem(stage: Stage, orders: list[SampleOrders]) -> None:
    again(stage, orders[0].lines[0], qty=7)
    with a_run(stage) as run:
        _, _, outcome, committed = run.all()
    assert (len(outcome.created), outcome.waiting) == (4, {})
    assert len(committed.ready) == 2
    check_synced(stage, orders)


def test_rows_that_another_run_has_taken_over_are_skipped(
    stage: Stage, orders: list[SampleOrders], caplog: pytest.LogCaptureFixture
) -> None:
    def take(run: Run, *, back: bool = False) -> None:
        rows = [(stage.site.tables.header_queue, orders[0].headers), (stage.site.tables.line_queue, orders[0].lines)]
        for table, of in rows:
            for row in of:
                stage.site.change(table, {"sync_run_id": run.run_id if back else "run-9"}, delta_uuid=row["delta_uuid"])
        run.boards._rows_renewed_at = float("-inf")  # the run has slept: only then can another one take its rows

    with a_run(stage) as run:
        run.claim()
        run.groups()
        wanted = run.wanted_items()
        take(run)
        outcome = run._step(board_work.BoardWork.write_items, wanted)
        assert outcome.created.keys() == {orders[1].headers[0]["delta_uuid"]}
        assert f"taken over 1 rows, first {orders[0].headers[1]['delta_uuid']}" in caplog.text
        take(run, back=True)
        run.items()
        wanted = run.wanted_subitems()
        take(run)
        subitems = run._step(board_work.BoardWork.write_subitems, wanted)
    assert subitems.created.keys() == {line["delta_uuid"] for line in orders[1].lines}
    assert all("values" not in row for row in wanted if row["record_uuid"] == record(orders[1]))


def test_lines_need_a_board_of_subitems_unless_they_go(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    again(stage, orders[0].lines[0], qty=5)
    with a_run(stage, "run-2") as run:
        run.claim()
        run.boards.sites[EMBEDDED_BOARD].subitems = None
        with pytest.raises(Fatal, match=f"Board {EMBEDDED_BOARD} has no subitem board. Add a subitem") as caught:
            run.subitems()
        assert caught.value.why == MondayFault.NO_SUBITEMS
        run.queue.release("run-2")
    again(stage, orders[1].lines[0], action_type=Action.DELETE)
    with a_run(stage, "run-3") as run:
        run.claim()
        run.boards.sites[EMBEDDED_BOARD].subitems = None
        wanted = [row for row in run.wanted_subitems() if row["action"] == Action.DELETE]
        outcome = run._step(board_work.BoardWork.write_subitems, wanted)
    assert len(outcome.cancelled) == 1


def test_a_subitem_deleted_before_its_change_is_made_again(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    line = again(stage, orders[0].lines[0], qty=98)
    first = stage.site.row(stage.site.tables.order_lines, line_uuid=line["line_uuid"])["monday_subitem_id"]
    meddled = Meddled(stage, "change_multiple_column_values", lambda: delete_item(stage, first))
    with a_run(stage, "run-2", transport=meddled) as run:
        _, _, outcome, committed = run.all()
    assert meddled.met
    assert outcome.created.keys() == {line["delta_uuid"]}
    assert (outcome.waiting, outcome.deleted, outcome.recreated) == ({}, {}, 1)
    assert committed.ready == [record(orders[0])]
    made = stage.site.row(stage.site.tables.order_lines, line_uuid=line["line_uuid"])["monday_subitem_id"]
    there = {int(sub["id"]): sub["columns"]["qty"] for sub in items(stage)[record(orders[0])]["subitems"]}
    assert there[made] == "98"
    assert first not in there


def test_a_subitem_without_a_parent_on_record_is_not_doubled(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    for table in (stage.site.tables.line_queue, stage.site.tables.order_lines):
        stage.site.change(table, {"parent_item_id": None})
    line = again(stage, orders[0].lines[0], qty=98)
    with a_run(stage, "run-2") as run:
        _, _, outcome, committed = run.all()
    assert outcome.changed.keys() == {line["delta_uuid"]}
    assert len(committed.ready) == 1


def test_an_unreadable_version_does_not_hide_a_lines_parent(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    line = again(stage, orders[0].lines[0], qty=98)
    odd = again(stage, orders[0].lines[0], minutes=20)
    stage.site.change(stage.site.tables.line_queue, {"qty": sa.text("'a dozen'")}, delta_uuid=odd["delta_uuid"])
    with a_run(stage, "run-2") as run:
        outcome = run.all()[2]
    assert outcome.changed.keys() == {line["delta_uuid"]}
    assert outcome.rejected.keys() == {odd["delta_uuid"]}


def test_a_planned_item_is_made_in_no_other_group(
    stage: Stage, orders: list[SampleOrders], monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_run(stage) as run:
        run.claim()
        run.groups()
        delete_group(stage)
        wanted = [row | {"planned": "as it is"} for row in run.wanted_items()]
        monkeypatch.setattr(board_work, "hold_to_plan", lambda decided: None)
        with pytest.raises(PlanChanged, match=f"its group '{TITLE}' was deleted from board {EMBEDDED_BOARD}"):
            run._step(board_work.BoardWork.write_items, wanted)
    assert items(stage) == {}


def test_a_group_for_cancelled_orders_must_be_made(
    stage: Stage, orders: list[SampleOrders], moving: ColumnMapping
) -> None:
    with a_run(stage, "run-2", mapping=moving) as run:
        run.claim()
        stage.faults(Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_group", aliases=(0,), failure="final"))
        with pytest.raises(Fatal, match=f"Board {EMBEDDED_BOARD} has no group 'Called off' for cancelled orders"):
            run.items()
    assert record(orders[0]) in items(stage)


def test_a_column_that_was_deleted_rejects_no_item(stage: Stage, orders: list[SampleOrders]) -> None:
    def delete() -> None:
        somebody(stage, f'delete_column(board_id: {EMBEDDED_BOARD}, column_id: "po_number")')

    numbered = make_order(number="A-7", minute=7, columns={"PO NUMBER": "P-1"})
    stage.site.add(numbered)
    with a_run(stage, transport=Meddled(stage, "create_item", delete)) as run:
        run.claim()
        run.groups()
        with pytest.raises(BoardRefused, match="po_number"):
            run.items()
    states = {row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)}
    assert State.ERROR not in states


def test_a_label_of_lines_is_spelled_as_on_board(stage: Stage, orders: list[SampleOrders]) -> None:
    """Where lines have labels, their board is read again before they are written."""
    mapping = load_mapping()
    columns = (*mapping.subitems.columns, ColumnMap(source="size_code", column="kind", type="status"))
    labelled = mapping.model_copy(update={"subitems": mapping.subitems.model_copy(update={"columns": columns})})
    with a_run(stage) as run:
        run.claim()
        run.groups()
        run.items()
        work = run.boards.holding(EMBEDDED_BOARD)
        with work as of:
            before = run.boards.sites[EMBEDDED_BOARD].subitems
            assert before is not None
            assert of._subitem_labels(before) == before.labels
            assert run.boards.sites[EMBEDDED_BOARD].subitems is before
            of._mapping = labelled
            of._subitem_labels(before)
            after = run.boards.sites[EMBEDDED_BOARD].subitems
            assert after is not None
            assert after is not before
            assert after.id == before.id


@pytest.fixture
def labelled(stage: Stage) -> ColumnMapping:
    """Subitems have a column with labels, which the sizes of the lines spell otherwise."""
    labels = json.dumps(json.dumps({"labels": {"1": "s0", "2": "s1", "3": "Called off"}}))
    column = f'title: "Kind", column_type: status, id: "kind", defaults: {labels}'
    somebody(stage, f"create_column(board_id: {subitem_board(stage)}, {column})")
    mapping = load_mapping()
    columns = (*mapping.subitems.columns, ColumnMap(source="size_code", column="kind", type="status"))
    cancel = Cancel(by="label", column="kind", label="CALLED OFF")
    subitems = mapping.subitems.model_copy(update={"columns": columns, "cancel": cancel})
    return mapping.model_copy(update={"subitems": subitems})


def kinds(stage: Stage, order: SampleOrders) -> dict[str, str | None]:
    return {sub["columns"]["line_uuid"]: sub["columns"]["kind"] for sub in items(stage)[record(order)]["subitems"]}


def test_labels_of_lines_are_sent_as_the_board_has_them(
    stage: Stage, orders: list[SampleOrders], labelled: ColumnMapping
) -> None:
    first, second = orders[0].lines
    with a_run(stage, mapping=labelled) as run:
        assert run.all()[2].rejected == {}
    assert kinds(stage, orders[0]) == {first["line_uuid"]: "s0", second["line_uuid"]: "s1"}
    again(stage, first, action_type=Action.DELETE)
    again(stage, second, size_code="S0", action_type=Action.UPDATE)
    gone = stage.site.row(stage.site.tables.order_lines, line_uuid=second["line_uuid"])["monday_subitem_id"]
    meddled = Meddled(stage, "change_multiple_column_values", lambda: None)  # the first one labels
    meddled.then("change_multiple_column_values", lambda: delete_item(stage, gone))
    with a_run(stage, "run-2", mapping=labelled, transport=meddled) as run:
        outcome = run.all()[2]
    assert meddled.met
    assert (len(outcome.cancelled), len(outcome.created), outcome.recreated) == (1, 1, 1)
    assert outcome.rejected == {}
    assert kinds(stage, orders[0]) == {first["line_uuid"]: "Called off", second["line_uuid"]: "s0"}


def test_labels_of_items_are_sent_as_the_board_has_them(stage: Stage) -> None:
    mapping = mapping_with(Cancel(by="label", column="order_type", label="cancelled"))
    good, bad = (make_order(number=of, columns={"ORDER TYPE": of}) for of in ("sample", "unheard of"))
    stage.site.add(good, bad)
    with a_run(stage, mapping=mapping) as run:
        outcome = run.all()[1]
    assert {key: error.code for key, error in outcome.rejected.items()} == {
        bad.headers[0]["delta_uuid"]: Rule.UNKNOWN_LABEL
    }
    assert items(stage)[record(good)]["columns"]["order_type"] == "SAMPLE"
    again(stage, good.headers[0], action_type=Action.DELETE)
    with a_run(stage, "run-2", mapping=mapping) as run:
        assert len(run.all()[1].cancelled) == 1
    assert items(stage)[record(good)]["columns"]["order_type"] == "CANCELLED"


@pytest.mark.parametrize("field", ["create_subitem", "change_multiple_column_values"])
def test_a_column_that_was_deleted_rejects_no_line(stage: Stage, orders: list[SampleOrders], field: str) -> None:
    if field != "create_subitem":
        with a_run(stage) as run:
            run.all()
        again(stage, orders[0].lines[0], qty=98)
    board = subitem_board(stage)
    with a_run(stage, "run-2", transport=Meddled(stage, field, lambda: delete_column(stage, "qty", board))) as run:
        run.claim()
        run.groups()
        run.items()
        with pytest.raises(BoardRefused, match=rf"Board {board} .* no longer fits the mapping: .*'qty'"):
            run.subitems()
    assert State.ERROR not in {row["sync_state"] for row in stage.site.rows(stage.site.tables.line_queue)}


def test_a_column_deleted_before_a_change_rejects_no_item(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    again(stage, orders[0].headers[-1], **{"TOTAL QTY": 99})
    meddled = Meddled(stage, "change_multiple_column_values", lambda: delete_column(stage, "total_qty"))
    with a_run(stage, "run-2", transport=meddled) as run:
        run.claim()
        run.groups()
        with pytest.raises(BoardRefused, match="total_qty"):
            run.items()
    assert State.ERROR not in {row["sync_state"] for row in stage.site.rows(stage.site.tables.header_queue)}


def test_a_column_may_go_before_a_subitem_is_remade(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    line = again(stage, orders[0].lines[0], qty=98, action_type=Action.UPDATE)
    gone = stage.site.row(stage.site.tables.order_lines, line_uuid=line["line_uuid"])["monday_subitem_id"]
    board = subitem_board(stage)
    meddled = Meddled(stage, "change_multiple_column_values", lambda: delete_item(stage, gone))
    meddled.then("create_subitem", lambda: delete_column(stage, "qty", board))
    with a_run(stage, "run-2", transport=meddled) as run:
        run.claim()
        run.groups()
        run.items()
        with pytest.raises(BoardRefused, match=rf"Board {board} .* no longer fits the mapping: .*'qty'"):
            run.subitems()
    assert meddled.met


def test_items_that_the_tables_have_lost_are_adopted(
    stage: Stage, orders: list[SampleOrders], caplog: pytest.LogCaptureFixture
) -> None:
    with a_run(stage) as run:
        run.claim()
        run.groups()
        run.items()
    older, newest = orders[0].headers
    assert (outcomes(stage, newest), outcomes(stage, older)) == (["created"], ["adopted"])
    with stage.site.database.write() as connection:
        connection.execute(sa.delete(stage.site.tables.items))
    stage.site.change(stage.site.tables.header_queue, {"monday_item_id": None})
    with a_run(stage, "run-2") as run:
        run.queue.release("run-1")
        _, outcome, _, committed = run.all()
    assert (outcome.adopted, outcome.created, outcome.changed) == (2, {}, {})
    assert len(committed.ready) == 2
    for order in orders:
        assert f"was already on the board: adopted for order {record(order)}" in caplog.text
    for row in (older, newest):
        assert outcomes(stage, row)[1:].count("adopted") == 1
    check_synced(stage, orders)


def test_an_item_with_another_orders_key_is_not_adopted(
    stage: Stage, orders: list[SampleOrders], caplog: pytest.LogCaptureFixture
) -> None:
    with a_run(stage) as run:
        run.all()
    item, late = items(stage)[record(orders[0])]["id"], make_order(number="A-9", minute=9)
    stage.site.add(late)
    values = json.dumps(json.dumps({"record_uuid": record(late)}))
    change = f"item_id: {item}, board_id: {EMBEDDED_BOARD}, column_values: {values}"
    somebody(stage, f"change_multiple_column_values({change})")
    with a_run(stage, "run-2") as run:
        outcome = run.all()[1]
    assert outcome.created.keys() == {late.headers[0]["delta_uuid"]}
    assert outcome.adopted == 0
    assert outcome.created[late.headers[0]["delta_uuid"]] != item
    assert f"item {item} of order {record(orders[0])} has the record_uuid of order {record(late)}" in caplog.text


def test_groups_are_read_and_made_only_once(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.claim()
        run.groups()
        groups = run.boards.sites[EMBEDDED_BOARD].groups
        assert groups is not None
        assert groups[text_key(TITLE)] == Group(id=titles(stage)[TITLE], title=TITLE)
        before = len(stage.emulator.requests())
        assert run.groups().created == {}
        assert len(stage.emulator.requests()) == before


def test_all_that_is_rejected_is_in_the_outcome(stage: Stage, orders: list[SampleOrders]) -> None:
    """By monday, for want of a group, or by a rule."""
    elm = make_order(number="A-3", customer="Elm", minute=3)
    odd = make_order(number="A-4", minute=4, columns={"ORDER TYPE": "unheard of"})
    stage.site.add(elm, odd)
    with a_run(stage) as run:
        run.claim()
        run.groups()
        delete_group(stage, "Elm")
        stage.faults(
            Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_group", aliases=(0,), failure="final"),
            Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_item", aliases=(0,), failure="final"),
        )
        outcome = run.items()
    assert len(outcome.created) == 1
    left = {order.headers[-1]["delta_uuid"] for order in (*orders, elm, odd)} - outcome.created.keys()
    assert outcome.rejected.keys() == left
    rules = {key: error.code for key, error in outcome.rejected.items()}
    assert rules[elm.headers[0]["delta_uuid"]] == Rule.NO_GROUP
    assert rules[odd.headers[0]["delta_uuid"]] == Rule.UNKNOWN_LABEL


def test_all_that_waits_for_groups_is_in_the_outcome(stage: Stage, orders: list[SampleOrders]) -> None:
    """Groups that are missed before the items are sent, or once monday refuses these: one of them is late each time."""
    elm, fir = (make_order(number=of, customer=of, minute=n) for n, of in enumerate(["Elm", "Fir"], 3))
    stage.site.add(elm, fir)

    def there() -> set[str]:
        return {TITLE, "Elm", "Fir"} & {of["title"] for of in stage.board()["groups"] if of["state"] == "active"}

    def delete_all() -> None:
        for title in there():
            delete_group(stage, title)

    with a_run(stage, transport=Meddled(stage, "create_item", delete_all)) as run:
        run.claim()
        run.groups()
        delete_group(stage, "Elm")
        delete_group(stage, "Fir")
        stage.faults(
            Fault(
                kind=FaultKind.PARTIAL_BATCH, operation="create_group", aliases=(0,), failure="retryable", times=1_000
            )
        )
        outcome = run.items()
    of_groups = {TITLE: orders, "Elm": [elm], "Fir": [fir]}
    keys = {title: {order.headers[-1]["delta_uuid"] for order in of} for title, of in of_groups.items()}
    [made] = there()
    assert outcome.created.keys() == keys.pop(made)
    assert outcome.waiting.keys() == set().union(*keys.values())
    assert outcome.rejected == {}


def test_mass_cancels_are_measured_by_the_board(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.all()
    for order in orders:
        again(stage, order.headers[-1], action_type=Action.DELETE)
    with a_run(stage, "run-2", mapping=mapping_with(Cancel(most=1, most_share=1))) as run:
        outcome = run.all()[1]
    assert (len(outcome.cancelled), outcome.waiting) == (2, {})


def test_an_unknown_number_of_items_allows_no_share(
    stage: Stage, orders: list[SampleOrders], monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_run(stage) as run:
        run.all()
    row = again(stage, orders[0].headers[-1], action_type=Action.DELETE)

    def without_count(reader: MondayClient, ids: Sequence[int]) -> list[Board]:
        return [replace(board, items_count=None) for board in read_again(reader, ids)]

    monkeypatch.setattr(board_work, "read_again", without_count)
    with a_run(stage, "run-2", mapping=mapping_with(Cancel(most=0, most_share=1))) as run:
        outcome = run.all()[1]
    assert outcome.waiting.keys() == {row["delta_uuid"]}
    assert outcome.cancelled == {}


def test_lines_of_a_deleted_item_wait_unsent(stage: Stage, orders: list[SampleOrders]) -> None:
    with a_run(stage) as run:
        run.claim()
        run.groups()
        run.items()
        run.subitems()
        item = items(stage)[record(orders[0])]["id"]
        delete_item(stage, item)
        outcome = run.subitems()
    assert outcome.rejected == {}
    assert outcome.waiting == {line["delta_uuid"]: AWAITED.format(item) for line in orders[0].lines}


def test_an_older_line_waits_for_its_rejected_version(
    stage: Stage, orders: list[SampleOrders], labelled: ColumnMapping
) -> None:
    with a_run(stage, mapping=labelled) as run:
        run.all()
    older = again(stage, orders[0].lines[0], qty=7)
    newest = again(stage, orders[0].lines[0], minutes=20, size_code="unheard of")
    stage.site.add(late := make_order(number="A-9", minute=9))
    unchanged = again(stage, orders[1].lines[0])
    refused = Fault(kind=FaultKind.PARTIAL_BATCH, operation="create_subitem", aliases=(0,), failure="final", nth=1)
    stage.faults(refused)
    with a_run(stage, "run-2", mapping=labelled) as run:
        outcome = run.all()[2]
    assert newest["delta_uuid"] in outcome.rejected  # by a rule, and one of the late lines by monday
    assert len(outcome.rejected) == 2
    new = {key for key in (*outcome.rejected, *outcome.created) if key != newest["delta_uuid"]}
    assert new == {line["delta_uuid"] for line in late.lines}
    assert outcome.waiting == {older["delta_uuid"]: OLDER_VERSION}
    assert outcomes(stage, unchanged) == ["adopted"]


def test_a_subitem_deleted_before_its_cancel_is_done_with(stage: Stage, orders: list[SampleOrders]) -> None:
    """With its board or, where only cancels are left, without."""
    with a_run(stage) as run:
        run.all()
    for n, line in enumerate(orders[0].lines):
        cancel = again(stage, line, action_type=Action.DELETE)
        gone = stage.site.row(stage.site.tables.order_lines, line_uuid=line["line_uuid"])["monday_subitem_id"]
        meddled = Meddled(stage, "archive_item", lambda gone=gone: delete_item(stage, gone))  # type: ignore[misc]
        with a_run(stage, f"run-{n + 2}", transport=meddled) as run:
            run.claim()
            if n:
                run.boards.sites[EMBEDDED_BOARD].subitems = None
            outcome = run.subitems()
            assert run.commit().ready == [record(orders[0])]
        assert meddled.met
        assert (outcome.waiting, outcome.deleted, outcome.rejected, outcome.cancelled) == ({}, {}, {}, {})
        assert (
            stage.site.row(stage.site.tables.line_queue, delta_uuid=cancel["delta_uuid"])["sync_state"] == State.SYNCED
        )
