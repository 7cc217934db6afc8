"""What a run puts on record of a board beside its requests: edits that stay, what is cancelled already, notes.

In: the run that holds the board's lease. Out: rows of ORDER_SYNC_EDITS, ORDER_SYNC_CANCELLED and ORDER_SYNC_LOG.
Never a row without the lease; journal.py adds the requests and what becomes of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from order_sync.database import cancelled, written
from order_sync.database.board_lease import BoardLease
from order_sync.database.connection import chunks, in_transaction
from order_sync.database.edits import Edited, edited_on, record_edits
from order_sync.database.entries import Operation
from order_sync.database.queue_rows import clear_ids
from order_sync.database.run_log import RunLog
from order_sync.database.writes import lost
from order_sync.text.counted import counted

NOTHING: Mapping[str, Any] = MappingProxyType({})


class BoardLog(BoardLease):
    """The records of one board, as the run sees them that holds the board."""

    def leave_off(self, versions: Mapping[str, datetime]) -> None:
        """Records orders, or lines, that are cancelled and on no board: created_at of the newest row of each."""
        for chunk in chunks(versions.items()):
            self._leave_off(dict(chunk))

    @in_transaction
    def _leave_off(self, connection: sa.Connection, versions: Mapping[str, datetime]) -> None:
        stamp = self._stamp(self._renew(connection))
        marks = {key: written.marker(stamp, of_version, None) for key, of_version in versions.items()}
        cancelled.mark(connection, self._tables, marks)
        if missing := versions.keys() - cancelled.marked(connection, self._tables, versions):
            raise lost(f"{counted(len(missing), 'row')} had not been put on record as cancelled")

    def bring_back(self, keys: Collection[str]) -> None:
        """Forgets that these orders, or lines, were cancelled: they are to be on the board again."""
        if keys:
            self._bring_back(keys)

    @in_transaction
    def _bring_back(self, connection: sa.Connection, keys: Collection[str]) -> None:
        self._renew(connection)
        cancelled.unmark(connection, self._tables, keys)
        if cancelled.marked(connection, self._tables, keys):
            raise lost(f"{counted(len(keys), 'row')} were still on record as cancelled")

    def unfinish(self, operation: Operation, keys: Collection[str]) -> None:
        """Takes monday's id from those of the queue rows that have one, as a row that was put back by hand does.

        Something is still to be written for them: with the id they would count as done.
        """
        for chunk in chunks(keys):
            self._unfinish(operation, chunk)

    @in_transaction
    def _unfinish(self, connection: sa.Connection, operation: Operation, keys: Collection[str]) -> None:
        self._renew(connection)
        clear_ids(connection, self._tables, operation, keys)

    def owners(self, ids: Collection[int], of_lines: bool) -> dict[int, str]:
        """See `written.owners`."""
        return written.owners(self._database, self._tables, ids, of_lines=of_lines)

    def edited(self) -> set[str]:
        """The orders and lines whose edits on this board are on record."""
        return edited_on(self._database, self._tables, self.board_id)

    @in_transaction
    def keep_edits(
        self,
        connection: sa.Connection,
        operation: Operation,
        logged: Mapping[str, tuple[str, str]],
        edited: Mapping[str, Edited],
        resolved: Collection[str] = (),
    ) -> None:
        """Records edits that people keep, by order or line, and logs them: monday's id and what stays, by queue row.

        Those of orders or lines that are `resolved` are forgotten.
        """
        now = self._renew(connection)
        record_edits(connection, self._tables, edited, resolved, self._stamp(now))
        self._log(connection, now, operation).add("kept", logged)

    @in_transaction
    def note(
        self,
        connection: sa.Connection,
        operation: Operation,
        outcome: str,
        ids: Mapping[str, str] | Mapping[str, tuple[str, str]],
    ) -> None:
        """Logs an outcome of rows (monday's ids by key, or with a message each) without writing anything else."""
        self._log(connection, self._renew(connection), operation).add(outcome, ids)

    def _stamp(self, now: datetime) -> written.Stamp:
        return written.Stamp(board_id=self.board_id, run_id=self.run_id, written_at=now)

    def _log(
        self,
        connection: sa.Connection,
        now: datetime,
        operation: Operation,
        request: Mapping[str, str | None] = NOTHING,
        sent: Mapping[str, str] = NOTHING,
    ) -> RunLog:
        return RunLog(connection, self._tables, self._stamp(now), operation, request, sent)
