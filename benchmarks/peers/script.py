"""The typical script around a client package: groups, then items, then subitems, then changes, one call each.

In: the rows wanted and a package's documented calls. Out: the ids in a file, and the failures.
If a call raises, the script counts a failure and continues with the next row; it gives up after ten failures in a row.
Started again, it continues with the rows that have no id.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from benchmarks.peers.ids import Ids
from benchmarks.peers.orders import Rows

GIVES_UP_AFTER = 10  # failures in a row


class Calls(Protocol):
    """A package's calls; each returns monday's id, or raises what the package raises."""

    def create_group(self, title: str) -> str: ...

    def create_item(self, group_id: str, name: str, values: dict[str, Any]) -> str: ...

    def create_subitem(self, parent_id: str, name: str, values: dict[str, Any]) -> str: ...

    def change(self, board_id: int, item_id: str, values: dict[str, Any]) -> str: ...


class GaveUp(Exception):
    """Too many failures in a row."""


class Script:
    def __init__(self, calls: Calls, rows: Rows, folder: Path) -> None:
        self._calls = calls
        self._rows = rows
        self._ids = Ids(folder / "ids.jsonl")
        self._in_a_row = 0
        self.failures: list[str] = []

    def run(self) -> None:
        try:
            self._carry()
        except GaveUp:
            self.failures.append(f"gave up after {GIVES_UP_AFTER} failures in a row")

    def _carry(self) -> None:
        calls, ids, rows = self._calls, self._ids, self._rows
        for title in rows.groups:
            self._once(title, partial(calls.create_group, title))
        for item in rows.items:
            if group_id := ids.get(item.group):
                self._once(item.key, partial(calls.create_item, group_id, item.name, item.values))
            else:
                self.failures.append(f"item {item.key} has no group")
        for subitem in rows.subitems:
            if parent_id := ids.get(subitem.item):
                self._once(subitem.key, partial(calls.create_subitem, parent_id, subitem.name, subitem.values))
            else:
                self.failures.append(f"subitem {subitem.key} has no item")
        for change in rows.changes:
            if item_id := ids.get(change.of):
                self._once(change.key, partial(calls.change, change.board_id, item_id, change.values))
            else:
                self.failures.append(f"change {change.key} has no item")

    def _once(self, key: str, create: Callable[[], str]) -> None:
        if key in self._ids:
            return
        try:
            self._ids.add(key, create())
        except Exception as error:  # anything: no package documents the type that it raises
            self.failures.append(f"{type(error).__name__}: {error}")
            self._in_a_row += 1
            if self._in_a_row >= GIVES_UP_AFTER:
                raise GaveUp from error
        else:
            self._in_a_row = 0
