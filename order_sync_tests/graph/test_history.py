"""What is done once and for all must not cost anything afterwards: the queue keeps its SYNCED rows for years.

In: a small database with a history, and all that people and the daemon do with one new order. Out: what each
statement costs in steps of SQLite's own machine, which no busy computer changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy import event

from order_sync.cli.commands import main
from order_sync.database.tables import Tables
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_sensor import request_of, skipped, tick

HISTORY = 800  # orders, each of one header and one line
# Steps; a look at every row takes several for each of them, and one new order takes 2,000 at the most.
MOST = 2 * HISTORY
IDLE = 2  # questions to the queue tables in a tick with nothing waiting, beside the look at their columns
EVERY = 100  # steps between two counts


@dataclass(kw_only=True)
class Costs:
    """The statements that took more than MOST steps, each with its plan."""

    steps: int = 0
    texts: set[str] = field(default_factory=set)
    dear: dict[str, str] = field(default_factory=dict)


@contextmanager
def counted_statements() -> Iterator[Costs]:
    """Every statement that any database of this process is asked."""
    costs = Costs()

    def more() -> int:
        costs.steps += EVERY
        return 0

    def before(connection: Any, _cursor: Any, _text: str, _parameters: Any, _context: Any, _many: bool) -> None:
        costs.steps = 0
        connection.connection.driver_connection.set_progress_handler(more, EVERY)

    def after(connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        if "ORDER_" not in text or text.split(maxsplit=1)[0] not in ("SELECT", "UPDATE", "DELETE"):
            return
        costs.texts.add(text)
        driver = connection.connection.driver_connection
        if costs.steps == 0 and text.startswith("SELECT"):  # its rows are read after this
            found = driver.execute(text, parameters[0] if many else parameters)
            for _ in found:
                pass
        if costs.steps > MOST:
            plan = driver.execute(f"EXPLAIN QUERY PLAN {text}", parameters[0] if many else parameters)
            costs.dear[text] = f"{costs.steps} steps: " + "; ".join(line[3] for line in plan)

    event.listen(sa.Engine, "before_cursor_execute", before)
    event.listen(sa.Engine, "after_cursor_execute", after)
    try:
        yield costs
    finally:
        event.remove(sa.Engine, "before_cursor_execute", before)
        event.remove(sa.Engine, "after_cursor_execute", after)


def add_history(stage: Stage, orders: int) -> None:
    """Orders that earlier runs made SYNCED, a month ago."""
    tables: Tables = stage.tables
    rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in (*tables.site, tables.log, tables.journal)}
    old = sa.func.datetime("now", "-30 days")  # which the log still keeps
    for n in range(orders):
        ids = {name: str(uuid.UUID(int=4 * n + k)) for k, name in enumerate(("record", "header", "delta", "line"))}
        queued: dict[str, Any] = {"record_uuid": ids["record"], "action_type": "INSERT", "sync_state": "SYNCED"}
        queued |= {"sync_run_id": f"run-{n // 50}", "retry_count": 0}
        main = {"record_uuid": ids["record"], "sync_state": "SYNCED"}
        named = {"CUSTOMER NAME": f"Customer {n % 9}", "AAG ORDER NUMBER": f"OLD-{n}", "monday_item_id": n + 1}
        subitem = {"monday_subitem_id": n + 1, "parent_item_id": n + 1}
        rows[tables.header_queue].append(queued | named | {"delta_uuid": ids["header"]})
        rows[tables.line_queue].append(queued | subitem | {"delta_uuid": ids["delta"], "line_uuid": ids["line"]})
        rows[tables.orders].append(main | named)
        rows[tables.order_lines].append(main | subitem | {"line_uuid": ids["line"], "size_code": "M"})
        what = {"run_id": f"run-{n // 50}", "operation": "create_item", "outcome": "created", "monday_id": n + 1}
        rows[tables.log].append(what | {"delta_uuid": ids["header"], "board_id": stage.settings.board_id})
        request = {"idempotency_key": str(n), "keys": "[]", "operation": "create_item", "state": "CLOSED"}
        rows[tables.journal].append(request | {"run_id": "run-1", "board_id": stage.settings.board_id})
    times = {"created_at", "sync_completed_at", "sync_attempted_at", "logged_at", "opened_at", "sent_at", "closed_at"}
    with stage.database() as database, database.write() as connection:
        for table, of_table in rows.items():
            ages = dict.fromkeys(times & set(table.c.keys()), old)
            connection.execute(sa.insert(table).values(ages), of_table)


def test_no_statement_reads_what_is_done(stage: Stage) -> None:
    add_history(stage, HISTORY)
    with stage.instance() as instance, counted_statements() as costs:
        assert "No new rows" in skipped(tick(stage, instance))
        assert len([text for text in costs.texts if "DELTA" in text]) <= IDLE
        sample = stage.add_orders(1)
        assert request_of(tick(stage, instance)).tags["order_sync/headers"] == "1"
        summary = stage.sync()
        assert summary.complete
        assert summary.orders_synced == 1
        record = sample.headers[0]["record_uuid"]
        for arguments in (
            ["status"],
            ["trace", record],
            ["trace", sample.headers[0]["AAG ORDER NUMBER"]],
            ["report"],
            ["report", "--run", summary.run_id],
            ["retry"],
        ):
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == 0, result.output
    assert len(costs.texts) > 60
    assert costs.dear == {}, "".join(f"\n{plan}\n{text}\n" for text, plan in costs.dear.items())
