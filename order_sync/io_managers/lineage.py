"""Which column of the site's tables fills which column of a board, for Dagster's column lineage.

In: the column mapping and the tables. Out: the schema and the lineage of `monday_items` and `monday_subitems`.
A column that both the queue and the main table have is read from the queue; the others are joined from ORDER_LIST.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from order_sync.database.tables import Tables
from order_sync.orders.mapping import BoardMap, ColumnMapping
from order_sync.orders.naming import CUSTOMER, NAMING_COLUMNS, ORDER_NUMBER

HEADERS, LINES = dg.AssetKey("ORDER_LIST_DELTA"), dg.AssetKey("ORDER_LIST_LINES_DELTA")
ORDERS, ORDER_LINES = dg.AssetKey("order_list"), dg.AssetKey("order_list_lines")
NAME, GROUP = "name", "group"
SEASON, OTHER_SEASON, ALIAS, OTHER_PO = NAMING_COLUMNS
# As orders/naming.py makes them.
ITEM_NAME = (ALIAS, "CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION", ORDER_NUMBER, "PO NUMBER", OTHER_PO)
ITEM_GROUP = ("GroupMonday", CUSTOMER, SEASON, OTHER_SEASON)

Sources = Mapping[str, Sequence[str]]


def board_metadata(asset: str, mapping: ColumnMapping, tables: Tables, own: dg.TableSchema | None) -> dict[str, Any]:
    """An asset's `own` columns with those of the board that it fills, and where these come from."""
    columns, lineage = _of_asset(asset, mapping, tables)
    if not columns:
        return {}
    names = {column.name for column in columns}
    schema = dg.TableSchema(
        [*(column for column in (own.columns if own else ()) if column.name not in names), *columns]
    )
    return {"dagster/column_schema": schema, "dagster/column_lineage": lineage}


def _of_asset(
    asset: str, mapping: ColumnMapping, tables: Tables
) -> tuple[list[dg.TableColumn], dg.TableColumnLineage | None]:
    if asset == "monday_items":
        group = dg.TableColumn(GROUP, "text", "The title of the item's group on the board.")
        sources = {"record_uuid": ("record_uuid",), NAME: ITEM_NAME, GROUP: ITEM_GROUP, **_sources(mapping.items)}
        lineage = _lineage(sources, (HEADERS, tables.header_queue.columns.keys()), ORDERS)
        return [_name("item"), group, *_mapped(mapping.items)], lineage
    if asset == "monday_subitems":
        sources = {"line_uuid": ("line_uuid",), NAME: ("size_code",), **_sources(mapping.subitems)}
        lineage = _lineage(sources, (LINES, tables.line_queue.columns.keys()), ORDER_LINES)
        return [_name("subitem"), *_mapped(mapping.subitems)], lineage
    return [], None


def _lineage(sources: Sources, queue: tuple[dg.AssetKey, Iterable[str]], main: dg.AssetKey) -> dg.TableColumnLineage:
    key, columns = queue[0], set(queue[1])
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=key if name in columns else main, column_name=name) for name in names]
            for column, names in sources.items()
        }
    )


def _sources(board: BoardMap) -> dict[str, tuple[str, ...]]:
    return {column.column: (column.source,) for column in board.columns}


def _mapped(board: BoardMap) -> list[dg.TableColumn]:
    return [
        dg.TableColumn(column.column, column.type, f"{column.title or column.column} on the board: [{column.source}].")
        for column in board.columns
    ]


def _name(what: str) -> dg.TableColumn:
    return dg.TableColumn(NAME, "text", f"The name of the {what} on the board.")
