"""What must hold of the tables and the board, in the middle of everything and at the end.

In: every row of the tables, and the board. Out: a `Verdict`: rows lost, rows doubled, and what else is wrong.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from order_sync.database.connection import Database
from order_sync.database.tables import Tables
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.faults.scenario import SECOND_BOARD, Expected, People

Row = dict[str, Any]


@dataclass(kw_only=True)
class Verdict:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def add(self, other: Verdict) -> None:
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong

    def __str__(self) -> str:
        return "; ".join(
            f"{name}: {' | '.join(found[:4])}{' ...' if len(found) > 4 else ''}"
            for name, found in (("LOST", self.lost), ("DOUBLED", self.doubled), ("WRONG", self.wrong))
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

    def items(self) -> dict[str, list[Row]]:
        """The board's items by record_uuid."""
        found: dict[str, list[Row]] = defaultdict(list)
        for item in self.board["items"]:
            if key := item["columns"].get("record_uuid"):
                found[key.lower()].append(item)
        return found

    def oldest_first(self) -> list[Row]:
        """The headers; of an order's, the last one says what it should be."""
        return sorted(self.headers, key=lambda row: (row["created_at"], row["delta_uuid"]))

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


def look(database: Database, tables: Tables, state: Mapping[str, Any]) -> Held:
    with database.read() as connection:

        def rows(table: sa.Table, *columns: str) -> list[Row]:
            query = sa.select(*(table.c[name] for name in columns)).where(
                table.c.action_type == "INSERT" if "action_type" in table.c else sa.true()
            )
            return [dict(row) for row in connection.execute(query).mappings()]

        queued = ("delta_uuid", "record_uuid", "sync_state", "sync_run_id", "sync_error_message", "created_at")
        orders = rows(tables.orders, "record_uuid", "sync_state", "monday_item_id")
        order_lines = rows(
            tables.order_lines, "line_uuid", "record_uuid", "sync_state", "monday_subitem_id", "parent_item_id"
        )
        return Held(
            headers=rows(tables.header_queue, *queued, "monday_item_id", "monday_group_id", "GroupMonday"),
            lines=rows(tables.line_queue, *queued, "line_uuid", "monday_subitem_id", "parent_item_id"),
            orders={row["record_uuid"]: row for row in orders},
            order_lines={row["line_uuid"]: row for row in order_lines},
            journal=rows(tables.journal, "idempotency_key", "operation", "state", "keys"),
            boards=rows(tables.boards, "board_id", "run_id"),
            board=_both(state),
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
    if final:
        _judge_end(verdict, held, expected)
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
    blocked = held.blocked(expected)

    def is_gone(key: str, row: Row) -> bool:
        """It is rightly not on the board, whatever the tables say."""
        to_come = key in people.removed and row["sync_state"] != "SYNCED"
        return (to_come and (not final or row["record_uuid"] in blocked)) or bool(
            {key, row["record_uuid"]} & people.forfeited
        )

    newest = {row["record_uuid"]: row for row in held.oldest_first()}
    for row in held.headers:
        key, known = row["record_uuid"], row["monday_item_id"]
        there = items.get(key, [])
        if is_gone(key, row):
            continue
        if not there and (known is not None or row["sync_state"] == "SYNCED"):
            verdict.lost.append(f"item {key} ({row['sync_state']}) is not on the board")
        elif there and known != int(there[0]["id"]) and (final or known is not None):
            verdict.wrong.append(f"item {key} is {there[0]['id']} on the board, {known} in the queue table")
        elif there and (there[0]["id"] in people.added or row is not newest[key]):
            continue  # it stays where they put it; an older version has no say
        elif there and titles.get(there[0]["group_id"]) != row["GroupMonday"]:
            verdict.wrong.append(f"item {key} is not in its group '{row['GroupMonday']}'")
        elif there and row["sync_state"] == "SYNCED" and row["monday_group_id"] != there[0]["group_id"]:
            verdict.wrong.append(f"item {key} has the group id {row['monday_group_id']} in the queue table")
    subitems = held.subitems()
    for row in held.lines:
        subitem_key, known = row["line_uuid"], row["monday_subitem_id"]
        places = subitems.get(subitem_key, [])
        if is_gone(subitem_key, row):
            continue
        if not places and (known is not None or row["sync_state"] == "SYNCED"):
            verdict.lost.append(f"subitem {subitem_key} ({row['sync_state']}) is not on the board")
        elif places and (final or known is not None) and places[0] != (known, row["parent_item_id"]):
            mine = (known, row["parent_item_id"])
            verdict.wrong.append(f"subitem {subitem_key} is {places[0]} on the board, {mine} in the queue table")
        elif places and places[0][1] != newest[row["record_uuid"]]["monday_item_id"] and known is not None:
            verdict.wrong.append(f"subitem {subitem_key} is not under its order's item")


def _judge_states(verdict: Verdict, held: Held, expected: Expected) -> None:
    """State and ids move together, a record_uuid at a time, and a main table is never ahead."""
    states: dict[str, set[str]] = defaultdict(set)
    for row in held.headers:
        states[row["record_uuid"]].add(row["sync_state"])
    synced = {record for record, found in states.items() if found == {"SYNCED"}}
    verdict.wrong += [
        f"record_uuid {record} is synced in part: {sorted(found)}"
        for record, found in states.items()
        if "SYNCED" in found and record not in synced
    ]
    ids = defaultdict(set)
    for row in held.headers:
        ids[row["record_uuid"]].add(row["monday_item_id"])
    for record, order in held.orders.items():
        if (order["sync_state"] == "SYNCED") != (record in synced):
            verdict.wrong.append(f"ORDER_LIST {record} is {order['sync_state']}, its headers are {states[record]}")
        if order["sync_state"] == "SYNCED" and order["monday_item_id"] not in ids[record]:
            verdict.wrong.append(f"ORDER_LIST {record} has the item {order['monday_item_id']}, the queue {ids[record]}")
    for row in held.lines:
        main = held.order_lines[row["line_uuid"]]
        is_synced, queued = row["sync_state"] == "SYNCED", (row["monday_subitem_id"], row["parent_item_id"])
        if is_synced != (main["sync_state"] == "SYNCED"):
            verdict.wrong.append(f"line {row['line_uuid']} is {row['sync_state']}, in main {main['sync_state']}")
        if is_synced and (main["monday_subitem_id"], main["parent_item_id"]) != queued:
            verdict.wrong.append(f"line {row['line_uuid']} has other ids in main than {queued}")
        if is_synced != (row["record_uuid"] in synced) and row["delta_uuid"] not in expected.late:
            verdict.wrong.append(f"line {row['line_uuid']} is {row['sync_state']}, its order's headers are not")


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
