"""`order-sync board adopt`: a board that a script filled gets keys, and the first sync doubles and loses nothing."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.cli import adopt
from order_sync.database.entries import Operation
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER, item_name
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import new_uuid
from order_sync_tests.graph.stage import Row, Stage
from order_sync_tests.graph.test_changes import add_item, add_subitem, delete_item
from order_sync_tests.graph.test_identity import once_on_the_board
from order_sync_tests.waiting import until

ADOPT = ("board", "adopt", "--match", "order_number", "--match", "customer")


def scripted(stage: Stage, sample: SampleOrders, *, leave_out: int = 0) -> dict[str, str]:
    """A script made an item of each order, with names and a spelling of its own; returns the items by record_uuid."""
    made = {}
    for order in sample.orders[: len(sample.orders) - leave_out]:
        values = {"order_number": f"  {order[ORDER_NUMBER]} ", "customer": order[CUSTOMER]}
        item = made[order["record_uuid"]] = add_item(stage, f"Job {order[ORDER_NUMBER]}", **values)
        for line in sample.order_lines:
            if line["record_uuid"] == order["record_uuid"]:
                add_subitem(stage, item, f"size {line['size_code']}", size=line["size_code"])
    return made


def keys(stage: Stage) -> dict[str, str]:
    """The key of each item, by its id."""
    return {item["id"]: item["columns"].get("record_uuid", "") for item in stage.board()["items"]}


def line_keys(stage: Stage) -> list[str]:
    return [sub["columns"].get("line_uuid", "") for item in stage.board()["items"] for sub in item["subitems"]]


def set_number(stage: Stage, order: Row, number: str) -> None:
    for table in (stage.tables.orders, stage.tables.header_queue):
        where = table.c.record_uuid == order["record_uuid"]
        stage.execute(sa.update(table).where(where).values({ORDER_NUMBER: number}))


def test_a_scripted_board_is_adopted_and_then_synced(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(5)
    made = scripted(stage, sample, leave_out=1)
    stranger = add_item(stage, "Stock take")
    before, board = stage.dump(), stage.emulator.checksum()
    plan = order_sync(*ADOPT)
    assert (plan.exit_code, stage.dump() == before, stage.emulator.checksum() == board) == (0, True, True), plan.output
    assert "4 items and" in plan.stdout
    assert "Nothing fits 1 order and 0 lines" in plan.stdout
    assert "1 item without a key is nobody's" in plan.stdout
    for record_uuid, item in made.items():
        assert record_uuid in plan.stdout
        assert item in plan.stdout
    written = order_sync(*ADOPT, "--write")
    assert (written.exit_code, "Keys written: 4 items" in written.stdout) == (0, True), written.output
    assert keys(stage) == {item: key for key, item in made.items()} | {stranger: ""}
    assert sorted(line_keys(stage)) == sorted(
        line["line_uuid"] for line in sample.order_lines if line["record_uuid"] in made
    )
    again = order_sync(*ADOPT, "--write")
    assert (again.exit_code, "4 orders already have their item" in again.stdout) == (0, True), again.output
    assert "0 items and 0 subitems can be adopted" in again.stdout
    summary = stage.sync()
    assert (summary.complete, summary.items_created) == (True, 1)
    delete_item(stage, stranger)
    assert once_on_the_board(stage, 5)
    assert order_sync("reconcile").exit_code == 0


def test_what_fits_twice_is_listed_and_never_adopted(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(5)
    two_items, shared, sharing, plain, foreign = sample.orders
    for order in (shared, sharing):
        set_number(stage, order, "SAME")
        customer = {CUSTOMER: shared[CUSTOMER]}
        for table in (stage.tables.orders, stage.tables.header_queue):
            stage.execute(sa.update(table).where(table.c.record_uuid == order["record_uuid"]).values(customer))
    made = scripted(stage, sample)
    copy = add_item(stage, "copy", order_number=two_items[ORDER_NUMBER], customer=two_items[CUSTOMER])
    stage.emulator.person.edit(made[shared["record_uuid"]], "order_number", "SAME")
    stage.emulator.person.edit(made[shared["record_uuid"]], "customer", shared[CUSTOMER])
    other = new_uuid()
    stage.emulator.person.edit(made[foreign["record_uuid"]], "record_uuid", other)
    for only in ((), ("--customer", shared[CUSTOMER])):  # an order outside the scope counts, too
        result = order_sync(*ADOPT, *only)
        assert result.exit_code == 1, result.output
        assert "2 orders and 1 item have these values" in result.stdout
    result = order_sync(*ADOPT, "--write")
    assert result.exit_code == 1
    assert "1 order and 2 items have these values" in result.stdout
    assert copy in result.stdout
    assert f"the item belongs to order {other}" in result.stdout
    found = keys(stage)
    assert found.pop(made[plain["record_uuid"]]) == plain["record_uuid"]
    assert found.pop(made[foreign["record_uuid"]]) == other
    assert set(found.values()) == {""}


def test_two_subitems_of_one_size_are_unclear(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(1)
    [item] = scripted(stage, sample).values()
    twice, *others = sample.order_lines
    add_subitem(stage, item, "again", size=twice["size_code"])
    result = order_sync(*ADOPT, "--write")
    assert (result.exit_code, "1 line and 2 subitems have these values" in result.stdout) == (1, True), result.output
    assert f"order {sample.orders[0]['record_uuid']}, {twice['line_uuid']}; on the board" in result.stdout
    assert {key for key in line_keys(stage) if key} == {line["line_uuid"] for line in others}


def test_numbers_dates_and_names_match_by_value(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(2)
    number, named = sample.orders
    values = {"total_qty": f"{number['TOTAL QTY']}.0", "eta": f"{number['ETA CUSTOMER WAREHOUSE DATE']:%Y-%m-%d}"}
    first = add_item(stage, "by numbers", customer=number[CUSTOMER], **values)
    order_sync("board", "adopt", "--match", "total_qty", "--match", "eta", "--match", "customer", "--write")
    assert keys(stage) == {first: number["record_uuid"]}
    second = add_item(stage, f" {item_name(named)} ")
    order_sync("board", "adopt", "--match", "name", "--write")
    assert keys(stage) == {first: number["record_uuid"], second: named["record_uuid"]}


def test_the_plan_is_written_as_a_table_or_json(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(3)
    made = scripted(stage, sample, leave_out=1)
    stage.emulator.person.rename(next(iter(made.values())), "=cmd()")
    result = order_sync(*ADOPT, "--out", "plan.csv")
    assert "Written: plan.csv" in result.stdout
    with (stage.folder / "plan.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    of_items = {row["record_uuid"]: row for row in rows if row["what"] == "adopt item"}
    assert {key: row["monday_id"] for key, row in of_items.items()} == made
    assert next(iter(of_items.values()))["name"] == "'=cmd()"
    assert sum(row["what"] == "nothing fits" for row in rows) == 1
    plan = json.loads(order_sync(*ADOPT, "--json").stdout)
    assert (plan["items"], plan["written"]["items"]) == (2, 0)
    assert {of["record_uuid"]: str(of["item_id"]) for of in plan["adopted"]} == made


def test_only_orders_that_wait_or_of_a_customer(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(4)
    made = scripted(stage, sample)
    first = sample.orders[0]
    header = stage.tables.header_queue
    stage.execute(sa.delete(header).where(header.c.record_uuid != first["record_uuid"]))
    waiting = json.loads(order_sync(*ADOPT, "--waiting", "--json").stdout)
    assert [of["record_uuid"] for of in waiting["adopted"]] == [first["record_uuid"]]
    theirs = json.loads(order_sync(*ADOPT, "--customer", first[CUSTOMER], "--json").stdout)
    assert {of["record_uuid"] for of in theirs["adopted"]} == {
        order["record_uuid"] for order in sample.orders if order[CUSTOMER] == first[CUSTOMER]
    }
    everyone = json.loads(order_sync(*ADOPT, "--json").stdout)
    assert len(everyone["adopted"]) == len(made)


@pytest.mark.on_disk
def test_killed_half_way_it_is_run_again(stage: Stage, order_sync: OrderSync) -> None:
    sample = stage.add_orders(6)
    made = scripted(stage, sample)
    setting = {"ORDER_SYNC_BOARD_LEASE_SECONDS": "2"}
    hangs = Fault(kind=FaultKind.TIMEOUT_AFTER, operation="change_multiple_column_values", nth=2)
    stage.emulator.configure(faults=[hangs])
    with stage.started(*ADOPT, "--write", **setting) as process:
        until(lambda: len(stage.rows(stage.tables.journal)) == 2, "the second request")
        process.kill()
    stage.emulator.configure(faults=[])
    assert [row["state"] for row in stage.rows(stage.tables.journal)].count("OPEN") == 1
    done = stage.run(*ADOPT, "--write", **setting)
    assert done.returncode in (0, 1), done.stderr
    assert order_sync(*ADOPT, "--write").exit_code == 0
    assert keys(stage) == {item: key for key, item in made.items()}
    assert {row["state"] for row in stage.rows(stage.tables.journal)} == {"CLOSED"}
    summary = stage.sync()
    assert (summary.complete, summary.items_created) == (True, 0)
    assert once_on_the_board(stage, 6)


@pytest.mark.on_disk
def test_a_run_resolves_what_adopting_left_in_doubt(stage: Stage) -> None:
    """The keys of its subitems are written, that of its item is on its way: the next run waits for it."""
    made = scripted(stage, stage.add_orders(1))
    hangs = Fault(kind=FaultKind.TIMEOUT_AFTER, operation="change_multiple_column_values", nth=2)
    stage.emulator.configure(faults=[hangs])
    with stage.started(*ADOPT, "--write", ORDER_SYNC_BOARD_LEASE_SECONDS="2") as process:
        until(lambda: set(keys(stage).values()) == made.keys(), "the key of the item")
        process.kill()
    stage.emulator.configure(faults=[])
    states = {row["operation"]: row["state"] for row in stage.rows(stage.tables.journal)}
    assert states == {Operation.ADOPT_SUBITEMS: "CLOSED", Operation.ADOPT_ITEMS: "OPEN"}
    assert stage.sync().items_created == 0
    assert once_on_the_board(stage, 1)
    assert stage.rows(stage.tables.journal, stage.tables.journal.c.state == "OPEN") == []


def test_what_changed_since_the_plan_is_left_out(
    stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = stage.add_orders(4)
    made = scripted(stage, sample)
    keyed, deleted, copied, plain = made
    other, write = new_uuid(), adopt._write

    def people_first(*given: Any) -> Any:
        stage.emulator.person.edit(made[keyed], "record_uuid", other)
        delete_item(stage, made[deleted])
        add_item(stage, "by a run meanwhile", record_uuid=copied)
        return write(*given)

    monkeypatch.setattr(adopt, "_write", people_first)
    result = order_sync(*ADOPT, "--write")
    assert (result.exit_code, "3 orders or lines left out" in result.stdout) == (1, True), result.output
    found = keys(stage)
    assert (found[made[keyed]], found[made[copied]], found[made[plain]]) == (other, "", plain)


def test_an_item_on_record_without_its_key_stays_its_orders(stage: Stage, order_sync: OrderSync) -> None:
    synced = stage.add_orders(1).orders[0]
    stage.sync()
    [item] = keys(stage)
    stage.emulator.person.edit(item, "record_uuid", "")
    [late] = stage.add_orders(1, seed=2).orders
    for column, text in (("order_number", late[ORDER_NUMBER]), ("customer", late[CUSTOMER])):
        stage.emulator.person.edit(item, column, text)
    result = order_sync(*ADOPT, "--write")
    assert (result.exit_code, f"the item belongs to order {synced['record_uuid']}" in result.stdout) == (1, True)
    assert keys(stage) == {item: ""}


@pytest.mark.parametrize("fault", [FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER])
def test_lost_answers_are_no_obstacle(stage: Stage, order_sync: OrderSync, fault: FaultKind) -> None:
    sample = stage.add_orders(2)
    made = scripted(stage, sample)
    stage.emulator.configure(faults=[Fault(kind=fault, operation="change_multiple_column_values", nth=1)])
    order_sync(*ADOPT, "--write")
    assert order_sync(*ADOPT, "--write").exit_code == 0
    assert keys(stage) == {item: key for key, item in made.items()}
    assert stage.sync().items_created == 0
    assert once_on_the_board(stage, 2)


def test_a_dry_run_may_look_and_not_write(stage: Stage, order_sync: OrderSync, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(stage, stage.add_orders(1))
    monkeypatch.setenv("ORDER_SYNC_DRY_RUN", "1")
    assert order_sync(*ADOPT).exit_code == 0
    assert order_sync(*ADOPT, "--write").exit_code == 2
    assert set(keys(stage).values()) == {""}


def test_an_unknown_column_is_named_with_its_code(order_sync: OrderSync) -> None:
    result = order_sync("board", "adopt", "--match", "order_numbre")
    assert result.exit_code == 2
    assert "OS-119: 'order_numbre' is none of the columns" in result.stderr
    assert "did you mean" in result.stderr
