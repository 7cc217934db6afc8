"""Asset checks: what a person would ask after a run.

In: the tables as they are. Out: passed, or a WARN that says how many rows were rejected and why.
"""

import dagster as dg

from order_sync.io_managers.frames import table
from order_sync.resources.sql_server import SqlServerResource


@dg.asset_check(asset="order_list", description="No header or line of this run was rejected by monday.")
def nothing_rejected(context: dg.AssetCheckExecutionContext, sql_server: SqlServerResource) -> dg.AssetCheckResult:
    errors = sql_server.reader.errors(context.run.run_id)
    return dg.AssetCheckResult(
        passed=not errors,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(errors)} rows were rejected. Correct them, then run `order-sync retry`."
        if errors
        else "No row was rejected.",
        metadata={"rejected": len(errors), "rows": table(errors[:200])},
    )


@dg.asset_check(asset="order_list", description="Nothing that this run claimed is left PENDING.")
def nothing_left_pending(context: dg.AssetCheckExecutionContext, sql_server: SqlServerResource) -> dg.AssetCheckResult:
    run_id = context.run.run_id
    reader = sql_server.reader
    headers, lines = reader.claimed_headers(run_id), reader.claimed_lines(run_id)
    return dg.AssetCheckResult(
        passed=not headers and not lines,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"headers": len(headers), "lines": len(lines)},
    )
