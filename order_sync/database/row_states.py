"""What has become of named queue rows: the state of each, and the run that had it last.

In: delta_uuids. Out: a `RowState` for each that a queue table has. Seeks by key.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from order_sync.database.connection import Database, chunks
from order_sync.database.tables import Tables
from order_sync.orders.states import State


@dataclass(frozen=True, kw_only=True)
class RowState:
    state: str
    run_id: str | None

    @property
    def is_final(self) -> bool:
        """No run takes it up again by itself."""
        return self.state in (State.SYNCED, State.ERROR)

    def __str__(self) -> str:
        by = f" by run {self.run_id}" if self.run_id else ""
        fates = {State.SYNCED: f"was synced{by}", State.ERROR: f"was rejected{by}"}
        return fates.get(State(self.state), "") if self.is_final else f"is {self.state}{by}"


def states_of(database: Database, tables: Tables, delta_uuids: Collection[str]) -> dict[str, RowState]:
    """By delta_uuid; a row that is in no queue table any more is left out."""
    found: dict[str, RowState] = {}
    for table in (tables.header_queue, tables.line_queue):
        for keys in chunks(delta_uuids):
            query = sa.select(table.c.delta_uuid, table.c.sync_state, table.c.sync_run_id)
            for row in database.rows(query.where(table.c.delta_uuid.in_(keys))):
                state = str(row["sync_state"] or "").strip().upper()
                found[row["delta_uuid"]] = RowState(state=state, run_id=row["sync_run_id"])
    return found
