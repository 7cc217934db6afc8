"""A person at the board: deletes, archives, edits, renames and adds, before a run, after it or in the middle of one.

In: which of the things on the board. Out: changes of the board, and what they mean for what must come of the orders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from order_sync.orders.states import State
from order_sync.settings import EMBEDDED_BOARD
from order_sync_tests.faults.ground import Ground
from order_sync_tests.faults.scenario import KEPT, Edit, People
from order_sync_tests.faults.verdict import Held, Row

KEYS = ("record_uuid", "line_uuid")
MOST_RUNS = 3  # until what was deleted is there again, as the sensor starts them


class Person:
    def __init__(self, ground: Ground, edits: Iterable[Edit] = ()) -> None:
        self._ground = ground
        self._edits = [*edits]
        self._removed: set[str] = set()
        self._forfeited: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._added: set[str] = set()
        self._emptied: set[tuple[str, str]] = set()

    @property
    def has_done(self) -> People:
        return People(
            removed=frozenset(self._removed),
            forfeited=frozenset(self._forfeited),
            renamed=dict(self._renamed),
            added=frozenset(self._added),
            edits=tuple(self._edits),
            emptied=frozenset(self._emptied),
        )

    def delete(self, kind: str, number: int, *, in_a_run: bool = False) -> None:
        """A person deletes an item, a subitem or a group; with an odd number an item or a subitem is archived."""
        person, held = self._ground.emulator.person, self._ground.look()
        remove = person.archive if number % 2 else person.delete
        items = held.board["items"]  # the newest ones come last, and are chosen first
        if kind == "group":
            groups = [group["id"] for group in _groups(held)][1:]
            if groups:  # monday keeps the last one
                chosen = groups[-1 - number % len(groups)]
                self._delete(held, [item for item in items if item["group_id"] == chosen], in_a_run)
                self._monday(f'delete_group(board_id: "{EMBEDDED_BOARD}", group_id: "{chosen}")')
        elif kind == "item" and items:
            chosen = items[-1 - number % len(items)]
            self._delete(held, [chosen], in_a_run)
            remove(chosen["id"])
        elif kind == "subitem" and (subitems := [subitem for item in items for subitem in item["subitems"]]):
            chosen = subitems[-1 - number % len(subitems)]
            self._forfeited.add(chosen["columns"].get("line_uuid") or "")
            remove(chosen["id"])

    def edit(self, number: int) -> None:
        """A person renames an item or a subitem, or types into a cell of it that is no key."""
        person, items = self._ground.emulator.person, self._ground.look().board["items"]
        there = [*items, *(subitem for item in items for subitem in item["subitems"])]
        if there:
            chosen = there[number % len(there)]
            cells = [column for column in chosen["columns"] if column not in (*KEYS, KEPT)]
            person.rename(chosen["id"], f"edited {number}")
            if cells:
                person.edit(chosen["id"], cells[number % len(cells)], "")
                self._emptied.add((chosen["id"], cells[number % len(cells)]))

    def _delete(self, held: Held, items: list[Row], in_a_run: bool) -> None:
        """What is promised of an order depends on whether it was SYNCED."""
        synced = {row["record_uuid"] for row in held.headers if row["sync_state"] == State.SYNCED}
        there = held.subitems()
        claimed = [row for row in held.lines if row["sync_run_id"]]  # a line that came later, the run does not write
        # A line that was cancelled before it was on the board is not written at all.
        lacking = {row["record_uuid"] for row in claimed if row["line_uuid"] not in there.keys() | held.off()}
        for item in items:
            record = (item["columns"].get("record_uuid") or "").lower()
            # A run that is going on misses an item when it writes under it, and only then.
            unseen = in_a_run and record not in lacking
            if record in synced or unseen:
                self._forfeited.add(record)
            else:
                keys = {record}
                keys |= {key for subitem in item["subitems"] if (key := subitem["columns"].get("line_uuid"))}
                self._removed |= keys

    def fill_in(self, record_uuid: str) -> None:
        """A person fills in the cell of an order's item whose edits are kept."""
        for item in self._ground.look().items().get(record_uuid, []):
            text = f"Edit {len(self._edits)}"
            self._ground.emulator.person.edit(item["id"], KEPT, text)
            self._edits = [edit for edit in self._edits if edit.item != item["id"]]
            after = len(self._ground.emulator.effects())
            self._edits.append(Edit(item=item["id"], column=KEPT, text=text, after=after))

    def is_forgotten(self, items: Iterable[str]) -> None:
        """Nobody knows any more what was a person's: these items are to be taken for one's, and groups for new ones."""
        self._added |= {*items}
        self._renamed.clear()

    def was_raced(self) -> None:
        """The last edit came between the look that would have respected it and what was written then."""
        self._edits[-1:] = [replace(edit, raced=True) for edit in self._edits[-1:]]

    def rename(self, number: int) -> None:
        """A person gives a group that order_sync knows another title."""
        known = {row["group_id"]: row["title"] for row in self._rows(self._ground.tables.groups)}
        groups = [group for group in _groups(self._ground.look()) if group["id"] in known]
        if groups:
            chosen = groups[number % len(groups)]["id"]
            self._renamed[chosen] = known[chosen]
            title = f"renamed {len(self._renamed)}"
            self._monday(
                f'update_group(board_id: "{EMBEDDED_BOARD}", group_id: "{chosen}", '
                f'group_attribute: title, new_value: "{title}")'
            )

    def add(self, number: int, rejected: frozenset[str], *, with_line: bool) -> None:
        """A person adds an item with the record_uuid of an order that waits and has none, perhaps with a subitem."""
        held = self._ground.look()
        there = {(item["columns"].get("record_uuid") or "").lower() for item in held.board["items"]}
        # What is under way, or would be rejected, is not theirs to make.
        keys = " ".join(row["keys"] for row in self._rows(self._ground.tables.journal) if row["state"] == "OPEN")
        in_doubt = {row["record_uuid"] for row in (*held.headers, *held.lines) if row["delta_uuid"] in keys}
        free = [
            row["record_uuid"]
            for row in held.headers
            if row["sync_state"] != State.SYNCED
            and row["delta_uuid"] not in rejected
            and row["record_uuid"] not in there
            and row["record_uuid"] not in held.off()
            and row["record_uuid"] not in in_doubt
        ]
        if free:
            record = free[number % len(free)]
            values = json.dumps(json.dumps({"record_uuid": record}))
            made = self._monday(f'create_item(board_id: "{EMBEDDED_BOARD}", item_name: "T", column_values: {values})')
            self._added.add(made)
            lines = [
                row["line_uuid"]
                for row in held.lines
                if row["record_uuid"] == record and row["delta_uuid"] not in rejected
            ]
            if with_line and lines:
                values = json.dumps(json.dumps({"line_uuid": lines[0]}))
                self._monday(f'create_subitem(parent_item_id: "{made}", item_name: "T", column_values: {values})')

    def _monday(self, field: str) -> str:
        """A mutation of somebody else's; the id that it returns."""
        answer = self._ground.http.post(
            self._ground.emulator.url,
            json={"query": f"mutation {{ made: {field} {{ id }} }}"},
            headers={"Authorization": "somebody"},
        ).json()
        return str(answer["data"]["made"]["id"])

    def _rows(self, table: sa.Table) -> list[Row]:
        with self._ground.database() as database:
            return database.rows(sa.select(table))


def _groups(held: Held) -> list[Row]:
    """Those of the main board that are there."""
    return [group for group in held.board["groups"] if group["state"] == "active" and not group.get("second")]
