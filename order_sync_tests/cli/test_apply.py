"""`order-sync plan` and `order-sync apply`: exactly what the plan says, or a refusal that names what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.cli import launch
from order_sync.sync.plan_file import PlanChanged
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import add, add_item, before_mutation, items
from order_sync_tests.graph.test_odd_orders import again, queued


@pytest.fixture
def kept(stage: Stage, order_sync: OrderSync) -> Path:
    """The plan of three orders, as the command leaves it."""
    add(stage, 3)
    path = stage.folder / "plan.json"
    assert order_sync("plan", "--out", str(path)).exit_code == 0
    return path


def test_apply_leaves_later_rows_alone(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    stage.add_orders(2)
    rows = json.loads(kept.read_text(encoding="utf-8"))["rows"]
    done = order_sync("apply", str(kept), "--json")
    assert (done.exit_code, json.loads(done.stdout)["headers_claimed"]) == (0, 3)
    planned = {row["record_uuid"]: row["name"] for row in rows if row["kind"] == "header"}
    assert {item["columns"]["record_uuid"]: item["name"] for item in items(stage).values()} == planned
    # Once is enough: the second time it has nothing left to do, and says so.
    twice = order_sync("apply", str(kept))
    assert twice.exit_code == 2
    assert "is no longer waiting" in twice.stderr
    assert len(items(stage)) == 3


def header_again(stage: Stage) -> None:
    stage.add(queued(headers=[again(stage.rows(stage.tables.header_queue)[0])]))


def line_again(stage: Stage) -> None:
    stage.add(queued(lines=[again(stage.rows(stage.tables.line_queue)[0])]))


def other_quantity(stage: Stage) -> None:
    stage.execute(sa.update(stage.tables.order_lines).values(qty=99))
    stage.execute(sa.update(stage.tables.line_queue).values(qty=99))


def item_by_hand(stage: Stage) -> None:
    add_item(stage, "by hand", record_uuid=stage.rows(stage.tables.header_queue)[0]["record_uuid"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (header_again, "was queued after the plan"),
        (line_again, "was queued after the plan"),
        (other_quantity, '"qty": "99"'),
        (item_by_hand, "now adopt"),
    ],
)
def test_what_has_changed_since_is_named_and_nothing_is_sent(
    stage: Stage, order_sync: OrderSync, kept: Path, change: Callable[[Stage], None], named: str
) -> None:
    change(stage)
    before = (stage.site_rows(), stage.emulator.checksum())
    refused = order_sync("apply", str(kept))
    assert refused.exit_code != 0
    assert named in " ".join(refused.stderr.split())
    assert "order-sync plan --out FILE" in " ".join(refused.stderr.split())
    assert (stage.site_rows(), stage.emulator.checksum()) == before


def test_what_changes_while_it_is_applied_stops_the_step(stage: Stage, kept: Path) -> None:
    with before_mutation("create_group", 1, lambda: item_by_hand(stage)), pytest.raises(PlanChanged, match="now adopt"):
        launch.sync(stage.settings, plan_file=kept)
    assert [item["name"] for item in items(stage).values()] == ["by hand"]


@pytest.mark.parametrize("text", ["", "[]x", '{"rows": [{"kind": "header"}]}', '{"no": "rows"}'])
def test_a_file_other_than_a_plan_is_refused(stage: Stage, order_sync: OrderSync, text: str) -> None:
    path = stage.folder / "plan.json"
    path.write_text(text, encoding="utf-8")
    refused = order_sync("apply", str(path))
    assert refused.exit_code == 2
    assert "is not an order_sync plan" in " ".join(refused.stderr.split())
