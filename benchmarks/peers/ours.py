"""order_sync, as `order-sync sync` runs it, with the figures that Dagster keeps of its steps."""

from __future__ import annotations

from typing import Any

import dagster as dg

from order_sync.cli import launch
from order_sync.orders.errors import OrderSyncError
from order_sync.settings import load_settings

STEPS = ("monday_groups", "monday_items", "monday_subitems")


def run() -> dict[str, Any]:
    try:
        summary = launch.sync(load_settings())
    except OrderSyncError as error:
        return {"failures": [str(error)]}
    failures = [str(row) for row in summary.rejected]
    if summary.orders_held_back:
        failures.append(f"{summary.orders_held_back} orders are held back")
    return {"failures": failures, "summary": summary.to_json(), "steps": step_seconds()}


def step_seconds() -> dict[str, float]:
    """How long each monday step was at the board, from the metadata of its asset."""
    found: dict[str, float] = {}
    with dg.DagsterInstance.get() as instance:
        for step in STEPS:
            event = instance.get_latest_materialization_event(dg.AssetKey(step))
            if event is not None and event.asset_materialization is not None:
                found[step] = float(event.asset_materialization.metadata["seconds"].value)  # type: ignore[arg-type]
    return found
