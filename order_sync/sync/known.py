"""What the tables know of a step's orders and lines: what a run holds of them, and what was last written.

In: a run, and the rows that a step is about. Out: versions with their ids, and what is on record.
Reads only, both together: what is held and what was written do not change in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from order_sync.database.queue import QueueReader
from order_sync.database.written import OnRecord, items_on_record, subitems_on_record
from order_sync.orders.states import State
from order_sync.sync.rows import Row


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The items of some orders: as their headers have them, and as last written."""

    versions: dict[str, dict[str, int | None]]
    on_record: dict[str, OnRecord]

    @classmethod
    def of_run(cls, queue: QueueReader, run_id: str, rows: Sequence[Row]) -> Orders:
        """Those of the rows, which are headers, and of all other headers that the run holds."""

        def look() -> Orders:
            held = (row for row in queue.run_headers(run_id) if row["sync_state"] == State.PENDING)
            records = [row["record_uuid"] for row in rows]
            on_record = items_on_record(queue.database, queue.tables, records)
            return cls(versions=versions_of_orders(held), on_record=on_record)

        return queue.database.together(look)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The lines that a run holds, and the subitems of some of them as last written."""

    held: list[Row]
    on_record: dict[str, OnRecord]

    @classmethod
    def of_run(cls, queue: QueueReader, run_id: str, rows: Sequence[Row]) -> Lines:
        def look() -> Lines:
            lines = [row["line_uuid"] for row in rows]
            on_record = subitems_on_record(queue.database, queue.tables, lines)
            return cls(held=queue.held_lines(run_id), on_record=on_record)

        return queue.database.together(look)


def versions_of_orders(headers: Iterable[Row]) -> dict[str, dict[str, int | None]]:
    """The items of headers by record_uuid and delta_uuid: several headers of an order are its versions."""
    found: dict[str, dict[str, int | None]] = {}
    for row in headers:
        found.setdefault(row["record_uuid"], {})[row["delta_uuid"]] = row["monday_item_id"]
    return found


def item_of(versions: Mapping[str, int | None]) -> int | None:
    """The item that any version of an order has."""
    return next((item for item in versions.values() if isinstance(item, int)), None)
