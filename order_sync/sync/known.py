"""What the tables know of a step's orders and lines: what a run holds of them, and what was last written.

In: a run, and the rows that a step is about. Out: versions with their ids, and what is on record.
Reads only, each in one query: what is held and what was written are of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from order_sync.database.claims import OrderQueue
from order_sync.database.entries import known_groups
from order_sync.database.written import OnRecord, on_record_of
from order_sync.sync.rows import Row


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The items of some orders: as their headers have them, and as last written."""

    versions: dict[str, dict[str, int | None]]
    on_record: dict[str, OnRecord]

    @classmethod
    def of_run(cls, rows: Sequence[Row], held: Sequence[Row]) -> Orders:
        """Those of the rows, which are headers, and of all other headers that the run holds."""
        return cls(versions=versions_of_orders(held), on_record=_on_record(held, rows, "record_uuid"))


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The lines that a run holds, and the subitems of some of them as last written."""

    held: list[Row]
    on_record: dict[str, OnRecord]

    @classmethod
    def of_run(cls, rows: Sequence[Row], held: list[Row]) -> Lines:
        return cls(held=held, on_record=_on_record(held, rows, "line_uuid"))


@dataclass(eq=False)
class Known:
    """What the tables have of one board and of a run's rows, from the database each time unless it was read ahead.

    The caller that reads ahead must know that nothing else changes it before it is used. Each answer is used once.
    """

    queue: OrderQueue
    run_id: str
    board_id: int
    _groups: dict[str, str] | None = None
    _headers: list[Row] | None = None
    _lines: list[Row] | None = None

    def read_ahead(self, *, lines: bool = False) -> None:
        """In the transaction of the caller: what the steps up to the items ask for, or those after."""
        self.forget()
        if lines:
            self._lines = self.queue.held_lines(self.run_id)
        else:
            self._groups, self._headers = self.groups(), self.queue.held_headers(self.run_id)

    def forget(self) -> None:
        """Something may have been written since."""
        self._groups = self._headers = self._lines = None

    def groups(self) -> dict[str, str]:
        """Groups that this project made or adopted: the title under which it did, by id."""
        known, self._groups = self._groups, None
        return known_groups(self.queue.database, self.queue.tables, self.board_id) if known is None else known

    def headers(self) -> list[Row]:
        """The headers that the run holds, as QueueReader.held_headers."""
        known, self._headers = self._headers, None
        return self.queue.held_headers(self.run_id) if known is None else known

    def lines(self) -> list[Row]:
        """The lines that the run holds, as QueueReader.held_lines."""
        known, self._lines = self._lines, None
        return self.queue.held_lines(self.run_id) if known is None else known


def _on_record(held: Iterable[Row], rows: Iterable[Row], own: str) -> dict[str, OnRecord]:
    """What is on record of the rows, by their `own` key."""
    wanted = {row[own] for row in rows}
    return {row[own]: of_it for row in held if row[own] in wanted and (of_it := on_record_of(row))}


def versions_of_orders(headers: Iterable[Row]) -> dict[str, dict[str, int | None]]:
    """The items of headers by record_uuid and delta_uuid: several headers of an order are its versions."""
    found: dict[str, dict[str, int | None]] = {}
    for row in headers:
        found.setdefault(row["record_uuid"], {})[row["delta_uuid"]] = row["monday_item_id"]
    return found


def item_of(versions: Mapping[str, int | None]) -> int | None:
    """The item that any version of an order has."""
    return next((item for item in versions.values() if isinstance(item, int)), None)
