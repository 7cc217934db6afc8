"""What a run costs the database: statements and transactions, counted where SQLAlchemy sends them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from order_sync_tests.graph.stage import Stage

STATEMENTS = 190  # of a run of one order with its checks, beside BEGIN and COMMIT
TRANSACTIONS = 72


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


def test_a_run_of_one_order_asks_the_database_little(stage: Stage) -> None:
    stage.add_orders(1)
    stage.sync()
    stage.add_orders(1, seed=2)
    with counting() as counts:
        assert stage.sync().complete
    assert 0 < counts["statements"] <= STATEMENTS
    assert 0 < counts["transactions"] <= TRANSACTIONS


def test_ten_times_the_orders_are_no_more_statements(stage: Stage) -> None:
    stage.add_orders(10)
    stage.sync()
    stage.add_orders(10, seed=2)
    with counting() as counts:
        assert stage.sync().complete
    assert counts["statements"] <= STATEMENTS * 1.5
