"""`order-sync db views` and the codes that `order-sync explain` answers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from order_sync.cli.launch import sync
from order_sync.database.views import ORDERS, RUNS
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage


def shown(name: str) -> sa.Select[Any]:
    return sa.select(sa.literal_column("*")).select_from(sa.table(name))


def test_views_are_printed_and_created(stage: Stage, order_sync: OrderSync) -> None:
    stage.add_orders(2)
    sync(stage.settings)
    printed = order_sync("db", "views")
    assert printed.exit_code == 0, printed.output
    assert printed.stdout.count("CREATE VIEW") == 3
    with stage.database() as database:
        assert not sa.inspect(database.engine).get_view_names()
    for _ in range(2):
        created = order_sync("db", "views", "--create")
        assert (created.exit_code, created.stdout.startswith(f"Created {ORDERS}, {RUNS}, ")) == (0, True)
    with stage.database() as database:
        [run] = database.rows(shown(RUNS))
        assert run["created"] >= 2
        assert database.rows(shown(ORDERS)) == []


def test_a_reader_is_granted_the_views_only(order_sync: OrderSync) -> None:
    lines = order_sync("db", "grant", "planner", "--views", "--schema", "sales").stdout.splitlines()
    assert lines[0] == f"GRANT SELECT ON sales.[{ORDERS}] TO [planner];"
    assert len(lines) == 3
    statements = order_sync("db", "views", "--url", "mssql+pyodbc://u:p@h/d").stdout
    assert statements.count("\nGO\n") == 6


def test_a_code_is_explained_in_the_terminal(order_sync: OrderSync) -> None:
    said = order_sync("explain", "os-403").stdout
    assert said.startswith("OS-403: Line without a size\nWhat happened: ")
    assert "What to do: Fill in size_code of the line in ORDER_LIST_LINES_DELTA" in said
    assert "OS-321" in order_sync("explain").stdout
    unknown = order_sync("explain", "OS-999")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "OS-623: 'OS-999' is not a code of order_sync." in unknown.stderr
