"""What a person sees and clicks: the lineage, the runs that it starts, and the board that they fill."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from order_sync.demo.words import ETA, TOTAL
from order_sync.orders.states import Action, State
from order_sync_tests.browser.conftest import Ui, keep_picture
from order_sync_tests.emulator.test_page_editing import Board
from order_sync_tests.graph.test_odd_orders import again, queued
from order_sync_tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.daemon]

ASSETS = {
    "ORDER_LIST_DELTA",
    "ORDER_LIST_LINES_DELTA",
    "pending_headers",
    "pending_lines",
    "monday_groups",
    "monday_items",
    "monday_subitems",
    "order_list_lines",
}


def test_the_demo_ends_with_both_addresses_and_no_warning(ui: Ui) -> None:
    printed = ui.stage.folder / "output.txt"
    until(lambda: "\nBoard:" in printed.read_text(encoding="utf-8"), "the addresses")
    text = printed.read_text(encoding="utf-8")
    _, _, after = text.partition("Starting Dagster's UI ...\n")
    hint, *addresses = after.splitlines()[:3]
    assert hint.startswith("In another terminal, run order-sync demo --arrive 5")
    assert addresses == [f"Dagster: {ui.url}/asset-groups", f"Board:   {ui.stage.emulator.page_url}"]
    assert "warning" not in text.lower()


def test_the_lineage_goes_back_to_both_queues(ui: Ui, tab: Any) -> None:
    tab.goto(f"{ui.url}/assets/order_list_lines?view=lineage&lineageScope=upstream&lineageDepth=9")
    tab.get_by_text("Hide navigation").click()
    for name in ASSETS:
        tab.get_by_text(name, exact=True).last.wait_for()
    graph = tab.locator("svg foreignObject")
    tab.wait_for_function(
        "count => (document.body.innerText.match(/^Materialized$/gm) || []).length >= count", arg=len(ASSETS)
    )
    assert {name for name in ASSETS if graph.filter(has_text=name).count()} == ASSETS
    assert tab.get_by_text("Never materialized").count() == 0
    for group in ("queue", "monday", "main_tables"):
        assert tab.get_by_text(group, exact=True).count() >= 1
    tab.get_by_text("Latest event").first.wait_for()
    tab.mouse.move(1, 1)
    tab.wait_for_timeout(1_000)  # the graph glides into its place
    keep_picture(tab, "lineage.png")


def test_materialize_all_syncs_new_orders(ui: Ui, tab: Any) -> None:
    rejected = ui.stage.unsynced()
    ui.stage.add_orders(5, seed=99)
    waiting = ui.stage.unsynced()
    assert waiting > rejected + 5
    items = ui.stage.emulator.stats()["items"]
    tab.goto(f"{ui.url}/asset-groups")
    tab.get_by_role("button", name="Materialize all").click()
    until(lambda: ui.stage.unsynced() == rejected, "the new orders SYNCED by the run that was clicked", every=0.3)
    agreement = ui.stage.agreement()
    assert agreement.agree, agreement.text()
    assert agreement.items == items + 5
    with ui.stage.instance() as instance:
        until(lambda: all(run.is_finished for run in instance.get_runs()), "the end of the run")
        run, *_, first = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert run.tags["dagster/from_ui"] == "true"
    assert "dagster/sensor_name" not in run.tags
    tab.goto(f"{ui.url}/runs/{run.run_id}")
    tab.get_by_text("Success", exact=True).first.wait_for()
    assert first.tags["order_sync/started_by"] == "order-sync sync"  # and the command line's run is here as well


def test_an_asset_describes_its_last_run(ui: Ui, tab: Any) -> None:
    tab.goto(f"{ui.url}/assets/monday_items")
    tab.get_by_text("One item per order, from its newest").first.wait_for()
    tab.get_by_text("order-operations").first.wait_for()
    for words in ("created", "calls", "complexity", "customers"):
        tab.get_by_text(words, exact=True).first.wait_for()


def test_the_board_shows_groups_items_and_subitems(ui: Ui, tab: Any) -> None:
    board = ui.stage.board()
    tab.goto(ui.board_url)
    tab.wait_for_selector("tr.item")
    titles = {group["title"] for group in board["groups"]}
    shown = tab.locator("section[data-group] .title").all_text_contents()
    assert len(shown) == len(titles)
    assert set(shown) == titles
    assert tab.locator("[data-count=item_count]").inner_text() == str(len(board["items"]))
    row = tab.locator("tr.item:has(button.unfold)").first
    own = next(item for item in board["items"] if item["id"] == row.get_attribute("data-item"))
    assert row.locator("td.name a").inner_text() == own["name"]
    row.locator("button.unfold").click()
    tab.wait_for_selector("tr.subitem")
    assert tab.locator("tr.subitem td.name").all_inner_texts() == [subitem["name"] for subitem in own["subitems"]]
    tab.mouse.move(1, 1)
    tab.set_viewport_size({"width": 1720, "height": 940})  # readable on a page, and as wide as the coloured labels
    keep_picture(tab, "board.png")


def test_an_edit_on_the_page_stays_if_kept(ui: Ui, tab: Any) -> None:
    stage = ui.stage
    queue = stage.tables.header_queue
    chosen = stage.inserts(queue, queue.c.sync_state == "SYNCED", queue.c[ETA].is_not(None))[0]
    page = Board(tab, ui.board_url, str(chosen["monday_item_id"]))
    edited = {"eta": "2030-05-17", "total_qty": "7"}
    for column, text in edited.items():
        page.type(column, text)

    def cells() -> dict[str, str]:
        (item,) = (item for item in stage.board()["items"] if item["id"] == page.item)
        return {column: item["columns"][column] for column in edited}

    until(lambda: cells() == edited, "both edits", every=0.05)
    later = {ETA: chosen[ETA] + timedelta(days=7), TOTAL: 1_234, "monday_item_id": None, "sync_state": State.NEW}
    stage.add(queued(headers=[again(chosen, action_type=Action.UPDATE, **later)]))
    done = stage.run("sync")  # a process of its own: the browser's driver keeps the event loop of this one
    assert "changed 1, edits kept 1 in " in " ".join(done.stdout.split()), done.stdout + done.stderr
    assert cells() == {"eta": edited["eta"], "total_qty": "1234"}
    page.row().get_by_text("1234", exact=True).wait_for()
    tab.goto(f"{ui.url}/assets/monday_items")
    tab.get_by_text("edits kept", exact=True).first.wait_for()
