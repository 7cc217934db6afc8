"""The request journal and the board lease: what makes a create happen once in effect.

In: a request about to leave, later its answer. Out: rows in ORDER_SYNC_JOURNAL, ids in the queue rows.
A request's row is committed before it leaves; its ids and its closing are one transaction. Only the run that
holds the board's lease may open or close rows, so every row that it finds open is in doubt and its to resolve.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import sleep
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from order_sync.database.conditions import of_each_row, waits
from order_sync.database.connection import Database, WritableDatabase, chunks, in_transaction
from order_sync.database.tables import Tables
from order_sync.database.writes import expect_none, lost, set_by_key
from order_sync.orders.errors import LeaseLost, Rejected, Transient
from order_sync.orders.states import State
from order_sync.text.counted import counted

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Operation(StrEnum):
    """What a journalled request creates; its keys are group titles or delta_uuids of the queue rows."""

    GROUPS = "create_group"
    ITEMS = "create_item"
    SUBITEMS = "create_subitem"
    IMPORT = "ingest_items"  # many items at once, as a job; see monday/bulk_import.py


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request: what it creates, under which idempotency key, with which exact body."""

    idempotency_key: str
    operation: Operation
    keys: tuple[str, ...]  # alias a0 creates keys[0], and so on
    body: str
    age: timedelta = timedelta(0)  # since it was opened; the idempotency key's own age
    quiet: timedelta = timedelta(0)  # since it was last sent


def boards_in_doubt(
    database: Database, tables: Tables, is_over: Callable[[str], bool] = lambda run_id: False
) -> list[int]:
    """Boards with open entries whose answer no run is waiting for any more."""
    journal, boards = tables.journal, tables.boards
    query = (
        sa.select(journal.c.board_id, journal.c.run_id, boards.c.run_id.label("holder"), boards.c.leased_until)
        .select_from(journal.outerjoin(boards, boards.c.board_id == journal.c.board_id))
        .where(journal.c.state == "OPEN")
        .distinct()
    )
    now = database.current_time()
    doubtful = {
        row["board_id"]
        for row in database.rows(query)
        if row["holder"] != row["run_id"] or row["leased_until"] <= now or is_over(row["run_id"])
    }
    return sorted(doubtful)


def entries_in_doubt(
    database: Database, tables: Tables, board_id: int, operation: Operation | None = None
) -> list[Entry]:
    """Every open entry of a board: the answer never came, or was never recorded."""
    journal = tables.journal
    query = sa.select(journal).where(journal.c.board_id == board_id, journal.c.state == "OPEN")
    if operation:
        query = query.where(journal.c.operation == operation)
    query = query.order_by(journal.c.opened_at)
    now, rows = database.reading(lambda connection: (database.now(connection), connection.execute(query).all()))
    return [
        Entry(
            idempotency_key=row.idempotency_key,
            operation=Operation(row.operation),
            keys=tuple(json.loads(row.keys)),
            body=row.body,
            age=now - row.opened_at,
            quiet=now - row.sent_at,
        )
        for row in rows
    ]


def recent_imports(database: Database, tables: Tables, age: timedelta) -> tuple[int, int]:
    """How many import jobs were started since then, on any board, and of how many rows."""
    journal = tables.journal
    since = database.current_time() - age
    query = sa.select(journal.c["keys"]).where(journal.c.operation == Operation.IMPORT, journal.c.opened_at > since)
    rows = database.rows(query)
    return len(rows), sum(len(json.loads(row["keys"])) for row in rows)


def known_groups(
    database: Database, tables: Tables, board_id: int, among: Collection[str] | None = None
) -> dict[str, str]:
    """Groups that this project made on the board, or those of them whose id is `among` these: id by title."""
    groups = tables.groups
    query = sa.select(groups.c.title, groups.c.group_id).where(groups.c.board_id == board_id)
    rows = database.rows(query.order_by(groups.c.created_at, groups.c.group_id))
    return {row["title"]: row["group_id"] for row in rows if among is None or row["group_id"] in among}


def known_items(database: Database, tables: Tables, items: Collection[int]) -> dict[int, str]:
    """Those of the items that a header has, with the header's delta_uuid."""
    h = tables.header_queue
    queries = (
        sa.select(h.c.monday_item_id, h.c.delta_uuid).where(h.c.monday_item_id.in_(chunk)) for chunk in chunks(items)
    )
    return {row["monday_item_id"]: row["delta_uuid"] for query in queries for row in database.rows(query)}


class Journal:
    """The journal of one board, as one run sees it."""

    def __init__(
        self,
        database: WritableDatabase,
        tables: Tables,
        *,
        board_id: int,
        run_id: str,
        lease_seconds: float,
        is_over: Callable[[str], bool] = lambda run_id: False,
        log_payloads: bool = False,
    ) -> None:
        """`log_payloads` keeps what is sent of each row in the log."""
        self._database = database
        self._tables = tables
        self.board_id = board_id
        self.run_id = run_id
        self._lease = timedelta(seconds=lease_seconds)
        self._is_over = is_over
        self._log_payloads = log_payloads

    # ---- the board's lease: one writer per board -------------------------------------------------

    @contextmanager
    def holding_board(
        self, on_wait: Callable[[str], None] = lambda holder: None, *, name: str | None = None, url: str | None = None
    ) -> Iterator[None]:
        """Holds the board for this run, waiting until its present holder lets go, dies or expires.

        `on_wait` is called with the holder's run id about once a second. `name` and `url` are monday's, kept for links.
        """
        told = {column: value for column, value in (("name", name), ("url", url)) if value}
        while holder := self._holder(told):
            on_wait(holder)
            sleep(1.0)
        try:
            yield
        finally:
            self._release_board()

    def _holder(self, told: Mapping[str, str] = NOTHING) -> str | None:
        try:
            return self._try_board(told)
        except IntegrityError:
            return "another run"  # which added the board's row at the same moment

    @in_transaction
    def _try_board(self, connection: sa.Connection, told: Mapping[str, str] = NOTHING) -> str | None:
        """None if the board is ours now, else the run that holds it. `told` is what monday says of the board."""
        boards = self._tables.boards
        mine = boards.c.board_id == self.board_id
        now = self._database.now(connection)
        row = connection.execute(sa.select(boards.c.run_id, boards.c.leased_until).where(mine)).first()
        if row is None:
            connection.execute(sa.insert(boards).values(board_id=self.board_id))
        elif self._is_held_by_another(row.run_id, row.leased_until, now):
            return str(row.run_id)
        # Conditional on what was read: two runs may have read the same free board.
        before = row.run_id if row and row.run_id else None
        unchanged = boards.c.run_id == before if before else boards.c.run_id.is_(None)
        connection.execute(
            sa.update(boards).where(mine, unchanged).values(run_id=self.run_id, leased_until=now + self._lease, **told)
        )
        holder = connection.execute(sa.select(boards.c.run_id).where(mine)).scalar()
        if holder == self.run_id:
            return None
        if holder == before:
            raise lost(f"board {self.board_id} was nobody's")
        return "another run"

    def _is_held_by_another(self, run_id: str | None, leased_until: datetime, now: datetime) -> bool:
        return run_id not in (None, self.run_id) and leased_until > now and not self._is_over(str(run_id))

    @in_transaction
    def _release_board(self, connection: sa.Connection) -> None:
        boards = self._tables.boards
        connection.execute(
            sa.update(boards)
            .where(boards.c.board_id == self.board_id, boards.c.run_id == self.run_id)
            .values(run_id=sa.null(), leased_until=sa.null())
        )

    @in_transaction
    def renew(self, connection: sa.Connection) -> None:
        """Keeps the board for another lease time; raises LeaseLost if another run has taken it."""
        self._renew(connection)

    def _renew(self, connection: sa.Connection) -> datetime:
        boards = self._tables.boards
        now = self._database.now(connection)
        here = boards.c.board_id == self.board_id
        connection.execute(
            sa.update(boards).where(here, boards.c.run_id == self.run_id).values(leased_until=now + self._lease)
        )
        kept = connection.execute(sa.select(boards.c.run_id, boards.c.leased_until).where(here)).first()
        if kept is None or kept.run_id != self.run_id:
            raise LeaseLost(
                f"Run {self.run_id} has lost board {self.board_id} to another run. Nothing is lost: that run, "
                "or the next one, resolves what was in flight. Let it finish, then start again."
            )
        if kept.leased_until <= now:
            raise lost(f"the lease on board {self.board_id} was not renewed")
        return now

    # ---- the journal ------------------------------------------------------------------------------

    def open(self, entry: Entry) -> None:
        """Commits the request before it leaves. Raises LeaseLost if this run no longer holds the board."""
        try:
            self._open(entry)
        except IntegrityError:
            # The key is new for every request: it is there because the answer to our own COMMIT was lost.
            self.renew()

    @in_transaction
    def _open(self, connection: sa.Connection, entry: Entry) -> None:
        now = self._renew(connection)
        connection.execute(
            sa.insert(self._tables.journal).values(
                idempotency_key=entry.idempotency_key,
                board_id=self.board_id,
                operation=entry.operation,
                keys=json.dumps(entry.keys),
                body=entry.body,
                state="OPEN",
                run_id=self.run_id,
                opened_at=now,
                sent_at=now,
            )
        )
        self._expect_entry(connection, entry, state="OPEN")

    @in_transaction
    def sending_again(self, connection: sa.Connection, entry: Entry) -> None:
        """The same body is about to leave once more, under the same key."""
        journal = self._tables.journal
        now = self._renew(connection)
        connection.execute(
            sa.update(journal)
            .where(journal.c.idempotency_key == entry.idempotency_key)
            .values(sent_at=now, run_id=self.run_id)
        )
        self._expect_entry(connection, entry, run_id=self.run_id)

    @in_transaction
    def amend(self, connection: sa.Connection, entry: Entry) -> None:
        """Keeps more about an open entry: a job has an id once it has been started."""
        journal = self._tables.journal
        now = self._renew(connection)
        connection.execute(
            sa.update(journal)
            .where(journal.c.idempotency_key == entry.idempotency_key)
            .values(body=entry.body, sent_at=now)
        )
        self._expect_entry(connection, entry, body=entry.body)

    @in_transaction
    def close(
        self,
        connection: sa.Connection,
        entry: Entry,
        *,
        created: Mapping[str, str] | None = None,
        rejected: Mapping[str, Rejected] | None = None,
        unsettled: Mapping[str, Transient] | None = None,
        request_id: str | None = None,
    ) -> None:
        """Writes ids and rejections into the queue rows and closes the entry, in one transaction.

        `created` maps a key to monday's id, `rejected` a key to the reason, `unsettled` a key to why it is neither
        yet; all of it is logged, with monday's `request_id`. Ids are written whether or not the
        rows' own lease has expired: they are facts of the board, and whoever holds the board may record them.
        """
        journal = self._tables.journal
        mine = journal.c.idempotency_key == entry.idempotency_key
        now = self._renew(connection)
        before = connection.execute(sa.select(journal.c.state, journal.c.run_id).where(mine)).first()
        if before is None or before.state != "OPEN":
            if before is not None and before.run_id == self.run_id:
                return  # closed by this run: the answer to its COMMIT was lost
            raise self._resolved_by_another(entry)
        connection.execute(
            sa.update(journal)
            .where(mine, journal.c.state == "OPEN")
            .values(state="CLOSED", closed_at=now, body=sa.null(), run_id=self.run_id)
        )
        self._write_ids(connection, entry.operation, created or {}, now)
        self._write_rejections(connection, entry.operation, rejected or {})
        request = {"idempotency_key": entry.idempotency_key, "request_id": _short(request_id)}
        sent = payloads(entry) if self._log_payloads else {}
        self._log(connection, now, entry.operation, "created", ids=created, request=request, sent=sent)
        self._log(connection, now, entry.operation, "rejected", reasons=rejected, request=request, sent=sent)
        self._log(connection, now, entry.operation, "unsettled", reasons=unsettled, request=request, sent=sent)
        self._expect_entry(connection, entry, state="CLOSED")
        self._expect_ids(connection, entry.operation, created or {})
        self._expect_rejections(connection, entry.operation, rejected or {})

    def adopt(self, operation: Operation, found: Mapping[str, str]) -> None:
        """Writes the ids of rows that were on the board already; a thousand in a transaction."""
        for chunk in chunks(found.items()):
            self._adopt(operation, dict(chunk))

    @in_transaction
    def _adopt(self, connection: sa.Connection, operation: Operation, found: Mapping[str, str]) -> None:
        now = self._renew(connection)
        self._write_ids(connection, operation, found, now)
        self._log(connection, now, operation, "adopted", ids=found)
        self._expect_ids(connection, operation, found)

    @in_transaction
    def adopt_lines(self, connection: sa.Connection, found: Mapping[tuple[str, str], tuple[int, int]]) -> int:
        """Writes subitem and parent ids of lines by (record_uuid, line_uuid); returns how many got one."""
        line = self._tables.line_queue
        free = (waits(line), line.c.monday_subitem_id.is_(None))
        now = self._renew(connection)
        adopted: dict[str, dict[str, int]] = {}
        for chunk in chunks({record_uuid for record_uuid, _ in found}):
            query = sa.select(line.c.delta_uuid, line.c.record_uuid, line.c.line_uuid)
            for row in connection.execute(query.where(line.c.record_uuid.in_(chunk), *free)):
                if (row.record_uuid, row.line_uuid) in found:
                    subitem_id, item_id = found[row.record_uuid, row.line_uuid]
                    adopted[row.delta_uuid] = {"monday_subitem_id": subitem_id, "parent_item_id": item_id}
        set_by_key(connection, line.c.delta_uuid, adopted, *free)
        new = {delta_uuid: str(ids["monday_subitem_id"]) for delta_uuid, ids in adopted.items()}
        self._log(connection, now, Operation.SUBITEMS, "adopted", ids=new)
        self._expect_ids(connection, Operation.SUBITEMS, new)
        return len(adopted)

    def known_items(self, items: Collection[int]) -> dict[int, str]:
        """Those of the items that a header has, with the header's delta_uuid."""
        return known_items(self._database, self._tables, items)

    @in_transaction
    def forget_items(self, connection: sa.Connection, items: Collection[int]) -> dict[int, str]:
        """Takes items that are no more from headers that wait, and from waiting lines the subitems under them.

        Returns the record_uuid by item. Orders that are SYNCED keep theirs: nothing would create them again.
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
            gone = {row.delta_uuid: str(row.monday_item_id) for row in rows}
            self._log(connection, now, Operation.ITEMS, "gone", ids=gone)
            connection.execute(sa.update(h).where(*waiting).values(monday_item_id=sa.null()))
            connection.execute(
                sa.update(line)
                .where(line.c.parent_item_id.in_(chunk), line.c.sync_state == State.PENDING)
                .values(monday_subitem_id=sa.null())
            )
        for chunk in chunks(items):
            kept = sa.select(h.c.delta_uuid).where(h.c.monday_item_id.in_(chunk), h.c.sync_state == State.PENDING)
            expect_none(connection, kept, "still had an item that is no more")
        return forgotten

    @in_transaction
    def forget_subitems(self, connection: sa.Connection, removed: Mapping[str, str]) -> None:
        """Takes subitems that somebody has deleted from lines that wait; `removed` has their ids by delta_uuid."""
        if not removed:
            return
        line = self._tables.line_queue
        now = self._renew(connection)
        self._log(connection, now, Operation.SUBITEMS, "gone", ids=removed)
        pending = line.c.sync_state == State.PENDING
        for chunk in chunks(removed):
            waiting = (line.c.delta_uuid.in_(chunk), of_each_row(pending))
            connection.execute(sa.update(line).where(*waiting).values(monday_subitem_id=sa.null()))
        for chunk in chunks(removed):
            has_one = of_each_row(pending, line.c.monday_subitem_id.is_not(None))
            kept = sa.select(line.c.delta_uuid).where(line.c.delta_uuid.in_(chunk), has_one)
            expect_none(connection, kept, "still had a subitem that is no longer on the board")

    def reject(self, operation: Operation, rejected: Mapping[str, Rejected]) -> None:
        """Turns rows into ERROR that are rejected before anything is sent; a thousand in a transaction."""
        for chunk in chunks(rejected.items()):
            self._reject(operation, dict(chunk))

    @in_transaction
    def _reject(self, connection: sa.Connection, operation: Operation, rejected: Mapping[str, Rejected]) -> None:
        now = self._renew(connection)
        self._write_rejections(connection, operation, rejected)
        self._log(connection, now, operation, "rejected", reasons=rejected)
        self._expect_rejections(connection, operation, rejected)

    def in_doubt(self, operation: Operation | None = None) -> list[Entry]:
        """Every open entry of the board: the answer never came, or was never recorded."""
        return entries_in_doubt(self._database, self._tables, self.board_id, operation)

    def recent_imports(self, age: timedelta) -> tuple[int, int]:
        """How many import jobs were started since then, on any board, and of how many rows."""
        return recent_imports(self._database, self._tables, age)

    def known_groups(self, among: Collection[str] | None = None) -> dict[str, str]:
        """Groups that this project made on the board, or those of them whose id is `among` these: id by title."""
        return known_groups(self._database, self._tables, self.board_id, among)

    def _write_ids(
        self, connection: sa.Connection, operation: Operation, created: Mapping[str, str], now: datetime
    ) -> None:
        if not created:
            return
        if operation is Operation.GROUPS:
            self._write_groups(connection, created, now)
            return
        table, column = self._target(operation)
        ids = {key: {column.name: int(monday_id)} for key, monday_id in created.items()}
        set_by_key(connection, table.c.delta_uuid, ids, column.is_(None))

    def _expect_ids(self, connection: sa.Connection, operation: Operation, created: Mapping[str, str]) -> None:
        """Raises WriteLost if ids that this transaction wrote are not there."""
        if operation is Operation.GROUPS:
            groups = self._tables.groups
            here = sa.select(groups.c.group_id).where(groups.c.board_id == self.board_id)
            if unknown := set(created.values()).difference(connection.execute(here).scalars()):
                raise lost(f"{counted(len(unknown), 'group was', 'groups were')} not there")
            return
        table, column = self._target(operation)
        for chunk in chunks(created):
            rows = sa.select(table.c.delta_uuid).where(table.c.delta_uuid.in_(chunk), of_each_row(column.is_(None)))
            expect_none(connection, rows, f"had no {column.name}")

    def _expect_entry(self, connection: sa.Connection, entry: Entry, **values: str) -> None:
        """Raises if the request's row is not this run's, with these values, at the end of a transaction."""
        journal = self._tables.journal
        columns = [journal.c[name] for name in {"state": None, "run_id": None, **values}]
        found = connection.execute(
            sa.select(*columns).where(journal.c.idempotency_key == entry.idempotency_key)
        ).first()
        if found is not None and found.state == "CLOSED" and found.run_id != self.run_id:
            raise self._resolved_by_another(entry)
        if found is None or any(getattr(found, name) != value for name, value in values.items()):
            raise lost(f"request {entry.idempotency_key} was not on record")

    def _resolved_by_another(self, entry: Entry) -> LeaseLost:
        return LeaseLost(
            f"Request {entry.idempotency_key} was resolved by another run while run {self.run_id} "
            "waited for its answer. Let that run finish, then start again."
        )

    def _write_groups(self, connection: sa.Connection, created: Mapping[str, str], now: datetime) -> None:
        groups = self._tables.groups
        here = groups.c.board_id == self.board_id
        known = set(connection.execute(sa.select(groups.c.group_id).where(here)).scalars())
        new = [
            {"board_id": self.board_id, "group_id": group_id, "title": title, "created_at": now}
            for title, group_id in created.items()
            if group_id not in known
        ]
        if new:
            connection.execute(sa.insert(groups), new)

    def _write_rejections(
        self, connection: sa.Connection, operation: Operation, rejected: Mapping[str, Rejected]
    ) -> None:
        if not rejected or operation is Operation.GROUPS:
            return
        table, _ = self._target(operation)
        set_by_key(
            connection,
            table.c.delta_uuid,
            {key: {"sync_error_message": str(reason)} for key, reason in rejected.items()},
            table.c.sync_state == State.PENDING,
            alike={"sync_state": State.ERROR, "retry_count": table.c.retry_count + 1},
        )

    def _expect_rejections(
        self, connection: sa.Connection, operation: Operation, rejected: Mapping[str, Rejected]
    ) -> None:
        if operation is Operation.GROUPS:
            return
        table, _ = self._target(operation)
        for chunk in chunks(rejected):
            still = of_each_row(table.c.sync_state == State.PENDING)
            rows = sa.select(table.c.delta_uuid).where(table.c.delta_uuid.in_(chunk), still)
            expect_none(connection, rows, "were not in ERROR")

    def _log(
        self,
        connection: sa.Connection,
        now: datetime,
        operation: Operation,
        outcome: str,
        *,
        ids: Mapping[str, str] | None = None,
        reasons: Mapping[str, Rejected] | Mapping[str, Transient] | None = None,
        request: Mapping[str, str | None] = NOTHING,
        sent: Mapping[str, str] = NOTHING,
    ) -> None:
        """One line for each row in ORDER_SYNC_LOG; groups have none, as they are no row's."""
        if operation is Operation.GROUPS or not (ids or reasons):
            return
        common: dict[str, Any] = dict.fromkeys(("monday_id", "code", "message", "request_id", "idempotency_key"))
        common |= {**request, "logged_at": now, "run_id": self.run_id, "board_id": self.board_id}
        common |= {"operation": operation, "outcome": outcome}
        lines: list[dict[str, Any]] = [{"delta_uuid": row, "monday_id": int(i)} for row, i in (ids or {}).items()]
        for row, reason in (reasons or {}).items():
            line = {"delta_uuid": row, "message": str(reason), "code": _short(reason.code)}
            lines.append(line | ({"request_id": _short(reason.request_id)} if reason.request_id else {}))
        for chunk in chunks(lines):
            connection.execute(
                sa.insert(self._tables.log).inline(),
                [common | line | {"payload": sent.get(line["delta_uuid"])} for line in chunk],
            )

    def _target(self, operation: Operation) -> tuple[sa.Table, sa.Column[Any]]:
        """The queue table that an operation writes back to, and its column for monday's id."""
        if operation in (Operation.ITEMS, Operation.IMPORT):
            return self._tables.header_queue, self._tables.header_queue.c.monday_item_id
        return self._tables.line_queue, self._tables.line_queue.c.monday_subitem_id


def payloads(entry: Entry) -> dict[str, str]:
    """What the request says of each of its rows, as JSON by key: its variables, or its line of an import's file."""
    body = json.loads(entry.body)
    if entry.operation is Operation.IMPORT:
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(body["csv"], newline="")))
    else:
        variables = body["variables"]
        names = [found[1] for name in variables if (found := re.fullmatch(r"(.*\D)0", name))]  # the first row's
        rows = [{name: variables[f"{name}{number}"] for name in names} for number in range(len(entry.keys))]
    return {key: json.dumps(row, ensure_ascii=False) for key, row in zip(entry.keys, rows, strict=True)}


def _short(text: str | None) -> str | None:
    """As much as the log's column takes: what monday sends must not keep an id from being recorded."""
    return text[:64] if text else None
