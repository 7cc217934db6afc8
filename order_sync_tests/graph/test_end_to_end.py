"""The small sample from the queue tables to the board: one run, and everything that it must leave behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import dagster as dg
import pytest

from order_sync.cli.launch import Summary
from order_sync.demo.drafts import Size
from order_sync.demo.samples import SampleOrders, make_orders
from order_sync.demo.words import ETA
from order_sync.emulator import Emulator
from order_sync.orders.codes import Cause
from order_sync.orders.naming import CUSTOMER
from order_sync.orders.states import Action
from order_sync_tests.graph.agreement import Agreement
from order_sync_tests.graph.stage import Row, Stage, stage_in

CUSTOMER_NAME = "O'Malley & Daughters"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What one run of the small sample left behind."""

    stage: Stage
    sample: SampleOrders
    summary: Summary
    before: dict[str, list[Row]]
    after: dict[str, list[Row]]
    agreement: Agreement
    board: Row
    effects: list[Row]
    mutations: list[Row]
    metadata: dict[str, dict[str, Any]]
    checks: dict[str, Any]

    @property
    def rejected_records(self) -> set[str]:
        rows = (*self.sample.headers, *self.sample.lines)
        return {row["record_uuid"] for row in rows if row["delta_uuid"] in self.sample.expected_rejections}


@pytest.fixture(scope="module")
def ended(board_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    with stage_in(tmp_path_factory.mktemp("small"), board_process) as stage:
        sample = make_orders(Size.SMALL)
        stage.add(sample)
        before = stage.site_rows()
        seeded = len(board_process.effects())
        summary = stage.sync()
        metadata, checks = reported_by(stage, summary.run_id)
        yield Ended(
            stage=stage,
            sample=sample,
            summary=summary,
            before=before,
            after=stage.site_rows(),
            agreement=stage.agreement(),
            board=stage.board(),
            effects=board_process.effects(since=seeded),
            mutations=stage.mutations(),
            metadata=metadata,
            checks=checks,
        )


def reported_by(stage: Stage, run_id: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Metadata by asset, and check evaluations by check, as Dagster keeps them."""
    metadata, checks = {}, {}
    with stage.instance() as instance:
        for log in instance.all_logs(run_id):
            event = log.dagster_event
            if event is None:
                continue
            if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
                materialization = event.step_materialization_data.materialization
                name = materialization.asset_key.to_user_string()
                metadata[name] = {key: value.value for key, value in materialization.metadata.items()}
            elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                checks[evaluation.check_name] = evaluation
    return metadata, checks


def records(table: Any) -> list[dict[str, Any]]:
    return [dict(record.data) for record in table.records]


def test_every_row_is_claimed_and_the_expected_ones_are_rejected(ended: Ended) -> None:
    summary = ended.summary
    assert (summary.headers_claimed, summary.lines_claimed) == (71, 318)
    assert {row["delta_uuid"] for row in summary.rejected} == set(ended.sample.expected_rejections)
    assert len(summary.rejected) == 4
    assert summary.orders_held_back == len(ended.rejected_records)
    every = {row["record_uuid"] for row in ended.sample.headers}
    assert summary.orders_synced == len(every - ended.rejected_records)
    assert not summary.complete


def test_tables_and_board_agree(ended: Ended) -> None:
    assert ended.agreement.agree, ended.agreement.text()
    assert ended.agreement.items == ended.summary.items_created == 62  # of 65 orders three are rejected
    assert ended.agreement.subitems == ended.summary.subitems_created


def test_a_rejected_row_holds_back_its_order_and_no_other(ended: Ended) -> None:
    tables = ended.stage.tables
    for queue in (tables.header_queue, tables.line_queue):
        for row in ended.after[queue.name]:
            if row["delta_uuid"] in ended.sample.expected_rejections:
                assert row["sync_state"] == "ERROR"
                assert row["retry_count"] == 1
                assert row["sync_error_message"]
            elif row["record_uuid"] in ended.rejected_records:
                # Given back: waiting for its order, held by no run.
                assert row["sync_state"] in ("NEW", "PENDING")
                assert row["sync_run_id"] is None
            else:
                assert (row["sync_state"], row["sync_run_id"]) == ("SYNCED", ended.summary.run_id)
                assert row["sync_completed_at"] is not None
    for main in (tables.orders, tables.order_lines):
        for row in ended.after[main.name]:
            assert row["sync_state"] == (None if row["record_uuid"] in ended.rejected_records else "SYNCED")


def test_a_rejected_row_says_why(ended: Ended) -> None:
    messages = {row["delta_uuid"]: row["reason"] for row in ended.summary.rejected}
    words = {
        "item name longer than 255 characters": "monday allows 255",
        "order type without a label on the board": "no such label",
        "no style, colour, order number or PO number, so its item has no name": "so its item has no name",
        "line without size_code": "no size_code",
    }
    assert {reason: words[reason] in messages[key] for key, reason in ended.sample.expected_rejections.items()} == (
        dict.fromkeys(words, True)
    )


def test_the_main_tables_carry_the_ids_of_the_board(ended: Ended) -> None:
    tables = ended.stage.tables
    items = {item["columns"]["record_uuid"]: int(item["id"]) for item in ended.board["items"]}
    synced = [row for row in ended.after[tables.orders.name] if row["sync_state"] == "SYNCED"]
    assert len(synced) == ended.summary.orders_synced
    for row in synced:
        assert row["monday_item_id"] == items[row["record_uuid"]]
    item_of = {row["record_uuid"]: row["monday_item_id"] for row in synced}
    cancelled = {row["line_uuid"] for row in ended.sample.lines if row["action_type"] == Action.DELETE}
    synced = [row for row in ended.after[tables.order_lines.name] if row["sync_state"] == "SYNCED"]
    lines = [row for row in synced if row["line_uuid"] not in cancelled]
    assert lines
    assert all(row["parent_item_id"] == item_of[row["record_uuid"]] for row in lines)


def test_groups_before_items_before_subitems(ended: Ended) -> None:
    at: dict[str, list[int]] = {"group": [], "item": [], "subitem": []}
    for position, effect in enumerate(ended.effects):
        if effect["kind"] == "group_created":
            at["group"].append(position)
        elif effect["kind"] == "item_created":
            at["item" if effect["parent_id"] is None else "subitem"].append(position)
    assert (len(at["group"]), len(at["item"])) == (5, 62)
    assert max(at["group"]) < min(at["item"])
    assert max(at["item"]) < min(at["subitem"])


def test_each_item_is_in_its_group_with_its_values(ended: Ended) -> None:
    titles = {group["id"]: group["title"] for group in ended.board["groups"]}
    orders = {row["record_uuid"]: row for row in ended.sample.orders}
    headers = {row["record_uuid"]: row for row in sorted(ended.sample.headers, key=itemgetter("created_at"))}
    for item in ended.board["items"]:
        header = headers[item["columns"]["record_uuid"]]  # the newest of its order
        given, season, other = (
            (value or "").strip()
            for value in (
                header["GroupMonday"],
                orders[header["record_uuid"]]["CUSTOMER SEASON"],
                orders[header["record_uuid"]]["AAG SEASON"],
            )
        )
        assert titles[item["group_id"]] == (given or f"{header[CUSTOMER]} {season or other}".strip())
        assert item["columns"]["customer"] == CUSTOMER_NAME
    groups = Counter(titles[item["group_id"]] for item in ended.board["items"])
    assert len(groups) == 5
    assert all(title.startswith(CUSTOMER_NAME) for title in groups)


def test_the_board_shows_newest_versions_and_no_cancelled_line(ended: Ended) -> None:
    items = {item["columns"]["record_uuid"]: item for item in ended.board["items"]}
    updates = [row for row in ended.sample.headers if row["action_type"] == Action.UPDATE]
    assert len(updates) == 2
    for row in updates:
        assert items[row["record_uuid"]]["columns"].get("eta", "") == (row[ETA].date().isoformat() if row[ETA] else "")
    [cancelled] = [row for row in ended.sample.lines if row["action_type"] == Action.DELETE]
    subitems = {s["columns"]["line_uuid"] for s in items[cancelled["record_uuid"]]["subitems"]}
    assert cancelled["line_uuid"] not in subitems
    assert subitems


def test_the_checks_warn_of_rejections_and_find_nothing_left(ended: Ended) -> None:
    rejected = ended.checks["nothing_rejected"]
    assert (rejected.passed, rejected.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert rejected.metadata["rejected"].value == 4
    columns = [column.name for column in rejected.metadata["rows"].schema.columns]
    assert columns[-4:] == ["order_number", "reason", "record_uuid", "delta_uuid"]  # the reason before what is wide
    assert "order-sync retry" in rejected.description
    assert ended.checks["nothing_left_pending"].passed


def test_the_metadata_shows_what_happened(ended: Ended) -> None:
    message = ended.metadata
    assert set(message) == {
        "ORDER_LIST_DELTA",
        "ORDER_LIST_LINES_DELTA",
        "pending_headers",
        "pending_lines",
        "monday_groups",
        "monday_items",
        "monday_subitems",
        "order_list",
        "order_list_lines",
    }
    assert message["pending_headers"]["dagster/row_count"] == message["ORDER_LIST_DELTA"]["waiting headers"] == 71
    assert message["pending_lines"]["dagster/row_count"] == message["ORDER_LIST_LINES_DELTA"]["waiting lines"] == 318
    assert records(message["pending_headers"]["customers"]) == [{"customer": CUSTOMER_NAME, "rows": 71}]
    for step in ("pending_headers", "pending_lines", "monday_items", "monday_subitems", "order_list_lines"):
        assert len(records(message[step]["preview"])) == 10
    assert [message[f"monday_{step}"]["created"] for step in ("groups", "items", "subitems")] == [
        5,
        62,
        ended.agreement.subitems,
    ]
    assert (message["monday_items"]["rejected"], message["monday_subitems"]["rejected"]) == (3, 1)
    for step in ("monday_groups", "monday_items", "monday_subitems"):
        assert message[step]["calls"] >= 1
        assert message[step]["complexity"] > 0
        assert message[step]["board"].startswith(ended.stage.emulator.page_url)
    for group in ended.board["groups"]:
        if group["title"].startswith(CUSTOMER_NAME):
            assert f"#{group['id']})" in message["monday_groups"]["groups"]
    assert ended.summary.complexity == sum(
        message[f"monday_{s}"]["complexity"] for s in ("groups", "items", "subitems")
    )
    assert message["order_list"]["dagster/row_count"] == ended.summary.orders_synced
    assert message["order_list"]["held back"] == len(records(message["order_list"]["record_uuids held back"])) == 4
    (customer,) = records(message["order_list"]["customers"])
    assert (customer["items"], customer["rejected"]) == (62, 4)
    every = ended.summary.headers_claimed + ended.summary.lines_claimed
    assert sum(customer[name] for name in ("headers synced", "lines synced", "rejected", "waiting")) == every


def test_requests_hold_many_aliases(ended: Ended) -> None:
    made = ended.summary.groups_created + ended.summary.items_created + ended.summary.subitems_created
    assert ended.summary.records_per_call >= 20
    assert made / len(ended.mutations) >= 20


def test_a_second_run_creates_nothing(ended: Ended) -> None:
    def all_there_is() -> tuple[str, dict[str, list[Any]]]:
        tables = ended.stage.dump()
        del tables["ORDER_SYNC_BUDGETS"]  # looking at the board costs complexity
        return ended.stage.emulator.checksum(), tables

    before = all_there_is()
    again = ended.stage.sync()
    assert (again.headers_claimed, again.lines_claimed, again.orders_synced) == (0, 0, 0)
    assert (again.groups_created, again.items_created, again.subitems_created) == (0, 0, 0)
    assert {order.cause for order in again.held} == {Cause.REJECTED}  # nothing else waits
    assert not again.complete
    assert all_there_is() == before


def test_many_customers_share_requests(stage: Stage) -> None:
    stage.add_orders(150)
    summary = stage.sync()
    assert summary.complete
    assert summary.items_created == 150
    assert len(summary.customers) > 20
    made = summary.groups_created + summary.items_created + summary.subitems_created
    assert made / len(stage.mutations()) >= 20
    assert summary.records_per_call >= 20
    assert stage.unsynced() == 0
    assert stage.agreement().agree
    assert stage.emulator.stats()["in_flight_peak"] == 1
