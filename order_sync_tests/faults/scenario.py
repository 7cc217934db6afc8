"""A small but complete set of orders, and the board as it is before the run.

In: a folder. Out: a database file with queued rows, the settings of a run, and what must come of it.
Every uuid is fixed, so that a case can be named and repeated.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from order_sync.cli.access import connected
from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.demo.board import board_seeds
from order_sync.demo.samples import SampleOrders, insert_orders
from order_sync.demo.words import COLOUR, PO, TOTAL, Row
from order_sync.emulator import EmulatorSettings
from order_sync.orders.mapping import DEFAULT_MAPPING, ColumnMapping
from order_sync.orders.states import Action
from order_sync.settings import Settings
from order_sync_tests.contract.site import MORNING, make_order

SPEED = 300.0  # how much faster time goes, for a run and for the emulator alike
SETTLE_SECONDS = 5.0
SEARCH_SECONDS = 5.0
REPLAY_SECONDS = 180_000.0  # ten minutes of this machine: a case has no hurry unless it says so
JOB_ROW_MS = 5_000.0
LATENCY_MS = 900.0  # 3 ms of this machine: enough for the requests of several writers to meet
LINK = "CUSTOMER ALT PO"  # mapped to a link column, so that monday itself rejects what is no address
KEPT = "colour"  # the column whose edits are kept
GOOD_LINK, BAD_LINK = "https://example.com/po/1", "no address"
SECOND_BOARD = 4_800_000_001
GROUPS = ("O'Malley & Daughters SS27", "Café Brontë AW26", "Café Brontë", "Friends & family")

_MORE_MAPPING = f"""
[[items.columns]]
source = "{LINK}"
column = "po_link"
title = "PO link"
type = "link"

[subitems]"""
_RULE = f"""
[[boards]]
id = {SECOND_BOARD}
customers = ["Café Brontë"]
"""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A cell that a person has filled in, in a column whose edits are kept."""

    item: str
    column: str
    text: str
    after: int  # how many effects the board had seen
    raced: bool = False  # after the look at the cell that respects it: monday cannot close that gap


@dataclass(frozen=True, kw_only=True)
class People:
    """What people have done on the board."""

    removed: frozenset[str] = frozenset()  # record_uuids and line_uuids that are to be recreated
    forfeited: frozenset[str] = frozenset()  # record_uuids, and line_uuids, of what was SYNCED when it was deleted
    renamed: Mapping[str, str] = field(default_factory=dict)  # our titles of groups, by group id
    added: frozenset[str] = frozenset()  # ids of items that carry a record_uuid of ours
    edits: tuple[Edit, ...] = ()
    emptied: frozenset[tuple[str, str]] = frozenset()  # cells that are overwritten once the order changes them


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What must come of the queued rows, by delta_uuid or record_uuid."""

    rejected: frozenset[str] = frozenset()  # delta_uuids that end in ERROR
    late: frozenset[str] = frozenset()  # delta_uuids of lines that came after their order was synced
    settled: frozenset[str] = frozenset()  # delta_uuids of what was SYNCED before any of the others came
    untouched: frozenset[str] = frozenset()  # record_uuids of which nothing may be sent
    people: People = People()
    unused: frozenset[int] = frozenset()  # boards to which no run goes any more: a run that died there keeps its lease


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`earlier` is on the board before the run, `later` waits in the queue."""

    earlier: list[SampleOrders]
    later: list[SampleOrders]
    edited: str  # the record_uuid of the order of which a person edits a cell before the run
    editable: str  # and of one that they may edit at any time
    expected: Expected


def the_uuid(*name: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(map(str, name))))


def order(
    number: int, title: str, *, headers: int = 1, sizes: Sequence[str] = ("S", "M", "L"), link: str = GOOD_LINK
) -> SampleOrders:
    """One record_uuid with its rows in all four tables."""
    return make_order(
        number=f"A-{number}",
        customer="O'Malley & Daughters" if title == GROUPS[0] else "Café Brontë",
        headers=headers,
        lines=sizes,
        minute=number,
        columns={"GroupMonday": title, LINK: link},
        name=lambda kind, *of: the_uuid(kind, number, *of),
    )


def late_line(number: int, position: int) -> SampleOrders:
    """A further line of an order."""
    made = order(number, GROUPS[0], sizes=[f"S{n}" for n in range(position + 1)])
    return SampleOrders(lines=made.lines[position:], order_lines=made.order_lines[position:])


def version(of: Row, minute: float, action: Action = Action.UPDATE, **values: Any) -> Row:
    """Another row of the same order, or line, created at this minute after eight."""
    at = MORNING + timedelta(minutes=minute)
    return of | {"delta_uuid": the_uuid(of["delta_uuid"], minute), "action_type": action, "created_at": at} | values


def values(number: int) -> dict[str, Any]:
    """What a version of an order says: no two say the same, and each has another name for the item."""
    return {TOTAL: number, PO: f"PO {number}", COLOUR: f"Colour {number}"}


def the_scenario() -> Scenario:
    """What is on the board and what waits: new orders in all forms, changes, cancels, and what comes too late."""
    first, changed, cancelled, edited, untouched = (
        order(number, GROUPS[0], sizes=sizes) for number, sizes in ((0, "S"), (8, "SM"), (9, "SM"), (11, ""), (12, ""))
    )
    never = order(10, GROUPS[0], sizes="S")
    late = late_line(0, 1)
    queued = [
        order(1, GROUPS[0]),
        order(2, GROUPS[1], headers=2),
        order(3, GROUPS[1], sizes=("S",), link=BAD_LINK),
        order(4, GROUPS[2], sizes=("S", " ")),
        order(5, GROUPS[3], headers=2),
        order(6, GROUPS[3], sizes=()),  # two groups of new items are enough for import jobs
        order(7, GROUPS[1], sizes=()),
        never,
        late,
    ]
    newer = version(changed.headers[0], 62, GroupMonday=GROUPS[1], **values(62))
    headers = [
        newer,
        version(changed.headers[0], 61, **values(61)),  # it comes after the newer one
        version(cancelled.headers[0], 61, Action.DELETE),
        version(never.headers[0], 61, Action.DELETE),
        version(edited.headers[0], 61, **values(61)),
        version(untouched.headers[0], 1, **values(1)),  # it comes too late
    ]
    lines = [
        version(changed.lines[0], 61, qty=61),
        version(changed.lines[1], 61, Action.DELETE),
        version(cancelled.lines[0], 61, Action.DELETE),
    ]
    earlier = [first, changed, cancelled, edited, untouched]
    rejected = (queued[2].headers[0]["delta_uuid"], queued[3].lines[1]["delta_uuid"])
    return Scenario(
        earlier=earlier,
        later=[*queued, SampleOrders(headers=headers, lines=lines)],
        edited=edited.headers[0]["record_uuid"],
        editable=changed.headers[0]["record_uuid"],
        expected=Expected(
            rejected=frozenset(rejected),
            late=frozenset({late.lines[0]["delta_uuid"]}),
            settled=frozenset(row["delta_uuid"] for of in earlier for row in (*of.headers, *of.lines)),
            untouched=frozenset({untouched.headers[0]["record_uuid"]}),
        ),
    )


def newer_still() -> SampleOrders:
    """Versions that come when a run has died on the way: of the order that is changed, and of its line."""
    changed = order(8, GROUPS[0], sizes="SM")
    return SampleOrders(
        headers=[version(changed.headers[0], 90, GroupMonday=GROUPS[3], **values(90))],
        lines=[version(changed.lines[0], 90, qty=90)],
    )


def write_mapping(folder: Path) -> Path:
    """The shipped mapping with a link column, and a column whose edits are kept."""
    path = folder / "mapping.toml"
    text = DEFAULT_MAPPING.read_text(encoding="utf-8").replace("\n[subitems]", _MORE_MAPPING, 1)
    column = f'column = "{KEPT}"\n'
    path.write_text(text.replace(column, f'{column}edits = "keep"\n', 1), encoding="utf-8")
    return path


def write_rules(mapping: Path) -> Path:
    """That mapping with a rule for a second board."""
    path = mapping.with_name("rules.toml")
    path.write_text(mapping.read_text(encoding="utf-8") + _RULE, encoding="utf-8")
    return path


def emulator_settings(mapping: ColumnMapping) -> EmulatorSettings:
    """The boards of the mapping; a job goes on for longer than a poll takes."""
    return EmulatorSettings(
        boards=board_seeds(mapping),
        clock_speed=SPEED,
        idempotency_retention_s=REPLAY_SECONDS,
        bulk_row_ms=JOB_ROW_MS,
        latency_ms=LATENCY_MS,
    )


def settings_in(folder: Path, mapping: Path, url: str) -> Settings:
    """Small batches, so that a run has many steps."""
    return Settings(
        home=folder,
        mapping=mapping,
        monday_url=url,
        first_batch=2,
        largest_batch=4,
        settle_seconds=SETTLE_SECONDS,
        search_seconds=SEARCH_SECONDS,
        clock_speed=SPEED,
        bulk_rows=0,
        bulk_cancels=0,
        board_checks=0,  # they only read, and the bare driver knows no checks
    )


def make_database(settings: Settings, orders: Iterable[SampleOrders]) -> None:
    with connected(WritableDatabase, settings) as (database, tables):
        create_all(database, tables)
    add_orders(settings, orders)


def add_orders(settings: Settings, orders: Iterable[SampleOrders]) -> None:
    with connected(WritableDatabase, settings) as (database, tables):
        for sample in orders:
            insert_orders(database, tables, sample)
