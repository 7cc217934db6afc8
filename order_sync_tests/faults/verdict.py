"""What must hold of the tables and the board, in the middle of everything and at the end.

In: every row of the tables, the board, and all that was ever written on it. Out: a `Verdict`: rows lost, doubled or
stale, edits that were overwritten, and what else is wrong. Shares no code with what the product decides by.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.database.tables import Tables
from order_sync.demo.words import COLOUR, FOB, PO, TOTAL
from order_sync.orders.naming import CUSTOMER, ORDER_NUMBER
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.faults import history
from order_sync_tests.faults.scenario import KEPT, SECOND_BOARD, Expected, People

Row = dict[str, Any]
# What the board shows of an order, and of a line: the queue's columns by the board's.
ITEM_COLUMNS = {"order_number": ORDER_NUMBER, "customer": CUSTOMER, "po_number": PO, "colour": COLOUR}
ITEM_COLUMNS |= {"total_qty": TOTAL, "fob": FOB}
LINE_COLUMNS = {"size": "size_code", "qty": "qty"}


@dataclass(kw_only=True)
class Verdict:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)  # an older version is on the board, or was after a newer one
    overwritten: list[str] = field(default_factory=list)  # edits that were to stay
    wrong: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return not any(vars(self).values())

    def add(self, other: Verdict) -> None:
        for name, found in vars(other).items():
            getattr(self, name).extend(found)

    def __str__(self) -> str:
        return "; ".join(
            f"{name.upper()}: {' | '.join(found[:4])}{' ...' if len(found) > 4 else ''}"
            for name, found in vars(self).items()
            if found
        )


@dataclass(frozen=True, kw_only=True)
class Held:
    """Both sides as they are now."""

    headers: list[Row]
    lines: list[Row]
    orders: dict[str, Row]
    order_lines: dict[str, Row]
    journal: list[Row]
    boards: list[Row]
    board: Row  # the main board, with the items and groups of the second one
    effects: list[Row]  # all that monday ever did

    def items(self) -> dict[str, list[Row]]:
        """The board's items by record_uuid."""
        found: dict[str, list[Row]] = defaultdict(list)
        for item in self.board["items"]:
            if key := item["columns"].get("record_uuid"):
                found[key.lower()].append(item)
        return found

    def newest(self) -> dict[str, Row]:
        """The header of each order that says what it should be, by record_uuid."""
        return {row["record_uuid"]: row for row in history.oldest_first(self.headers)}

    def newest_lines(self) -> dict[str, Row]:
        return {row["line_uuid"]: row for row in history.oldest_first(self.lines)}

    def off(self) -> set[str]:
        """record_uuids of orders, and line_uuids of lines, that are not to be on the board."""
        found = {key for key, row in self.newest().items() if row["action_type"] == "DELETE"}
        return found | {
            key
            for key, row in self.newest_lines().items()
            if row["action_type"] == "DELETE" or row["record_uuid"] in found
        }

    def taken_off(self) -> set[str]:
        """Those of them that the tables say are off the board by now."""
        found = {key for key, row in self.newest().items() if _is_cancelled(row)}
        return found | {
            key for key, row in self.newest_lines().items() if _is_cancelled(row) or row["record_uuid"] in found
        }

    def brought_back(self) -> set[str]:
        """record_uuids of orders that were cancelled once: which of their lines are there depends on when."""
        off = self.off()
        return {row["record_uuid"] for row in self.headers if row["action_type"] == "DELETE"} - off

    def titles(self, people: People) -> dict[str, str]:
        """Our titles of the groups that are on the board, by group id."""
        groups = self.board["groups"]
        return {g["id"]: people.renamed.get(g["id"], g["title"]) for g in groups if g["state"] == "active"}

    def blocked(self, expected: Expected) -> set[str]:
        """record_uuids that wait because of a rejected row."""
        return {row["record_uuid"] for row in (*self.headers, *self.lines) if row["delta_uuid"] in expected.rejected}

    def subitems(self) -> dict[str, list[tuple[int, int]]]:
        """Id and parent of the board's subitems by line_uuid."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for item in self.board["items"]:
            for subitem in item["subitems"]:
                if key := subitem["columns"].get("line_uuid"):
                    found[key].append((int(subitem["id"]), int(item["id"])))
        return found


def _is_cancelled(row: Row) -> bool:
    return bool(row["action_type"] == "DELETE" and row["sync_state"] == "SYNCED")


def look(database: Database, tables: Tables, state: Mapping[str, Any], effects: list[Row]) -> Held:
    with database.read() as connection:

        def rows(table: sa.Table, *columns: str) -> list[Row]:
            query = sa.select(*(table.c[name] for name in columns))
            return [dict(row) for row in connection.execute(query).mappings()]

        states = ("sync_state", "sync_run_id", "sync_error_message")
        queued = ("delta_uuid", "record_uuid", "action_type", "created_at", *states)
        values = ("GroupMonday", *ITEM_COLUMNS.values())
        orders = rows(tables.orders, "record_uuid", "sync_state", "monday_item_id")
        order_lines = rows(
            tables.order_lines, "line_uuid", "record_uuid", "sync_state", "monday_subitem_id", "parent_item_id"
        )
        return Held(
            headers=rows(tables.header_queue, *queued, "monday_item_id", "monday_group_id", *values),
            lines=rows(
                tables.line_queue, *queued, "line_uuid", "monday_subitem_id", "parent_item_id", *LINE_COLUMNS.values()
            ),
            orders={row["record_uuid"]: row for row in orders},
            order_lines={row["line_uuid"]: row for row in order_lines},
            journal=rows(tables.journal, "idempotency_key", "operation", "state", "keys"),
            boards=rows(tables.boards, "board_id", "run_id"),
            board=_both(state),
            effects=effects,
        )


def _both(state: Mapping[str, Any]) -> Row:
    boards = {int(board["id"]): board for board in state["boards"]}
    main, second = boards[EMBEDDED_BOARD], boards[SECOND_BOARD]
    return {
        **main,
        "items": [*main["items"], *second["items"]],
        # Without the group that every board has from the start.
        "groups": [*main["groups"], *(group | {"second": True} for group in second["groups"][1:])],
    }


def judge(held: Held, expected: Expected, *, final: bool) -> Verdict:
    """Of what was SYNCED when a person deleted it is only asked that nothing be doubled, and nothing wait for ever.

    What was not SYNCED then must be there again in the end, but for orders that wait because of a rejected row.
    """
    verdict = Verdict()
    _judge_board(verdict, held, expected)
    _judge_ids(verdict, held, expected, final)
    _judge_states(verdict, held, expected)
    _judge_history(verdict, held, expected)
    if final:
        _judge_end(verdict, held, expected)
        _judge_values(verdict, held, expected)
    return verdict


def _judge_board(verdict: Verdict, held: Held, expected: Expected) -> None:
    second = {group["id"] for group in held.board["groups"] if group.get("second")}
    titles = Counter((title, group in second) for group, title in held.titles(expected.people).items())
    verdict.doubled += [f"group '{title}' is {n} times on a board" for (title, _), n in titles.items() if n > 1]
    for what, there, known in (
        ("item", held.items(), {row["record_uuid"] for row in held.headers}),
        ("subitem", held.subitems(), {row["line_uuid"] for row in held.lines}),
    ):
        verdict.doubled += [f"{what} {key} is {len(n)} times on the board" for key, n in there.items() if len(n) > 1]
        verdict.wrong += [f"{what} {key} is in no queue table" for key in there.keys() - known]
    bad = {row["record_uuid"] for row in held.headers if row["delta_uuid"] in expected.rejected}
    for key in held.items().keys() & bad:
        verdict.wrong.append(f"item {key} is on the board, and monday rejects it")


def _judge_ids(verdict: Verdict, held: Held, expected: Expected, final: bool) -> None:
    """What the queue tables know of the board is so; at the end they know all of it."""
    people = expected.people
    titles = held.titles(people)
    items = held.items()
    blocked, off, back = held.blocked(expected), held.off(), held.brought_back()
    taken_off = held.taken_off()

    def is_gone(key: str, row: Row) -> bool:
        """It is rightly not on the board, in spite of the tables."""
        to_come = key in people.removed and row["sync_state"] != "SYNCED"
        return (to_come and (not final or row["record_uuid"] in blocked)) or bool(
            {key, row["record_uuid"]} & people.forfeited
        )

    def judge_off(what: str, key: str, row: Row, there: Sequence[Any]) -> None:
        if there and (key in taken_off or (final and row["record_uuid"] not in blocked)):
            verdict.wrong.append(f"{what} {key} is on the board, and was cancelled")

    newest = held.newest()
    for key, row in newest.items():
        known, there = row["monday_item_id"], items.get(key, [])
        if key in off:
            judge_off("item", key, row, there)
        elif is_gone(key, row):
            continue
        elif not there and (known is not None or row["sync_state"] == "SYNCED"):
            verdict.lost.append(f"item {key} ({row['sync_state']}) is not on the board")
        elif not there:
            continue
        elif known != int(there[0]["id"]) and (known is not None or (final and key not in blocked)):
            verdict.wrong.append(f"item {key} is {there[0]['id']} on the board, {known} in the queue table")
        elif there[0]["id"] in people.added or (known is None and row["action_type"] == "UPDATE"):
            continue  # it stays where they put it; or is still to be moved
        elif titles.get(there[0]["group_id"]) != row["GroupMonday"]:
            verdict.wrong.append(f"item {key} is not in its group '{row['GroupMonday']}'")
        elif row["sync_state"] == "SYNCED" and row["monday_group_id"] not in (None, there[0]["group_id"]):
            verdict.wrong.append(f"item {key} has the group id {row['monday_group_id']} in the queue table")
    subitems = held.subitems()
    for key, row in held.newest_lines().items():
        known, places = row["monday_subitem_id"], subitems.get(key, [])
        if key in off:
            judge_off("subitem", key, row, places)
        elif is_gone(key, row) or row["record_uuid"] in back:
            continue
        elif not places and (known is not None or row["sync_state"] == "SYNCED"):
            verdict.lost.append(f"subitem {key} ({row['sync_state']}) is not on the board")
        elif not places:
            continue
        elif places[0] != (known, row["parent_item_id"]) and (known is not None or (final and key not in blocked)):
            mine = (known, row["parent_item_id"])
            verdict.wrong.append(f"subitem {key} is {places[0]} on the board, {mine} in the queue table")
        elif known is not None and places[0][1] not in {int(item["id"]) for item in items.get(row["record_uuid"], [])}:
            verdict.wrong.append(f"subitem {key} is not under its order's item")


def _judge_states(verdict: Verdict, held: Held, expected: Expected) -> None:
    """State and ids move together, what waits of a record_uuid at a time, and a main table is never ahead."""
    states: dict[str, set[str]] = defaultdict(set)
    for row in held.headers:
        if row["delta_uuid"] not in expected.settled:
            states[row["record_uuid"]].add(row["sync_state"])
    synced = {record for record, found in states.items() if found == {"SYNCED"}}
    verdict.wrong += [
        f"record_uuid {record} is synced in part: {sorted(found)}"
        for record, found in states.items()
        if "SYNCED" in found and record not in synced
    ]
    for row in held.lines:
        is_synced = row["sync_state"] == "SYNCED"
        of_its_own = row["delta_uuid"] in expected.late | expected.settled or row["record_uuid"] not in states
        if not of_its_own and is_synced != (row["record_uuid"] in synced):
            verdict.wrong.append(f"line {row['line_uuid']} is {row['sync_state']}, its order's headers are not")
    _judge_main_tables(verdict, held)


def _judge_main_tables(verdict: Verdict, held: Held) -> None:
    off, headers, lines = held.off(), defaultdict[str, list[Row]](list), defaultdict[str, list[Row]](list)
    for row in held.headers:
        headers[row["record_uuid"]] += [row] if row["sync_state"] == "SYNCED" else []
    for row in held.lines:
        lines[row["line_uuid"]] += [row] if row["sync_state"] == "SYNCED" else []
    cancelled, newest = held.taken_off(), held.newest()
    coming_back = {record for record in held.brought_back() if newest[record]["sync_state"] != "SYNCED"}
    for record, order in held.orders.items():
        ids = {row["monday_item_id"] for row in headers[record]}
        if (order["sync_state"] == "SYNCED") != bool(headers[record]):
            verdict.wrong.append(f"ORDER_LIST {record} is {order['sync_state']}, its headers are not")
        elif record in cancelled and order["monday_item_id"] is not None:
            verdict.wrong.append(f"ORDER_LIST {record} has the item {order['monday_item_id']}, and was cancelled")
        elif ids and record not in off | coming_back and order["monday_item_id"] not in ids:
            verdict.wrong.append(f"ORDER_LIST {record} has the item {order['monday_item_id']}, the queue {ids}")
    for key, row in held.newest_lines().items():
        main, record = held.order_lines[key], row["record_uuid"]
        places = (main["monday_subitem_id"], main["parent_item_id"])
        if key in cancelled:
            if places != (None, None):
                verdict.wrong.append(f"line {key} has the ids {places} in main, and was cancelled")
            continue
        if record in held.brought_back():
            continue
        if bool(lines[key]) != (main["sync_state"] == "SYNCED"):
            verdict.wrong.append(f"line {key} is {row['sync_state']}, in main {main['sync_state']}")
        if row["sync_state"] == "SYNCED" and places != (row["monday_subitem_id"], row["parent_item_id"]):
            verdict.wrong.append(f"line {key} has other ids in main than in the queue: {places}")


def _judge_history(verdict: Verdict, held: Held, expected: Expected) -> None:
    """Versions only go forward, edits that are kept stay, and what nobody changed is left alone."""
    versions = history.ranks(held.headers, "record_uuid", history.OF_ORDERS)
    versions |= history.ranks(held.lines, "line_uuid", history.OF_LINES)
    titles = {group["id"]: group["title"] for group in held.board["groups"]} | dict(expected.people.renamed)
    verdict.stale += history.stale(held.effects, versions, titles, expected.people.emptied)
    verdict.overwritten += history.overwritten(held.effects, expected.people.edits)
    verdict.wrong += history.needless(held.effects, expected.untouched - expected.people.forfeited)


def _judge_values(verdict: Verdict, held: Held, expected: Expected) -> None:
    """At the end the board shows what the newest version says, column by column, but for people's edits."""
    people, blocked, off = expected.people, held.blocked(expected), held.off()
    edited = {(edit.item, edit.column): edit for edit in people.edits}
    items, lines = held.items(), held.newest_lines()

    def judge(shown: Row, row: Row, columns: Mapping[str, str]) -> None:
        for column, source in columns.items():
            edit, text = edited.get((shown["id"], column)), shown["columns"][column] or ""
            if (edit and edit.raced) or (shown["id"], column) in people.emptied:
                continue
            if edit and text != edit.text:
                verdict.overwritten.append(f"{column} of {shown['id']} is '{text}', not '{edit.text}' as it was edited")
            elif column == KEPT and shown["id"] in people.added:
                continue  # nobody knows whose value that is: it counts as an edit, and stays
            elif not edit and text != _text(row[source]):
                verdict.stale.append(f"{column} of {shown['id']} is '{text}', not '{_text(row[source])}'")

    for record, row in held.newest().items():
        if {record} & (blocked | off | people.forfeited):
            continue
        for item in items.get(record, []):
            judge(item, row, ITEM_COLUMNS)
            for subitem in item["subitems"]:
                key = subitem["columns"].get("line_uuid")
                if key in lines and key not in off | people.forfeited:
                    judge(subitem, lines[key], LINE_COLUMNS)


def _text(value: Any) -> str:
    """As the board shows it."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else unicodedata.normalize("NFC", str(value)).strip()


def _judge_end(verdict: Verdict, held: Held, expected: Expected) -> None:
    """Nothing waits for ever: what is good is SYNCED, what is rejected ERROR, and its order waits as a whole."""
    queued = [*held.headers, *held.lines]
    blocked = held.blocked(expected)
    found_bad = {row["record_uuid"] for row in queued if row["sync_state"] == "ERROR" and row["sync_error_message"]}
    for row in queued:
        state, name = row["sync_state"], f"{row['delta_uuid']} of record_uuid {row['record_uuid']}"
        if row["record_uuid"] in blocked and row["record_uuid"] not in found_bad:
            verdict.wrong.append(f"{name} is {state}, and a row of its order must be rejected with a reason")
        elif row["delta_uuid"] in expected.rejected:
            if state == "SYNCED":
                verdict.wrong.append(f"{name} is SYNCED, and monday rejects it")
        elif row["record_uuid"] in blocked:
            # PENDING may name a run that died: `order-sync retry` frees the order, and any run may claim it then.
            if state not in ("NEW", "PENDING"):
                verdict.wrong.append(f"{name} is {state}, and its order must wait as a whole")
        elif row["record_uuid"] in expected.people.forfeited and row["record_uuid"] in found_bad:
            continue  # a line that came after its item was deleted is rejected, and its order waits
        elif state != "SYNCED":
            verdict.lost.append(f"{name} is {state} for ever: {row['sync_error_message']}")
    verdict.wrong += [
        f"journal row {row['idempotency_key']} ({row['operation']}) is open"
        for row in held.journal
        if row["state"] == "OPEN"
    ]
    verdict.wrong += [
        f"board {row['board_id']} is held by {row['run_id']}"
        for row in held.boards
        if row["run_id"] and row["board_id"] not in expected.unused
    ]
