"""What the journal holds: requests with what they create, and which of them are in doubt.

In: rows of ORDER_SYNC_JOURNAL and ORDER_SYNC_GROUPS. Out: entries with their exact body and their age.
Reads only; the one module that writes the journal is journal.py.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Set
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.database.tables import Tables


class Operation(StrEnum):
    """What a journalled request does; its keys are delta_uuids of the queue rows, or what `of_queue` says."""

    GROUPS = "create_group"
    ITEMS = "create_item"
    SUBITEMS = "create_subitem"
    IMPORT = "ingest_items"  # many items at once, as a job; see sync/bulk_import.py
    CHANGE_ITEMS = "change_item"
    CHANGE_SUBITEMS = "change_subitem"
    MOVE_ITEMS = "move_item"
    CANCEL_ITEMS = "cancel_item"  # by the mapping's rule: archived, deleted, moved or labelled
    CANCEL_SUBITEMS = "cancel_subitem"
    ADOPT_ITEMS = "adopt_item"  # gives an item that another tool made the key of its order
    ADOPT_SUBITEMS = "adopt_subitem"
    ARCHIVE = "bulk_archive_items"  # many cancelled items at once, as a job; see sync/bulk_archive.py

    @property
    def of_lines(self) -> bool:
        lines = (Operation.SUBITEMS, Operation.CHANGE_SUBITEMS, Operation.CANCEL_SUBITEMS, Operation.ADOPT_SUBITEMS)
        return self in lines

    @property
    def of_queue(self) -> bool:
        """Its keys are rows of the queue. Those of groups are titles, of adopted rows a record_uuid or line_uuid."""
        return self not in (Operation.GROUPS, Operation.ADOPT_ITEMS, Operation.ADOPT_SUBITEMS)

    @property
    def cancels(self) -> bool:
        return self in (Operation.CANCEL_ITEMS, Operation.CANCEL_SUBITEMS, Operation.ARCHIVE)

    @property
    def is_absolute(self) -> bool:
        """Sent twice it has the same effect; but late, it may undo something newer."""
        changes = (Operation.CHANGE_ITEMS, Operation.CHANGE_SUBITEMS, Operation.MOVE_ITEMS)
        return self.cancels or self in (*changes, Operation.ADOPT_ITEMS, Operation.ADOPT_SUBITEMS)

    @property
    def may_double(self) -> bool:
        """What it creates may turn up a second time. A group has a title, and is found by it."""
        return self is not Operation.GROUPS and not self.is_absolute

    @property
    def outcome(self) -> str:
        """What the log calls a row that it was done to."""
        if self.cancels:
            return "cancelled"
        return {"change": "changed", "move": "moved"}.get(self.partition("_")[0], "created")


class EntryState(StrEnum):
    """How far a request is."""

    OPEN = "OPEN"  # on its way, or in doubt
    WATCHED = "WATCHED"  # resolved in doubt: runs look for twins of what it created
    LISTED = "LISTED"  # was watched for an hour: the next reconcile looks once more
    CLOSED = "CLOSED"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request: what it creates, under which idempotency key, with which exact body."""

    idempotency_key: str
    operation: Operation
    keys: tuple[str, ...]  # alias a0 creates keys[0], and so on
    body: str
    age: timedelta | None = None  # since an earlier run opened it, as far as the database's clock can be trusted


@dataclass(frozen=True, kw_only=True)
class Unsettled:
    """Boards with requests that are open or watched."""

    watched: Set[int] = frozenset()  # what was created in doubt may turn up a second time
    open: Set[int] = frozenset()  # the outcome of a request is not on record
    doubtful: Set[int] = frozenset()  # those of them where no run waits for the answer any more


def unsettled(
    database: Database,
    tables: Tables,
    is_over: Callable[[str], bool] = lambda run_id: False,
    lease: timedelta = timedelta.max,
) -> Unsettled:
    """Boards with open or watched requests.

    A board that is leased for longer than a `lease` was taken before the clock was set back: its holder is unknown.
    """
    journal, boards = tables.journal, tables.boards
    query = (
        sa.select(
            journal.c.state,
            journal.c.board_id,
            journal.c.run_id,
            boards.c.run_id.label("holder"),
            boards.c.leased_until,
        )
        .select_from(journal.outerjoin(boards, boards.c.board_id == journal.c.board_id))
        .where(journal.c.state.in_([EntryState.OPEN, EntryState.WATCHED]))
        .distinct()
    )
    now, rows = database.reading(lambda connection: (database.now(connection), connection.execute(query).all()))
    opened = [row for row in rows if row.state == EntryState.OPEN]
    return Unsettled(
        watched={row.board_id for row in rows if row.state == EntryState.WATCHED},
        open={row.board_id for row in opened},
        doubtful={
            row.board_id
            for row in opened
            if row.holder != row.run_id or not timedelta(0) < row.leased_until - now <= lease or is_over(row.run_id)
        },
    )


def entries_in_doubt(database: Database, tables: Tables, board_id: int) -> list[Entry]:
    """Every open entry of a board: the answer never came, or was never recorded."""
    return read_entries(database, tables, board_id, [EntryState.OPEN])


def read_entries(database: Database, tables: Tables, board_id: int, states: Collection[EntryState]) -> list[Entry]:
    """The entries of a board in these states, the oldest first."""
    journal = tables.journal
    query = sa.select(journal).where(journal.c.board_id == board_id, journal.c.state.in_(list(states)))
    query = query.order_by(journal.c.opened_at)
    now, rows = database.reading(lambda connection: (database.now(connection), connection.execute(query).all()))
    return [
        Entry(
            idempotency_key=row.idempotency_key,
            operation=Operation(row.operation),
            keys=tuple(json.loads(row.keys)),
            body=row.body,
            age=max(now - row.opened_at, timedelta(0)),
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


def known_groups(database: Database, tables: Tables, board_id: int) -> dict[str, str]:
    """Groups that this project made or adopted on the board: the title under which it did, by id."""
    groups = tables.groups
    query = sa.select(groups.c.group_id, groups.c.title).where(groups.c.board_id == board_id)
    rows = database.rows(query.order_by(groups.c.created_at, groups.c.group_id))
    return {row["group_id"]: row["title"] for row in rows}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a request says of one row. None: it does not say it."""

    name: str | None = None
    values: str | None = None  # column values by column id, as JSON
    place: str | None = None  # the group of an item, or the item of a subitem


def sent_rows(entry: Entry) -> dict[str, Sent]:
    """What the request says of each of its rows, by key."""
    body = json.loads(entry.body)
    if entry.operation is Operation.IMPORT:
        group = json.loads(body["request"])["variables"]["group"]
        names = [row["name"] for row in csv.DictReader(io.StringIO(body["csv"], newline=""))]
        values = body.get("values") or [None] * len(names)  # an import that the first version began has none
        rows = zip(names, values, strict=True)
        return {key: Sent(name=name, values=of, place=group) for key, (name, of) in zip(entry.keys, rows, strict=True)}
    if entry.operation is Operation.ARCHIVE:
        return dict.fromkeys(entry.keys, Sent())
    variables = body.get("variables", {})
    if entry.operation in (Operation.CHANGE_ITEMS, Operation.CHANGE_SUBITEMS):
        return {key: _changed(variables[f"values{number}"]) for number, key in enumerate(entry.keys)}
    place = "parent" if entry.operation is Operation.SUBITEMS else "group"
    return {
        key: Sent(
            name=variables.get(f"name{number}"),
            values=variables.get(f"values{number}"),
            place=variables.get(f"{place}{number}"),
        )
        for number, key in enumerate(entry.keys)
    }


def _changed(values: str) -> Sent:
    """A change names the item among its columns."""
    changed = json.loads(values)
    name = changed.pop("name", None)
    return Sent(name=name, values=json.dumps(changed, ensure_ascii=False, separators=(",", ":")))


def payloads(entry: Entry) -> dict[str, str]:
    """What the request says of each of its rows, as JSON by key: its variables, or its line of an import's file."""
    body = json.loads(entry.body)
    if entry.operation is Operation.IMPORT:
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(body["csv"], newline="")))
    elif entry.operation is Operation.ARCHIVE:
        rows = [{"item": item} for item in body["items"]]
    else:
        variables = body["variables"]
        names = [found[1] for name in variables if (found := re.fullmatch(r"(.*\D)0", name))]  # the first row's
        rows = [{name: variables[f"{name}{number}"] for name in names} for number in range(len(entry.keys))]
    return {key: json.dumps(row, ensure_ascii=False) for key, row in zip(entry.keys, rows, strict=True)}


def job_of(entry: Entry) -> str | None:
    """The job that archives the items of an entry, once monday has named it."""
    if entry.operation is not Operation.ARCHIVE:
        return None
    job = json.loads(entry.body).get("job")
    return str(job) if job else None


def body_without_job(entry: Entry) -> str:
    """The body without what monday said of an import's job: with its upload URL anybody may write the file."""
    if entry.operation is not Operation.IMPORT:
        return entry.body
    return json.dumps(
        {name: value for name, value in json.loads(entry.body).items() if name != "job"}, ensure_ascii=False
    )
