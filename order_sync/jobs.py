"""The one job: every asset, for the scope that the run is given."""

from __future__ import annotations

import dagster as dg

JOB_NAME = "sync_orders"

sync_orders = dg.define_asset_job(
    JOB_NAME,
    selection=dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks(),
    tags={"order_sync/job": JOB_NAME},  # one run of it at a time: dagster.yaml
    description="Carries pending orders to monday and marks them SYNCED. resources > scope narrows it down.",
)
