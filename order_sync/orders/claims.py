"""Claims on queue rows: who may work on them, renewed, given back, taken up again.

In: a run id and the keys of rows. Out: rows that are the run's, or no longer.
Claims are conditional updates on named rows, so they are right even where a server ignores lock hints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from order_sync.orders.database import WritableDatabase, chunks, in_transaction
from order_sync.orders.naming import TextKey, customer_key
from order_sync.orders.queue import QueueReader
from order_sync.orders.tables import CUSTOMER, Action, State, Tables


class OrderQueue(QueueReader):
    """Claims, renews, gives back and retries queue rows."""

    def __init__(self, database: WritableDatabase, tables: Tables, *, lease_seconds: float) -> None:
        super().__init__(database, tables, lease_seconds=lease_seconds)
        self._database = database

    def claim_headers(self, run_id: str, delta_uuids: Iterable[str], over: Collection[str] = ()) -> int:
        """Claims these headers for the run; returns how many it now holds of them.

        A record_uuid is claimed whole or not at all: where another worker got one of its headers first, the
        run gives back the rest.
        """
        wanted = list(delta_uuids)
        self._claim_headers(run_id, wanted, over)
        return self._count_held(self.tables.header_queue, run_id, wanted)

    @in_transaction
    def _claim_headers(self, connection: sa.Connection, run_id: str, wanted: list[str], over: Collection[str]) -> None:
        h = self.tables.header_queue
        now = self._database.now(connection)
        self._claim(connection, h, wanted, self.claimable(over, now).header(), run_id, now)
        self._give_back_broken(connection, run_id, wanted)

    def claim_lines(self, run_id: str, delta_uuids: Iterable[str], over: Collection[str] = ()) -> int:
        """Claims these lines for the run; returns how many it now holds of them."""
        wanted = list(delta_uuids)
        self._claim_lines(run_id, wanted, over)
        return self._count_held(self.tables.line_queue, run_id, wanted)

    @in_transaction
    def _claim_lines(self, connection: sa.Connection, run_id: str, wanted: list[str], over: Collection[str]) -> None:
        now = self._database.now(connection)
        condition = self.claimable(over, now).line()
        self._claim(connection, self.tables.line_queue, wanted, condition, run_id, now)

    def _count_held(self, table: sa.Table, run_id: str, wanted: list[str]) -> int:
        """How many of these rows the run holds: read back, for a trigger may hide how many a statement changed."""
        return len(self._held(table, run_id).intersection(key.lower() for key in wanted))

    def _claim(
        self,
        connection: sa.Connection,
        table: sa.Table,
        delta_uuids: list[str],
        condition: sa.ColumnElement[bool],
        run_id: str,
        now: datetime,
    ) -> None:
        # As a CASE the condition cannot tempt the server to read all rows of a state instead of these by their key.
        free = sa.case((condition, 1), else_=0) == 1
        for chunk in chunks(delta_uuids):
            connection.execute(
                sa.update(table)
                .where(table.c.delta_uuid.in_(chunk), free)
                .values(sync_state=State.PENDING, sync_run_id=run_id, sync_attempted_at=now, sync_error_message=None)
            )

    def _give_back_broken(self, connection: sa.Connection, run_id: str, wanted: list[str]) -> None:
        """Gives back the headers of record_uuids of which another run holds a part."""
        h = self.tables.header_queue
        theirs = h.alias("theirs")
        # Correlated, so that each row looks up its own record_uuid instead of reading every claimed row.
        another_holds_a_part = sa.exists().where(
            theirs.c.record_uuid == h.c.record_uuid,
            theirs.c.sync_state == State.PENDING,
            theirs.c.sync_run_id.is_not(None),
            theirs.c.sync_run_id != run_id,
        )
        for chunk in chunks(wanted):
            connection.execute(
                sa.update(h)
                .where(h.c.delta_uuid.in_(chunk), h.c.sync_run_id == run_id, another_holds_a_part)
                .values(sync_state=State.NEW, sync_run_id=None)
            )

    @in_transaction
    def renew(self, connection: sa.Connection, run_id: str) -> int:
        """Extends the run's lease on all its rows; returns how many rows it still holds."""
        held = 0
        now = self._database.now(connection)
        for table in (self.tables.header_queue, self.tables.line_queue):
            result = connection.execute(
                sa.update(table)
                .where(table.c.sync_run_id == run_id, table.c.sync_state == State.PENDING)
                .values(sync_attempted_at=now)
            )
            held += result.rowcount
        return held

    @in_transaction
    def take_over(self, connection: sa.Connection, run_id: str, from_run_id: str) -> int:
        """Makes the rows of a run that is over the rows of this run; returns how many."""
        taken = 0
        now = self._database.now(connection)
        for table in (self.tables.header_queue, self.tables.line_queue):
            result = connection.execute(
                sa.update(table)
                .where(table.c.sync_run_id == from_run_id, table.c.sync_state == State.PENDING)
                .values(sync_run_id=run_id, sync_attempted_at=now)
            )
            taken += result.rowcount
        return taken

    @in_transaction
    def release(self, connection: sa.Connection, run_id: str) -> int:
        """Gives back every row the run still holds: headers become NEW, lines stay PENDING, unleased."""
        released = 0
        for table, state in (
            (self.tables.header_queue, State.NEW),
            (self.tables.line_queue, State.PENDING),
        ):
            result = connection.execute(
                sa.update(table)
                .where(table.c.sync_run_id == run_id, table.c.sync_state == State.PENDING)
                .values(sync_state=state, sync_run_id=None)
            )
            released += result.rowcount
        return released

    def assign_groups(self, run_id: str, group_ids: Mapping[str, str]) -> None:
        """Writes monday_group_id into the run's headers; `group_ids` is by delta_uuid."""
        self._assign(self.tables.header_queue, "monday_group_id", run_id, group_ids)

    def assign_parents(self, run_id: str, parent_ids: Mapping[str, int]) -> None:
        """Writes parent_item_id into the run's lines; `parent_ids` is by delta_uuid."""
        self._assign(self.tables.line_queue, "parent_item_id", run_id, parent_ids)

    def _assign(self, table: sa.Table, column: str, run_id: str, values: Mapping[str, Any]) -> None:
        """A transaction for each thousand rows: a busy run has too many for the time of one statement."""
        for chunk in chunks(values.items()):
            self._assign_chunk(table, column, run_id, chunk)

    @in_transaction
    def _assign_chunk(
        self, connection: sa.Connection, table: sa.Table, column: str, run_id: str, values: list[tuple[str, Any]]
    ) -> None:
        connection.execute(
            sa.update(table)
            .where(table.c.delta_uuid == sa.bindparam("key"), table.c.sync_run_id == run_id)
            .values({column: sa.bindparam("value")}),
            [{"key": key, "value": value} for key, value in values],
        )

    @in_transaction
    def retry(self, connection: sa.Connection, customers: Collection[str] = ()) -> int:
        """ERROR -> NEW (headers) or PENDING (lines), for all or some customers; returns how many rows."""
        reset = 0
        for table, state in ((self.tables.header_queue, State.NEW), (self.tables.line_queue, State.PENDING)):
            rejected = (table.c.sync_state == State.ERROR, table.c.action_type == Action.INSERT)
            update = (
                sa.update(table).where(*rejected).values(sync_state=state, sync_run_id=None, sync_error_message=None)
            )
            if not customers:
                reset += connection.execute(update).rowcount
                continue
            for chunk in chunks(self._rejected_of(connection, table, customers)):
                reset += connection.execute(update.where(table.c.delta_uuid.in_(chunk))).rowcount
        return reset

    def _rejected_of(self, connection: sa.Connection, table: sa.Table, customers: Collection[str]) -> list[str]:
        """The rejected rows of these customers: found by name here, for a collation may compare otherwise."""
        o, h = self.tables.orders, self.tables.header_queue
        queued = h.alias("queued")
        # A header whose order is missing in ORDER_LIST has its customer in the queue only.
        names = [o.c[CUSTOMER].label("main"), queued.c[CUSTOMER].label("queued")]
        names += [h.c[CUSTOMER].label("own")] if table is h else []
        query = (
            sa.select(table.c.delta_uuid, *names)
            .select_from(
                table.outerjoin(o, o.c.record_uuid == table.c.record_uuid).outerjoin(
                    queued, queued.c.record_uuid == table.c.record_uuid
                )
            )
            .where(table.c.sync_state == State.ERROR, table.c.action_type == Action.INSERT)
        )
        wanted = {customer_key(customer) for customer in customers}
        of_row: dict[str, set[TextKey]] = {}
        for delta_uuid, *spellings in connection.execute(query):
            of_row.setdefault(delta_uuid, set()).update(map(customer_key, spellings))
        nobody = {customer_key(None)}
        return [delta_uuid for delta_uuid, keys in of_row.items() if wanted & (keys - nobody or nobody)]
