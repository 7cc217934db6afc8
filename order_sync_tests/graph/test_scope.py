"""Which rows a run takes up: the scope it is given, what is corrected, what comes late, what comes meanwhile."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.automation.jobs import JOB_NAME
from order_sync.definitions import build_definitions
from order_sync.demo.drafts import Size
from order_sync.demo.samples import make_orders
from order_sync.demo.words import COLOUR, STYLE, TYPE
from order_sync.orders.errors import ConfigurationError, causes
from order_sync.orders.naming import CUSTOMER
from order_sync_tests.graph.stage import Row, Stage
from order_sync_tests.waiting import until


def synced_records(stage: Stage) -> set[str]:
    return {r["record_uuid"] for r in stage.rows(stage.tables.orders, stage.tables.orders.c.sync_state == "SYNCED")}


def test_only_the_customers_of_the_scope(stage: Stage) -> None:
    sample = stage.add_orders(40)
    by_customer: dict[str, set[str]] = {}
    for row in sample.headers:
        by_customer.setdefault(row[CUSTOMER], set()).add(row["record_uuid"])
    wanted = [name for name in by_customer if "'" in name or "&" in name][:2]
    assert len(wanted) == 2
    summary = stage.sync(customers=wanted)
    assert {line["customer"] for line in summary.customers} == set(wanted)
    assert synced_records(stage) == by_customer[wanted[0]] | by_customer[wanted[1]]
    others = [row for row in stage.inserts(stage.tables.header_queue) if row[CUSTOMER] not in wanted]
    assert {row["sync_state"] for row in others} == {"NEW"}
    assert stage.agreement().agree
    assert stage.sync().orders_synced == 40 - summary.orders_synced
    assert stage.unsynced() == 0


def test_an_unknown_customer_is_refused_before_a_run_begins(stage: Stage) -> None:
    stage.add_orders(2)
    before = stage.emulator.checksum(), stage.dump()
    with pytest.raises(ConfigurationError, match="No order has the customer 'Nobody & Sons'"):
        stage.sync(customers=["Nobody & Sons"])
    assert (stage.emulator.checksum(), stage.dump()) == before
    with stage.instance() as instance:
        assert instance.get_runs() == []


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"customers": ["Elm and Ash"]}, "No order has the customer 'Elm and Ash'"),
        ({"limit": 0}, "scope > limit is 0: it must be at least 1"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_wrong_scope_of_the_launchpad_claims_nothing(
    stage: Stage, scope: dict[str, Any], message: str, dry_run: bool
) -> None:
    stage.add_orders(2)
    before = stage.emulator.checksum(), stage.site_rows()
    job = build_definitions(stage.settings.model_copy(update={"dry_run": dry_run})).resolve_job_def(JOB_NAME)
    config = {"resources": {"scope": {"config": scope}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with stage.instance() as instance:
        ended = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert not ended.success
    failures = [event.step_failure_data.error for event in ended.filter_events(lambda event: event.is_step_failure)]
    reported = [error.message for failure in failures for error in causes(failure)]
    assert [text for text in reported if message in text], reported
    assert not any("validation error" in text for text in reported)
    assert (stage.emulator.checksum(), stage.site_rows()) == before


def test_a_limit_takes_the_oldest_orders_whole(stage: Stage) -> None:
    sample = make_orders(Size.SMALL)
    stage.add(sample)
    oldest = list(dict.fromkeys(row["record_uuid"] for row in sample.headers))
    several = next(r for r in oldest if sum(row["record_uuid"] == r for row in sample.headers) > 1)
    limit = oldest.index(several) + 1
    summary = stage.sync(limit=limit)
    claimed = [row for row in sample.headers if row["record_uuid"] in oldest[:limit]]
    assert summary.headers_claimed == len(claimed) > limit
    assert summary.orders_synced + summary.orders_held_back == limit
    assert synced_records(stage) <= set(oldest[:limit])
    assert several in synced_records(stage)
    for row in stage.inserts(stage.tables.header_queue):
        if row["record_uuid"] not in oldest[:limit]:
            assert (row["sync_state"], row["sync_run_id"]) == ("NEW", None)
    for row in stage.inserts(stage.tables.line_queue):
        if row["record_uuid"] not in oldest[:limit]:
            assert (row["sync_state"], row["sync_run_id"]) == ("PENDING", None)
    assert stage.agreement().agree


def test_a_corrected_row_is_synced_after_a_retry(stage: Stage) -> None:
    sample = make_orders(Size.SMALL)
    stage.add(sample)
    first = stage.sync()
    assert len(first.rejected) == 4
    assert stage.sync().headers_claimed == 0  # a rejected row waits for a person
    for row in first.rejected:
        correct(stage, row["delta_uuid"])
    assert stage.retry() == 4
    second = stage.sync()
    assert second.complete
    assert second.items_created == 3  # the fourth order's item is there, its line was wrong
    assert first.orders_synced + second.orders_synced == len({row["record_uuid"] for row in sample.orders})
    assert stage.unsynced() == 0
    agreement = stage.agreement()
    assert agreement.agree, agreement.text()
    assert (agreement.items, agreement.subitems) == (65, 316)  # one line was cancelled


def correct(stage: Stage, delta_uuid: str) -> None:
    header, line = stage.tables.header_queue, stage.tables.line_queue
    stage.execute(
        sa.update(header)
        .where(header.c.delta_uuid == delta_uuid)
        .values({STYLE: "TS-1", COLOUR: "Ecru", TYPE: "SAMPLE"})
    )
    stage.execute(sa.update(line).where(line.c.delta_uuid == delta_uuid).values(size_code="XXXL"))


def test_a_row_retried_as_it_is_is_rejected_again(stage: Stage) -> None:
    sample = make_orders(Size.SMALL)
    stage.add(sample)
    stage.sync()
    checksum = stage.emulator.checksum()
    assert stage.retry() == 4
    again = stage.sync()
    assert {row["delta_uuid"] for row in again.rejected} == set(sample.expected_rejections)
    assert {row["retry_count"] for row in stage.inserts(stage.tables.header_queue) if row["sync_state"] == "ERROR"} == {
        2
    }
    # What waits beside a rejected line of the fourth order is on the board already.
    assert (again.items_created, again.orders_synced) == (0, 0)
    assert stage.agreement().agree
    assert stage.emulator.checksum() == checksum


def late_line(stage: Stage, order: Row, size: str) -> str:
    """A line of an order that is on the board: in the main table and in the queue."""
    line_uuid = str(uuid.uuid4())
    own: Row = {"line_uuid": line_uuid, "record_uuid": order["record_uuid"], "size_code": size, "qty": 12}
    stage.execute(sa.insert(stage.tables.order_lines).values(**own))
    stage.execute(
        sa.insert(stage.tables.line_queue).values(
            **own,
            delta_uuid=str(uuid.uuid4()),
            action_type="INSERT",
            sync_state="PENDING",
            retry_count=0,
            created_at=order["last_synced_at"],
        )
    )
    return line_uuid


def test_a_late_line_goes_under_the_existing_item(stage: Stage) -> None:
    stage.add_orders(4)
    stage.sync()
    order = stage.rows(stage.tables.orders)[0]
    line_uuid = late_line(stage, order, "9XL")
    summary = stage.sync()
    assert (summary.headers_claimed, summary.lines_claimed, summary.subitems_created) == (0, 1, 1)
    assert summary.complete
    (row,) = stage.rows(stage.tables.order_lines, stage.tables.order_lines.c.line_uuid == line_uuid)
    assert (row["sync_state"], row["parent_item_id"]) == ("SYNCED", order["monday_item_id"])
    (item,) = [item for item in stage.board()["items"] if int(item["id"]) == order["monday_item_id"]]
    assert str(row["monday_subitem_id"]) in {subitem["id"] for subitem in item["subitems"]}
    assert stage.agreement().agree


def test_late_lines_are_within_the_scope_too(stage: Stage) -> None:
    stage.add_orders(12)
    stage.sync()
    first, other, *_ = {row[CUSTOMER]: row for row in stage.rows(stage.tables.orders)}.values()
    late_line(stage, first, "9XL")
    late_line(stage, other, "9XL")
    summary = stage.sync(customers=[first[CUSTOMER]])
    assert (summary.lines_claimed, summary.orders_synced) == (1, 1)
    assert stage.unsynced() == 1
    assert stage.sync().lines_claimed == 1
    assert stage.unsynced() == 0


@pytest.mark.parametrize("step", ["items_created", "subitems_created"])
def test_what_arrives_during_a_run_is_for_the_next(stage: Stage, step: str) -> None:
    stage.add_orders(15, seed=1)
    stage.emulator.configure(mutation_ms=8)

    def add_meanwhile() -> None:
        until(lambda: stage.emulator.stats()[step] > 0, f"{step} of the first run", every=0.01)
        stage.add_orders(5, seed=2)

    with ThreadPoolExecutor(1) as other:
        added = other.submit(add_meanwhile)
        first = stage.sync()
        added.result()
    assert (first.headers_claimed, first.orders_synced) == (15, 15)
    assert first.complete
    second = stage.sync()
    assert (second.headers_claimed, second.orders_synced) == (5, 5)
    assert stage.unsynced() == 0
    assert stage.agreement().agree
