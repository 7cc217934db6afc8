"""How many rows wait in the two queue tables, as a history on their pages in Dagster.

In: the rows of the queue tables that are not SYNCED. Out: one observation of each queue, by the sensor `queue_depth`.
Never one for every tick, and none for ever: only what has changed is written, and old observations are removed.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from order_sync.automation.sensors import NEXT_TICK
from order_sync.io_managers.frames import table
from order_sync.orders.errors import DatabaseUnavailable
from order_sync.orders.naming import NO_CUSTOMER
from order_sync.orders.states import State
from order_sync.resources.run_records import expire_observations
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.rows import Row
from order_sync.text.counted import counted

QUEUES = {"header": "ORDER_LIST_DELTA", "line": "ORDER_LIST_LINES_DELTA"}
INTERVAL_SECONDS = 900  # between two looks, and so between two observations
UNCHANGED = timedelta(hours=6)  # after this time the same is observed again, so that the history has no gap
KEPT = timedelta(days=30)
WAITING = (State.NEW, State.PENDING)


def build_queue_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="queue_depth",
        asset_selection=dg.AssetSelection.assets(*QUEUES.values()),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Observes both queue tables: rows waiting and rejected, the oldest, by customer. Reads only.",
    )
    def queue_depth(
        context: dg.SensorEvaluationContext, sql_server: ReadOnlySqlServerResource
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            with sql_server.looking() as reader:
                rows, now = reader.counts(synced=False), reader.database.current_time()
        except DatabaseUnavailable as error:
            return dg.SkipReason(f"{error} {NEXT_TICK}")
        found = {asset: [row for row in rows if row["row"] == kind] for kind, asset in QUEUES.items()}
        seen = hashlib.sha256(json.dumps(found, default=str, sort_keys=True).encode()).hexdigest()
        before = _read(context.cursor)
        clock = datetime.now(UTC)
        if before.get("seen") == seen and abs(clock.timestamp() - before["at"]) < UNCHANGED.total_seconds():
            return dg.SkipReason("The queues are as they were last observed.")
        expire_observations(context.instance, list(QUEUES.values()), clock - KEPT)
        return dg.SensorResult(
            asset_events=[observation(asset, of, now) for asset, of in found.items()],
            cursor=json.dumps({"seen": seen, "at": clock.timestamp()}),
        )

    return queue_depth


def observation(asset: str, rows: Sequence[Row], now: datetime) -> dg.AssetObservation:
    """`rows` are counted by customer and state, as by QueueCounts.counts; `now` is the database's time."""
    waiting = [row for row in rows if row["state"] in WAITING]
    oldest = min((row["oldest"] for row in waiting if row["oldest"]), default=None)
    count = _sum(waiting)
    metadata: dict[str, Any] = {
        "waiting": count,
        "rejected": _sum(row for row in rows if row["state"] == State.ERROR),
        "oldest waiting, hours": round(max((now - oldest).total_seconds(), 0) / 3600, 2) if oldest else 0.0,
        "customers": table(_by_customer(rows)),
    }
    since = f", the oldest since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else ""
    return dg.AssetObservation(
        asset, description=f"{counted(count, 'row is', 'rows are')} waiting{since}.", metadata=metadata
    )


def _by_customer(rows: Sequence[Row]) -> list[Row]:
    """One row a customer; a state that is neither known nor empty is `other`: no row waits unseen."""
    found: dict[str, Row] = {}
    for row in rows:
        customer = row["customer"] or NO_CUSTOMER
        of = found.setdefault(customer, {"customer": customer, "waiting": 0, "rejected": 0, "other": 0, "oldest": None})
        of["waiting" if row["state"] in WAITING else "rejected" if row["state"] == State.ERROR else "other"] += row[
            "rows"
        ]
        if row["state"] in WAITING and row["oldest"]:
            of["oldest"] = min(of["oldest"] or row["oldest"], row["oldest"])
    return sorted(found.values(), key=lambda of: str(of["customer"]))


def _sum(rows: Any) -> int:
    return sum(row["rows"] for row in rows)


def _read(cursor: str | None) -> dict[str, Any]:
    """What was last observed; an unreadable cursor only leads to one more observation."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("at"), float) else {}
