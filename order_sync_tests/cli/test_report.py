"""`order-sync report`: what operations read in the morning, on the terminal, as JSON and as a page."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from order_sync.cli.launch import Summary
from order_sync.demo.drafts import Size
from order_sync.demo.samples import SampleOrders, make_orders
from order_sync.demo.words import TYPE
from order_sync.emulator import Emulator
from order_sync_tests.cli.conftest import OrderSync
from order_sync_tests.graph.stage import Record, Stage, stage_in

DAGSTER = "http://127.0.0.1:3000"
TOKEN = "not-to-be-seen-anywhere"
SCRIPT = "<script>alert(1)</script>"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run over sample orders, some of them poisoned, that is over."""

    stage: Stage
    sample: SampleOrders
    summary: Summary
    poisoned: frozenset[str]  # delta_uuids


@pytest.fixture(scope="module")
def ended(board_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    settings = {
        "ORDER_SYNC_DAGSTER_URL": DAGSTER,
        "ORDER_SYNC_LOG_PAYLOADS": "1",
        "ORDER_SYNC_MONDAY_TOKEN": TOKEN,
    }
    with stage_in(tmp_path_factory.mktemp("report"), board_process, Record.IN_MEMORY, **settings) as stage:
        sample = make_orders(Size.SMALL)
        stage.add(sample)
        good = next(row["delta_uuid"] for row in sample.headers if row["delta_uuid"] not in sample.expected_rejections)
        h = stage.tables.header_queue
        stage.execute(sa.update(h).where(h.c.delta_uuid == good).values({TYPE: SCRIPT}))
        poisoned = frozenset({*sample.expected_rejections, good})
        yield Ended(stage=stage, sample=sample, summary=stage.sync(), poisoned=poisoned)


@pytest.fixture
def order_sync(ended: Ended) -> OrderSync:
    return OrderSync()


class Page(HTMLParser):
    """Every tag and every address of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src", "action", "style")}


def test_every_poisoned_row_is_explained(ended: Ended, order_sync: OrderSync, tmp_path: Path) -> None:
    summary, poisoned = ended.summary, ended.poisoned
    page = tmp_path / "report.html"
    result = order_sync("report", "--html", str(page), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {row["delta_uuid"] for row in report["rejected"]} == poisoned
    assert {category["code"]: category["rows"] for category in report["categories"]} == {
        "OS-406": 2,
        "OS-404": 1,
        "OS-402": 1,
        "OS-403": 1,
    }
    assert all(category["by"] == "order_sync" for category in report["categories"])
    total = report["total"]
    assert (total["synced"], total["rejected"], total["waiting"]) == (summary.orders_synced, len(poisoned), 0)
    [run] = report["runs"]
    assert (run["run_id"], run["created"], run["rejected"]) == (
        summary.run_id,
        summary.items_created + summary.subitems_created,
        len(poisoned),
    )

    text = page.read_text(encoding="utf-8")
    shown = Page(text)
    assert "script" not in shown.tags
    for row in report["rejected"]:
        assert html.escape(row["reason"]).replace("&#x27;", "&#39;") in text
        assert row["record_uuid"] in text
    assert all(category["next"].split("`")[0].strip() in html.unescape(text) for category in report["categories"])
    # Of other hosts it knows only what somebody may click on: the board, its items and the run.
    board = ended.stage.board()
    outside = {address for address in shown.addresses if not address.startswith("#")}
    item = next(row["item_url"] for row in report["rejected"] if row["row"] == "line")
    assert outside == {f"{DAGSTER}/runs/{summary.run_id}", report["rejected"][0]["board_url"], item}
    assert item.split("/pulses/")[0].endswith(f"/boards/{board['id']}")

    message = order_sync("report", "--run", summary.run_id).stdout
    assert order_sync("report", "--run", summary.run_id[:8]).stdout == message
    assert "Label missing on the board: 2 rows of 2 orders (OS-406)" in message
    assert "next: Fill in size_code of the line in ORDER_LIST_LINES_DELTA" in message


def test_a_trace_shows_item_run_and_payload(ended: Ended, order_sync: OrderSync) -> None:
    stage, run_id = ended.stage, ended.summary.run_id
    header = next(row for row in stage.inserts(stage.tables.header_queue) if row["sync_state"] == "SYNCED")
    [story] = json.loads(order_sync("trace", header["record_uuid"], "--json").stdout)
    assert story["item_url"].endswith(f"/boards/{stage.settings.board_id}/pulses/{story['monday_item_id']}")
    created = next(event for event in story["events"] if event["what"] == "create_item: created")
    assert header["record_uuid"] in json.loads(created["payload"])["values"]
    assert created["request_id"]
    assert created["board_id"] == stage.settings.board_id
    message = order_sync("trace", header["record_uuid"]).stdout
    assert story["item_url"] in message
    assert f"{DAGSTER}/runs/{run_id}" in message
    assert TOKEN not in json.dumps(stage.dump(), default=str)


def test_a_run_that_nobody_knows(order_sync: OrderSync) -> None:
    result = order_sync("report", "--run", "no-such-run")
    assert (result.exit_code, "No row or log entry belongs to run 'no-such-run'" in result.stderr) == (2, True)
