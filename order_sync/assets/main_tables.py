"""The main tables: orders that are complete on the board become SYNCED.

In: the run's items and subitems with their outcome. Out: the record_uuids and lines to commit.
The queue IO manager commits headers and lines of both pairs of tables together, whole record_uuids at a time.
"""

from collections.abc import Iterator
from itertools import chain

import dagster as dg
import pandas as pd

from order_sync.assets.columns import described
from order_sync.assets.queue import OWNERS
from order_sync.io_managers.frames import is_done, to_frame, to_rows


@dg.multi_asset(
    name="main_tables",
    group_name="main_tables",
    outs={
        "order_list": dg.AssetOut(
            io_manager_key="queue_io",
            kinds={"sqlserver", "table"},
            owners=OWNERS,
            metadata=described(("record_uuid", "sync_state", "monday_item_id", "last_synced_at")),
            description="ORDER_LIST: each complete order becomes SYNCED and gets its item id, together with its "
            "queue rows and lines, in one transaction per record_uuid.",
        ),
        "order_list_lines": dg.AssetOut(
            io_manager_key="queue_io",
            kinds={"sqlserver", "table"},
            owners=OWNERS,
            metadata=described(
                ("line_uuid", "record_uuid", "sync_state", "monday_subitem_id", "parent_item_id", "last_synced_at")
            ),
            description="ORDER_LIST_LINES: each line of a complete order becomes SYNCED and gets its subitem id.",
        ),
    },
)
def main_tables(monday_items: pd.DataFrame, monday_subitems: pd.DataFrame) -> Iterator[dg.Output[pd.DataFrame]]:
    """Writes state and monday ids to the main tables."""
    incomplete = {row["record_uuid"] for row in to_rows(monday_items) if not is_done(row)}
    incomplete |= {row["record_uuid"] for row in to_rows(monday_subitems) if not is_done(row)}
    records = dict.fromkeys(chain(monday_items["record_uuid"], monday_subitems["record_uuid"]))
    complete = ({"record_uuid": record} for record in records if record not in incomplete)
    # order_list first: its commit covers the lines too, and order_list_lines reports what that commit did.
    yield dg.Output(to_frame(complete, ["record_uuid"]), "order_list")
    lines = (row for row in to_rows(monday_subitems) if row["record_uuid"] not in incomplete)
    yield dg.Output(to_frame(lines, ["record_uuid", "line_uuid"]), "order_list_lines")
