"""Writes the keys of a plan of adoption: from then on a run finds these items by their key, and adopts them.

In: an `AdoptionPlan`, and a client. Out: `Written`. The subitems of an order come before its item: an item that has
its key is complete, and no run takes up a part of it. Never writes to an item that has got a key since the plan.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from order_sync.database.connection import WritableDatabase, chunks
from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.database.tables import Tables
from order_sync.database.written import items_on_record
from order_sync.monday.board import find_all_items
from order_sync.monday.client import MondayClient
from order_sync.monday.item_values import read_values
from order_sync.monday.values import to_json
from order_sync.orders.mapping import ColumnMapping
from order_sync.sync.adoption import Adopted
from order_sync.sync.delivery import Manner
from order_sync.sync.facts import Site, read_sites
from order_sync.sync.rows import NewRow
from order_sync.sync.writer import BoardWriter

log = logging.getLogger("order_sync.monday")

AT_A_TIME = 100  # orders that are looked at once more, and then written
CHANGED = "its item or its order has changed since the plan was made"


@dataclass(kw_only=True)
class Written:
    """How many keys were written, and why an order, by record_uuid, or a line was left out."""

    items: int = 0
    subitems: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


class Adopting:
    """Writes keys, one board after the other."""

    def __init__(
        self, client: MondayClient, database: WritableDatabase, tables: Tables, mapping: ColumnMapping, manner: Manner
    ) -> None:
        self._client, self._database, self._tables = client, database, tables
        self._mapping, self._manner = mapping, manner
        self._written = Written()

    def write(
        self,
        adopted: Sequence[Adopted],
        journal: Callable[[int], Journal],
        on_wait: Callable[[int, str], None] = lambda board_id, holder: None,
    ) -> Written:
        """`journal` is that of a board. `on_wait` is called with a board, and with the run that holds it.

        What is in doubt, of an earlier run, is resolved first. May be stopped at any point and started again.
        """
        for board_id, of_board in groupby(sorted(adopted, key=lambda of: of.board_id), key=lambda of: of.board_id):
            site = read_sites(self._client, [board_id])[board_id]
            held = journal(board_id)

            def waiting(holder: str, board_id: int = board_id) -> None:
                on_wait(board_id, holder)

            with held.holding_board(waiting, name=site.board.name, url=site.board.url):
                self._client.beat = held.renew
                writer = BoardWriter(self._client, held, self._mapping, self._manner, site.board.labels)
                writer.recover()
                for some in chunks(of_board, AT_A_TIME):
                    self._write(writer, site, self._as_planned(board_id, some))
        return self._written

    def _write(self, writer: BoardWriter, site: Site, adopted: Sequence[Adopted]) -> None:
        lines = {line: subitem for of in adopted for line, subitem in of.subitems.items()}
        open_lines = self._without_key(lines, self._mapping.subitems.key_column)
        done = self._send(writer, Operation.ADOPT_SUBITEMS, open_lines, site.board.subitem_board_id or 0)
        self._written.subitems += len(done)
        failed = open_lines.keys() - done
        complete = {of.record_uuid: of.item_id for of in adopted if not of.has_key and not failed & of.subitems.keys()}
        self._written.items += len(self._send(writer, Operation.ADOPT_ITEMS, complete, site.board.id))

    def _send(self, writer: BoardWriter, operation: Operation, ids: Mapping[str, int], board_id: int) -> set[str]:
        """Returns the keys that are on the board now."""
        if not ids:
            return set()
        of_kind = self._mapping.subitems if operation.of_lines else self._mapping.items
        rows = [
            NewRow(key=key, variables={"item": str(row_id), "values": to_json({of_kind.key_column: key})})
            for key, row_id in ids.items()
        ]
        outcome = writer.write(operation, rows, {"board": str(board_id), "labels": False})
        self._written.left_out |= {key: str(error) for key, error in outcome.rejected.items()} | outcome.waiting
        return set(outcome.created)

    def _as_planned(self, board_id: int, adopted: Sequence[Adopted]) -> list[Adopted]:
        """Those of the orders that still have no item but the one that they were matched with."""
        column, records = self._mapping.items.key_column, [of.record_uuid for of in adopted]
        shown = read_values(self._client, [of.item_id for of in adopted], [column])
        found = find_all_items(self._client, board_id, column, records)
        on_record = items_on_record(self._database, self._tables, records)

        def holds(of: Adopted) -> bool:
            item = shown.get(of.item_id)
            if item is None or not item.is_active or item.board_id != board_id:
                return False
            key, others = item.texts[column].strip().lower(), set(found.get(of.record_uuid, [])) - {str(of.item_id)}
            is_free = key in ("", of.record_uuid) and not others
            return is_free and (of.record_uuid not in on_record or on_record[of.record_uuid].id == of.item_id)

        self._leave_out(of.record_uuid for of in adopted if not holds(of))
        return [of for of in adopted if of.record_uuid not in self._written.left_out]

    def _without_key(self, lines: Mapping[str, int], column: str) -> dict[str, int]:
        """Those of the subitems, by line_uuid, that are there and still have no key."""
        shown = read_values(self._client, lines.values(), [column]) if lines else {}
        free = {row_id for row_id, row in shown.items() if row.is_active and not row.texts[column].strip()}
        self._leave_out(line for line, row_id in lines.items() if row_id not in free)
        return {line: row_id for line, row_id in lines.items() if row_id in free}

    def _leave_out(self, keys: Iterable[str]) -> None:
        self._written.left_out |= dict.fromkeys(keys, CHANGED)
