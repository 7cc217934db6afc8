"""What people and other tools do on the board, before a run and in the middle of it: handled and reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa

from order_sync.cli import launch
from order_sync.cli.launch import Summary
from order_sync.database.journal import Journal
from order_sync.demo.samples import SampleOrders
from order_sync.monday import operations
from order_sync.monday.client import MondayClient
from order_sync.monday.transport import Reply
from order_sync.orders.errors import OrderSyncError
from order_sync_tests.contract.site import make_order, new_uuid, together
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_recovery import assert_all_there


def monday(stage: Stage, query: str, *, who: str = "somebody", **variables: Any) -> dict[str, Any]:
    """Somebody else at the board."""
    answer = httpx.post(
        stage.emulator.url, json={"query": query, "variables": variables}, headers={"Authorization": who}
    ).json()
    assert "errors" not in answer, answer
    return dict(answer["data"])


def delete_item(stage: Stage, item: object) -> None:
    monday(stage, "mutation ($item: ID) { delete_item(item_id: $item) { id } }", item=str(item))


def delete_group(stage: Stage, group: str) -> None:
    text = "mutation ($board: ID!, $group: String!) { delete_group(board_id: $board, group_id: $group) { id } }"
    monday(stage, text, board=str(stage.settings.board_id), group=group)


def add_group(stage: Stage, title: str) -> None:
    text = "mutation ($board: ID!, $name: String!) { create_group(board_id: $board, group_name: $name) { id } }"
    monday(stage, text, board=str(stage.settings.board_id), name=title)


def rename_group(stage: Stage, group: str, title: str) -> None:
    text = (
        "mutation ($board: ID!, $group: String!, $title: String!) { update_group("
        "board_id: $board, group_id: $group, group_attribute: title, new_value: $title) { id } }"
    )
    monday(stage, text, board=str(stage.settings.board_id), group=group, title=title)


def add_item(stage: Stage, name: str, *, who: str = "somebody", **columns: str) -> str:
    text = (
        "mutation ($board: ID!, $name: String!, $values: JSON) "
        "{ create_item(board_id: $board, item_name: $name, column_values: $values) { id } }"
    )
    variables = {"board": str(stage.settings.board_id), "name": name, "values": json.dumps(columns)}
    return str(monday(stage, text, who=who, **variables)["create_item"]["id"])


def add_subitem(stage: Stage, parent: str, name: str, **columns: str) -> str:
    text = (
        "mutation ($parent: ID!, $name: String!, $values: JSON) "
        "{ create_subitem(parent_item_id: $parent, item_name: $name, column_values: $values) { id } }"
    )
    return str(monday(stage, text, parent=parent, name=name, values=json.dumps(columns))["create_subitem"]["id"])


@contextmanager
def before_mutation(operation: str, nth: int, act: Callable[[], None]) -> Iterator[None]:
    """Somebody acts just before the n-th mutation of this kind leaves."""
    mutate, seen = MondayClient.mutate, 0

    def call(self: MondayClient, body: str, **more: Any) -> Reply:
        nonlocal seen
        seen += more["operation"] == operation
        if seen == nth and more["operation"] == operation:
            act()
        return mutate(self, body, **more)

    with mock.patch.object(MondayClient, "mutate", call):
        yield


GROUP = "Elm & Ash SS27"


def add(stage: Stage, count: int, *, headers: int = 1) -> SampleOrders:
    """Orders of one group, with three lines each."""
    orders = [
        make_order(number=f"A-{n}", headers=headers, lines=3, minute=n, columns={"GroupMonday": GROUP})
        for n in range(count)
    ]
    for order in orders:
        stage.add(order)
    return together(orders)


def items(stage: Stage) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in stage.board()["items"]}


def group_of(stage: Stage, title: str) -> str:
    return next(
        str(group["id"]) for group in stage.board()["groups"] if group["title"] == title and group["state"] == "active"
    )


# ---- groups ---------------------------------------------------------------------------------------------


def test_a_group_that_was_renamed_is_the_same_group(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    add(stage, 3)
    stage.sync()
    group = group_of(stage, GROUP)
    rename_group(stage, group, "Elm, all seasons")
    add(stage, 2)
    stage.sync()
    assert {item["group_id"] for item in stage.board()["items"]} == {group}
    assert "group 'Elm & Ash SS27' was renamed to 'Elm, all seasons' on the board" in caplog.text


TWO_GROUPS = ("Caf\u00e9 SS27", "Cafe\u0301  ss27", "ACME SS27", "Acme SS27 ", " acme ss27", "Cafe\u0301 SS27")


def titles_of(stage: Stage) -> list[str]:
    return sorted(group["title"] for group in stage.board()["groups"] if group["state"] == "active")


@pytest.mark.parametrize("there", [(), ("CAFE\u0301 SS27", "aCME SS27"), ("Acme SS27", "ACME ss27")])
def test_titles_that_read_the_same_are_one_group(stage: Stage, there: tuple[str, ...]) -> None:
    """Among the orders of a run, and with what is on the board: of several there the first, which was added last."""
    before = titles_of(stage)
    for title in there:
        add_group(stage, title)
    for minute, title in enumerate(TWO_GROUPS):
        stage.add(make_order(number=f"A-{minute}", lines=1, minute=minute, columns={"GroupMonday": title}))
    cafe = next((title for title in there if title.startswith("CAFE")), TWO_GROUPS[0])
    acme = there[-1] if there else TWO_GROUPS[2]
    wanted = {title: cafe if "af" in title else acme for title in TWO_GROUPS}
    plan = launch.plan(stage.settings)
    assert sorted((group.title, group.items) for group in plan.groups) == sorted([(cafe, 3), (acme, 3)])
    assert {row.group for row in plan.of("header")} == {cafe, acme}
    summary = stage.sync()
    assert summary.complete
    assert plan.total["groups"] == summary.groups_created
    assert titles_of(stage) == sorted({*before, *there, cafe, acme})
    ids = {group["id"]: group["title"] for group in stage.board()["groups"]}
    headers = stage.inserts(stage.tables.header_queue)
    assert {row["GroupMonday"]: ids[row["monday_group_id"]] for row in headers} == wanted
    by_key = {item["columns"]["record_uuid"]: ids[item["group_id"]] for item in stage.board()["items"]}
    assert by_key == {row["record_uuid"]: wanted[row["GroupMonday"]] for row in headers}


def test_a_renamed_group_matches_in_another_spelling(stage: Stage) -> None:
    add(stage, 1)
    stage.sync()
    group = group_of(stage, GROUP)
    rename_group(stage, group, "Elm, all seasons")
    stage.add(make_order(number="A-9", minute=9, columns={"GroupMonday": f" {GROUP.upper()}"}))
    assert [planned.group_id for planned in launch.plan(stage.settings).groups] == [group]
    assert stage.sync().groups_created == 0
    assert {item["group_id"] for item in stage.board()["items"]} == {group}


def test_a_deleted_group_is_recreated_once_for_all_spellings(stage: Stage) -> None:
    for minute, title in enumerate(("Elm SS27", "ELM SS27 ")):
        stage.add(make_order(number=f"A-{minute}", minute=minute, columns={"GroupMonday": title}))
    with before_mutation("create_item", 1, lambda: delete_group(stage, group_of(stage, "Elm SS27"))):
        assert stage.sync().complete
    assert titles_of(stage).count("Elm SS27") == 1
    assert "ELM SS27" not in titles_of(stage)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_group_deleted_during_its_items_is_recreated(
    stage: Stage, nth: int, caplog: pytest.LogCaptureFixture
) -> None:
    add(stage, 30)

    def act() -> None:
        delete_group(stage, group_of(stage, GROUP))

    with before_mutation("create_item", nth, act):
        stage.sync()
    assert "group 'Elm & Ash SS27' is missing on board" in caplog.text
    again(stage)
    assert {item["group_id"] for item in stage.board()["items"]} == {group_of(stage, GROUP)}


def again(stage: Stage, runs: int = 3) -> Summary:
    """Runs until everything is SYNCED, as the sensor would; the last one creates nothing."""
    for _ in range(runs):
        summary = stage.sync()
        if not summary.headers_claimed and not summary.lines_claimed:
            break
    assert_all_there(stage)
    return summary


# ---- items ----------------------------------------------------------------------------------------------


def first_item(stage: Stage) -> dict[str, Any]:
    return min(items(stage).values(), key=lambda item: int(item["id"]))


@pytest.mark.parametrize("nth", [1, 2])
def test_an_item_deleted_during_its_subitems_is_recreated(
    stage: Stage, nth: int, caplog: pytest.LogCaptureFixture
) -> None:
    add(stage, 8)
    deleted: list[dict[str, Any]] = []

    def act() -> None:
        # The one whose subitems come next: some may be there already.
        unfinished = [item for item in items(stage).values() if len(item["subitems"]) < 2]
        deleted.append(min(unfinished or items(stage).values(), key=lambda item: int(item["id"])))
        delete_item(stage, deleted[0]["id"])

    with before_mutation("create_subitem", nth, act):
        stage.sync()
    summary = stage.sync()
    assert "was deleted on the board" in caplog.text
    assert summary.headers_claimed >= 1
    assert deleted[0]["id"] not in items(stage)
    again(stage)


def test_an_item_deleted_after_a_crash_is_recreated(stage: Stage) -> None:
    add(stage, 8)

    def die() -> None:
        raise OrderSyncError("the run dies here")

    with pytest.raises(OrderSyncError), before_mutation("create_subitem", 2, die):
        stage.sync()
    half_done = [item["id"] for item in items(stage).values() if item["subitems"]]
    bare = [item["id"] for item in items(stage).values() if not item["subitems"]]
    assert half_done
    assert bare
    delete_item(stage, half_done[0])
    delete_item(stage, bare[0])
    stage.sync()
    again(stage)


def test_a_group_deleted_after_a_crash_is_recreated_with_items(stage: Stage) -> None:
    add(stage, 8)

    def die() -> None:
        raise OrderSyncError("the run dies here")

    with pytest.raises(OrderSyncError), before_mutation("create_subitem", 2, die):
        stage.sync()
    delete_group(stage, group_of(stage, GROUP))
    assert items(stage) == {}
    stage.sync()
    again(stage)


def test_a_late_line_reports_that_its_item_was_deleted(stage: Stage) -> None:
    sample = add(stage, 1)
    stage.sync()
    item = first_item(stage)
    delete_item(stage, item["id"])
    late = sample.lines[0] | {"delta_uuid": new_uuid(), "line_uuid": new_uuid(), "size_code": "XXL"}
    main = {name: late[name] for name in ("line_uuid", "record_uuid", "size_code", "qty")}
    stage.add(SampleOrders(headers=[], lines=[late], orders=[], order_lines=[main]))
    summary = stage.sync()
    [rejected] = summary.rejected
    assert f"its item {item['id']} was deleted on the board after the order was synced" in rejected["reason"]


def test_a_line_queued_again_whose_item_was_deleted_says_so(stage: Stage) -> None:
    sample = add(stage, 1)
    stage.sync()
    delete_item(stage, first_item(stage)["id"])
    again = sample.lines[0] | {"delta_uuid": new_uuid()}
    stage.add(SampleOrders(headers=[], lines=[again], orders=[], order_lines=[]))
    [rejected] = stage.sync().rejected
    assert "was deleted on the board after the order was synced" in rejected["reason"]
    assert stage.sync().lines_claimed == 0


def test_an_item_missing_from_one_answer_is_not_deleted(stage: Stage) -> None:
    add(stage, 4)

    def die() -> None:
        raise OrderSyncError("the run dies here")

    with pytest.raises(OrderSyncError), before_mutation("create_subitem", 1, die):
        stage.sync()
    query = MondayClient.query
    hidden: list[Any] = []

    def leaving_out(self: MondayClient, text: str, variables: Any = None) -> dict[str, Any]:
        answer = query(self, text, variables)
        if text == operations.ITEM_TEXTS and not hidden:
            hidden.append(answer["items"].pop())
        return answer

    with mock.patch.object(MondayClient, "query", leaving_out):
        stage.sync()
    assert hidden
    assert_all_there(stage)


# ---- subitems -------------------------------------------------------------------------------------------


def dies_at_subitems(stage: Stage, nth: int) -> None:
    """A run that dies before the n-th request for subitems."""

    def die() -> None:
        raise OrderSyncError("the run dies here")

    with pytest.raises(OrderSyncError), before_mutation("create_subitem", nth, die):
        stage.sync()


def remove(stage: Stage, item: object, how: str = "delete_item") -> None:
    monday(stage, f"mutation ($item: ID) {{ {how}(item_id: $item) {{ id }} }}", item=str(item))


def recreated(stage: Stage, step: str = "monday_subitems") -> int:
    """How many rows the latest run has recreated, by the metadata of the step."""
    with stage.instance() as instance:
        latest = instance.get_latest_materialization_event(dg.AssetKey(step))
    assert latest is not None
    assert latest.asset_materialization is not None
    return int(str(latest.asset_materialization.metadata["recreated"].value))


@pytest.mark.parametrize("how", ["delete_item", "archive_item"])
def test_a_subitem_removed_before_its_order_is_synced_is_recreated(
    stage: Stage, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    add(stage, 8)
    dies_at_subitems(stage, 2)
    lost = [subitem for item in items(stage).values() for subitem in item["subitems"]][:2]
    for subitem in lost:
        remove(stage, subitem["id"], how)
    stage.sync()
    assert_all_there(stage)
    assert recreated(stage) == 2
    for subitem in lost:
        [line] = stage.rows(
            stage.tables.line_queue, stage.tables.line_queue.c.line_uuid == subitem["columns"]["line_uuid"]
        )
        assert f"subitem {subitem['id']} of order {line['record_uuid']}" in caplog.text
        assert str(line["monday_subitem_id"]) not in {found["id"] for found in lost}
    log = stage.tables.log
    message = stage.rows(log, log.c.outcome == "deleted")
    assert sorted(str(row["monday_id"]) for row in message) == sorted(subitem["id"] for subitem in lost)


def test_a_subitem_removed_while_another_line_is_rejected_is_recreated(stage: Stage) -> None:
    sample = add(stage, 1)
    lines = stage.tables.line_queue
    spoiled = sample.lines[0]["delta_uuid"]
    stage.execute(sa.update(lines).where(lines.c.delta_uuid == spoiled).values(size_code=""))
    assert stage.sync().rejected
    [item] = items(stage).values()
    remove(stage, item["subitems"][0]["id"])
    stage.execute(sa.update(lines).where(lines.c.delta_uuid == spoiled).values(size_code="S"))
    stage.retry()
    stage.sync()
    assert_all_there(stage)
    assert recreated(stage) == 1


def test_a_line_queued_again_whose_subitem_was_deleted_is_recreated(stage: Stage) -> None:
    sample = add(stage, 1)
    stage.sync()
    lines = stage.tables.line_queue
    [line] = stage.rows(lines, lines.c.delta_uuid == sample.lines[0]["delta_uuid"])
    remove(stage, line["monday_subitem_id"])
    again = sample.lines[0] | {"delta_uuid": new_uuid()}
    stage.add(SampleOrders(headers=[], lines=[again], orders=[], order_lines=[]))
    stage.sync()
    assert recreated(stage) == 1
    [row] = stage.rows(lines, lines.c.delta_uuid == again["delta_uuid"])
    assert row["sync_state"] == "SYNCED"
    main = stage.tables.order_lines
    [known] = stage.rows(main, main.c.line_uuid == line["line_uuid"])
    shown = {subitem["id"] for item in items(stage).values() for subitem in item["subitems"]}
    assert str(row["monday_subitem_id"]) in shown
    assert known["monday_subitem_id"] == row["monday_subitem_id"]


@pytest.mark.parametrize("how", ["archive_item", "delete_item"])
def test_an_item_removed_after_a_crash_returns_with_subitems(stage: Stage, how: str) -> None:
    add(stage, 4)
    dies_at_subitems(stage, 2)
    remove(stage, next(item["id"] for item in items(stage).values() if item["subitems"]), how)
    stage.sync()
    assert_all_there(stage)
    assert recreated(stage, "monday_items") == 1


def test_a_group_archived_after_a_crash_is_recreated_with_items(stage: Stage) -> None:
    add(stage, 4)
    dies_at_subitems(stage, 2)
    text = "mutation ($board: ID!, $group: String!) { archive_group(board_id: $board, group_id: $group) { id } }"
    monday(stage, text, board=str(stage.settings.board_id), group=group_of(stage, GROUP))
    stage.sync()
    assert_all_there(stage)
    assert recreated(stage, "monday_items") == 4


def test_a_subitem_missing_from_one_answer_is_not_deleted(stage: Stage) -> None:
    add(stage, 4)
    dies_at_subitems(stage, 2)
    query = MondayClient.query
    hidden: list[Any] = []

    def leaving_out(self: MondayClient, text: str, variables: Any = None) -> dict[str, Any]:
        answer = query(self, text, variables)
        if text == operations.SUBITEMS and not hidden:
            hidden.append(next(item for item in answer["items"] if item["subitems"])["subitems"].pop())
        return answer

    with mock.patch.object(MondayClient, "query", leaving_out):
        stage.sync()
    assert hidden
    assert_all_there(stage)
    assert recreated(stage) == 0


# ---- rows that are there already --------------------------------------------------------------------------


def test_items_of_another_tool_are_adopted_by_their_record_uuid(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    sample = add(stage, 6)
    record = sample.headers[2]["record_uuid"]
    theirs = add_item(stage, "typed by hand", record_uuid=record.upper(), customer="as they wrote it")
    line = next(row for row in sample.lines if row["record_uuid"] == record)
    subitem = add_subitem(stage, theirs, "their size", line_uuid=line["line_uuid"])
    add_item(stage, "nothing to do with us")
    add_item(stage, "of no order", record_uuid="11111111-2222-3333-4444-555555555555")
    stage.sync()
    assert f"item {theirs} was already on the board: adopted for order {record}" in caplog.text
    there = items(stage)
    # Values are the order system's; a name belongs to the first writer.
    assert (there[theirs]["name"], there[theirs]["columns"]["customer"]) == ("typed by hand", "Weber & Co")
    records = [item["columns"].get("record_uuid", "").lower() for item in there.values()]
    assert records.count(record) == 1
    lines = [row for row in sample.lines if row["record_uuid"] == record]
    assert len(there[theirs]["subitems"]) == len(lines)
    [row] = stage.rows(stage.tables.line_queue, stage.tables.line_queue.c.delta_uuid == line["delta_uuid"])
    assert (row["monday_subitem_id"], row["parent_item_id"], row["sync_state"]) == (int(subitem), int(theirs), "SYNCED")
    assert stage.unsynced() == 0


def test_all_headers_of_an_order_adopt_its_oldest_item(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    sample = add(stage, 1, headers=2)
    record = sample.headers[0]["record_uuid"]
    theirs = add_item(stage, "theirs", record_uuid=record)
    another = add_item(stage, "one too many", record_uuid=record)
    stage.sync()
    queued = stage.rows(stage.tables.header_queue, stage.tables.header_queue.c.record_uuid == record)
    assert [str(row["monday_item_id"]) for row in queued] == [theirs, theirs]
    assert f"item {another} also has the record_uuid of order {record}" in caplog.text
    assert items(stage).keys() == {theirs, another}


def test_text_typed_into_a_subitems_key_column_is_ignored(stage: Stage) -> None:
    sample = add(stage, 1)
    theirs = add_item(stage, "theirs", record_uuid=sample.headers[0]["record_uuid"])
    add_subitem(stage, theirs, "a note", line_uuid="sample line, do not delete")
    stage.sync()
    assert stage.unsynced() == 0
    assert len(items(stage)[theirs]["subitems"]) == 1 + 3


def test_an_empty_board_is_not_asked(stage: Stage) -> None:
    add(stage, 3)
    stage.sync()
    texts = [request["operations"] for request in stage.emulator.requests() if request["kind"] == "query"]
    assert len(texts) <= 12


def test_a_run_that_dies_while_adopting_is_continued(stage: Stage) -> None:
    sample = add(stage, 4)
    record = sample.headers[1]["record_uuid"]
    theirs = add_item(stage, "theirs", record_uuid=record)

    add_subitem(stage, theirs, "theirs", line_uuid=sample.lines[-1]["line_uuid"])

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    # Its lines have their subitems, and the header has no item yet.
    with pytest.raises(OrderSyncError), mock.patch.object(Journal, "adopt", die):
        stage.sync()
    stage.sync()
    [row] = stage.rows(stage.tables.header_queue, stage.tables.header_queue.c.record_uuid == record)
    assert str(row["monday_item_id"]) == theirs
    assert stage.unsynced() == 0
    assert len(items(stage)) == 4
