"""A record_uuid has one holder: what a run does that finds another run at the same order.

In: the rows that a run has just claimed, and who else has rows of these orders. Out: keep, look again or release.
Never decided in the transaction that claims: with row versioning (Azure's default) two transactions that claim
different rows of one order do not see each other. So a run commits its claim first and looks afterwards, and goes on
only after a look that shows nobody else. Two runs cannot both have had one: the later of their two commits was before
its own run's look, and by then the other's rows were there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from order_sync.orders.claimable import Claimable
from order_sync.orders.conditions import same_order
from order_sync.orders.tables import State

LOOKS = 5  # after the first, before a run releases what others do not
PAUSE = 0.2  # seconds between two looks: more than the others need to see us


class Verdict(StrEnum):
    """What a run does with the rows of one order."""

    KEEP = "keep"
    LOOK_AGAIN = "look again"
    RELEASE = "release"


def verdict(run_id: str, others: Collection[str], looks_left: int) -> Verdict:
    """Of runs that see each other the one with the lowest id waits for the others to release theirs.

    It waits in vain for one that had looked before it came, and then releases its own, too.
    """
    if not others:
        return Verdict.KEEP
    return Verdict.LOOK_AGAIN if run_id < min(others) and looks_left > 0 else Verdict.RELEASE


@dataclass(frozen=True, kw_only=True)
class Holders:
    """Who holds what at one moment."""

    claimable: Claimable
    run_id: str

    def is_anothers(self, row: sa.FromClause) -> sa.ColumnElement[bool]:
        """Another run holds rows of this row's order. Correlated, so that each row looks up its own order."""
        return sa.or_(*(sa.exists().where(*self._theirs(table, row)) for table in self._queues("theirs")))

    def others(self, table: sa.Table, keys: list[str]) -> list[sa.Select[Any]]:
        """Queries for the orders of these rows of the run that another run has rows of, as record_uuid, run_id.

        Not for a line whose header the run holds: it looked when it claimed that, and a run that came later gives way.
        """
        mine = table.alias("mine")
        conditions = [
            mine.c.delta_uuid.in_(keys),
            mine.c.sync_run_id == self.run_id,
            mine.c.sync_state == State.PENDING,
        ]
        if table is self.claimable.tables.line_queue:
            own = self.claimable.tables.header_queue.alias("own")
            conditions.append(
                ~sa.exists().where(
                    same_order(own, mine),
                    own.c.sync_run_id == self.run_id,
                    own.c.sync_state == State.PENDING,
                )
            )
        return [
            sa.select(mine.c.record_uuid, theirs.c.sync_run_id.label("run_id"))
            .select_from(mine.join(theirs, sa.and_(*self._theirs(theirs, mine))))
            .where(*conditions)
            .distinct()
            for theirs in self._queues("theirs")
        ]

    def _queues(self, name: str) -> tuple[sa.FromClause, sa.FromClause]:
        tables = self.claimable.tables
        return tables.header_queue.alias(name), tables.line_queue.alias(name)

    def _theirs(self, theirs: sa.FromClause, row: sa.FromClause) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            same_order(theirs, row),
            self.claimable.is_leased(theirs),
            theirs.c.sync_run_id != self.run_id,
        )
