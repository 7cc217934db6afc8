"""`order-sync plan` and `order-sync apply`: exactly what the plan says, or a refusal that names what has changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.cli import launch
from order_sync.database.claims import OrderQueue
from order_sync.database.entries import Entry, Operation
from order_sync.database.journal import Journal
from order_sync.sync.plan_file import PlanChanged
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import GROUP, add, add_item, before_mutation, items, monday
from order_sync_tests.graph.test_odd_orders import again, queued
from order_sync_tests.waiting import DUE


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


def test_a_second_time_does_nothing_and_says_so(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    assert order_sync("apply", str(kept)).exit_code == 0
    before = (stage.dump(), stage.emulator.checksum())
    twice = order_sync("apply", str(kept))
    assert (twice.exit_code, "the plan was carried out already." in twice.stdout) == (0, True)
    assert json.loads(order_sync("apply", str(kept), "--json").stdout)["already_applied"] is True
    assert (stage.dump(), stage.emulator.checksum()) == before


def test_part_of_it_was_synced_since(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    stage.sync(limit=1)
    before = (stage.dump(), stage.emulator.checksum())
    refused = order_sync("apply", str(kept))
    assert (refused.exit_code, "was synced by run" in refused.stderr) == (2, True)
    assert (stage.dump(), stage.emulator.checksum()) == before


def test_an_empty_plan(stage: Stage, order_sync: OrderSync) -> None:
    path = str(stage.folder / "plan.json")
    order_sync("plan", "--out", path)
    stage.add_orders(1)
    done = order_sync("apply", path)
    assert (done.exit_code, "the plan has no actions" in done.stdout) == (0, True)
    assert items(stage) == {}


@pytest.mark.on_disk
@pytest.mark.parametrize("elsewhere", [False, True], ids=["one machine", "two machines"])
def test_two_at_the_same_time_apply_it_once(stage: Stage, kept: Path, elsewhere: bool) -> None:
    seeded = len(stage.emulator.effects())
    own = {"ORDER_SYNC_DATABASE_URL": stage.settings.database}
    other = dict(own)
    if elsewhere:  # its runs, and their locks, are not to be seen from here
        folder = stage.folder / "elsewhere"
        folder.mkdir()
        text = (stage.folder / "dagster.yaml").read_text(encoding="utf-8")
        moved = text.replace((stage.folder / "dagster").as_posix(), (folder / "dagster").as_posix())
        (folder / "dagster.yaml").write_text(moved, encoding="utf-8")
        other |= {"ORDER_SYNC_HOME": str(folder / "home"), "DAGSTER_HOME": str(folder)}
    with stage.started("apply", str(kept), **own) as one, stage.started("apply", str(kept), **other) as two:
        said = [process.communicate(timeout=DUE) for process in (one, two)]
    codes = sorted([one.returncode, two.returncode])
    assert codes in ([0, 0], [0, 2]), said
    assert len(items(stage)) == 3
    assert (
        len(stage.emulator.effects("item_created", since=seeded)) == 3 + 9
    )  # subitems are items of a board of their own
    assert len(stage.emulator.effects("group_created", since=seeded)) == 1
    assert {row["sync_state"] for row in stage.rows(stage.tables.header_queue)} == {"SYNCED"}
    # What the second one says depends on how far the first one was.
    text = " ".join("".join(part for of in said for part in of).split())
    assert re.search(
        "Another run has taken|another run has it|was synced by run|now (adopt|already there)|carried out already", text
    )
    assert stage.agreement().agree


def test_rows_that_another_machine_holds_are_left_to_it(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    keys = [row["delta_uuid"] for row in stage.rows(stage.tables.header_queue)]
    with stage.database() as database:
        OrderQueue(database, stage.tables, lease_seconds=600).claim_headers("of another machine", keys)
    before = (stage.site_rows(), stage.emulator.checksum())
    refused = order_sync("apply", str(kept))
    assert (refused.exit_code, "another run has it" in refused.stderr) == (2, True)
    assert (stage.site_rows(), stage.emulator.checksum()) == before


def test_rows_beside_the_plan_are_not_touched(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    """A row that names no order, which a sync rejects, and the rows of a run that has died, which it releases."""
    planned = {row["record_uuid"] for row in json.loads(kept.read_text(encoding="utf-8"))["rows"]}
    nameless, lost = stage.add_orders(2, seed=2).headers
    h = stage.tables.header_queue
    stage.execute(
        sa.text("UPDATE ORDER_LIST_DELTA SET record_uuid = 'of nobody' WHERE delta_uuid = :key").bindparams(
            key=str(nameless["delta_uuid"]).replace("-", "")
        )
    )
    with stage.database() as database:
        claimed = OrderQueue(database, stage.tables, lease_seconds=0).claim_headers("dead", [str(lost["delta_uuid"])])
    assert len(claimed) == 1
    others = h.c.record_uuid.not_in(planned)
    before = stage.rows(h, others)
    assert len(before) == 2
    done = order_sync("apply", str(kept))
    assert done.exit_code == 0, done.output
    assert stage.rows(h, others) == before
    assert len(items(stage)) == 3


def test_a_request_in_doubt_is_not_its_business(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    with stage.database() as database:
        journal = Journal(database, stage.tables, board_id=stage.settings.board_id, run_id="dead", lease_seconds=1)
        with journal.holding_board(name="B", url="https://board.example"):
            body = json.dumps({"query": "mutation CreateGroups { x }", "variables": {"name0": "Elsewhere"}})
            sent = Entry(idempotency_key="k", operation=Operation.GROUPS, keys=("Elsewhere",), body=body)
            journal.open(sent)
    before = stage.emulator.checksum()
    refused = order_sync("apply", str(kept))
    assert (refused.exit_code, "got no answer" in refused.stderr) == (2, True)
    assert stage.emulator.checksum() == before


def test_a_group_that_was_deleted_since_is_not_created(stage: Stage, order_sync: OrderSync) -> None:
    add(stage, 1)
    stage.sync()
    (item,) = items(stage).values()
    stage.add(make_order(number="B-1", headers=1, lines=1, minute=9, columns={"GroupMonday": GROUP}))
    path = str(stage.folder / "plan.json")
    order_sync("plan", "--out", path)
    text = "mutation ($b: ID!, $g: String!) { delete_group(board_id: $b, group_id: $g) { id } }"
    monday(stage, text, b=str(stage.settings.board_id), g=item["group_id"])
    before = stage.emulator.checksum()
    refused = order_sync("apply", path)
    assert refused.exit_code == 2
    assert "is needed now, and was not planned" in refused.stderr
    assert stage.emulator.checksum() == before


def test_a_plan_is_for_its_board(stage: Stage, order_sync: OrderSync, kept: Path) -> None:
    text = kept.read_text(encoding="utf-8")
    assert str(stage.settings.board_id) in text
    kept.write_text(text.replace(f'"board_id": {stage.settings.board_id}', '"board_id": 7'), encoding="utf-8")
    refused = order_sync("apply", str(kept))
    assert (refused.exit_code, "on board 7" in refused.stderr) == (2, True)
    assert items(stage) == {}


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
