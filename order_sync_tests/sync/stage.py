"""A board writer against the real emulator and a real database, with a clock that sleeps little.

In: the emulator process and a database with empty tables. Out: a `Stage`, and what it finds on both sides.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from order_sync.database.connection import WritableDatabase
from order_sync.database.entries import Operation, known_groups
from order_sync.database.journal import Journal
from order_sync.database.tables import make_tables
from order_sync.demo.samples import SampleOrders
from order_sync.emulator import Emulator, Fault
from order_sync.monday.client import MondayClient
from order_sync.monday.labels import Labels
from order_sync.monday.pacing import Clock, Pacer
from order_sync.monday.transport import MondayTransport, Reply
from order_sync.monday.values import to_json
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.delivery import Manner, Outcome
from order_sync.sync.rows import NewRow
from order_sync.sync.writer import BoardWriter
from order_sync_tests.contract.site import Site, make_order

SHARED: dict[Operation, dict[str, Any]] = {
    Operation.GROUPS: {"board": str(EMBEDDED_BOARD)},
    Operation.ITEMS: {"board": str(EMBEDDED_BOARD), "labels": False},
    Operation.SUBITEMS: {"labels": False},
    Operation.CHANGE_ITEMS: {"board": str(EMBEDDED_BOARD), "labels": False},
    Operation.MOVE_ITEMS: {"board": str(EMBEDDED_BOARD), "labels": False},
    Operation.CANCEL_ITEMS: {"board": str(EMBEDDED_BOARD), "labels": False},
}


class QuickClock(Clock):
    """Sleeps a moment, and says that it was as long as asked; what is not longer than `in_full` it sleeps in full."""

    def __init__(self, *, longest: float = 0.02, in_full: float = 0.0) -> None:
        super().__init__()
        self.sleeps: list[float] = []
        self._longest = longest
        self._in_full = in_full
        self._skipped = 0.0

    def now(self) -> float:
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        real = seconds if seconds <= self._in_full else min(seconds, self._longest)
        self._skipped += seconds - real
        time.sleep(real)


class SharedClock(QuickClock):
    """What is slept on it passes for monday, too, and takes no time. A `step` lets monday work meanwhile."""

    def __init__(self, emulator: Emulator, *, step: float = 3_600.0) -> None:
        super().__init__(longest=0.0)
        self._emulator = emulator
        self._step = step

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        while seconds > 0:
            self._emulator.advance(min(self._step, seconds))
            seconds -= self._step


class Crash(BaseException):
    """The process died: nothing that catches errors may see it."""


class DyingTransport(MondayTransport):
    """Dies at a mutation, before or after monday has executed it."""

    def __init__(self, url: str, *, after: bool) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._after = after

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        if idempotency_key and self._after:
            super().send(body, idempotency_key=idempotency_key, **how)
        if idempotency_key:
            raise Crash
        return super().send(body, idempotency_key=idempotency_key, **how)


class TamperingTransport(MondayTransport):
    """Changes the first answer to a mutation on its way back; what monday did stays done."""

    def __init__(self, url: str, tamper: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._tamper: Callable[[dict[str, Any]], None] | None = tamper

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        reply = super().send(body, idempotency_key=idempotency_key, **how)
        if idempotency_key and self._tamper is not None and reply.body is not None:
            changed = json.loads(json.dumps(reply.body))
            self._tamper(changed)
            self._tamper = None
            return Reply(status=reply.status, headers=reply.headers, body=changed)
        return reply


class OddTransport(MondayTransport):
    """Changes the first answers to queries that hold a list, `times` of them."""

    def __init__(self, url: str, change: Callable[[dict[str, Any]], bool], times: int) -> None:
        super().__init__(url, "a-token", timeout_seconds=5)
        self._change, self.left = change, times

    def send(self, body: str, *, idempotency_key: str | None = None, **how: Any) -> Reply:
        reply = super().send(body, idempotency_key=idempotency_key, **how)
        if self.left and reply.data:
            changed = json.loads(json.dumps(reply.body))
            if self._change(changed["data"]):
                self.left -= 1
                return replace(reply, body=changed)
        return reply


@dataclass(frozen=True, kw_only=True)
class Stage:
    emulator: Emulator
    site: Site
    clock: QuickClock = field(default_factory=QuickClock)

    @contextmanager
    def client(
        self,
        transport: MondayTransport | None = None,
        *,
        timeout: float = 5.0,
        clock: Clock | None = None,
        **pacing: Any,
    ) -> Iterator[MondayClient]:
        transport = transport or MondayTransport(self.emulator.url, "a-token", timeout_seconds=timeout)
        with MondayClient(transport, pacer=Pacer(clock=clock or self.clock, **pacing)) as client:
            yield client

    @contextmanager
    def writer(
        self,
        transport: MondayTransport | None = None,
        *,
        run_id: str = "run-1",
        settle: float = 0.2,
        search: float = 0.2,
        timeout: float = 5.0,
        clock: Clock | None = None,
        writers: int = 1,
        bulk_rows: int = 0,
        bulk_cancels: int = 0,
        labels: Labels = MappingProxyType({}),
        **pacing: Any,
    ) -> Iterator[BoardWriter]:
        """A writer that holds the board; every run before it is over."""
        with self.client(transport, timeout=timeout, clock=clock, **pacing) as client:
            journal = self.journal(run_id)
            with journal.holding_board():
                jobs = {"bulk_rows": bulk_rows, "bulk_cancels": bulk_cancels}
                manner = Manner(settle=settle, search=search, writers=writers, **jobs)
                yield BoardWriter(client, journal, load_mapping(), manner, labels)

    def journal(self, run_id: str = "run-1") -> Journal:
        return self.site.journal(run_id, board_id=EMBEDDED_BOARD, is_over=lambda _: True)

    def known_groups(self) -> dict[str, str]:
        groups = known_groups(self.site.database, self.site.tables, EMBEDDED_BOARD)
        return {title: group_id for group_id, title in groups.items()}

    def create(self, operation: Operation, rows: Sequence[NewRow], **how: Any) -> Outcome:
        with self.writer(**how) as writer:
            return writer.write(operation, rows, SHARED[operation])

    def crash(self, operation: Operation, rows: Sequence[NewRow], *, after: bool, **how: Any) -> str:
        """Dies in the middle of the first request; returns the key of the entry that stays open."""
        try:
            transport = DyingTransport(self.emulator.url, after=after)
            self.create(operation, rows, transport=transport, run_id="run-0", **how)
        except Crash:
            [entry] = self.journal().in_doubt()
            return entry.idempotency_key
        raise AssertionError("the run did not die")

    def faults(self, *faults: Fault, **changes: Any) -> None:
        self.emulator.configure(faults=list(faults), **changes)

    def empty_board(self) -> None:
        """A board without items, and nothing on record: the same ids come again, which monday's never do."""
        self.emulator.reset()
        with self.site.database.write() as connection:
            for table in (self.site.tables.items, self.site.tables.subitems):
                connection.execute(sa.delete(table))

    # ---- rows to create

    def wanted(self, operation: Operation, count: int = 6) -> list[NewRow]:
        """New rows, and all that they need: claimed queue rows, and for subitems an item to be under."""
        if operation is Operation.GROUPS:
            return [NewRow(key=f"Ott & Söhne's {n}", variables={"name": f"Ott & Söhne's {n}"}) for n in range(count)]
        if operation is Operation.ITEMS:
            orders = [make_order(lines=0, minute=n) for n in range(count)]
            self.claim(*orders)
            return [item_row(row) for order in orders for row in order.headers]
        order = make_order(lines=count)
        self.claim(order)
        self.create(Operation.ITEMS, [item_row(order.headers[0])])
        parent = self.items()[order.headers[0]["delta_uuid"]][0]
        self.emulator.configure(faults=[])  # begin to count anew
        return [
            NewRow(
                key=row["delta_uuid"],
                variables={
                    "parent": parent,
                    "name": f"Size {row['size_code']}",
                    "values": to_json({"line_uuid": row["line_uuid"], "qty": str(row["qty"])}),
                },
            )
            for row in order.lines
        ]

    def claim(self, *orders: SampleOrders) -> None:
        self.site.add(*orders)
        self.site.claim("run-1", *orders)

    # ---- what is there

    def board(self) -> dict[str, Any]:
        return next(board for board in self.emulator.state()["boards"] if board["id"] == str(EMBEDDED_BOARD))

    def items(self) -> dict[str, list[str]]:
        """Ids of the board's items by the delta_uuid of their order's one header."""
        found: dict[str, list[str]] = {}
        for item in self.board()["items"]:
            found.setdefault(self.queue_key(item), []).append(item["id"])
        return found

    def queue_key(self, item: dict[str, Any]) -> str:
        """The delta_uuid of the one header that an item's order has."""
        header = self.site.row(self.site.tables.header_queue, record_uuid=item["columns"]["record_uuid"])
        return str(header["delta_uuid"])

    def mutations(self, since: int = 0) -> list[dict[str, Any]]:
        return [request for request in self.emulator.requests()[since:] if request["kind"] == "mutation"]

    def check_once(self, operation: Operation, rows: Sequence[NewRow]) -> None:
        """Every row is once on the board and in the tables, under the same id, and nothing is in doubt."""
        wanted = {row.key for row in rows}
        if operation is Operation.GROUPS:
            there = Counter(group["title"] for group in self.board()["groups"])
            assert {title: there[title] for title in wanted} == dict.fromkeys(wanted, 1)
            by_title = {group["title"]: group["id"] for group in self.board()["groups"]}
            assert self.known_groups() == {title: by_title[title] for title in wanted}
        elif operation is Operation.ITEMS:
            known = {r["delta_uuid"]: [str(r["monday_item_id"])] for r in self.site.rows(self.site.tables.header_queue)}
            assert self.items() == {key: known[key] for key in wanted}
        else:
            found = [
                (subitem["columns"]["line_uuid"], subitem["id"])
                for item in self.board()["items"]
                for subitem in item["subitems"]
            ]
            queued = [row for row in self.site.rows(self.site.tables.line_queue) if row["delta_uuid"] in wanted]
            assert sorted(found) == sorted((row["line_uuid"], str(row["monday_subitem_id"])) for row in queued)
        self._check_on_record(operation, rows)
        assert self.journal().in_doubt() == []

    def _check_on_record(self, operation: Operation, rows: Sequence[NewRow]) -> None:
        """What was created is on record as it was sent."""
        tables = self.site.tables
        if operation is Operation.GROUPS:
            return
        queue, table, own, place = (
            (tables.header_queue, tables.items, "record_uuid", "group_id")
            if operation is Operation.ITEMS
            else (tables.line_queue, tables.subitems, "line_uuid", "parent_item_id")
        )
        keys = {row["delta_uuid"]: row[own] for row in self.site.rows(queue)}
        sent = {keys[row.key]: tuple(row.variables[name] for name in ("name", "values")) for row in rows}
        on_record = {row[own]: row for row in self.site.rows(table)}
        assert {key: (on_record[key]["name"], on_record[key]["written"]) for key in sent} == sent
        assert all(on_record[key][place] is not None for key in sent)


def with_variable(row: NewRow, **variables: Any) -> NewRow:
    """The row with other variables, such as one that spoils it."""
    return NewRow(key=row.key, variables={**row.variables, **variables})


def item_row(header: dict[str, Any], name: str | None = None) -> NewRow:
    values = {"record_uuid": header["record_uuid"]}
    return NewRow(
        key=header["delta_uuid"],
        variables={"group": "topics", "name": name or f"Item {header['delta_uuid'][:8]}", "values": to_json(values)},
    )


@pytest.fixture(name="stage")
def empty_stage(emulator: Emulator, empty_file: Path, tmp_path: Path) -> Iterator[Stage]:
    path = tmp_path / "orders.db"
    shutil.copy(empty_file, path)
    database = WritableDatabase(f"sqlite:///{path}")
    yield Stage(emulator=emulator, site=Site(database=database, tables=make_tables()))
    database.dispose()
