"""The codes of errors, rejected rows and held orders, where people meet them: runs, rows, checks and messages."""

from __future__ import annotations

import dagster as dg
import pytest
import sqlalchemy as sa

from order_sync.automation.jobs import JOB_NAME
from order_sync.cli import launch
from order_sync.definitions import build_definitions
from order_sync.emulator.faults import Fault, FaultKind
from order_sync.orders.errors import ConfigurationError, QuotaExhausted
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage

CORRECT = "Correct the rows, then run `order-sync retry`."


def tags(stage: Stage) -> dict[str, str]:
    """The codes of the newest run, from its tags in Dagster."""
    with stage.instance() as instance:
        [record] = instance.get_run_records(limit=1)
    found = record.dagster_run.tags.items()
    return {name.removeprefix("order_sync/"): value for name, value in found if name.startswith("order_sync/OS-")}


def test_an_idle_run_warns_while_rows_are_rejected(stage: Stage) -> None:
    def message() -> tuple[bool, str, tuple[object, object]]:
        summary = stage.sync()
        with stage.instance() as instance:
            kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
            logs = instance.all_logs(summary.run_id, of_type=kind)
        found = [log.dagster_event.asset_check_evaluation_data for log in logs if log.dagster_event]
        [check] = [each for each in found if each.check_name == "nothing_rejected"]
        new, earlier = (check.metadata[name].value for name in ("rejected", "rejected earlier"))
        return check.passed, str(check.description), (new, earlier)

    stage.add(make_order(number="bad", columns={"ORDER TYPE": "no such type"}))
    stage.add(make_order(number="good"))
    assert message() == (False, f"1 row was rejected (OS-406: 1). {CORRECT}", (1, 0))
    old = "1 order still waits for a row rejected by an earlier run (OS-406: 1); none is new."
    assert message() == (False, f"{old} {CORRECT}", (0, 1))
    stage.add(make_order(number="worse", columns={"ORDER TYPE": "no such type"}))
    both = "1 row was rejected (OS-406: 1). Rejected earlier: rows of 1 more order."
    assert message() == (False, f"{both} {CORRECT}", (1, 1))
    queue = stage.tables.header_queue
    stage.execute(sa.update(queue).values({"ORDER TYPE": "SAMPLE"}))
    assert stage.retry() == 2
    assert message() == (True, "No row is rejected.", (0, 0))


def test_a_run_that_rejects_and_holds_has_their_codes(stage: Stage) -> None:
    sample = stage.add_orders(6)
    first, second, third = (header["record_uuid"] for header in sample.headers[:3])
    t = stage.tables
    for table in (t.header_queue, t.orders):
        rejected = table.c.record_uuid.in_([first, second])
        stage.execute(sa.update(table).where(rejected).values({"ORDER TYPE": "NO SUCH TYPE"}))
    held = t.header_queue.c.record_uuid == third
    stage.execute(sa.update(t.header_queue).where(held).values(action_type="UPSERT"))
    summary = stage.sync()
    assert (len(summary.rejected), summary.orders_synced) == (2, 3)
    assert tags(stage) == {"OS-406": "2", "OS-503": "1"}
    messages = {row["sync_error_message"] for row in stage.rows(t.header_queue, t.header_queue.c.sync_state == "ERROR")}
    assert messages
    assert all(message.startswith("OS-406: column 'order_type'") for message in messages)
    with stage.instance() as instance:
        logs = instance.all_logs(summary.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = {
        check.check_name: check.description
        for log in logs
        if log.dagster_event and (check := log.dagster_event.asset_check_evaluation_data)
    }
    assert "2 rows were rejected (OS-406: 2)." in str(checks["nothing_rejected"])
    assert "OS-503: 1 order held by a row whose action_type is unknown" in str(checks["no_order_held"])


def test_a_run_without_trouble_has_no_code(stage: Stage) -> None:
    stage.add_orders(2)
    stage.sync()
    assert tags(stage) == {}


def test_an_error_before_the_first_step_is_a_tag(stage: Stage) -> None:
    stage.add_orders(1)
    with pytest.raises(ConfigurationError, match=r"^OS-321: "):
        launch.sync(stage.settings.model_copy(update={"monday_board_id": 4_711}))
    assert tags(stage) == {"OS-321": "failed"}


def test_an_error_of_a_step_is_a_tag(stage: Stage) -> None:
    stage.add_orders(3)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item")])
    with pytest.raises(QuotaExhausted, match=r"^OS-317: "):
        stage.sync()
    assert tags(stage) == {"OS-317": "failed"}


def test_an_error_of_a_daemon_s_step_is_a_tag(stage: Stage) -> None:
    stage.add_orders(3)
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_item")])
    job = build_definitions(stage.settings).resolve_job_def(JOB_NAME)
    with stage.instance() as instance:
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    assert tags(stage) == {"OS-317": "failed"}
