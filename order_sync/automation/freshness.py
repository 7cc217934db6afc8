"""Freshness of queues and main tables: Dagster's own policy, plus a sensor that reports an empty queue.

In: the queue tables. Out: a freshness policy for both queues and both main tables, and the sensor.
A policy measures the time since the last materialization; without the report a quiet weekend would look like a fault.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from order_sync.automation.jobs import MAIN_TABLES
from order_sync.automation.sensors import NEXT_TICK
from order_sync.database.audit import waiting
from order_sync.orders.errors import DatabaseUnavailable
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.text.counted import counted

REPORTED = ("ORDER_LIST_DELTA", "ORDER_LIST_LINES_DELTA", *MAIN_TABLES)
INTERVAL_SECONDS = 300
REPORTS_A_WINDOW = 4  # so that one missed report does not make the tables stale


def fresh(spec: dg.AssetSpec, window: timedelta) -> dg.AssetSpec:
    """The asset, stale once its last materialization or report is older than the window; a warning at half of it."""
    policy = dg.FreshnessPolicy.time_window(fail_window=window, warn_window=window / 2)
    return spec.replace_attributes(freshness_policy=policy)


def build_empty_queue_sensor(window: timedelta) -> dg.SensorDefinition:
    @dg.sensor(
        name="empty_queue",
        asset_selection=dg.AssetSelection.assets(*REPORTED),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports queues and main tables as up to date while no row is waiting. Reads only.",
    )
    def empty_queue(
        context: dg.SensorEvaluationContext, sql_server: ReadOnlySqlServerResource
    ) -> dg.SensorResult | dg.SkipReason:
        made = context.instance.get_latest_materialization_event(dg.AssetKey(MAIN_TABLES[0]))
        age = datetime.now(UTC).timestamp() - made.timestamp if made is not None else None
        if age is not None and abs(age) < window.total_seconds() / REPORTS_A_WINDOW:
            return dg.SkipReason(f"The main tables were up to date {age:.0f} s ago.")
        try:
            with sql_server.looking() as reader:
                rows = waiting(reader)
        except DatabaseUnavailable as error:
            return dg.SkipReason(f"{error} {NEXT_TICK}")
        if rows:
            return dg.SkipReason(f"{counted(rows, 'row is', 'rows are')} waiting: a run must update the main tables.")
        report = "No row is waiting in the queue tables: the main tables are up to date."
        return dg.SensorResult(asset_events=[dg.AssetMaterialization(name, description=report) for name in REPORTED])

    return empty_queue
