"""Which column of the tables fills which column of the board, as Dagster shows it after a run."""

from __future__ import annotations

from typing import Any

import dagster as dg

from order_sync.orders.mapping import load_mapping
from order_sync.orders.naming import group_title, item_name
from order_sync_tests.graph.stage import Stage


def metadata(stage: Stage, asset: str) -> dict[str, Any]:
    with stage.instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def sources(lineage: dg.TableColumnLineage) -> dict[str, set[tuple[str, str]]]:
    return {
        column: {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps}
        for column, deps in lineage.deps_by_column.items()
    }


def test_each_board_column_comes_from_its_source(stage: Stage) -> None:
    stage.add_orders(1)
    stage.sync()
    mapping, items = load_mapping(), metadata(stage, "monday_items")
    found = sources(items["dagster/column_lineage"])
    assert {column.column for column in mapping.items.columns} < set(found)
    assert found["eta"] == {("ORDER_LIST_DELTA", "ETA CUSTOMER WAREHOUSE DATE")}
    assert found["season"] == {("order_list", "CUSTOMER SEASON")}
    names = [column.name for column in items["dagster/column_schema"].columns]
    assert set(found) < set(names)
    assert len(names) == len(set(names))
    lines = sources(metadata(stage, "monday_subitems")["dagster/column_lineage"])
    assert lines["size"] == lines["name"] == {("ORDER_LIST_LINES_DELTA", "size_code")}
    assert "dagster/column_lineage" not in metadata(stage, "monday_groups")


class Read(dict[str, str]):
    """An order that notes what is read from it; `empty` columns have no value."""

    def __init__(self, *empty: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._empty = empty

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return None if name in self._empty else "A"


def test_names_come_from_what_their_rules_read(stage: Stage) -> None:
    stage.add_orders(1)
    stage.sync()
    found = sources(metadata(stage, "monday_items")["dagster/column_lineage"])
    title, name = Read("GroupMonday", "CUSTOMER SEASON"), Read("ALIAS/RELATED ITEM", "PO NUMBER")
    group_title(title)
    item_name(name)
    assert {column for _, column in found["group"]} == title.names
    assert {column for _, column in found["name"]} == name.names
