"""`order-sync sync --dry-run --out FILE`: the plan as a page and as JSON."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from order_sync.emulator import Fault, FaultKind
from order_sync.orders.errors import OrderSyncError
from order_sync.reports.plan_page import size_order
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.contract.site import make_order
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.test_changes import add


def test_the_page_escapes_everything_and_loads_nothing(stage: Stage, order_sync: OrderSync) -> None:
    bad = '<script>alert("x")</script>'
    stage.add(make_order(number=bad, customer=bad, columns={"GroupMonday": bad, "ORDER TYPE": bad}))
    stage.add(make_order(number=f"{bad}2", customer=bad, columns={"GroupMonday": bad}))
    done = order_sync("sync", "--dry-run", "--out", "plan.html")
    assert (done.exit_code, done.stderr) == (0, "The plan is in plan.html.\n")
    page = (stage.folder / "plan.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 8
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_the_page_reads_like_a_board(stage: Stage, order_sync: OrderSync) -> None:
    """Values without monday's JSON, sizes in their order."""
    columns = {"ORDER TYPE": "PRODUCTION", "ETA CUSTOMER WAREHOUSE DATE": datetime(2026, 3, 8)}
    stage.add(make_order(lines=("L", "XS", "3XL", "S"), columns=columns))
    assert order_sync("plan", "--out", "plan.html").exit_code == 0
    page = (stage.folder / "plan.html").read_text(encoding="utf-8")
    for shown in ("order_type: PRODUCTION<", "eta: 2026-03-08<"):
        assert shown in page
    assert "{" not in page.partition("</style>")[2]
    assert re.findall(r"line<br>Size (\w+)", page) == ["XS", "S", "L", "3XL"]
    assert "already there" not in page.partition("<h2>Customers")[2].partition("</table>")[0]  # 0 for all of them


@pytest.mark.parametrize("operation", ["items_page_by_column_values", "items"])
def test_monday_stops_answering_within_a_plan(stage: Stage, order_sync: OrderSync, operation: str) -> None:
    """The first request to the board was answered: the plan would be one without what is on it."""
    stage.add(make_order(number="F-1"))
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_subitem")])
    with pytest.raises(OrderSyncError):
        stage.sync()
    stage.add(make_order(number="F-2"))
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation=operation)])
    done = order_sync("plan", "--out", "plan.json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.search(r"order-sync: OS-\d{3}: .*daily", done.stderr)
    assert not (stage.folder / "plan.json").exists()


def test_sizes_are_sorted_as_people_do() -> None:
    sizes = ["2XS", "XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL", "28/30", "32/30", "32/32", "110", "ONE SIZE"]
    assert sorted(sizes[1::2] + sizes[::2], key=lambda size: size_order(f"Size {size}")) == sizes


def test_the_json_file_has_every_row(stage: Stage, order_sync: OrderSync) -> None:
    sample = add(stage, 2)
    before = stage.dump(), stage.file_sum(), stage.emulator.checksum()
    done = order_sync("sync", "--dry-run", "--json", "--out", "plan.json")
    assert done.exit_code == 0, done.stderr
    assert (stage.dump(), stage.file_sum(), stage.emulator.checksum()) == before
    plan = json.loads((stage.folder / "plan.json").read_text(encoding="utf-8"))
    summary = json.loads(done.stdout)
    assert {name: plan[name] for name in summary if name != "made_at"} == {
        name: value for name, value in summary.items() if name != "made_at"
    }
    row = next(row for row in plan["rows"] if row["delta_uuid"] == sample.headers[0]["delta_uuid"])
    assert row["changes"]["ORDER_LIST_DELTA.sync_state"] == ["NEW", "SYNCED"]
    assert row["values"]["record_uuid"] == sample.headers[0]["record_uuid"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--out", "plan.json"], "--out is for a dry run"), (["--dry-run", "--out", "plan.docx"], ".html, .json or .md")],
)
def test_an_out_file_that_cannot_be_is_refused(
    stage: Stage, order_sync: OrderSync, arguments: list[str], said: str
) -> None:
    done = order_sync("sync", *arguments)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert stage.emulator.requests() == []
