"""The queue assets: the waiting headers and lines that a run claims.

In: what can be claimed, and the run's scope. Out: the rows to claim; the queue IO manager claims them.
"""

import dagster as dg
import pandas as pd

from order_sync.assets.columns import described, of_table
from order_sync.database.tables import Tables
from order_sync.io_managers.frames import to_frame, to_rows
from order_sync.resources.scope import ScopeResource
from order_sync.resources.sql_server import ReadOnlySqlServerResource

OWNERS = ["team:order-operations"]


def external_queues(tables: Tables) -> list[dg.AssetSpec]:
    """The two queue tables, which other systems fill."""
    return [
        dg.AssetSpec(
            key,
            group_name="queue",
            kinds={"sqlserver", "table"},
            owners=OWNERS,
            description=description,
            metadata=of_table(table),
        )
        for key, table, description in (
            (
                "ORDER_LIST_DELTA",
                tables.header_queue,
                "New and changed order headers, filled by the order system. order_sync claims NEW rows.",
            ),
            (
                "ORDER_LIST_LINES_DELTA",
                tables.line_queue,
                "New and changed order lines, one per size, filled by the order system.",
            ),
        )
    ]


@dg.asset(
    group_name="queue",
    kinds={"sqlserver", "pandas"},
    owners=OWNERS,
    io_manager_key="queue_io",
    ins={"waiting": dg.AssetIn(key="ORDER_LIST_DELTA", input_manager_key="queue_io")},
    metadata=described(("record_uuid", "delta_uuid", "customer", "order_number", "GroupMonday", "created_at")),
)
def pending_headers(waiting: pd.DataFrame, scope: ScopeResource, sql_server: ReadOnlySqlServerResource) -> pd.DataFrame:
    """The order headers that this run has claimed: NEW -> PENDING, by customer and record_uuid."""
    scope.check(sql_server.database, sql_server.tables)
    chosen = scope.select(to_rows(waiting))
    scope.check_complete("header", chosen)
    return to_frame(chosen, list(waiting.columns))


@dg.asset(
    group_name="queue",
    kinds={"sqlserver", "pandas"},
    owners=OWNERS,
    io_manager_key="queue_io",
    ins={"waiting": dg.AssetIn(key="ORDER_LIST_LINES_DELTA", input_manager_key="queue_io")},
    metadata=described(("record_uuid", "line_uuid", "delta_uuid", "customer", "size_code", "qty", "created_at")),
)
def pending_lines(waiting: pd.DataFrame, pending_headers: pd.DataFrame, scope: ScopeResource) -> pd.DataFrame:
    """The lines of the claimed orders, and late lines of orders that are already on the board."""
    claimed = dict.fromkeys(pending_headers["record_uuid"])
    own = scope.of_plan(row for row in to_rows(waiting) if row["record_uuid"] in claimed)
    late = scope.select((row for row in to_rows(waiting) if row["late"]), taken=claimed)
    chosen = [*own, *late]
    scope.check_complete("line", chosen)
    return to_frame(chosen, list(waiting.columns))
