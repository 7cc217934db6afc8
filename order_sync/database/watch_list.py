"""The watch list: requests that were resolved in doubt. What they created may turn up a second time, and late.

In: closed requests in the state WATCHED. Out: their entries, and which item or subitem the tables name for a key.
An entry is watched for two half hours, one after the other, so that a clock which jumps cuts off one of them at most;
then it is LISTED: the next `order-sync reconcile` looks once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database, WritableDatabase, chunks, in_transaction
from order_sync.database.entries import Entry, EntryState, Operation, read_entries
from order_sync.database.tables import Tables

HALF = timedelta(minutes=30)
ARCHIVED, LEFT = "twin archived", "twin left"  # what the log says became of a twin


def boards_watched(database: Database, tables: Tables, states: Collection[EntryState]) -> list[int]:
    """Boards with requests in one of these states."""
    journal = tables.journal
    query = sa.select(journal.c.board_id).where(journal.c.state.in_(list(states))).distinct()
    return sorted(database.column(query))


class WatchList:
    """The watched requests of one board. The caller holds the board's lease."""

    def __init__(self, database: WritableDatabase, tables: Tables, *, board_id: int) -> None:
        self._database = database
        self._tables = tables
        self._board_id = board_id

    def entries(self, states: Collection[EntryState]) -> list[Entry]:
        return read_entries(self._database, self._tables, self._board_id, states)

    def named(self, operation: Operation, own: Mapping[str, str]) -> dict[str, str]:
        """monday's ids that the tables name, by record_uuid, or for subitems by line_uuid; `own` has these by key."""
        t = self._tables
        if operation is Operation.SUBITEMS:
            queued, known = t.line_queue.c.delta_uuid, t.line_queue.c.monday_subitem_id
            on_record, item = t.subitems.c.line_uuid, t.subitems.c.subitem_id
        else:
            queued, known = t.header_queue.c.delta_uuid, t.header_queue.c.monday_item_id
            on_record, item = t.items.c.record_uuid, t.items.c.item_id
        found = {own[key]: monday_id for key, monday_id in self._ids(queued, known, own).items()}
        return found | self._ids(on_record, item, own.values())

    def _ids(self, key: sa.Column[Any], monday_id: sa.Column[Any], among: Iterable[str]) -> dict[str, str]:
        query = sa.select(key.label("own"), monday_id.label("id"))
        rows = (row for chunk in chunks(among) for row in self._database.rows(query.where(key.in_(chunk))))
        return {row["own"]: str(row["id"]) for row in rows if row["id"] is not None}

    def homes(self, items: Collection[str]) -> set[str]:
        """Those of the items under which the tables have a subitem."""
        parent = self._tables.subitems.c.parent_item_id
        queries = (sa.select(parent).where(parent.in_(chunk)).distinct() for chunk in chunks(map(int, items)))
        return {str(item) for query in queries for item in self._database.column(query)}

    @in_transaction
    def looked(self, connection: sa.Connection, entries: Collection[Entry], *, last: bool = False) -> None:
        """Moves the entries on that were watched for long enough; `last` ends it for those that are LISTED."""
        journal = self._tables.journal
        now = self._database.now(connection)
        is_due = sa.and_(journal.c.state == EntryState.WATCHED, journal.c.sent_at <= now - HALF)
        for chunk in chunks([entry.idempotency_key for entry in entries]):
            these = journal.c.idempotency_key.in_(chunk)
            connection.execute(
                sa.update(journal)
                .where(these, is_due, journal.c.sent_at > journal.c.closed_at)
                .values(state=EntryState.LISTED)
            )
            connection.execute(sa.update(journal).where(these, is_due).values(sent_at=now))
            if last:
                connection.execute(
                    sa.update(journal)
                    .where(these, journal.c.state == EntryState.LISTED)
                    .values(state=EntryState.CLOSED, body=sa.null())
                )
