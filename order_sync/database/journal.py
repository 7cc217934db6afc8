"""The request journal: what makes a create happen once in effect.

In: a request about to leave, later its answer. Out: rows in ORDER_SYNC_JOURNAL, ids in the queue rows.
A request's row is committed before it leaves; its ids and its closing are one transaction. Only the run that
holds the board's lease may open or close rows, so every row that it finds open is in doubt and its to resolve.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_sync.database import written
from order_sync.database.board_log import NOTHING, BoardLog
from order_sync.database.conditions import of_each_row
from order_sync.database.connection import chunks, in_transaction
from order_sync.database.entries import (
    Entry,
    EntryState,
    Operation,
    Sent,
    body_without_job,
    entries_in_doubt,
    job_of,
    payloads,
    recent_imports,
    sent_rows,
)
from order_sync.database.queue_rows import (
    expect_groups,
    expect_ids,
    expect_rejections,
    write_groups,
    write_ids,
    write_rejections,
)
from order_sync.database.watch_list import WatchList
from order_sync.database.writes import expect_none, lost
from order_sync.orders.errors import LeaseLost, Rejected, Transient
from order_sync.orders.states import State


@dataclass(eq=False)
class Journal(BoardLog):
    """The journal of one board, as the run sees it that holds the board.

    `log_payloads` keeps what is sent of each row in the log.
    """

    _: KW_ONLY
    log_payloads: bool = False
    _closing: set[str] = field(default_factory=set, init=False)  # requests that `close` was at: it may have been done

    def open(self, entry: Entry) -> None:
        """Commits the request before it leaves. Raises LeaseLost if this run no longer holds the board."""
        try:
            self._open(entry)
        except IntegrityError:
            # The key is new for every request: it is there because the answer to our own COMMIT was lost.
            self.renew()

    @in_transaction
    def _open(self, connection: sa.Connection, entry: Entry) -> None:
        now = self._extend(connection)
        connection.execute(
            sa.insert(self._tables.journal).values(
                idempotency_key=entry.idempotency_key,
                board_id=self.board_id,
                operation=entry.operation,
                keys=json.dumps(entry.keys),
                body=entry.body,
                state=EntryState.OPEN,
                run_id=self.run_id,
                opened_at=now,
                sent_at=now,
            )
        )
        self._expect_entry(connection, entry, now, state=EntryState.OPEN)

    def sending_again(self, entry: Entry) -> None:
        """Records that the same body is about to be sent again, with the same key."""
        self._set(entry, run_id=self.run_id)

    def amend(self, entry: Entry) -> None:
        """Keeps more about an open entry: a job has an id once it has been started."""
        self._set(entry, body=entry.body)

    @in_transaction
    def _set(self, connection: sa.Connection, /, entry: Entry, **values: str) -> None:
        journal = self._tables.journal
        now = self._extend(connection)
        mine = journal.c.idempotency_key == entry.idempotency_key
        connection.execute(sa.update(journal).where(mine).values(sent_at=now, **values))
        self._expect_entry(connection, entry, now, **values)

    @in_transaction
    def close(
        self,
        connection: sa.Connection,
        entry: Entry,
        *,
        created: Mapping[str, str] = NOTHING,
        failed: Mapping[str, Rejected | Transient] = NOTHING,
        request_id: str | None = None,
        watch: bool = False,
    ) -> None:
        """Writes ids and rejections into the queue rows and closes the entry, in one transaction.

        What was created or changed is on record in ORDER_SYNC_ITEMS or ORDER_SYNC_SUBITEMS from then on, as it was
        sent; what was cancelled in ORDER_SYNC_CANCELLED. `created` maps a key to monday's id, `failed` a key to why it
        has none: Rejected for good, Transient not yet. All of it is logged, with monday's `request_id`.
        Ids are written whether or not the rows' own lease has expired: they are facts of the board, and the run that
        holds the board may record them. A run that takes the board meanwhile waits for the entry that this one closes.
        `watch` an entry that was in doubt: what it created may turn up a second time.
        """
        journal = self._tables.journal
        mine = journal.c.idempotency_key == entry.idempotency_key
        if entry.idempotency_key in self._closing and self._is_closed(connection, entry):
            return  # the answer to its COMMIT was lost
        self._closing.add(entry.idempotency_key)
        now = self._database.now(connection)
        state = EntryState.WATCHED if watch else EntryState.CLOSED
        more = {"sent_at": now, "body": body_without_job(entry)} if watch else {"body": sa.null()}
        connection.execute(
            sa.update(journal)
            .where(mine, journal.c.state == EntryState.OPEN)
            .values({"state": state, "closed_at": now, "run_id": self.run_id, **more})
        )
        rejected = {key: error for key, error in failed.items() if isinstance(error, Rejected)}
        self._write_ids(connection, entry.operation, created, now, sent_rows(entry) if created else NOTHING)
        write_rejections(connection, self._tables, entry.operation, rejected)
        request = {"idempotency_key": entry.idempotency_key, "request_id": request_id}
        log = self._log(connection, now, entry.operation, request, payloads(entry) if self.log_payloads else NOTHING)
        job = job_of(entry)
        log.add(entry.operation.outcome, {k: (of, f"by job {job}") for k, of in created.items()} if job else created)
        log.add("rejected", rejected)
        log.add("unsettled", {key: error for key, error in failed.items() if key not in rejected})
        expect_rejections(connection, self._tables, entry.operation, rejected)
        self._expect_closed(connection, entry, now, state)

    def adopt(self, operation: Operation, found: Mapping[str, str]) -> None:
        """Writes the ids of rows that were on the board already; a thousand in a transaction."""
        for chunk in chunks(found.items()):
            self._adopt(operation, dict(chunk))

    @in_transaction
    def _adopt(self, connection: sa.Connection, operation: Operation, found: Mapping[str, str]) -> None:
        now = self._renew(connection)
        self._write_ids(connection, operation, found, now)
        self._log(connection, now, operation).add("adopted", found)
        if operation is Operation.GROUPS:
            expect_groups(connection, self._tables, self.board_id, found)
        else:
            expect_ids(connection, self._tables, operation, found)

    @in_transaction
    def forget_items(self, connection: sa.Connection, items: Collection[int]) -> dict[int, str]:
        """Takes items that are no more from headers that wait, and from waiting lines the subitems under them.

        Neither stays in ORDER_SYNC_ITEMS and ORDER_SYNC_SUBITEMS. Returns the record_uuid by item. Orders that are
        SYNCED keep theirs: nothing would create them again.
        """
        if not items:
            return {}
        h, line = self._tables.header_queue, self._tables.line_queue
        forgotten: dict[int, str] = {}
        now = self._renew(connection)
        for chunk in chunks(items):
            waiting = (h.c.monday_item_id.in_(chunk), h.c.sync_state == State.PENDING)
            found = connection.execute(sa.select(h.c.monday_item_id, h.c.record_uuid, h.c.delta_uuid).where(*waiting))
            rows = found.all()
            forgotten |= {row.monday_item_id: row.record_uuid for row in rows}
            deleted = {row.delta_uuid: str(row.monday_item_id) for row in rows}
            self._log(connection, now, Operation.ITEMS).add("deleted", deleted)
            connection.execute(sa.update(h).where(*waiting).values(monday_item_id=sa.null()))
            connection.execute(
                sa.update(line)
                .where(line.c.parent_item_id.in_(chunk), line.c.sync_state == State.PENDING)
                .values(monday_subitem_id=sa.null())
            )
        for chunk in chunks(items):
            kept = sa.select(h.c.delta_uuid).where(h.c.monday_item_id.in_(chunk), h.c.sync_state == State.PENDING)
            expect_none(connection, kept, "still had a deleted item")
        written.forget_items(connection, self._tables, items)
        return forgotten

    @in_transaction
    def forget_subitems(self, connection: sa.Connection, removed: Mapping[str, str]) -> None:
        """Removes deleted subitems from waiting lines; `removed` has their ids by delta_uuid."""
        if not removed:
            return
        line = self._tables.line_queue
        now = self._renew(connection)
        self._log(connection, now, Operation.SUBITEMS).add("deleted", removed)
        pending = line.c.sync_state == State.PENDING
        for chunk in chunks(removed):
            waiting = (line.c.delta_uuid.in_(chunk), of_each_row(pending))
            connection.execute(sa.update(line).where(*waiting).values(monday_subitem_id=sa.null()))
        for chunk in chunks(removed):
            has_one = of_each_row(pending, line.c.monday_subitem_id.is_not(None))
            kept = sa.select(line.c.delta_uuid).where(line.c.delta_uuid.in_(chunk), has_one)
            expect_none(connection, kept, "still had a deleted subitem")
        written.forget_subitems(connection, self._tables, [int(subitem) for subitem in removed.values()])

    def reject(self, operation: Operation, rejected: Mapping[str, Rejected]) -> None:
        """Turns rows into ERROR that are rejected before anything is sent; a thousand in a transaction."""
        for chunk in chunks(rejected.items()):
            self._reject(operation, dict(chunk))

    @in_transaction
    def _reject(self, connection: sa.Connection, operation: Operation, rejected: Mapping[str, Rejected]) -> None:
        now = self._renew(connection)
        write_rejections(connection, self._tables, operation, rejected)
        self._log(connection, now, operation).add("rejected", rejected)
        expect_rejections(connection, self._tables, operation, rejected)

    @property
    def watch_list(self) -> WatchList:
        """What was resolved in doubt on this board."""
        return WatchList(self._database, self._tables, board_id=self.board_id)

    def in_doubt(self) -> list[Entry]:
        """Every open entry of the board: the answer never came, or was never recorded."""
        return entries_in_doubt(self._database, self._tables, self.board_id)

    def recent_imports(self, age: timedelta) -> tuple[int, int]:
        """How many import jobs were started since then, on any board, and of how many rows."""
        return recent_imports(self._database, self._tables, age)

    def _write_ids(
        self,
        connection: sa.Connection,
        operation: Operation,
        ids: Mapping[str, str],
        now: datetime,
        sent: Mapping[str, Sent] = NOTHING,
    ) -> None:
        """Writes ids into the queue rows, and puts on record what was sent with them. Groups are no row's."""
        if not ids:
            return
        if operation is Operation.GROUPS:
            write_groups(connection, self._tables, self.board_id, ids, now)
        if not operation.of_queue:  # the run that finds an adopted row by its key puts it on record
            return
        if operation is not Operation.MOVE_ITEMS:  # its row has the id once all of it is done
            write_ids(connection, self._tables, operation, ids, sent)
        written.record(connection, self._tables, operation, ids, self._stamp(now), sent)

    def _recorded(self, connection: sa.Connection, entry: Entry, *names: str) -> Any:
        """The request's row, with these of its columns; before them who holds the board, and until when."""
        boards, journal = self._tables.boards, self._tables.journal
        columns = [journal.c[name] for name in dict.fromkeys(("state", "run_id", *names))]
        query = (
            sa.select(boards.c.run_id.label("holder"), boards.c.leased_until, *columns)
            .select_from(boards.outerjoin(journal, journal.c.idempotency_key == entry.idempotency_key))
            .where(boards.c.board_id == self.board_id)
        )
        return connection.execute(query).first()

    def _is_closed(self, connection: sa.Connection, entry: Entry) -> bool:
        """Whether this run has closed the request. Raises LeaseLost if another one has, or has the board."""
        found = self._recorded(connection, entry)
        self._expect_holder(found)
        is_open = bool(found.state == EntryState.OPEN)
        if not is_open and found.run_id != self.run_id:
            raise self._resolved_by_another(entry)
        return not is_open

    def _expect_closed(self, connection: sa.Connection, entry: Entry, now: datetime, state: EntryState) -> None:
        """`_expect_entry`, which also extends the lease once half of it is used up."""
        found = self._recorded(connection, entry)
        self._expect_holder(found)
        if found.leased_until - now < self._lease / 2:
            self._extend(connection)
            found = self._recorded(connection, entry)
        self._expect_recorded(found, entry, now, state=state)

    def _expect_entry(self, connection: sa.Connection, entry: Entry, now: datetime, **values: str) -> None:
        """Raises if the board or the request's row is not this run's, with these values, before a transaction ends."""
        self._expect_recorded(self._recorded(connection, entry, *values), entry, now, **values)

    def _expect_recorded(self, found: Any, entry: Entry, now: datetime, **values: str) -> None:
        self._expect_lease(found, now)
        if found.state not in (None, EntryState.OPEN) and found.run_id != self.run_id:
            raise self._resolved_by_another(entry)
        if any(getattr(found, name) != value for name, value in values.items()):
            raise lost(f"request {entry.idempotency_key} was not on record")

    def _resolved_by_another(self, entry: Entry) -> LeaseLost:
        return LeaseLost(
            f"Another run resolved request {entry.idempotency_key} while run {self.run_id} waited for its answer. "
            "Let that run finish, then start a new run."
        )
