"""In: nothing.
Out: the name, the asset and the meaning of each check, as Dagster shows them.
Never: how a check is made; checks.py does that."""

from __future__ import annotations

import dagster as dg

NO_HEADER_PAST_ITS_LEASE = dg.AssetCheckSpec(
    "no_header_past_its_lease",
    asset="pending_headers",
    description="No header is PENDING for longer than its lease.",
)
NO_LINE_PAST_ITS_LEASE = dg.AssetCheckSpec(
    "no_line_past_its_lease", asset="pending_lines", description="No line is PENDING for longer than its lease."
)
MAPPING_FITS_BOARD = dg.AssetCheckSpec(
    "mapping_fits_board",
    asset="monday_groups",
    # Without a mapped column monday refuses every item, and every header becomes ERROR.
    blocking=True,
    description="Every board has every column of the mapping for items, as late as before the first item is created.",
)
API_VERSION_LASTS = dg.AssetCheckSpec(
    "api_version_lasts",
    asset="monday_groups",
    description="monday is not about to retire the version of its API that the run speaks.",
)
EVERY_GROUP_ONCE = dg.AssetCheckSpec(
    "every_group_once",
    asset="monday_groups",
    description="Every group that the claimed headers want is on its board, once.",
)
LABELS_KNOWN = dg.AssetCheckSpec(
    "labels_known",
    asset="monday_groups",
    description="Every label that the claimed headers need is on the board, or may be added to it.",
)
EVERY_HEADER_HAS_ITS_ITEM = dg.AssetCheckSpec(
    "every_header_has_its_item",
    asset="monday_items",
    additional_deps=["order_list"],
    description="Every header that was not rejected has its item on the board, in its group.",
)
NO_ITEM_TWICE = dg.AssetCheckSpec(
    "no_item_twice",
    asset="monday_items",
    additional_deps=["order_list"],
    description="No order has a second item on its board (by the key column).",
)
EVERY_LINE_HAS_ITS_SUBITEM = dg.AssetCheckSpec(
    "every_line_has_its_subitem",
    asset="monday_subitems",
    additional_deps=["order_list"],
    description="Every line that was not rejected has its subitem under the right item.",
)
NO_SUBITEM_TWICE = dg.AssetCheckSpec(
    "no_subitem_twice",
    asset="monday_subitems",
    additional_deps=["order_list"],
    description="No line has a second subitem under its item (by the key column).",
)
NOTHING_REJECTED = dg.AssetCheckSpec(
    "nothing_rejected", asset="order_list", description="No header or line of this run was rejected by monday."
)
NOTHING_LEFT_PENDING = dg.AssetCheckSpec(
    "nothing_left_pending",
    asset="order_list",
    description="Every order that this run claimed is SYNCED, or has a rejected row.",
)
NO_ORDER_HELD = dg.AssetCheckSpec(
    "no_order_held",
    asset="order_list",
    description="No order waits that no run can take up: each row is understood, and has its order and its header.",
)
QUEUE_AND_ORDERS_AGREE = dg.AssetCheckSpec(
    "queue_and_orders_agree",
    asset="order_list",
    description="ORDER_LIST is SYNCED and has the item of every order whose headers this run made SYNCED.",
)
QUEUE_AND_LINES_AGREE = dg.AssetCheckSpec(
    "queue_and_lines_agree",
    asset="order_list_lines",
    description="ORDER_LIST_LINES is SYNCED and has the subitem of every line that this run made SYNCED.",
)
