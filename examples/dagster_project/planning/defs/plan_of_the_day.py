"""An asset of the team's own, which comes after those of order_sync."""

import dagster as dg


@dg.asset(deps=["order_list"], group_name="planning")
def plan_of_the_day(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Says how many orders the last sync completed on the board."""
    latest = context.instance.get_latest_materialization_event(dg.AssetKey("order_list"))
    synced = latest.asset_materialization if latest else None
    rows = synced.metadata["dagster/row_count"] if synced else dg.MetadataValue.int(0)
    return dg.MaterializeResult(metadata={"new orders on the board": rows})
