"""A small but complete set of orders, and the board as it is before the run.

In: a folder. Out: a database file with queued rows, the mutation that makes the first item, and what must come of it.
Every uuid is fixed, so that a case can be told and repeated.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from order_sync.cli.access import connected
from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.demo.board import board_seeds
from order_sync.demo.samples import SampleOrders, insert_orders
from order_sync.emulator import EmulatorSettings
from order_sync.orders.mapping import DEFAULT_MAPPING, ColumnMapping
from order_sync.orders.states import State
from order_sync.settings import EMBEDDED_BOARD, Settings
from order_sync_tests.contract.site import make_order

SPEED = 300.0  # how much faster time goes, for a run and for the emulator alike
SETTLE_SECONDS = 5.0
SEARCH_SECONDS = 5.0
REPLAY_SECONDS = 180_000.0  # ten minutes of this machine: a case has no hurry unless it says so
JOB_ROW_MS = 5_000.0
LATENCY_MS = 900.0  # 3 ms of this machine: enough for the requests of several writers to meet
LINK = "CUSTOMER ALT PO"  # mapped to a link column, so that monday itself rejects what is no address
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
class People:
    """What people have done on the board."""

    removed: frozenset[str] = frozenset()  # record_uuids and line_uuids that are to be made again
    forfeited: frozenset[str] = frozenset()  # record_uuids, and line_uuids, of what was SYNCED when it was deleted
    renamed: Mapping[str, str] = field(default_factory=dict)  # our titles of groups, by group id
    added: frozenset[str] = frozenset()  # ids of items that carry a record_uuid of ours


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What must come of the queued rows, by delta_uuid or record_uuid."""

    rejected: frozenset[str] = frozenset()  # delta_uuids that end in ERROR
    late: frozenset[str] = frozenset()  # delta_uuids of lines that came after their order was synced
    people: People = People()
    unused: frozenset[int] = frozenset()  # boards to which no run goes any more: whoever died there keeps its lease


@dataclass(frozen=True, kw_only=True)
class First:
    """monday's ids of what is on the board before the run."""

    group: str
    item: int
    subitem: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    orders: list[SampleOrders] = field(default_factory=list)
    expected: Expected = Expected()


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


def the_scenario(there: First) -> Scenario:
    """Seven orders and a late line to sync: orders in several versions, a rejected header, a rejected line."""
    first, late = order(0, GROUPS[0], sizes=("S",)), late_line(0, 1)
    orders = [
        first,
        order(1, GROUPS[0]),
        order(2, GROUPS[1], headers=2),
        order(3, GROUPS[1], sizes=("S",), link=BAD_LINK),
        order(4, GROUPS[2], sizes=("S", " ")),
        order(5, GROUPS[3], headers=2),
        order(6, GROUPS[3], sizes=()),  # two groups of new items are enough for import jobs
        order(7, GROUPS[1], sizes=()),
        late,
    ]
    item, subitem = there.item, there.subitem
    done: dict[str, Any] = {"sync_state": State.SYNCED, "sync_run_id": "the run before"}
    first.headers[0] |= done | {"monday_item_id": item, "monday_group_id": there.group}
    first.lines[0] |= done | {"monday_subitem_id": subitem, "parent_item_id": item}
    first.orders[0] |= {"sync_state": State.SYNCED, "monday_item_id": item}
    first.order_lines[0] |= {"sync_state": State.SYNCED, "monday_subitem_id": subitem, "parent_item_id": item}
    rejected = (orders[3].headers[0]["delta_uuid"], orders[4].lines[1]["delta_uuid"])
    return Scenario(
        orders=orders,
        expected=Expected(rejected=frozenset(rejected), late=frozenset({late.lines[0]["delta_uuid"]})),
    )


def set_board(http: httpx.Client, url: str) -> First:
    """Makes the group, the item and the subitem of the order that is synced already."""
    first = order(0, GROUPS[0])
    board = str(EMBEDDED_BOARD)
    group = _create(http, url, "create_group(board_id: $b, group_name: $n)", b=(board, "ID!"), n=(GROUPS[0], "String!"))
    keys = {"record_uuid": first.headers[0]["record_uuid"]}
    item = _create(
        http,
        url,
        'create_item(board_id: $b, group_id: $g, item_name: "TS-1 A-0", column_values: $v)',
        b=(board, "ID!"),
        g=(group, "String!"),
        v=(json.dumps(keys), "JSON!"),
    )
    key = {"line_uuid": first.lines[0]["line_uuid"]}
    subitem = _create(
        http,
        url,
        'create_subitem(parent_item_id: $p, item_name: "Size S", column_values: $v)',
        p=(item, "ID!"),
        v=(json.dumps(key), "JSON!"),
    )
    return First(group=group, item=int(item), subitem=int(subitem))


def _create(http: httpx.Client, url: str, field_text: str, **variables: tuple[str, str]) -> str:
    declared = ", ".join(f"${name}: {kind}" for name, (_, kind) in variables.items())
    body = {
        "query": f"mutation M({declared}) {{ made: {field_text} {{ id }} }}",
        "variables": {name: value for name, (value, _) in variables.items()},
    }
    answer = http.post(url, json=body, headers={"Authorization": "a-token"}).json()
    return str(answer["data"]["made"]["id"])


def write_mapping(folder: Path) -> Path:
    """The shipped mapping with a link column."""
    path = folder / "mapping.toml"
    text = DEFAULT_MAPPING.read_text(encoding="utf-8")
    path.write_text(text.replace("\n[subitems]", _MORE_MAPPING, 1), encoding="utf-8")
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
        board_checks=0,  # they only read, and the bare driver knows no checks
    )


def make_database(settings: Settings, orders: Iterable[SampleOrders]) -> None:
    with connected(WritableDatabase, settings) as (database, tables):
        create_all(database, tables)
        for sample in orders:
            insert_orders(database, tables, sample)
