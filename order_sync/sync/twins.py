"""Twins of items and subitems that were created in doubt: found, archived or reported.

In: the watch list of a board whose lease the run holds. Out: which twins were archived, and which are left to a person.
Never archives what somebody else has made or touched, what has something under it that its twin lacks, nor what the
tables name; of those that they do not name the oldest stays.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from order_sync.database.audit import twins_left
from order_sync.database.entries import Entry, EntryState, Operation, payloads
from order_sync.database.journal import Journal
from order_sync.database.queue import QueueReader
from order_sync.database.watch_list import ARCHIVED, LEFT
from order_sync.monday import operations
from order_sync.monday.board import find_all_items, find_all_subitems
from order_sync.monday.client import MondayClient
from order_sync.monday.errors import classify, parse_errors
from order_sync.monday.lists import Row, is_active, items_by_id, rows_of, text_of
from order_sync.orders.errors import OrderSyncError, Transient
from order_sync.orders.mapping import ColumnMapping
from order_sync.sync.compare import Finding, Kind
from order_sync.sync.delivery import Delivery
from order_sync.sync.facts import keys_on_board, not_foreign
from order_sync.text.excerpt import ON_BOARD, log_first

log = logging.getLogger("order_sync.monday")

ARCHIVE = "archive_item"
A_CALL = 25  # archived
UNTOUCHED = timedelta(seconds=10)  # between an item's creation and its last update, where nobody has touched it


@dataclass(kw_only=True)
class Found:
    """Twins by record_uuid or line_uuid; those that are left with the reason."""

    archived: dict[str, list[str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def add(self, other: Found) -> None:
        self.archived |= other.archived
        self.left |= other.left


@dataclass(frozen=True, kw_only=True)
class _Twin:
    key: str  # its row's in the queue
    own: str  # its record_uuid or line_uuid
    row: Row
    kept: Row


class Twins:
    """Looks for twins on one board. The caller holds the board's lease."""

    def __init__(self, client: MondayClient, journal: Journal, delivery: Delivery, mapping: ColumnMapping) -> None:
        self._client = client
        self._journal = journal
        self._delivery = delivery
        self._columns = {
            Operation.ITEMS: mapping.items.key_column,
            Operation.SUBITEMS: mapping.subitems.key_column,
        }

    def look(self, states: Collection[EntryState] = (EntryState.WATCHED,), *, last: bool = False) -> Found:
        """Looks up what the watched requests have created; no call where nothing is watched.

        It never stops a run: what cannot be looked up now is still watched by the next one.
        """
        entries = self._journal.watch_list.entries(states)
        found = Found()
        if not entries:
            return found
        items = [entry for entry in entries if entry.operation in (Operation.ITEMS, Operation.IMPORT)]
        subitems = [entry for entry in entries if entry.operation is Operation.SUBITEMS]
        try:
            found.add(self._look(Operation.ITEMS, items))
            found.add(self._look(Operation.SUBITEMS, subitems))
        except Transient as error:
            log.warning("could not search for twins, the next run does so: %s", error)
            return found
        self._journal.watch_list.looked(entries, last=last)
        return found

    def _look(self, operation: Operation, entries: Collection[Entry]) -> Found:
        column = self._columns[operation]
        own: dict[str, str] = {}
        for entry in entries:
            own |= keys_on_board(entry, column)
        if not own:
            return Found()
        there = self._there(operation, column, entries, own.values())
        there, _ = not_foreign(there, self._journal.owners, of_lines=operation is Operation.SUBITEMS)
        for key, monday_id in self._journal.watch_list.named(operation, own).items():
            ids = there.get(key, [])
            there[key] = [monday_id, *(other for other in ids if other != monday_id)]
        several = {key: ids for key, ids in there.items() if len(ids) > 1}
        if not several:
            return Found()
        return self._heal(operation, self._twins(column, own, several))

    def _there(
        self, operation: Operation, column: str, entries: Collection[Entry], own: Collection[str]
    ) -> dict[str, list[str]]:
        """The ids of all rows with these keys that the board shows, the oldest first."""
        if operation is Operation.ITEMS:
            return find_all_items(self._client, self._journal.board_id, column, own)
        parents = {json.loads(row)["parent"] for entry in entries for row in payloads(entry).values()}
        wanted = set(own)
        found = find_all_subitems(self._client, sorted(parents), column)
        return {key: ids for key, ids in found.items() if key in wanted}

    def _twins(self, column: str, own: Mapping[str, str], several: Mapping[str, list[str]]) -> list[_Twin]:
        """The active rows beside the one that stays: of each key the first that is there."""
        asked = {"ids": [column], "own": [self._columns[Operation.SUBITEMS]]}
        ids = [monday_id for of_key in several.values() for monday_id in of_key]
        rows = items_by_id(self._client, operations.TWINS, ids, asked)
        queued = {board_key: key for key, board_key in own.items()}
        twins = []
        for key, of_key in several.items():
            active = [rows[monday_id] for monday_id in of_key if monday_id in rows and is_active(rows[monday_id])]
            twins += [_Twin(key=queued[key], own=key, row=row, kept=active[0]) for row in active[1:]]
        return twins

    def _heal(self, operation: Operation, twins: Collection[_Twin]) -> Found:
        found = Found()
        if not twins:
            return found
        me = str(self._client.query(operations.ME)["me"]["id"])
        homes = self._journal.watch_list.homes([str(twin.row["id"]) for twin in twins])
        key_column = self._columns[Operation.SUBITEMS]
        reasons = {str(twin.row["id"]): why_it_stays(twin.row, twin.kept, me, key_column) for twin in twins}
        reasons |= dict.fromkeys(homes, "the tables have a subitem under it")
        archived = self._archive([monday_id for monday_id, reason in reasons.items() if not reason], reasons)
        for twin in twins:
            monday_id = str(twin.row["id"])
            if monday_id in archived:
                found.archived.setdefault(twin.own, []).append(monday_id)
            else:
                found.left[monday_id] = (
                    f"{reasons[monday_id]} (its twin {twin.kept['id']} has the key {twin.own} as well)"
                )
        self._report(operation, twins, archived, found)
        return found

    def _archive(self, ids: Collection[str], reasons: dict[str, str]) -> set[str]:
        """Archives the items; returns those that are archived. To archive one twice is to archive it once."""
        done: set[str] = set()
        for some in (list(ids)[start : start + A_CALL] for start in range(0, len(ids), A_CALL)):
            body = operations.body_of_many(operations.ARCHIVE_ITEM, [{"item": item} for item in some], {})
            try:
                refused = self._client.retrying()(self._send, body, some)
            except OrderSyncError as error:
                refused = dict.fromkeys(some, str(error))
            reasons |= {item: f"monday did not archive it: {reason}" for item, reason in refused.items()}
            done |= set(some) - refused.keys()
        return done

    def _send(self, body: str, items: list[str]) -> dict[str, str]:
        """Returns the items that monday did not archive, with the reason."""
        grant = self._delivery.admit(ARCHIVE, len(items), whole=True)
        self._journal.renew()
        key = str(uuid.uuid4())
        reply = self._client.mutate(
            body,
            idempotency_key=key,
            operation=ARCHIVE,
            rows=len(items),
            grant=grant,
            last_check=self._journal.expect_time_left,
        )
        data = reply.data or {}
        errors = parse_errors(reply)
        if errors and not any(data.get(operations.alias(number)) for number in range(len(items))):
            raise classify(errors[0], reply)
        messages = {error.alias: error.message for error in errors}
        aliases = {operations.alias(number): item for number, item in enumerate(items)}
        return {item: messages.get(alias, "no reason given") for alias, item in aliases.items() if not data.get(alias)}

    def _report(self, operation: Operation, twins: Iterable[_Twin], archived: Collection[str], found: Found) -> None:
        keys = {str(twin.row["id"]): twin.key for twin in twins}
        for outcome, ids in ((ARCHIVED, archived), (LEFT, found.left)):
            self._journal.note(operation, outcome, {keys[monday_id]: monday_id for monday_id in ids})
        kind = "subitem" if operation is Operation.SUBITEMS else "item"
        healed = [
            f"{kind} {monday_id} was an untouched twin with key {own}: archived"
            for own, ids in found.archived.items()
            for monday_id in ids
        ]
        log_first(log.warning, healed, ON_BOARD)
        left = [
            f"{kind} {monday_id} is a twin but was not archived: {reason}" for monday_id, reason in found.left.items()
        ]
        log_first(log.error, left, ON_BOARD)


def twins_left_by(reader: QueueReader, run_id: str) -> list[Finding]:
    """What an earlier run had created in doubt, and this run found twice and did not archive."""
    found = []
    for row in twins_left(reader, run_id):
        of_line = row["operation"] == Operation.SUBITEMS
        found.append(
            Finding(
                kind=Kind.SUBITEM_DOUBLED if of_line else Kind.ITEM_DOUBLED,
                what=f"row {row['delta_uuid']} also has {row['monday_id']}, which was not archived; the log says why",
                key=row["delta_uuid"] if of_line else None,
                monday_id=row["monday_id"],
            )
        )
    return found


def why_it_stays(row: Row, kept: Row, me: str, key_column: str) -> str:
    """Why a twin must not be archived; nothing if it may be."""
    if touched := _touched(row, me):
        return touched
    subitems = rows_of(row["subitems"], ("column_values",)) if row.get("subitems") is not None else None
    if subitems is None and not row.get("parent_item"):
        return "monday does not return its subitems"
    known = {text_of(subitem, key_column) for subitem in kept.get("subitems") or [] if is_active(subitem)}
    for subitem in subitems or []:
        if not is_active(subitem):
            continue
        if text_of(subitem, key_column) not in known - {None, ""}:
            return f"its twin has no subitem like {subitem['id']}"
        if touched := _touched(subitem, me):
            return f"subitem {subitem['id']}: {touched}"
    return ""


def _touched(row: Row, me: str) -> str:
    if str(row.get("creator_id")) != me:
        return "it was created by somebody else"
    if row.get("updates"):
        return "it has updates"
    try:
        between = _moment(row["updated_at"]) - _moment(row["created_at"])
    except (KeyError, TypeError, ValueError):
        return "monday does not say when it was changed"
    return "" if between <= UNTOUCHED else "it was changed after its creation"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
