"""A plain custom destination of dlt that creates or changes one item a call.

One pipeline each for groups, items, subitems and changes, because subitems and changes need the ids of items. Each call
goes through dlt's requests helper (five attempts with a growing wait for a lost connection, 429 and 5xx); what still
raises, dlt's loader tries again five times. `batch_size=1` makes dlt keep its place after every row, which is kinder
than its default of 10.
Started again, a pipeline continues with the pending load.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.helpers import requests

from benchmarks.peers.ids import Ids
from benchmarks.peers.orders import Rows
from order_sync.settings import EMBEDDED_BOARD

GROUP = "mutation ($board: ID!, $title: String!) { create_group(board_id: $board, group_name: $title) { id } }"
ITEM = """
mutation ($board: ID!, $group: String!, $name: String!, $values: JSON!) {
  create_item(
    board_id: $board, group_id: $group, item_name: $name, column_values: $values, create_labels_if_missing: true
  ) { id }
}
"""
SUBITEM = """
mutation ($parent: ID!, $name: String!, $values: JSON!) {
  create_subitem(parent_item_id: $parent, item_name: $name, column_values: $values) { id }
}
"""
CHANGE = """
mutation ($board: ID!, $item: ID!, $values: JSON!) {
  change_multiple_column_values(
    board_id: $board, item_id: $item, column_values: $values, create_labels_if_missing: true
  ) { id }
}
"""

Row = dict[str, Any]


class DltDestination:
    def __init__(self, url: str, token: str, rows: Rows, folder: Path) -> None:
        self._url = url
        self._headers = {"Authorization": token}
        self._rows = rows
        self._folder = folder
        self._ids = Ids(folder / "ids.jsonl")
        self.failures: list[str] = []

    def run(self) -> None:
        steps: tuple[tuple[str, Callable[[Row], None], list[Row]], ...] = (
            ("groups", self._group, [{"key": title} for title in self._rows.groups]),
            (
                "items",
                self._item,
                [{"key": i.key, "group": i.group, "name": i.name, "values": _text(i.values)} for i in self._rows.items],
            ),
            (
                "subitems",
                self._subitem,
                [
                    {"key": s.key, "item": s.item, "name": s.name, "values": _text(s.values)}
                    for s in self._rows.subitems
                ],
            ),
            (
                "changes",
                self._change,
                [
                    {"key": c.key, "of": c.of, "board": str(c.board_id), "values": _text(c.values)}
                    for c in self._rows.changes
                ],
            ),
        )
        for name, create, rows in steps:
            try:
                self._load(name, create, rows)
            except Exception as error:  # what dlt raises once its retries are used up
                self.failures.append(f"{type(error).__name__}: {str(error)[:500]}")
                return  # what follows needs the ids

    def _load(self, name: str, create: Callable[[Row], None], rows: list[Row]) -> None:
        @dlt.destination(batch_size=1, name="monday")  # type: ignore[untyped-decorator]
        def board(items: Any, table: Any) -> None:
            for row in items:
                create(row)

        pipeline = dlt.pipeline(name, destination=board(), pipelines_dir=str(self._folder / "dlt"))
        if pipeline.has_pending_data:
            pipeline.load()
        elif left := [row for row in rows if row["key"] not in self._ids]:
            pipeline.run(_resource(name, left))

    def _group(self, row: Row) -> None:
        variables = {"board": str(EMBEDDED_BOARD), "title": row["key"]}
        self._ids.add(row["key"], self._post(GROUP, variables, "create_group"))

    def _item(self, row: Row) -> None:
        variables = {
            "board": str(EMBEDDED_BOARD),
            "group": self._ids.get(row["group"]),
            "name": row["name"],
            "values": row["values"],
        }
        self._ids.add(row["key"], self._post(ITEM, variables, "create_item"))

    def _subitem(self, row: Row) -> None:
        variables = {"parent": self._ids.get(row["item"]), "name": row["name"], "values": row["values"]}
        self._ids.add(row["key"], self._post(SUBITEM, variables, "create_subitem"))

    def _change(self, row: Row) -> None:
        variables = {"board": row["board"], "item": self._ids.get(row["of"]), "values": row["values"]}
        self._ids.add(row["key"], self._post(CHANGE, variables, "change_multiple_column_values"))

    def _post(self, query: str, variables: Row, field: str) -> str:
        response = requests.post(self._url, json={"query": query, "variables": variables}, headers=self._headers)
        answer = response.json()  # the helper has raised for a status of 400 or more
        if answer.get("errors"):
            raise RuntimeError(str(answer["errors"]))
        return str(answer["data"][field]["id"])


def _resource(name: str, rows: list[Row]) -> Any:
    def each() -> Iterator[Row]:
        yield from rows

    return dlt.resource(each, name=name)


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values)
