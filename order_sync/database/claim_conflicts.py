"""A record_uuid has one holder: what a run does that finds another run at the same order.

In: the rows that a run has just claimed, and who else has rows of these orders. Out: keep, look again or release.
Never decided in the transaction that claims: with row versioning (Azure's default) two transactions that claim
different rows of one order do not see each other. So a run commits its claim first and looks afterwards, and continues
only after a look that shows nobody else. Two runs cannot both have had one: the later of their two commits was before
its own run's look, and by then the other's rows were there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from order_sync.database.built_once import alias
from order_sync.database.claimable import Claimable
from order_sync.database.conditions import alike, of_each_row, same_order
from order_sync.orders.states import State

LOOKS = 5  # after the first, before a run releases what others do not
PAUSE = 0.2  # seconds between two looks: more than the others need to see us


class Verdict(StrEnum):
    """What a run does with the rows of one order."""

    KEEP = "keep"
    LOOK_AGAIN = "look again"
    RELEASE = "release"


def verdict(run_id: str, others: Collection[str], looks_left: int) -> Verdict:
    """Of runs that see each other the one with the lowest id waits for the others to release theirs.

    One that had looked before it came never yields; it then releases its own, too.
    """
    if not others:
        return Verdict.KEEP
    return Verdict.LOOK_AGAIN if run_id < min(others) and looks_left > 0 else Verdict.RELEASE


@dataclass(frozen=True, kw_only=True)
class Holders:
    """Who holds what at one moment."""

    claimable: Claimable
    run_id: str

    def claimed_orders(self, table: sa.Table, keys: Collection[str]) -> sa.Select[Any]:
        """The orders of these rows, as record_uuid, where they are the run's.

        Not of a line whose header the run holds: it looked when it claimed that, and a run that came later gives way.
        """
        mine = alias(table, "mine")
        query = (
            sa.select(mine.c.record_uuid)
            .where(
                mine.c.delta_uuid.in_(keys),
                of_each_row(mine.c.sync_run_id == self.run_id, mine.c.sync_state == State.PENDING),
            )
            .distinct()
        )
        if table is not self.claimable.tables.line_queue:
            return query
        own = alias(self.claimable.tables.header_queue, "own")
        return query.where(
            ~sa.exists().where(
                same_order(own, mine), own.c.sync_run_id == self.run_id, own.c.sync_state == State.PENDING
            )
        )

    def others(self, records: Collection[str]) -> sa.CompoundSelect[Any]:
        """Other runs that have rows of these orders, as record_uuid, run_id.

        Asked by order and not by row: each line of a large order would read all lines of it.
        """
        tables = self.claimable.tables
        return sa.union_all(
            *(
                sa.select(theirs.c.record_uuid, alike(theirs.c.sync_run_id).label("run_id"))
                .where(
                    theirs.c.record_uuid.in_(records),
                    self.claimable.is_leased(theirs),
                    theirs.c.sync_run_id != self.run_id,
                )
                .distinct()
                for theirs in (alias(tables.header_queue, "theirs"), alias(tables.line_queue, "theirs"))
            )
        )
