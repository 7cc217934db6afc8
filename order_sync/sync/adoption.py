"""Which items and subitems, made by another tool, belong to which orders and lines: what `board adopt` would write.

In: the tables, whole boards, and what a person wants to match by. Out: an `AdoptionPlan`.
Reads only, 500 items a call; what carries a key, or is on record as somebody's, is never planned for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from order_sync.database.connection import Database
from order_sync.database.tables import Tables
from order_sync.database.to_adopt import LineToMatch, OrderToMatch, lines_to_match, orders_to_match
from order_sync.database.written import owners
from order_sync.monday.board import check_mapping
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.placed import BoardItem, whole_board
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.naming import (
    CUSTOMER,
    NAMING_COLUMNS,
    ORDER_NUMBER,
    clean,
    customer_key,
    item_name,
    subitem_name,
)
from order_sync.sync.facts import Site, read_sites
from order_sync.sync.matching import MatchBy, Shown, Unclear, Values, match

NAMED_FROM = (*NAMING_COLUMNS, CUSTOMER, ORDER_NUMBER, "PO NUMBER", "CUSTOMER STYLE", "CUSTOMER COLOUR DESCRIPTION")
ITEMS, SUBITEMS = ("order", "item"), ("line", "subitem")


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """An order and the item that is to get its key, and its lines' subitems by line_uuid.

    `has_key`: the item has it already, and subitems are all that is left.
    """

    board_id: int
    record_uuid: str
    order: str  # its number
    customer: str
    item_id: int
    name: str  # as the board shows it
    values: Values
    lines: int  # those without a subitem so far
    subitems: Mapping[str, int] = field(default_factory=dict)
    has_key: bool = False


@dataclass(kw_only=True)
class AdoptionPlan:
    """What would be written, and what would not."""

    items_by: str
    subitems_by: str
    adopted: list[Adopted] = field(default_factory=list)
    unclear: list[Unclear] = field(default_factory=list)
    unclear_lines: list[Unclear] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)  # orders
    unmatched_lines: int = 0  # of orders that are matched
    there: int = 0  # orders whose item has its key, or is on record
    no_board: int = 0  # orders that no rule sends to a board
    items_left: int = 0  # that no order is matched with, and that have no key

    @property
    def items(self) -> int:
        return sum(not of.has_key for of in self.adopted)

    @property
    def subitems(self) -> int:
        return sum(len(of.subitems) for of in self.adopted)

    @property
    def is_clear(self) -> bool:
        return not self.unclear and not self.unclear_lines

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"items": self.items, "subitems": self.subitems}


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What a person asks for. `customers`: only theirs, or all where none is named; `waiting`: only what waits."""

    items: MatchBy
    subitems: MatchBy
    customers: Collection[str] = ()
    waiting: bool = False

    def takes(self, order: OrderToMatch) -> bool:
        wanted = {customer_key(name) for name in self.customers}
        is_theirs = not wanted or customer_key(order.values.get(CUSTOMER)) in wanted
        return is_theirs and (order.waits or not self.waiting)


class Adoption:
    """Makes the plan."""

    def __init__(
        self, reader: MondayReader, database: Database, tables: Tables, mapping: ColumnMapping, matching: Matching
    ) -> None:
        self._reader, self._database, self._tables = reader, database, tables
        self._mapping, self._matching = mapping, matching
        self._plan = AdoptionPlan(items_by=str(matching.items), subitems_by=str(matching.subitems))

    def plan(self, default_board: int) -> AdoptionPlan:
        """Raises ConfigurationError if the token does not see a board, or the mapping does not fit it."""
        mapping = self._mapping
        sites = read_sites(self._reader, mapping.board_ids(default_board))
        for site in sites.values():
            check_mapping(site.board, site.subitems, mapping)
        boards = {of: [item for page, _ in whole_board(self._reader, of, mapping) for item in page] for of in sites}
        # After the boards: what a run has made meanwhile is on record then.
        sources = {*self._matching.items.sources, *mapping.board_sources, *NAMED_FROM}
        orders: dict[int, dict[str, OrderToMatch]] = {board_id: {} for board_id in sites}
        for order in orders_to_match(self._database, self._tables, sources):
            board_id = mapping.board_of(order.values, default_board)
            if board_id in orders:
                orders[board_id][order.record_uuid] = order
            else:
                self._plan.no_board += self._matching.takes(order)
        keyed = {item.record_uuid for items in boards.values() for item in items if item.record_uuid}
        for board_id, items in boards.items():
            self._match_items(sites[board_id], items, orders[board_id], keyed)
        return self._plan

    def _match_items(
        self, site: Site, items: list[BoardItem], orders: Mapping[str, OrderToMatch], keyed: Collection[str]
    ) -> None:
        plan, by, labels = self._plan, self._matching.items, LabelSpelling(site.board.labels)
        wanted = {key: by.wanted(_name(order), order.values, labels) for key, order in orders.items()}
        own = self._owners([item.id for item in items if not item.record_uuid], of_lines=False)
        shown = [
            Shown(id=item.id, key=item.record_uuid or own.get(item.id, ""), values=by.on_board(item.name, item.texts))
            for item in items
        ]
        asked = list[str]()
        in_use = {*keyed, *own.values()}
        for key, order in orders.items():
            if not self._matching.takes(order):
                continue
            if key in in_use or order.item_id is not None:
                plan.there += 1
            else:
                asked.append(key)
        matches = match(wanted, asked, shown, ITEMS)
        plan.unclear += matches.unclear
        plan.unmatched += matches.unmatched
        plan.items_left += sum(not row.key for row in shown) - len(matches.found)
        begun = self._begun(items, orders)
        self._match_subitems(site, {item.id: item for item in items}, orders, (matches.found, begun))

    def _begun(self, items: list[BoardItem], orders: Mapping[str, OrderToMatch]) -> dict[str, int]:
        """Items that have their order's key, and that no run has taken up yet: their subitems may lack theirs."""
        counts = Counter(item.record_uuid for item in items)
        return {
            key: item.id
            for item in items
            if (key := item.record_uuid) in orders
            and counts[key] == 1
            and orders[key].item_id is None
            and self._matching.takes(orders[key])
        }

    def _match_subitems(
        self,
        site: Site,
        items: Mapping[int, BoardItem],
        orders: Mapping[str, OrderToMatch],
        found: tuple[Mapping[str, int], Mapping[str, int]],
    ) -> None:
        """Under the items that were `found` for their orders now, and under those that were before."""
        now, before = found
        lines = lines_to_match(self._database, self._tables, [*now, *before])
        free = [row.id for of in (now, before) for item in of.values() for row in items[item].subitems if not row.key]
        own = self._owners(free, of_lines=True)
        labels = LabelSpelling(site.subitems.labels if site.subitems else {})
        for key, item_id in {**now, **before}.items():
            item = items[item_id]
            under, asked = self._of_lines(item, (key, lines.get(key, [])), own, labels)
            if key in now or under:
                self._plan.adopted.append(
                    Adopted(
                        board_id=site.board.id,
                        record_uuid=key,
                        order=clean(orders[key].values.get(ORDER_NUMBER)),
                        customer=clean(orders[key].values.get(CUSTOMER)),
                        item_id=item_id,
                        name=item.name,
                        values=self._matching.items.on_board(item.name, item.texts),
                        lines=asked,
                        subitems=under,
                        has_key=key not in now,
                    )
                )

    def _of_lines(
        self, item: BoardItem, of: tuple[str, list[LineToMatch]], own: Mapping[int, str], labels: LabelSpelling
    ) -> tuple[dict[str, int], int]:
        """The subitems under the item of an order, by line_uuid, and of how many lines.

        `of` are the record_uuid and the lines of the order.
        """
        record_uuid, lines = of
        plan, by = self._plan, self._matching.subitems
        wanted = {line.line_uuid: by.wanted(_line_name(line), line.values, labels) for line in lines}
        shown = [
            Shown(id=row.id, key=row.key or own.get(row.id, ""), values=by.on_board(row.name, row.texts))
            for row in item.subitems
        ]
        taken = {row.key for row in shown}
        asked = [line.line_uuid for line in lines if line.subitem_id is None and line.line_uuid not in taken]
        matches = match(wanted, asked, shown, SUBITEMS)
        plan.unclear_lines += [replace(unclear, of=record_uuid) for unclear in matches.unclear]
        plan.unmatched_lines += len(matches.unmatched)
        return matches.found, len(asked)

    def _owners(self, ids: Collection[int], *, of_lines: bool) -> Mapping[int, str]:
        """Whose rows without a key are, where they are on record: somebody has deleted their key."""
        return owners(self._database, self._tables, ids, of_lines=of_lines)


def _name(order: OrderToMatch) -> str:
    """ "" where the order has none: then nothing is matched by it."""
    try:
        return item_name(order.values)
    except Rejected:
        return ""


def _line_name(line: LineToMatch) -> str:
    try:
        return subitem_name(line.values["size_code"])
    except Rejected:
        return ""
