"""What the tables know of a step's orders and lines: what a run holds of them, and what was last written.

In: a run, and the rows that a step is about. Out: versions with their ids, and what is on record.
Reads only, and in one query: what is held and what was written are of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from order_sync.database.queue import QueueReader
from order_sync.database.written import OnRecord, on_record_of
from order_sync.sync.rows import Row


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The items of some orders: as their headers have them, and as last written."""

    versions: dict[str, dict[str, int | None]]
    on_record: dict[str, OnRecord]

    @classmethod
    def of_run(cls, queue: QueueReader, run_id: str, rows: Sequence[Row]) -> Orders:
        """Those of the rows, which are headers, and of all other headers that the run holds."""
        held = queue.held_headers(run_id)
        return cls(versions=versions_of_orders(held), on_record=_on_record(held, rows, "record_uuid"))


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The lines that a run holds, and the subitems of some of them as last written."""

    held: list[Row]
    on_record: dict[str, OnRecord]

    @classmethod
    def of_run(cls, queue: QueueReader, run_id: str, rows: Sequence[Row]) -> Lines:
        held = queue.held_lines(run_id)
        return cls(held=held, on_record=_on_record(held, rows, "line_uuid"))


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
