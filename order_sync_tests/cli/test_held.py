"""Odd rows in a whole run: each order is synced, rejected or held, and every command gives the same reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.cli import launch
from order_sync.cli.launch import Summary
from order_sync.database.claims import OrderQueue
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Emulator
from order_sync.orders.codes import Cause
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import make_order, record
from order_sync_tests.graph.stage import Record, Row, Stage, stage_in
from order_sync_tests.graph.test_checks import ask
from order_sync_tests.graph.test_sensor import tick

HEADERS, LINES, ORDERS = '"ORDER_LIST_DELTA"', '"ORDER_LIST_LINES_DELTA"', '"ORDER_LIST"'
NOT_UTF8 = b"\xffA"


def spoil(stage: Stage, statement: str, *values: Any) -> None:
    """Writes what another program could write into an SQLite file; TEXT for bytes that are to be text."""
    with stage.database() as database, database.write() as connection:
        connection.exec_driver_sql(statement, values)


def change(stage: Stage, table: str, column: str, value: Any, order: SampleOrders) -> None:
    as_text = "CAST(? AS TEXT)" if value == NOT_UTF8 else "?"
    statement = f'UPDATE {table} SET "{column}" = {as_text} WHERE record_uuid = ?'  # noqa: S608 - names of this module
    spoil(stage, statement, value, record(order))


# ---- values of the wrong kind -------------------------------------------------------------------------------

# Of which table and column, the value, and how the reason shows it.
REJECTED: dict[str, tuple[str, str, Any, str]] = {
    "text for a price": (
        HEADERS,
        "FINAL FOB (USD)",
        "twelve",
        "[FINAL FOB (USD)] contains 'twelve', which is not a number",
    ),
    "NaN for a price": (HEADERS, "FINAL FOB (USD)", "NaN", "[FINAL FOB (USD)] contains 'NaN'"),
    "too much for a price": (HEADERS, "FINAL FOB (USD)", float("inf"), "[FINAL FOB (USD)] contains inf"),
    "bytes for a price": (HEADERS, "FINAL FOB (USD)", b"\x00", r"[FINAL FOB (USD)] contains b'\x00'"),
    "text for a date": (HEADERS, "ETA CUSTOMER WAREHOUSE DATE", "soon", "DATE] contains 'soon', which is not a date"),
    "an integer for a date": (HEADERS, "ETA CUSTOMER WAREHOUSE DATE", 20261101, "DATE] contains 20261101"),
    "a day that is none": (HEADERS, "ETA CUSTOMER WAREHOUSE DATE", "2026-02-30", "DATE] contains '2026-02-30'"),
    "text for a quantity": (HEADERS, "TOTAL QTY", "many", "[TOTAL QTY] contains 'many', which is not a whole number"),
    "too large an integer": (HEADERS, "TOTAL QTY", 1e30, "[TOTAL QTY] contains 1e+30"),
    "bytes that are no text": (
        HEADERS,
        "CUSTOMER STYLE",
        NOT_UTF8,
        r"[CUSTOMER STYLE] contains b'\xffA', which is not UTF-8 text",
    ),
    "a blob for a text": (HEADERS, "PO NUMBER", b"\x01", r"[PO NUMBER] contains b'\x01', which is not text"),
    "no text for a group": (HEADERS, "GroupMonday", NOT_UTF8, r"[GroupMonday] contains b'\xffA'"),
    "no text for a customer": (HEADERS, "CUSTOMER NAME", NOT_UTF8, r"[CUSTOMER NAME] contains b'\xffA'"),
    "text for an item": (HEADERS, "monday_item_id", "the blue one", "[monday_item_id] contains 'the blue one'"),
    "no text for a season": (ORDERS, "CUSTOMER SEASON", NOT_UTF8, r"[CUSTOMER SEASON] contains b'\xffA'"),
    "text for a line's quantity": (LINES, "qty", "ten", "[qty] contains 'ten'"),
    "no text for a size": (LINES, "size_code", NOT_UTF8, r"[size_code] contains b'\xffA'"),
    "text for a subitem": (LINES, "monday_subitem_id", "x", "[monday_subitem_id] contains 'x'"),
    "text for a parent": (LINES, "parent_item_id", "y", "[parent_item_id] contains 'y'"),
}
# What order_sync keeps for itself, or takes for the oldest, stops no order.
SYNCED: dict[str, tuple[str, str, Any]] = {
    "ISO for created_at": (HEADERS, "created_at", "2026-11-01T10:00:00Z"),
    "text for created_at": (HEADERS, "created_at", "yesterday"),
    "a number for a line's created_at": (LINES, "created_at", 5),
    "bytes for created_at": (HEADERS, "created_at", b"\xff"),
    "text for a lease": (HEADERS, "sync_attempted_at", "x"),
    "text for retry_count": (HEADERS, "retry_count", "many"),
    "no text for a message": (LINES, "sync_error_message", NOT_UTF8),
    "a number for sync_completed_at": (HEADERS, "sync_completed_at", 7.5),
}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A dry run, a live run, and what the commands have printed before and after it."""

    stage: Stage
    orders: dict[str, SampleOrders]
    plan: Row
    summary: Summary
    before: Row
    after: Row

    def rejected(self, case: str) -> list[str]:
        return [row["reason"] for row in self.summary.rejected if row["record_uuid"] == record(self.orders[case])]

    def state(self, case: str) -> str | None:
        orders = self.stage.tables.orders
        query = sa.select(orders.c.sync_state).where(orders.c.record_uuid == record(self.orders[case]))
        with self.stage.database() as database:
            [state] = database.column(query)
        return None if state is None else str(state)


@pytest.fixture(scope="module")
def ended(board_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    with stage_in(tmp_path_factory.mktemp("wrong"), board_process, Record.IN_MEMORY) as stage:
        orders = {}
        for number, case in enumerate([*REJECTED, *SYNCED, "good"]):
            orders[case] = make_order(number=f"W-{number}", customer="Ada", lines=1, minute=number)
            stage.add(orders[case])
        for case, (table, column, value, *_) in {**REJECTED, **SYNCED}.items():
            change(stage, table, column, value, orders[case])
        # A lease that no clock can judge is none.
        change(stage, HEADERS, "sync_state", "PENDING", orders["text for a lease"])
        change(stage, HEADERS, "sync_run_id", "a run of long ago", orders["text for a lease"])
        before = json.loads(OrderSync()("status", "--json").stdout)
        plan = launch.dry_run(stage.settings)
        summary = stage.sync()
        after = json.loads(OrderSync()("status", "--json").stdout)
        yield Ended(stage=stage, orders=orders, plan=plan, summary=summary, before=before, after=after)


@pytest.mark.parametrize("case", REJECTED)
def test_a_wrong_value_rejects_its_row_by_name(ended: Ended, case: str) -> None:
    [reason] = ended.rejected(case)
    assert REJECTED[case][3] in reason
    assert ended.state(case) is None
    foretold = [row["reason"] for row in ended.plan["rejected"] if row["record_uuid"] == record(ended.orders[case])]
    assert foretold == [reason]
    assert reason in OrderSync()("trace", record(ended.orders[case])).stdout


@pytest.mark.parametrize("case", [*SYNCED, "good"])
def test_a_wrong_value_in_our_own_column_stops_nothing(ended: Ended, case: str) -> None:
    assert ended.rejected(case) == []
    assert ended.state(case) == "SYNCED"
    assert OrderSync()("trace", record(ended.orders[case])).exit_code == 0


def test_every_command_reads_wrong_values_to_the_end(ended: Ended) -> None:
    assert len(ended.summary.rejected) == len(ended.after["rejected"]) == len(REJECTED)
    assert ended.plan["total"]["orders synced"] == ended.summary.orders_synced == len(SYNCED) + 1
    assert ended.before["counts"]
    for command in (
        ["status"],
        ["report"],
        ["report", "--run", ended.summary.run_id],
        ["retry"],
        ["sync", "--dry-run"],
    ):
        result = OrderSync()(*command)
        assert result.exit_code == 0, result.output
    assert len(launch.dry_run(ended.stage.settings)["rejected"]) == len(REJECTED)


# ---- rows that are not understood ---------------------------------------------------------------------------


def of_nobody(stage: Stage, order: SampleOrders) -> None:
    change(stage, HEADERS, "record_uuid", "of nobody", order)


def without_header(stage: Stage, order: SampleOrders) -> None:
    spoil(stage, f"DELETE FROM {HEADERS} WHERE record_uuid = ?", record(order))  # noqa: S608 - names of ours


def odd_line(stage: Stage, order: SampleOrders) -> None:
    spoil(stage, f"UPDATE {LINES} SET sync_state = 'HOLD' WHERE delta_uuid = ?", order.lines[0]["delta_uuid"])  # noqa: S608 - names of ours


def odd_action(stage: Stage, order: SampleOrders) -> None:
    change(stage, HEADERS, "action_type", "UPSERT", order)


def spelled(stage: Stage, order: SampleOrders) -> None:
    """All of it in other words: this one is to be synced."""
    change(stage, LINES, "sync_state", "pending ", order)
    change(stage, LINES, "action_type", "Insert", order)
    for table in (LINES, ORDERS):
        change(stage, table, "record_uuid", "{" + record(order).upper() + "}", order)
    spoil(stage, f"UPDATE {LINES} SET line_uuid = upper(line_uuid), delta_uuid = upper(replace(delta_uuid, '-', ''))")  # noqa: S608 - names of ours
    spoil(stage, f"UPDATE {HEADERS} SET delta_uuid = upper(delta_uuid) WHERE record_uuid = ?", record(order))  # noqa: S608 - names of ours


HELD: dict[str, tuple[Callable[[Stage, SampleOrders], None], Cause, str]] = {
    "an unknown state": (odd_line, Cause.UNKNOWN_STATE, "sync_state 'HOLD'"),
    "an unknown action": (odd_action, Cause.UNKNOWN_ACTION, "action_type 'UPSERT'"),
    "no header": (without_header, Cause.NO_HEADER, "ORDER_LIST_DELTA has no header for them"),
}


@pytest.fixture
def odd(stage: Stage) -> dict[str, SampleOrders]:
    orders = {}
    for number, case in enumerate([*HELD, "spelled", "of nobody"]):
        lines = 0 if case == "of nobody" else 2
        orders[case] = make_order(number=f"O-{number}", customer=case, lines=lines, minute=number)
        stage.add(orders[case])
    for case, (break_it, *_) in HELD.items():
        break_it(stage, orders[case])
    spelled(stage, orders["spelled"])
    of_nobody(stage, orders["of nobody"])
    return orders


def test_what_holds_an_order_is_the_same_everywhere(
    stage: Stage, order_sync: OrderSync, odd: dict[str, SampleOrders]
) -> None:
    wanted = {record(odd[case]): (cause, text) for case, (_, cause, text) in HELD.items()}

    def check(held: list[Row]) -> None:
        found = {row["record_uuid"]: row for row in held if row["record_uuid"]}
        assert {key: row["cause"] for key, row in found.items()} == {key: cause for key, (cause, _) in wanted.items()}
        assert all(wanted[key][1] in row["reason"] for key, row in found.items())

    steps = {cause: f"Next: {cause.step}." for cause, _ in wanted.values()}
    check(launch.dry_run(stage.settings)["held"])
    check(json.loads(order_sync("status", "--json").stdout)["held"])
    assert "2 rows name" not in order_sync("status").stdout
    result = order_sync("sync")
    assert result.exit_code == 1, result.output
    assert "1 order SYNCED" in result.stdout.replace("1 orders", "1 order")
    assert "record_uuid is 'of nobody', which is not a uuid: the row belongs to no order" in result.stdout
    for record_uuid, (cause, text) in wanted.items():
        assert text in result.stdout
        assert steps[cause] in result.stdout
        assert steps[cause] in order_sync("trace", record_uuid).stdout
        assert text in order_sync("trace", record_uuid).stdout
    check(json.loads(order_sync("status", "--json").stdout)["held"])
    for command in ("status", "report"):
        assert all(step in order_sync(command).stdout for step in steps.values())
    with stage.instance() as instance:
        reported = ask(stage, instance, "no_order_held")
        assert not reported.passed
        assert "3 orders are held: no run can claim them" in str(reported.description)
        skipped = tick(stage, instance).skip_reason
    assert skipped is not None
    assert "orders need attention" in str(skipped.skip_message)


def test_a_second_run_says_what_waits_and_why(
    stage: Stage, order_sync: OrderSync, odd: dict[str, SampleOrders]
) -> None:
    stage.sync()
    result = order_sync("sync")
    assert result.exit_code == 1, result.output
    assert "Nothing was claimed, although orders are waiting." in result.stdout
    assert "3 orders held" in result.stdout
    assert "Nothing to do" not in result.stdout
    assert order_sync("sync", "--customer", "spelled").exit_code == 0
    assert json.loads(order_sync("retry", "--json").stdout)["rows"] == 0
    spoil(stage, f"UPDATE {LINES} SET sync_state = 'PENDING' WHERE sync_state = 'HOLD'")  # noqa: S608 - names of ours
    assert stage.sync().orders_synced == 1


def test_a_row_that_names_no_order_has_a_story(
    stage: Stage, order_sync: OrderSync, odd: dict[str, SampleOrders]
) -> None:
    key = odd["of nobody"].headers[0]["delta_uuid"]
    assert "The next run rejects it" in order_sync("trace", key).stdout
    with stage.instance() as instance:
        assert tick(stage, instance).run_requests  # a run that rejects it
    stage.sync()
    reported = order_sync("trace", key).stdout
    assert "rejected" in reported
    assert "which is not a uuid" in reported
    assert "Row without a record_uuid" in order_sync("report").stdout


def test_orders_held_by_another_run_still_count_as_waiting(stage: Stage, order_sync: OrderSync) -> None:
    order = make_order()
    stage.add(order)
    with stage.database() as database:
        queue = OrderQueue(database, stage.tables, lease_seconds=600)
        assert len(queue.claim_headers("run-of-another-machine", [order.headers[0]["delta_uuid"]])) == 1
    result = order_sync("sync")
    assert result.exit_code == 1, result.output
    assert "Nothing was claimed, although orders are waiting." in result.stdout
    assert "1 order held by run run-of-another-machine" in result.stdout
    assert order_sync("sync", "--customer", "Weber & Co").exit_code == 1


# ---- what is deleted after the item exists ------------------------------------------------------------------


def test_a_deleted_main_row_rejects_its_order(stage: Stage, order_sync: OrderSync) -> None:
    missing = {
        "orders": "OS-411: ORDER_LIST has no row with this record_uuid",
        "order_lines": "OS-412: ORDER_LIST_LINES has no row with this line_uuid",
    }
    orders = {table: make_order(minute=minute) for minute, table in enumerate(missing)}
    other = make_order(minute=2)
    for order in orders.values():
        stage.add(order)
    stage.sync()
    stage.add(other)
    rows: dict[sa.Table, list[Row]] = {}
    for table, order in orders.items():
        # As a run leaves it that ends before its last step.
        change(stage, HEADERS, "sync_state", "NEW", order)
        change(stage, LINES, "sync_state", "PENDING", order)
        main = getattr(stage.tables, table)
        rows[main] = stage.rows(main, main.c.record_uuid == record(order))
        stage.execute(sa.delete(main).where(main.c.record_uuid == record(order)))
    plan = launch.dry_run(stage.settings)
    summary = stage.sync()
    for table, order in orders.items():
        for rejected in (plan["rejected"], summary.rejected):
            of_order = {row["reason"] for row in rejected if row["record_uuid"] == record(order)}
            assert of_order == {missing[table]}
        assert missing[table] in order_sync("trace", record(order)).stdout
        assert missing[table] in order_sync("status").stdout
    assert plan["total"]["orders synced"] == summary.orders_synced == 1
    assert summary.subitems_created == len(other.lines)
    with stage.database() as database, database.write() as connection:
        for main, deleted in rows.items():
            connection.execute(sa.insert(main), deleted)
    assert order_sync("retry").exit_code == 0
    assert stage.sync().orders_synced == 2
    assert stage.agreement().agree
