"""What an order of many lines costs: as much a line as a small one, also where the site has no index of lines.

In: one order in SQLite, without statistics. Out: the instructions that SQLite's machine has run, which no other load
on this one changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from order_sync.database.check import create_all
from order_sync.database.commit import commit
from order_sync.database.connection import WritableDatabase
from order_sync.database.held import held_orders
from order_sync.database.tables import make_tables
from order_sync_tests.contract.site import Site, make_order

RUN = "run-1"
FEW, MANY = 400, 1_600  # both more than one statement takes
MOST_GROWTH = 2  # of the cost a line, for four times the lines: a quadratic one is 4
UNIT = 100  # instructions


@contextmanager
def one_order(folder: Path, lines: int) -> Iterator[Site]:
    """An order in tables that have none of our indexes of lines in the queue."""
    site = Site(database=WritableDatabase(f"sqlite:///{folder / f'{lines}.db'}"), tables=make_tables())
    create_all(site.database, site.tables)
    with site.database.write() as connection:
        connection.execute(sa.text(f'DROP INDEX "IX_{site.tables.line_queue.name}_line_key"'))
    site.add(make_order(lines=lines))
    yield site
    site.database.dispose()


@contextmanager
def counted(site: Site) -> Iterator[list[int]]:
    """How many times this number of instructions was run."""
    found = [0]

    def step() -> int:
        found[0] += 1
        return 0

    def watch(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(step, UNIT)

    event.listen(site.database.engine, "checkout", watch)
    yield found
    event.remove(site.database.engine, "checkout", watch)


def claim(site: Site) -> None:
    queue = site.queue()
    queue.claim_headers(RUN, [row["delta_uuid"] for row in queue.claimable_headers()])
    queue.claim_lines(RUN, [row["delta_uuid"] for row in queue.claimable_lines()])


def nothing(_site: Site) -> None:
    pass


def on_board(site: Site) -> None:
    claim(site)
    site.change(site.tables.header_queue, {"monday_item_id": 5})
    site.change(site.tables.line_queue, {"monday_subitem_id": 6, "parent_item_id": 5})


def committed(site: Site) -> None:
    found = commit(site.database, site.queue(), RUN)
    assert (len(found.ready), found.held) == (1, [])


STEPS: dict[str, tuple[Callable[[Site], None], Callable[[Site], object]]] = {
    "what can be claimed": (nothing, lambda site: (site.queue().claimable_headers(), site.queue().claimable_lines())),
    "the claim": (nothing, claim),
    "what is held": (nothing, lambda site: held_orders(site.queue())),
    "what a run has": (claim, lambda site: (site.queue().claimed_lines(RUN), site.queue().run_lines(RUN))),
    "the commit": (on_board, committed),
    "giving back": (claim, lambda site: site.queue().release(RUN)),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_line_of_a_large_order_costs_no_more(tmp_path: Path, step: str) -> None:
    before, measured = STEPS[step]
    cost = {}
    for lines in (FEW, MANY):
        with one_order(tmp_path, lines) as site:
            before(site)
            with counted(site) as found:
                measured(site)
            cost[lines] = found[0] * UNIT / lines
    assert cost[MANY] <= cost[FEW] * MOST_GROWTH, cost
