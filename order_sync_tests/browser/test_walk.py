"""The walk of docs/ui.md, clicked: a scope, a run that fails and goes on, the checks, a dry run, the sensor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.scheduler.instigation import TickStatus

from order_sync.automation.jobs import JOB_NAME
from order_sync.demo.samples import SampleOrders
from order_sync.demo.scene import queue_orders
from order_sync.demo.words import ETA, TYPE
from order_sync.emulator import Fault, FaultKind
from order_sync.orders.naming import CUSTOMER
from order_sync.orders.states import Action
from order_sync_tests.browser.conftest import TOKEN, Ui, dry_run_ui, keep_picture
from order_sync_tests.graph.stage import ROOT, Stage
from order_sync_tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.daemon]

LOCATION = "order_sync.definitions"
PATIENCE = 90_000  # milliseconds for a run to be queued, started and done on a busy machine


@pytest.fixture
def window(profile: Any) -> Any:
    """A window of the size that the pages' pictures have."""
    page = profile.new_page()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    yield page
    page.close()


# ---- what a person does ---------------------------------------------------------------------------------


def open_job(ui: Ui, page: Any) -> None:
    page.goto(f"{ui.url}/jobs")
    page.get_by_role("link", name=JOB_NAME).first.click()
    page.get_by_role("button", name="Materialize all").wait_for()


def unfold(page: Any, button: str) -> None:
    """The arrow beside a button."""
    page.get_by_role("button", name=button).locator("xpath=following::button[1]").click()


def materialize_all(page: Any) -> dg.RunsFilter:
    """Clicks, then follows the link of the message that says so to the run's page."""
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_text(re.compile("^Launched run")).first.wait_for()
    page.get_by_text("View", exact=True).last.click()
    return shown_run(page)


def shown_run(page: Any) -> dg.RunsFilter:
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    return dg.RunsFilter(run_ids=[re.findall(r"/runs/([0-9a-f-]{36})", page.url)[0]])


def wait_for_status(page: Any, status: str) -> None:
    page.get_by_text(status, exact=True).first.wait_for(timeout=PATIENCE)


def ended(stage: Stage, which: dg.RunsFilter) -> dg.DagsterRun:
    with stage.instance() as instance:
        (run,) = instance.get_runs(which)
    assert run.is_finished
    return run


def turn_off(stage: Stage, switch: Any) -> None:
    """Clicks the sensor's switch until it is off and no tick, which could ask for a run, is going on.

    Once is not enough: where Dagster's daemon begins a tick just then, it writes the state that it has read before
    (dagster._daemon.sensor, `_process_tick_generator`), and the sensor is on again.
    """

    def rests() -> bool:
        with stage.instance() as instance:
            (state,) = (state for state in instance.all_instigator_state() if state.instigator_name == "new_orders")
            (tick,) = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if state.is_running and switch.locator("input").is_checked():
            switch.click()
        return not state.is_running and tick.status is not TickStatus.STARTED

    until(rests, "the sensor off, and the end of its last tick", every=1)


def show_every_bar(page: Any) -> None:
    """Drags the edge between the bars of the steps and the log down, so that all of the bars have room."""
    edge = page.evaluate_handle(
        "[...document.querySelectorAll('div')].find(div => getComputedStyle(div).cursor === 'ns-resize')"
    ).bounding_box()
    page.mouse.move(edge["x"] + 200, edge["y"] + edge["height"] / 2)
    page.mouse.down()
    page.mouse.move(edge["x"] + 200, edge["y"] + 130, steps=5)
    page.mouse.up()


def cut_stack_trace(page: Any) -> None:
    """What a picture must not show: it names folders of this machine."""
    page.evaluate(
        """() => {
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
            while (texts.nextNode()) {
                const node = texts.currentNode
                const start = node.textContent.indexOf("Stack Trace:")
                if (start >= 0) node.textContent = node.textContent.slice(0, start)
            }
        }"""
    )


def filter_log(page: Any, words: str) -> None:
    page.get_by_placeholder("Filter…").fill(words)


def states_of(stage: Stage, sample: SampleOrders) -> dict[str, set[str]]:
    """The states of a sample's headers and lines, by customer."""
    customers = {row["record_uuid"]: row[CUSTOMER] for row in sample.headers}
    states: dict[str, set[str]] = {}
    for table in (stage.tables.header_queue, stage.tables.line_queue):
        for row in stage.inserts(table, table.c.record_uuid.in_(customers)):
            states.setdefault(customers[row["record_uuid"]], set()).add(row["sync_state"])
    return states


# ---- the walk -------------------------------------------------------------------------------------------


def test_the_launchpad_takes_the_scope_of_the_readme(ui: Ui, window: Any) -> None:
    scope = re.search(r"```yaml\n(resources:\n  scope:.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert scope is not None
    wanted = set(json.loads(re.findall(r"customers: (\[.*\])", scope[1])[0]))
    assert len(wanted) == 2
    sample = ui.stage.add_orders(40, seed=1)
    assert wanted < {row[CUSTOMER] for row in sample.headers}
    open_job(ui, window)
    unfold(window, "Materialize all")
    window.get_by_role("menuitem", name="Open launchpad").click()
    launchpad = window.get_by_role("dialog")
    launchpad.locator(".CodeMirror").last.click()
    window.keyboard.press("ControlOrMeta+a")
    window.keyboard.insert_text(scope[1])
    launchpad.get_by_text("No errors").wait_for()
    keep_picture(window, "launchpad.png")
    launchpad.get_by_role("button", name="Materialize").click()
    launched = shown_run(window)
    wait_for_status(window, "Success")
    run = ended(ui.stage, launched)
    assert run.job_name == JOB_NAME
    states = states_of(ui.stage, sample)
    assert {customer for customer, found in states.items() if found == {"SYNCED"}} == wanted
    assert {state for customer in states.keys() - wanted for state in states[customer]} == {"NEW", "PENDING"}
    with ui.stage.database() as database, database.read() as connection:
        queue = ui.stage.tables.header_queue
        holders = sa.select(queue.c[CUSTOMER]).where(queue.c.sync_run_id == run.run_id)
        assert set(connection.execute(holders).scalars()) == wanted
    agreement = ui.stage.agreement()
    assert agreement.agree, agreement.text()


def test_a_failed_run_resumes_from_its_failure(ui: Ui, window: Any) -> None:
    stage = ui.stage
    sample = stage.add_orders(12, seed=2)
    # The account's calls of the day are used up after the first request with subitems.
    stage.emulator.configure(faults=[Fault(kind=FaultKind.DAILY_LIMIT, operation="create_subitem", nth=2)])
    try:
        open_job(ui, window)
        launched = materialize_all(window)
        wait_for_status(window, "Failure")
    finally:
        stage.emulator.configure(faults=[])
    failed = ended(stage, launched)
    queues = (stage.tables.header_queue, stage.tables.line_queue)
    held = {row["delta_uuid"] for table in queues for row in stage.inserts(table, table.c.sync_run_id == failed.run_id)}
    assert len(held) > len(sample.headers) + len(sample.lines) - 1
    before = stage.emulator.stats()
    window.set_viewport_size({"width": 1280, "height": 1000})
    window.reload()  # without the message that the run was launched
    filter_log(window, "step:monday_subitems")
    window.get_by_text(re.compile("create_subitem: 10 of")).first.wait_for()
    window.get_by_text("View full message").first.wait_for()
    show_every_bar(window)
    cut_stack_trace(window)
    unfold(window, "Re-execute all")
    window.get_by_role("menuitem", name="From failure").wait_for()
    keep_picture(window, "failed-run.png")
    window.get_by_role("menuitem", name="From failure").click()
    window.wait_for_url(lambda url: "/runs/" in url and failed.run_id not in url)
    relaunched = shown_run(window)
    wait_for_status(window, "Success")
    filter_log(window, "took over")
    window.get_by_text(f"took over {len(held)} rows from run {failed.run_id}").wait_for()
    run = ended(stage, relaunched)
    assert run.parent_run_id == failed.run_id
    after = stage.emulator.stats()
    assert (after["items"], before["subitems_created"]) == (before["items"], before["subitems"])
    assert before["subitems"] < after["subitems"]
    taken = [row for table in queues for row in stage.inserts(table, table.c.sync_run_id == run.run_id)]
    assert {row["delta_uuid"] for row in taken} == held
    assert {row["sync_state"] for row in taken} == {"SYNCED"}
    assert {state for states in states_of(stage, sample).values() for state in states} == {"SYNCED"}
    agreement = stage.agreement()
    assert agreement.agree, agreement.text()  # nothing lost, nothing doubled


def test_a_runs_log_has_our_lines_and_no_secret(ui: Ui, window: Any) -> None:
    received: list[str | bytes] = []
    window.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(frame)))
    ui.stage.add_orders(3, seed=3)
    open_job(ui, window)
    launched = materialize_all(window)
    wait_for_status(window, "Success")
    for words in ("claimed", "create_item:", "record_uuids;"):
        filter_log(window, words)
        window.get_by_text(re.compile(re.escape(words))).first.wait_for()
    window.get_by_role("button", name="View tags and config").click()
    window.get_by_role("dialog").get_by_text("order_sync/job").wait_for()
    log = "".join(text if isinstance(text, str) else text.decode("utf-8", "replace") for text in received)
    assert f"{ended(ui.stage, launched).run_id}" in log
    assert "waiting headers" in log  # so the log itself was among what the browser received
    assert TOKEN not in log
    assert TOKEN not in window.content()
    window.goto(f"{ui.url}/locations/{LOCATION}/resources/monday")
    window.get_by_text("ORDER_SYNC_MONDAY_TOKEN").first.wait_for()
    assert TOKEN not in window.content()


def test_the_checks_name_what_was_rejected(ui: Ui, window: Any) -> None:
    stage = ui.stage
    sample = stage.add_orders(2, seed=4)
    record, queue = sample.headers[0]["record_uuid"], stage.tables.header_queue
    stage.execute(sa.update(queue).where(queue.c.record_uuid == record).values({TYPE: "SURPRISE"}))
    open_job(ui, window)
    materialize_all(window)
    wait_for_status(window, "Success")
    window.goto(f"{ui.url}/assets/order_list")
    window.get_by_role("tab", name="Checks").click()
    window.get_by_text("nothing_left_pending", exact=True).first.wait_for()
    window.get_by_text("nothing_rejected", exact=True).first.click()
    window.get_by_text(
        "No row was rejected by monday or by a rule, and no order waits for a row that an earlier run rejected."
    ).wait_for()
    window.get_by_text(re.compile(r"1 row was rejected \(OS-406: 1\)\.")).first.wait_for()
    window.get_by_text(re.compile("SURPRISE")).first.wait_for()
    window.set_viewport_size({"width": 1440, "height": 900})
    keep_picture(window, "checks.png")


def test_a_dry_run_shows_and_writes_nothing(ui: Ui, window: Any, tmp_path: Path) -> None:
    stage = ui.stage
    sample = stage.add_orders(4, seed=6)
    before = stage.file_sum(), stage.emulator.checksum()
    with dry_run_ui(stage, tmp_path) as dry:
        open_job(dry, window)
        materialize_all(window)
        wait_for_status(window, "Success")
        window.goto(f"{dry.url}/assets/monday_subitems")
        for words in ("would create", "would be rejected", "rows", "room on the boards"):
            window.get_by_text(words, exact=True).first.wait_for()
        would = window.get_by_role("row").filter(has_text="would create")
        would.get_by_text(str(len(sample.lines)), exact=True).wait_for()
        window.goto(f"{dry.url}/assets/order_list")
        for words in ("orders held back", "calls", "share of the daily calls", "plan"):
            window.get_by_text(words, exact=True).first.wait_for()
        window.set_viewport_size({"width": 1440, "height": 900})
        window.get_by_text("Metadata", exact=True).first.evaluate("title => title.scrollIntoView()")
        keep_picture(window, "dry-run.png")
    assert (stage.file_sum(), stage.emulator.checksum()) == before
    assert {state for states in states_of(stage, sample).values() for state in states} == {"NEW", "PENDING"}


def test_the_sensor_carries_queued_rows_until_turned_off(ui: Ui, window: Any) -> None:
    stage = ui.stage
    sample = stage.add_orders(3, seed=5)
    by_sensor = dg.RunsFilter(tags={"dagster/sensor_name": "new_orders"})
    window.goto(f"{ui.url}/automation")
    window.get_by_role("link", name="new_orders").first.click()
    switch = window.get_by_role("row").filter(has_text="Running").locator("label")
    switch.wait_for()
    assert not switch.locator("input").is_checked()
    switch.click()
    window.get_by_text("1 run requested").first.wait_for(timeout=PATIENCE)
    # The ticks after that one ask for nothing, and say why.
    window.get_by_role("row").filter(has_text="0 runs requested").first.wait_for(timeout=PATIENCE)
    with stage.instance() as instance:
        until(lambda: all(run.is_finished for run in instance.get_runs(by_sensor)), "the end of the sensor's run")
        (run,) = instance.get_runs(by_sensor)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert {state for states in states_of(stage, sample).values() for state in states} == {"SYNCED"}

    carries_changes_and_cancels(stage)
    window.set_viewport_size({"width": 1280, "height": 1000})
    keep_picture(window, "sensor.png")
    turn_off(stage, switch)
    assert not switch.locator("input").is_checked()
    window.get_by_role("button", name="0 runs requested").first.click()
    window.get_by_role("dialog").get_by_text("Skip reason:").wait_for()
    reason = window.get_by_role("dialog").inner_text()
    assert re.search(r"No new rows\.|the next tick tries again\.", reason), reason


def carries_changes_and_cancels(stage: Stage) -> None:
    """The sensor takes up what `order-sync demo --change 4 --cancel 2` queues, and its run sends that and the keys."""
    effects, rows = stage.emulator.stats()["effects"], _queue_rows(stage)
    queue_orders(stage.settings, change=4, cancel=2)
    later = {key: row for key, row in _queue_rows(stage).items() if key not in rows}
    until(
        lambda: {_queue_rows(stage)[key]["sync_state"] for key in later} == {"SYNCED"}, "all that was queued", every=0.5
    )
    agreement = stage.agreement()
    assert agreement.agree, agreement.text()
    items = {row["record_uuid"]: row["monday_item_id"] for row in rows.values() if row.get("monday_item_id")}
    subitems = {row["line_uuid"]: row["monday_subitem_id"] for row in rows.values() if row.get("monday_subitem_id")}
    wanted: list[tuple[str, int, list[str]]] = []
    for row in later.values():
        if row["action_type"] == Action.DELETE:
            wanted += [] if "line_uuid" in row else [("item_removed", items[row["record_uuid"]], [])]
        elif "line_uuid" in row:
            wanted.append(("item_changed", subitems[row["line_uuid"]], ["line_uuid", "qty"]))
        elif row[ETA]:
            wanted.append(("item_changed", items[row["record_uuid"]], ["record_uuid", "eta"]))
    written = [
        (effect["kind"], effect["item_id"], list(effect.get("values", ())))
        for effect in stage.emulator.effects(since=effects)
        if "item_id" in effect
    ]
    assert sorted(written) == sorted(wanted)
    assert len({key for _, key, _ in wanted}) >= 6


def _queue_rows(stage: Stage) -> dict[str, dict[str, Any]]:
    queues = (stage.tables.header_queue, stage.tables.line_queue)
    return {row["delta_uuid"]: row for table in queues for row in stage.rows(table)}
