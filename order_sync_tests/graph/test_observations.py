"""The sensor queue_depth: what it observes of both queues, and what it does not write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from order_sync.automation.observations import QUEUES, build_queue_sensor
from order_sync.deployments import resources
from order_sync.resources.run_records import expire_observations
from order_sync_tests.graph.stage import Stage

HEADERS, LINES = QUEUES.values()


@pytest.fixture
def instance(stage: Stage) -> Iterator[dg.DagsterInstance]:
    with stage.instance() as instance:
        yield instance


def tick(stage: Stage, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    of_database = {"sql_server": resources(stage.settings)["sql_server"]}
    with dg.build_sensor_context(instance, cursor=cursor, resources=of_database) as context:
        result = build_queue_sensor()(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def observed(result: dg.SensorResult | dg.SkipReason) -> dict[str, dict[str, Any]]:
    assert isinstance(result, dg.SensorResult), result
    events = {event.asset_key.to_user_string(): event for event in result.asset_events}
    assert set(events) == set(QUEUES.values())
    return {name: {key: value.value for key, value in event.metadata.items()} for name, event in events.items()}


def set_all(stage: Stage, **values: Any) -> None:
    stage.execute(sa.update(stage.tables.header_queue).values(**values))


def test_rows_and_their_age_are_observed_by_customer(stage: Stage, instance: dg.DagsterInstance) -> None:
    orders = stage.add_orders(3)
    set_all(stage, created_at=datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=5))
    found = observed(tick(stage, instance))
    assert found[HEADERS]["waiting"] == len(orders.headers)
    assert found[LINES]["waiting"] == len(orders.lines)
    assert found[HEADERS]["oldest waiting, hours"] == pytest.approx(5, abs=0.1)
    rows = [record.data for record in found[HEADERS]["customers"].records]
    assert sum(int(row["waiting"]) for row in rows) == len(orders.headers)


def test_rejected_and_unknown_rows_do_not_count_as_waiting(stage: Stage, instance: dg.DagsterInstance) -> None:
    orders = stage.add_orders(2)
    set_all(stage, sync_state="ERROR")
    found = observed(tick(stage, instance))[HEADERS]
    assert (found["waiting"], found["rejected"], found["oldest waiting, hours"]) == (0, len(orders.headers), 0)
    set_all(stage, sync_state="PARKED")
    found = observed(tick(stage, instance))[HEADERS]
    assert (found["waiting"], found["rejected"]) == (0, 0)
    assert sum(int(record.data["other"]) for record in found["customers"].records) == len(orders.headers)


def test_synced_rows_are_not_counted(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(2)
    stage.sync()
    found = observed(tick(stage, instance))
    assert [found[name]["waiting"] for name in QUEUES.values()] == [0, 0]
    assert found[HEADERS]["customers"] == "none"


def test_only_a_change_is_observed_again(stage: Stage, instance: dg.DagsterInstance) -> None:
    stage.add_orders(1)
    first = tick(stage, instance)
    assert isinstance(first, dg.SensorResult)
    assert isinstance(tick(stage, instance, first.cursor), dg.SkipReason)
    stage.add_orders(1, seed=2)
    second = tick(stage, instance, first.cursor)
    assert isinstance(second, dg.SensorResult)
    assert second.cursor != first.cursor
    assert isinstance(tick(stage, instance, "not JSON"), dg.SensorResult)


def test_an_unchanged_queue_is_observed_after_hours(
    stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tick(stage, instance)
    assert isinstance(first, dg.SensorResult)
    monkeypatch.setattr("order_sync.automation.observations.UNCHANGED", timedelta(0))
    assert isinstance(tick(stage, instance, first.cursor), dg.SensorResult)


@pytest.mark.on_disk
def test_old_observations_leave_dagsters_record(stage: Stage, instance: dg.DagsterInstance) -> None:
    for name in (HEADERS, "order_list"):
        for number in range(3):
            instance.report_runless_asset_event(dg.AssetObservation(name, metadata={"waiting": number}))
    instance.report_runless_asset_event(dg.AssetMaterialization(HEADERS))

    def left(asset: str) -> int:
        return len(instance.fetch_observations(dg.AssetKey(asset), limit=10).records)

    expire_observations(instance, [HEADERS], datetime.now(UTC) - timedelta(hours=1))
    assert (left(HEADERS), left("order_list")) == (3, 3)
    expire_observations(instance, [HEADERS], datetime.now(UTC) + timedelta(hours=1))
    assert (left(HEADERS), left("order_list")) == (0, 3)
    assert instance.get_latest_materialization_event(dg.AssetKey(HEADERS)) is not None
    again = [log.dagster_event for log in instance.all_logs("") if log.dagster_event is not None]
    assert sum(event.event_type_value == "ASSET_OBSERVATION" for event in again) == 3
