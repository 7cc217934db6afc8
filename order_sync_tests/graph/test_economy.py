"""What a run costs the database: statements and transactions, counted where SQLAlchemy sends them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from order_sync_tests.graph.stage import Stage

STATEMENTS = 60  # of a run of one order with its checks, beside BEGIN and COMMIT
TRANSACTIONS = 15


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Counts what goes to the order database."""
    counts: Counter[str] = Counter()

    def count(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "orders.db" in str(connection.engine.url):
            counts["transactions" if statement.startswith("BEGIN") else "statements"] += 1

    event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield counts
    finally:
        event.remove(sa.Engine, "before_cursor_execute", count)


def cost(stage: Stage, orders: int) -> Counter[str]:
    """The cost of a complete run of that many orders, on a board that has as many."""
    stage.add_orders(orders)
    stage.sync()
    stage.add_orders(orders, seed=2)
    with counting() as counts:
        assert stage.sync().complete
    return counts


def test_a_run_of_one_order_asks_the_database_little(stage: Stage) -> None:
    counts = cost(stage, 1)
    assert 0 < counts["statements"] <= STATEMENTS
    assert 0 < counts["transactions"] <= TRANSACTIONS


def test_ten_times_the_orders_are_no_more_statements(stage: Stage) -> None:
    assert cost(stage, 10)["statements"] <= STATEMENTS * 1.5
