"""The three steps of a run on one board, without Dagster: what its assets want, and what the board work makes of it.

In: a stage with orders in its queue. Out: a `Run` that claims them and takes one step after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pandas as pd

from order_sync.assets.monday import monday_groups, monday_items, monday_subitems
from order_sync.database.claims import OrderQueue
from order_sync.database.commit import Readiness, commit
from order_sync.database.connection import Row
from order_sync.database.entries import unsettled
from order_sync.io_managers.frames import to_frame, to_rows
from order_sync.io_managers.queue import headers_frame, lines_frame
from order_sync.monday.transport import MondayTransport
from order_sync.orders.mapping import ColumnMapping, load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.board_work import BoardWork, Step
from order_sync.sync.boards import Boards
from order_sync.sync.delivery import Manner, Outcome
from order_sync_tests.sync.stage import QuickClock, Stage


@dataclass(kw_only=True)
class Run:
    stage: Stage
    boards: Boards
    queue: OrderQueue
    run_id: str
    mapping: ColumnMapping
    cancel: int | None = None  # the number of cancels that a person has named
    headers: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)

    def claim(self) -> None:
        """All that waits."""
        of = self.queue
        self.headers = of.claim_headers(self.run_id, [row["delta_uuid"] for row in of.claimable_headers()])
        self.lines = of.claim_lines(self.run_id, [row["delta_uuid"] for row in of.claimable_lines()])

    def groups(self) -> Outcome:
        return self._step(BoardWork.create_groups, self.wanted_groups())

    def items(self) -> Outcome:
        return self._step(BoardWork.write_items, self.wanted_items())

    def subitems(self) -> Outcome:
        return self._step(BoardWork.write_subitems, self.wanted_subitems())

    def commit(self) -> Readiness:
        return commit(self.stage.site.database, self.queue, self.run_id)

    def all(self) -> tuple[Outcome, Outcome, Outcome, Readiness]:
        self.claim()
        return self.groups(), self.items(), self.subitems(), self.commit()

    def wanted_groups(self) -> list[Row]:
        scope = SimpleNamespace(plans_group=lambda *_: None)
        return self._wanted(monday_groups, pending_headers=headers_frame(self.headers, self.queue), scope=scope)

    def wanted_items(self) -> list[Row]:
        groups = self.boards.groups(EMBEDDED_BOARD).values()
        there = [{"board_id": EMBEDDED_BOARD, "title": group.title, "group_id": group.id} for group in groups]
        scope = SimpleNamespace(planned=lambda _: None, cancel=self.cancel)
        return self._wanted(
            monday_items,
            pending_headers=headers_frame(self.headers, self.queue),
            monday_groups=_frame(there),
            scope=scope,
        )

    def wanted_subitems(self) -> list[Row]:
        items = [row | {"board_id": EMBEDDED_BOARD} for row in self.queue.run_headers(self.run_id)]
        lines = self.queue.claimed_lines(self.run_id, sources=self.mapping.board_sources)
        scope = SimpleNamespace(planned=lambda _: None)
        return self._wanted(
            monday_subitems,
            pending_lines=lines_frame(lines, self.queue, self.mapping),
            monday_items=_frame(items),
            scope=scope,
        )

    def _wanted(self, asset: Any, **inputs: Any) -> list[Row]:
        resources = {
            "sql_server": SimpleNamespace(mapping=self.mapping),
            "monday": SimpleNamespace(board_id=EMBEDDED_BOARD),
        }
        return list(to_rows(asset.op.compute_fn.decorated_fn(**inputs, **resources)))

    def _step(self, step: Step, rows: list[Row]) -> Outcome:
        self.boards.begin_step(rows, {EMBEDDED_BOARD})
        with self.boards.holding(EMBEDDED_BOARD) as work:
            return step(work, rows)


@contextmanager
def a_run(
    stage: Stage,
    run_id: str = "run-1",
    *,
    mapping: ColumnMapping | None = None,
    transport: MondayTransport | None = None,
    clock: QuickClock | None = None,
    **how: Any,
) -> Iterator[Run]:
    """A run that has opened its board; every run before it is over."""
    mapping, site = mapping or load_mapping(), stage.site
    with stage.client(transport, clock=clock) as client:
        queue = site.queue()
        boards = Boards(
            client=client,
            queue=queue,
            run_id=run_id,
            mapping=mapping,
            manner=Manner(settle=0.2, search=0.2),
            journal=lambda board_id: site.journal(run_id, board_id=board_id, is_over=lambda _: True),
            unsettled=lambda: unsettled(site.database, site.tables, lambda _: True),
        )
        client.beat = boards.heartbeat
        boards.open([EMBEDDED_BOARD])
        yield Run(stage=stage, boards=boards, queue=queue, run_id=run_id, mapping=mapping, **how)
        boards.release()


def _frame(rows: Iterable[Row]) -> pd.DataFrame:
    rows = list(rows)
    return to_frame(rows, list(rows[0]) if rows else [])
