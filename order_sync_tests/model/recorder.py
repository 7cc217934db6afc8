"""Records what a run does of the journal protocol, from outside the product.

In: COMMITs that touch the journal, the leases and the queue; requests, look-ups and waits. Out: a list of events.
The product gets no hook: statements are read where SQLAlchemy executes them, methods are wrapped as long as a block
lasts. Costs some microseconds for each statement, and a SELECT for each closed request.

    with recording(worker=lambda: current_worker.get()) as events:
        ...  # one run, or many, in threads or greenlets of this process
    assert check(events) == []

A worker is one run: after a death its successor has another name. `worker` is called at each event, in the context of
the code that acts: where several runs are greenlets of one thread it has to read a contextvar, or ask the scheduler.
The name has to be the same in all threads of a run. A scheduler that kills a run adds `Event(kind=Kind.CRASH,
worker=...)` to the list; nothing of that worker may follow. `sink` is called with each event as it happens, and
with its moment.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any, cast
from unittest import mock
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from order_sync.database.entries import Entry
from order_sync.database.guid import is_uuid
from order_sync.monday.client import MondayClient, MondayReader
from order_sync.monday.transport import Check, Reply, unchecked
from order_sync.orders.errors import LeaseLost, Transient
from order_sync.sync.delivery import Delivery
from order_sync.sync.twins import Found, Twins
from order_sync_tests.model.events import OFF, Event, Kind

REQUEST = "SELECT operation, board_id, keys FROM ORDER_SYNC_JOURNAL WHERE idempotency_key = ?"
GROUPS = """
    SELECT title, group_id FROM ORDER_SYNC_GROUPS
    WHERE board_id = ?1 AND title IN (SELECT value FROM json_each(?2))"""
ITEMS = """
    SELECT delta_uuid, monday_item_id FROM ORDER_LIST_DELTA
    WHERE delta_uuid IN (SELECT value FROM json_each(?2))"""
SUBITEMS = """
    SELECT delta_uuid, monday_subitem_id FROM ORDER_LIST_LINES_DELTA
    WHERE delta_uuid IN (SELECT value FROM json_each(?2))"""
IDS = {"create_group": GROUPS, "create_item": ITEMS, "ingest_items": ITEMS, "create_subitem": SUBITEMS}
# The rows of some orders that are SYNCED: key, order, line or order again, and monday's id.
SYNCED = (
    """
    SELECT delta_uuid, record_uuid, record_uuid, monday_item_id FROM ORDER_LIST_DELTA
    WHERE record_uuid IN (SELECT value FROM json_each(?)) AND sync_state = 'SYNCED'""",
    """
    SELECT delta_uuid, record_uuid, line_uuid, monday_subitem_id FROM ORDER_LIST_LINES_DELTA
    WHERE record_uuid IN (SELECT value FROM json_each(?)) AND sync_state = 'SYNCED'""",
)
CANCELLED = "SELECT key_uuid FROM ORDER_SYNC_CANCELLED"
_KEY_ON_BOARD = re.compile(r'(?:record|line)_uuid\\*"\s*:\s*\\*"([0-9A-Fa-f-]{36})')
_ITEM = re.compile(r'"item\d*"\s*:\s*"(\d+)"')
# What monday says where it has not executed anything, and where nobody knows.
_REFUSALS = ("complexity", "ratelimit", "rate limit", "mutationcalls", "concurrency", "temporarily_blocked", "locked")
_UNSURE = ("internal", "idempotency_conflict")

Worker = Callable[[], str]
_queries: ContextVar[list[None] | None] = ContextVar("queries", default=None)  # that a look-up has made


@dataclass(eq=False)
class _Recorder:
    worker: Worker
    sink: Callable[[Event, int], None]
    clocks: dict[str, Callable[[], float]] = field(default_factory=dict)  # by worker
    pending: dict[int, list[Event]] = field(default_factory=dict)  # by connection: nothing is certain before COMMIT

    def add(self, kind: Kind, **more: Any) -> None:
        self.put(self.event(kind, **more))

    def put(self, event: Event, moment: int | None = None) -> None:
        """`moment` is in nanoseconds of the machine's monotonic clock, which all its processes share."""
        self.sink(event, time.monotonic_ns() if moment is None else moment)

    def event(self, kind: Kind, **more: Any) -> Event:
        worker = self.worker()
        clock = self.clocks.get(worker)
        return Event(kind=kind, worker=worker, at=clock() if clock else None, **more)

    # ---- statements -------------------------------------------------------------------------------

    def executed(self, connection: sa.Connection, cursor: Any, context: Any) -> None:
        """Reads a statement that may be a step of the protocol."""
        statement = context.compiled.statement
        read = _READERS.get(statement.table.name)
        if read is None:
            return
        for parameters in context.compiled_parameters:
            for event in read(self, parameters, cursor.rowcount, context.isinsert):
                if event.kind is Kind.LOSE:  # seen, and its transaction is rolled back
                    self.put(event)
                else:
                    self.pending.setdefault(_raw(connection.connection), []).append(event)

    def of_journal(self, said: Mapping[str, Any], rows: int, is_new: bool) -> Iterator[Event]:
        if is_new:
            operation, keys = str(said["operation"]), tuple(loads(said["keys"]))
            yield self.event(
                Kind.OPEN,
                board=said["board_id"],
                request=said["idempotency_key"],
                operation=operation,
                keys=keys,
                touches=_touched(operation, said["board_id"], keys, said["body"]),
                body=_digest(said["body"]),
            )
        elif rows:
            request = next((value for name, value in said.items() if name.startswith("idempotency_key_")), "")
            many = [request] if isinstance(request, str) else list(request)
            state = str(said.get("state", ""))
            if state in ("CLOSED", "WATCHED") and "closed_at" in said:
                yield self.event(Kind.WATCH if state == "WATCHED" else Kind.CLOSE, request=request)
            elif state in ("LISTED", "CLOSED"):
                # Which of them were due the statement decides; a watch that seems to end early demands less.
                for of_request in many:
                    yield self.event(Kind.LIST, request=of_request)
            elif "run_id" in said:
                yield self.event(Kind.AGAIN, request=request)

    def of_boards(self, said: Mapping[str, Any], rows: int, is_new: bool) -> Iterator[Event]:
        if is_new:
            return
        board = said["board_id_1"]
        if "run_id" in said:
            if rows:
                yield self.event(Kind.TAKE if said["run_id"] else Kind.RELEASE, board=board)
        elif "leased_until" in said and not rows:
            yield self.event(Kind.LOSE, board=board)
        elif rows and not {"leased_until", "name"} & said.keys():  # NULL is no parameter
            yield self.event(Kind.RELEASE, board=board)

    def of_log(self, said: Mapping[str, Any], rows: int, is_new: bool) -> Iterator[Event]:
        kind = {"adopted": Kind.KEEP, "deleted": Kind.FORGET}.get(said.get("outcome", ""))
        if kind and said.get("delta_uuid"):
            yield self.event(kind, board=said.get("board_id") or 0, ids={said["delta_uuid"]: str(said["monday_id"])})

    def of_queue(self, said: Mapping[str, Any], rows: int, is_new: bool) -> Iterator[Event]:
        if said.get("sync_state") == "SYNCED" and rows and not is_new:
            values = [one for value in said.values() for one in (value if isinstance(value, list) else [value])]
            yield self.event(Kind.SYNC, keys=tuple(dict.fromkeys(str(one) for one in values if is_uuid(one))))

    # ---- COMMITs ----------------------------------------------------------------------------------

    def about_to_commit(self, connection: Any) -> None:
        """Reads what the transaction leaves in the tables, before it ends; once, however often it is called."""
        events = self.pending.get(_raw(connection), [])
        for position, event in enumerate(events):
            if event.kind in (Kind.CLOSE, Kind.WATCH) and not event.operation:
                events[position] = _with_ids(connection, event)
            elif event.kind is Kind.SYNC and event.keys:
                events[position] = _with_rows(connection, event)

    def committed(self, connection: Any) -> None:
        for event in self.pending.pop(_raw(connection), []):
            self.put(event)

    def rolled_back(self, connection: Any) -> None:
        self.pending.pop(_raw(connection), None)


_READERS: Mapping[str, Callable[[_Recorder, Mapping[str, Any], int, bool], Iterator[Event]]] = {
    "ORDER_SYNC_JOURNAL": _Recorder.of_journal,
    "ORDER_SYNC_BOARDS": _Recorder.of_boards,
    "ORDER_SYNC_LOG": _Recorder.of_log,
    "ORDER_LIST_DELTA": _Recorder.of_queue,
    "ORDER_LIST_LINES_DELTA": _Recorder.of_queue,
}
_current: list[_Recorder] = []


def about_to_commit(connection: Any) -> None:
    """For code that replaces a dialect's do_commit: called before the COMMIT, and `committed` right after it."""
    for recorder in _current:
        recorder.about_to_commit(connection)


def committed(connection: Any) -> None:
    for recorder in _current:
        recorder.committed(connection)


def _raw(connection: Any) -> int:
    return id(getattr(connection, "dbapi_connection", connection))


def _digest(body: str | None) -> str:
    """Of what is sent: the journal keeps more of a job than its request."""
    if body and body.startswith('{"request"'):
        body = loads(body)["request"]
    return f"{crc32((body or '').encode()):08x}"


def _touched(operation: str, board: int, keys: tuple[str, ...], body: str | None) -> frozenset[str]:
    if operation == "create_group":
        return frozenset(f"group {board} {title}" for title in keys)
    found = {f"row {key.lower()}" for key in keys}
    found |= {f"own {key.lower()}" for key in _KEY_ON_BOARD.findall(body or "")}
    items = loads(body or "{}")["items"] if operation == "bulk_archive_items" else _ITEM.findall(body or "")
    return frozenset(found | {f"item {item}" for item in items})


def _with_ids(connection: Any, event: Event) -> Event:
    """What the tables have of the rows of a request that is being closed."""
    [(operation, board, keys)] = _select(connection, REQUEST, [event.request])
    found = _select(connection, IDS[operation], [board, keys]) if operation in IDS else []
    ids = {key: str(monday_id) for key, monday_id in found if monday_id is not None}
    return _replaced(event, board=board, operation=operation, ids=ids)


def _with_rows(connection: Any, event: Event) -> Event:
    """The rows of these orders that are SYNCED now."""
    ids: dict[str, str] = {}
    touches = {f"own {record.lower()}" for record in event.keys}
    off = {key for (key,) in _select(connection, CANCELLED, [])}
    for query in SYNCED:
        for key, record, own, monday_id in _select(connection, query, [dumps(event.keys)]):
            ids[key] = OFF if {record, own} & off else "" if monday_id is None else str(monday_id)
            touches |= {f"row {key.lower()}", f"own {own.lower()}"}
            touches |= {f"item {monday_id}"} if monday_id is not None else set()
    return _replaced(event, ids=ids, keys=(), touches=frozenset(touches))


def _replaced(event: Event, **more: Any) -> Event:
    return Event(**{**vars(event), **more})


def _select(connection: Any, query: str, parameters: list[Any]) -> list[Any]:
    cursor = connection.cursor()
    try:
        return cast("list[Any]", cursor.execute(query, parameters).fetchall())
    finally:
        cursor.close()


# ---- answers --------------------------------------------------------------------------------------


def _answered(reply: Reply) -> dict[str, Any]:
    """The ids in an answer, and the aliases of which it says nothing certain. Not as the product reads it."""
    data = reply.data or {}
    ids = {
        alias: str(row["id"])
        for alias, row in data.items()
        if alias[:1] == "a" and alias[1:].isdigit() and isinstance(row, dict) and row.get("id")
    }
    errors = [error if isinstance(error, dict) else {} for error in reply.errors]
    if reply.body is None or (reply.body.get("error_code") and not errors):
        errors.append({"extensions": {"code": (reply.body or {}).get("error_code")}})
    unsure: list[str] = []
    for error in errors or ([{}] if reply.status >= 400 else []):
        path = error.get("path") or [None]
        if _is_unsure(error, reply):
            unsure.append(path[0] if isinstance(path[0], str) else "all")
    named = {(error.get("path") or [None])[0] for error in errors}
    silent = [alias for alias, row in data.items() if row is None and alias[:1] == "a" and alias not in named and ids]
    return {"ids": ids, "doubt": tuple(dict.fromkeys(alias for alias in (*unsure, *silent) if alias not in ids))}


def _is_unsure(error: Mapping[str, Any], reply: Reply) -> bool:
    code = str((error.get("extensions") or {}).get("code") or "").lower()
    if reply.body is None:
        return reply.status >= 500 or reply.status in (200, 408, 409)
    if any(word in code for word in _UNSURE):
        return True
    refused = any(word in code for word in _REFUSALS) or reply.status in (423, 429)
    return not refused and (reply.status >= 500 or reply.status in (408, 409))


# ---- methods --------------------------------------------------------------------------------------


def _wrapped(recorder: _Recorder, stack: ExitStack) -> None:
    query, mutate = MondayReader.query, MondayClient.mutate
    find, settle, look = Delivery.find, Delivery.settle, Twins.look
    healing: ContextVar[bool] = ContextVar("healing", default=False)

    def recorded_query(self: MondayReader, *args: Any, **more: Any) -> Any:
        recorder.clocks[recorder.worker()] = self.clock.now
        answer = query(self, *args, **more)
        if (made := _queries.get()) is not None:
            made.append(None)
        return answer

    def recorded_mutate(
        self: MondayClient, body: str, *, idempotency_key: str, last_check: Check = unchecked, **more: Any
    ) -> Reply:
        if healing.get():  # archives twins, which needs no row in the journal
            return mutate(self, body, idempotency_key=idempotency_key, last_check=last_check, **more)
        recorder.clocks[recorder.worker()] = self.clock.now
        has_left = False

        def leaves() -> None:
            """Right before it is written to the connection, if nothing keeps it back."""
            nonlocal has_left
            checked = time.monotonic_ns()  # the lease is held then; this process may be interrupted before it says so
            last_check()
            if not has_left:
                has_left = True
                recorder.put(recorder.event(Kind.SEND, request=idempotency_key, body=_digest(body)), checked)

        try:
            reply = mutate(self, body, idempotency_key=idempotency_key, last_check=leaves, **more)
        except LeaseLost:  # after a part of it: monday has no whole request
            if has_left:
                recorder.add(Kind.SILENCE, request=idempotency_key)
            raise
        except Exception as error:
            unsure = () if isinstance(error, Transient) and error.no_effect else ("all",)
            if unsure and not has_left:  # a transport that never looks
                recorder.add(Kind.SEND, request=idempotency_key, body=_digest(body))
            if unsure or has_left:
                recorder.add(Kind.SILENCE, request=idempotency_key, doubt=unsure)
            raise
        if not has_left:
            leaves()
        recorder.add(Kind.ANSWER, request=idempotency_key, **_answered(reply))
        return reply

    def bounds(delivery: Delivery, entry: Entry) -> dict[str, Any]:
        return {"settle": delivery._manner.settle, "late": delivery._lateness(entry.operation)}

    def recorded_find(self: Delivery, entry: Entry, *args: Any, **more: Any) -> dict[str, str]:
        made: list[None] = []
        token = _queries.set(made)
        before = recorder.event(Kind.LOOK).at
        try:
            found = find(self, entry, *args, **more)
        finally:
            _queries.reset(token)
        if made:  # else nobody has asked the board
            event = recorder.event(Kind.LOOK, request=entry.idempotency_key, ids=dict(found), **bounds(self, entry))
            recorder.put(_replaced(event, at=before if before is not None else event.at))
        return found

    def recorded_settle(self: Delivery, entry: Entry, since: float) -> None:
        settle(self, entry, since)
        recorder.add(Kind.SETTLE, request=entry.idempotency_key, **bounds(self, entry))

    def recorded_look(self: Twins, *args: Any, **more: Any) -> Found:
        token = healing.set(True)
        try:
            found = look(self, *args, **more)
        finally:
            healing.reset(token)
        ids = {f"{own} {number}": each for own, every in found.archived.items() for number, each in enumerate(every)}
        recorder.add(Kind.HEAL, board=self._journal.board_id, ids=ids)
        return found

    for owner, name, function in (
        (MondayReader, "query", recorded_query),
        (MondayClient, "mutate", recorded_mutate),
        (Delivery, "find", recorded_find),
        (Delivery, "settle", recorded_settle),
        (Twins, "look", recorded_look),
    ):
        stack.enter_context(mock.patch.object(owner, name, function))


@contextmanager
def recording(
    worker: Worker = lambda: "run", sink: Callable[[Event, int], None] | None = None
) -> Iterator[list[Event]]:
    """The events of this process, in order, as long as the block lasts. See the module's docstring."""
    events: list[Event] = []

    def keep(event: Event, moment: int) -> None:
        events.append(event)
        if sink is not None:
            sink(event, moment)

    recorder = _Recorder(worker, keep)
    commit: Callable[[DefaultDialect, Any], None] = DefaultDialect.do_commit

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        about_to_commit(connection)
        commit(self, connection)
        committed(connection)

    def on_statement(
        connection: sa.Connection, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
    ) -> None:
        if context is not None and context.compiled is not None and (context.isinsert or context.isupdate):
            recorder.executed(connection, cursor, context)

    def on_begin(connection: sa.Connection) -> None:
        recorder.rolled_back(connection.connection)

    with ExitStack() as stack:
        sa.event.listen(sa.Engine, "after_cursor_execute", on_statement)
        stack.callback(sa.event.remove, sa.Engine, "after_cursor_execute", on_statement)
        sa.event.listen(sa.Engine, "begin", on_begin)
        stack.callback(sa.event.remove, sa.Engine, "begin", on_begin)
        stack.enter_context(mock.patch.object(DefaultDialect, "do_commit", do_commit))
        _wrapped(recorder, stack)
        _current.append(recorder)
        stack.callback(_current.remove, recorder)
        yield events
