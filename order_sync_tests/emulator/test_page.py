"""The page: escaped, complete, live, and usable with a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday, batch

CHROMIUM = Path("/usr/bin/chromium")
NASTY = """<script>alert("x")</script><img src=x onerror=alert(1)> O'Neill & "Sons\""""


def get(emulator: Emulator, path: str) -> httpx.Response:
    return httpx.get(emulator.page_url + path, trust_env=False, follow_redirects=True)


def nasty_board(monday: Monday) -> tuple[str, str, str]:
    group = monday.group(NASTY)
    item = monday.item(NASTY, group=group, labels=True, note=NASTY, status={"label": NASTY[:60]})
    return group, item, monday.subitem(item, NASTY, line_uuid=NASTY)


def test_every_page_escapes(emulator: Emulator, monday: Monday) -> None:
    monday.data("mutation ($n: String!) { create_board(board_kind: public, board_name: $n) { id } }", {"n": NASTY})
    group, item, subitem = nasty_board(monday)
    paths = {
        "": 1,
        "boards/101": 2,
        f"boards/101/pulses/{item}": 2,
        f"boards/102/pulses/{subitem}": 2,
        f"boards/101/groups/{group}/rows": 2,
        f"boards/101/items/{item}/subitems": 2,
        "boards/101/search?q=<script>": 3,
    }
    for path, at_least in paths.items():
        answer = get(emulator, path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "<img" not in answer.text, path
        assert answer.text.count("&lt;script&gt;") >= at_least, path
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_no_resource_comes_from_elsewhere(emulator: Emulator) -> None:
    page = get(emulator, "boards/101").text
    for path in ("static/style.css", "static/board.js"):
        assert f'"/{path}"' in page
        content = get(emulator, path)
        assert content.status_code == 200
        assert "//" not in content.text.replace("// ", "")


def test_rows_come_a_hundred_at_a_time(emulator: Emulator, monday: Monday) -> None:
    query, variables = batch(130)
    monday.data(query, variables)
    first = get(emulator, "boards/101/groups/topics/rows").text
    assert first.count('class="item"') == 100
    assert 'data-offset="100"' in first
    rest = get(emulator, "boards/101/groups/topics/rows?offset=100").text
    assert rest.count('class="item"') == 30
    assert "data-offset" not in rest
    assert get(emulator, "boards/101/groups/topics/rows?count=130").text.count('class="item"') == 130


def test_search_looks_into_values_and_subitems(emulator: Emulator, monday: Monday) -> None:
    monday.item("Alpha", note="needle 1")
    monday.subitem(monday.item("Beta"), "Size M", line_uuid="NEEDLE 2")
    monday.item("Gamma")
    found = get(emulator, "boards/101/search?q=needle").text
    assert "Alpha" in found
    assert "Beta" in found
    assert "Gamma" not in found
    assert "2 items with" in found


@pytest.mark.parametrize("path", ["boards/5", "boards/101/pulses/5", "boards/101/groups/nope/rows"])
def test_what_is_not_there(emulator: Emulator, path: str) -> None:
    assert get(emulator, path).status_code == 404


def test_urls_of_the_api_lead_to_the_page(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    subitem = monday.subitem(item, "Size M")
    urls = monday.data("query ($i: [ID!]) { boards { url } items(ids: $i) { url } }", {"i": [item, subitem]})
    for entry in [*urls["boards"], *urls["items"]]:
        answer = httpx.get(entry["url"], trust_env=False, follow_redirects=True)
        assert "<h1>Planning</h1>" in answer.text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page that fails the test if anything goes wrong in it."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    wrong: list[str] = []

    def note_dialog(dialog: Any) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", note_dialog)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert wrong == []


@pytest.mark.browser
def test_a_board_in_a_browser(emulator: Emulator, monday: Monday, tab: Any) -> None:
    nasty_board(monday)
    tab.goto(f"{emulator.page_url}boards/101")
    row = tab.locator("tr.item").first
    assert row.locator("td.name a").inner_text() == NASTY
    assert tab.locator(".group .title").first.inner_text() == NASTY
    pill = row.locator("td.status span")
    assert pill.evaluate("pill => getComputedStyle(pill).backgroundColor") == "rgb(223, 47, 74)"
    assert tab.locator("tr.subitem").count() == 0
    row.locator("button.unfold").click()
    tab.wait_for_selector("tr.subitem")
    assert tab.locator("tr.subitem td.name").inner_text() == NASTY
    row.locator("button.unfold").click()
    assert tab.locator("tr.subitem").count() == 0
    tab.locator("button.fold").first.click()
    assert not row.is_visible()


@pytest.mark.browser
def test_counts_groups_and_rows_refresh_by_themselves(emulator: Emulator, monday: Monday, tab: Any) -> None:
    tab.goto(f"{emulator.page_url}boards/101")
    assert tab.locator("[data-count=item_count]").inner_text() == "0"
    group = monday.group("New group")
    tab.wait_for_selector(f"section[data-group={group}]")
    item = monday.item("New item", group=group)
    tab.wait_for_selector(f"tr[data-item='{item}']")
    monday.subitem(item, "Size M")
    for count, figure in (("subitem", "1"), ("item", "1"), ("group", "2")):
        tab.wait_for_selector(f"[data-count={count}_count]:text-is('{figure}')")
    tab.wait_for_selector(f"tr[data-item='{item}'] button.unfold")


@pytest.mark.browser
def test_the_link_of_an_item_shows_it(emulator: Emulator, monday: Monday, tab: Any) -> None:
    query, variables = batch(130)
    items = monday.data(query, variables)
    subitem = monday.subitem(items["a125"]["id"], "Size M")
    for path in (f"boards/101/pulses/{items['a125']['id']}", f"boards/102/pulses/{subitem}"):
        tab.goto(emulator.page_url + path)
        focus = tab.wait_for_selector("tr.focus")
        assert focus.get_attribute("data-item") == path.rsplit("/", 1)[1]
        box = focus.bounding_box()
        assert 100 < box["y"] < 900 - box["height"]


@pytest.mark.browser
def test_search_in_a_browser(emulator: Emulator, monday: Monday, tab: Any) -> None:
    monday.item("Alpha", note="needle")
    monday.item("Beta")
    tab.goto(f"{emulator.page_url}boards/101")
    tab.wait_for_selector("#groups tr.item")
    tab.fill("#search", "NEEDLE")
    tab.wait_for_selector("#results tr.item")
    assert tab.locator("tr.item:visible td.name a").all_inner_texts() == ["Alpha"]
    tab.fill("#search", "")
    tab.wait_for_selector("#groups tr.item")
    assert tab.locator("tr.item:visible").count() == 2


@pytest.mark.browser
def test_all_rows_load_while_scrolling(emulator: Emulator, monday: Monday, tab: Any) -> None:
    for title in ("A", "B", "C"):
        group = monday.group(title)
        for number in range(60):
            monday.item(f"{title}{number}", group=group)
    tab.goto(f"{emulator.page_url}boards/101")
    tab.wait_for_selector("tr.item")
    assert tab.locator("tr.item").count() < 180
    tab.mouse.move(700, 600)
    for title in ("A", "B", "C"):
        while not tab.locator(f"tr.item a:text-is('{title}59')").is_visible():
            tab.mouse.wheel(0, 600)
            tab.wait_for_timeout(30)
    assert tab.locator("tr.item").count() == 180
