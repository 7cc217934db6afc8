"""How a run has ended, for the checks that come last.

In: what the run itself has read after its commit, or else the tables. Out: facts that the questions are asked of.
Never writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from order_sync.database import expected
from order_sync.database.held import held_orders
from order_sync.database.queue import QueueReader
from order_sync.orders.codes import Cause
from order_sync.orders.mapping import ColumnMapping
from order_sync.resources.run_report import Ending
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.compare import Finding
from order_sync.sync.rows import Row

THIS_RUN, EARLIER = "this run", "an earlier run"
REJECTED_ROW = ("by", "row", "size", "customer", "order_number", "reason", "record_uuid", "delta_uuid")


@dataclass(frozen=True, kw_only=True)
class AfterRun:
    """A run and its rows, by the tables alone."""

    ending: Ending  # as the run itself has found, or else the tables
    left_pending: Sequence[Row]  # rows that it still holds

    @property
    def rejected(self) -> list[Row]:
        """Rows that this run rejected, and a row of each other order that waits for one rejected earlier."""
        new = [dict.fromkeys(REJECTED_ROW) | {"by": THIS_RUN, **row} for row in self.ending.rejected]
        known = {key for row in new for key in (row["record_uuid"], row["delta_uuid"]) if key}
        older = [
            dict.fromkeys(REJECTED_ROW)
            | {"by": EARLIER, "customer": held.customer, "order_number": held.order_number, "reason": held.reason}
            | {"record_uuid": held.record_uuid, "delta_uuid": held.delta_uuid}
            for held in self.ending.held
            if held.cause is Cause.REJECTED and not {held.record_uuid, held.delta_uuid} & known
        ]
        return [*new, *older]

    @property
    def left(self) -> list[Row]:
        """And orders that it released although none of their rows is rejected: a board may refuse further rows."""
        return [*self.left_pending, *(asdict(held) for held in self.ending.left)]


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a run has on the boards, by the tables: items with their board, subitems, and the twins that it found."""

    items: list[tuple[int, expected.Expected]]
    subitems: list[expected.Expected]
    twins: list[Finding]


def ending_of(sql_server: ReadOnlySqlServerResource, run_id: str) -> Ending:
    """The ending of a run of another process, or of one that did not come so far."""
    reader = sql_server.reader
    headers = reader.run_headers(run_id, sql_server.mapping.board_sources)
    lines = reader.run_lines(run_id)
    orders, order_lines = expected.differing_from(reader.database, reader.tables, run_id, headers, lines)
    return Ending(
        rejected=reader.errors(run_id),
        held=held_orders(reader),
        left=[],
        headers=headers,
        lines=lines,
        differing_orders=orders,
        differing_lines=order_lines,
    )


def left_pending(reader: QueueReader, run_id: str) -> list[Row]:
    """The rows that a run still holds: record_uuid, row (header, line)."""
    lines = reader.claimed_lines(run_id, "record_uuid", "line_uuid", "customer", "size_code")
    return [
        {"record_uuid": row["record_uuid"], "row": what}
        for what, of in (("header", reader.claimed_headers(run_id)), ("line", lines))
        for row in of
    ]


def made_by(ending: Ending, twins: list[Finding], mapping: ColumnMapping, board_id: int) -> Made:
    """What the run ought to have on the boards; `board_id` is that of orders that no rule matches."""
    subitems = expected.subitems_of(ending.lines)
    # Items of earlier runs, which got late lines, may be in any group.
    late = (replace(row, key=row.record_uuid, monday_id=row.parent_id, parent_id=None) for row in subitems)
    items = {item.monday_id: (board_id, item) for item in late}
    for item, order in expected.items_of(ending.headers):
        items[item.monday_id] = mapping.board_of(order, board_id), item
    return Made(items=list(items.values()), subitems=subitems, twins=twins)
