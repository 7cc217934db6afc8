"""Descriptions of the assets' columns, shown on each asset's page in Dagster."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
import sqlalchemy as sa

COLUMNS = {
    "delta_uuid": ("uniqueidentifier", "The queue row."),
    "record_uuid": ("uniqueidentifier", "The order; it may have several headers."),
    "line_uuid": ("uniqueidentifier", "The order line: one size of the order."),
    "customer": ("nvarchar", "[CUSTOMER NAME]."),
    "order_number": ("nvarchar", "[AAG ORDER NUMBER]; not unique."),
    "created_at": ("datetime2", "When the row was queued (UTC)."),
    "late": ("bool", "The line arrived after its order was synced."),
    "size_code": ("nvarchar", "The size, such as XS or 32/30."),
    "qty": ("int", "Pieces."),
    "board_id": ("bigint", "monday's id of the board."),
    "title": ("nvarchar", "The group's title: GroupMonday, else customer and season."),
    "group_id": ("nvarchar", "monday's id of the group."),
    "monday_item_id": ("bigint", "monday's id of the item; empty before it exists."),
    "monday_subitem_id": ("bigint", "monday's id of the subitem; empty before it exists."),
    "parent_item_id": ("bigint", "monday's id of the subitem's parent item."),
    "sync_state": ("varchar", "NEW, PENDING, SYNCED or ERROR."),
    "last_synced_at": ("datetime2", "When the row became SYNCED (UTC)."),
    "GroupMonday": ("nvarchar", "The group's title from the order system; may be empty."),
}


def described(names: Iterable[str]) -> dict[str, Any]:
    """The metadata with the column schema of these columns, all of them in COLUMNS."""
    columns = [dg.TableColumn(name, *COLUMNS[name]) for name in names]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def of_table(table: sa.Table) -> dict[str, Any]:
    """The metadata with a database table's name and column schema."""
    columns = [
        dg.TableColumn(
            column.name,
            str(column.type).lower(),
            COLUMNS.get(column.name, ("", None))[1],
            dg.TableColumnConstraints(nullable=bool(column.nullable), unique=column.primary_key),
        )
        for column in table.columns
    ]
    return {"dagster/table_name": table.fullname, "dagster/column_schema": dg.TableSchema(columns=columns)}
