"""`order-sync plan`: what its exit code says, and its Markdown."""

from __future__ import annotations

import sqlalchemy as sa
from markdown_it import MarkdownIt

from order_sync.orders.naming import CUSTOMER
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import add


def test_the_exit_code_says_whether_there_is_anything_to_do(stage: Stage, order_sync: OrderSync) -> None:
    assert order_sync("plan", "--exit-code").exit_code == 0
    add(stage, 2)
    assert order_sync("plan").exit_code == 0
    assert order_sync("plan", "--exit-code").exit_code == 3
    assert order_sync("plan", "--exit-code", "--json").exit_code == 3
    stage.sync()
    assert order_sync("plan", "--exit-code").exit_code == 0
    stage.execute(sa.update(stage.tables.header_queue).values(sync_state="ODD"))
    assert order_sync("plan", "--exit-code").exit_code == 1  # no run can claim them: a person has to


def test_markdown_for_a_ticket(stage: Stage, order_sync: OrderSync) -> None:
    add(stage, 3)
    for table in (stage.tables.header_queue, stage.tables.orders):
        stage.execute(sa.update(table).values({CUSTOMER: "Elm | <script>alert(1)</script> [x](http://x.example)"}))
    before = stage.dump()
    path = stage.folder / "plans" / "plan.md"
    done = order_sync("plan", "--markdown", "--out", str(path))
    assert done.exit_code == 0
    assert path.read_text(encoding="utf-8").strip() == done.stdout.strip()
    page = MarkdownIt("commonmark").enable("table").render(done.stdout)
    assert page.count("<table>") == 3  # customers, the new group, orders
    assert "<script>" not in page
    assert "<a href" not in page
    assert page.count("<tr>") == (1 + 1) + (1 + 1) + (1 + 3)
    assert "items: 3" in page
    assert "subitems: 9" in page
    assert stage.dump() == before


def test_markdown_of_nothing(stage: Stage, order_sync: OrderSync) -> None:
    assert "Nothing to do" in order_sync("plan", "--markdown").stdout
