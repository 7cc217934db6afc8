"""The page: escaped, complete, live, and usable with a mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync_tests.emulator.monday import Monday, batch

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
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        # No script and no style in the HTML itself, so that the policy needs no exception for it.
        assert not re.search(r"<style|\sstyle=|\son\w+=\"|<script(?! src=\"/static/)", answer.text), path


def test_no_resource_comes_from_elsewhere(emulator: Emulator) -> None:
    page = get(emulator, "boards/101").text
    for path in ("static/style.css", "static/board.js", "static/person.js"):
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
def test_a_missing_object_is_an_error(emulator: Emulator, path: str) -> None:
    assert get(emulator, path).status_code == 404


def test_urls_of_the_api_lead_to_the_page(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    subitem = monday.subitem(item, "Size M")
    urls = monday.data("query ($i: [ID!]) { boards { url } items(ids: $i) { url } }", {"i": [item, subitem]})
    for entry in [*urls["boards"], *urls["items"]]:
        answer = httpx.get(entry["url"], trust_env=False, follow_redirects=True)
        assert "<h1>Planning</h1>" in answer.text


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


HOSTILE = (
    "<script>window.struck = 1</script>",
    '"><img src=x onerror="window.struck = 2">',
    "</title><svg onload=window.struck=3>",
    "</template></table><iframe srcdoc='<script>parent.struck = 4</script>'></iframe>",
    "{{ 7 * 7 }} {% raw %} ${7*7} &lt;b&gt; &#x3c;i&#x3e;",
    "' autofocus onfocus=window.struck=5 x='",
)
ALL_HOSTILE = "".join(HOSTILE)[:250]  # as much as a name holds


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Emulator]:
    """Every name and value on it is an attack; its link was made a script in the state file, which the API refuses."""
    labels = tuple(text[:60] for text in HOSTILE)
    board = BoardSeed(
        id=101,
        name=ALL_HOSTILE,
        columns=tuple(
            ColumnSeed.model_validate(
                {"id": kind, "title": text, "type": kind, "labels": labels if kind in ("status", "dropdown") else ()}
            )
            for kind, text in zip(("text", "status", "dropdown", "long_text", "link", "subtasks"), HOSTILE, strict=True)
        ),
        groups=HOSTILE,
        subitem_board_id=102,
        subitem_columns=(ColumnSeed(id="note", title=ALL_HOSTILE), ColumnSeed(id="web", title="Web", type="link")),
    )
    path = tmp_path / "board.jsonl"
    with start_emulator(EmulatorSettings(boards=(board,), state_file=path)) as emulator, Monday(emulator.url) as monday:
        for text, label in zip(HOSTILE, labels, strict=True):
            link = {"url": "https://example.com/" + "".join(text.split()), "text": text}
            choice: dict[str, Any] = {"status": {"label": label}, "dropdown": {"labels": [label]}}
            item = monday.item(text, text=text, long_text={"text": text}, link=link, **choice)
        script = {"url": "https://example.com/script", "text": "click me"}
        for url in ("javascript:window.struck=6", "data:text/html,x", " https://example.com", "//example.com"):
            with pytest.raises(AssertionError, match="a link needs a full address"):
                monday.item("Refused", link={"url": url, "text": "x"})
        monday.subitem(item, ALL_HOSTILE, note=ALL_HOSTILE, web=script)
        emulator.kill()
        kept = path.read_text(encoding="utf-8")
        assert script["url"] in kept
        path.write_text(kept.replace(script["url"], "javascript:window.struck=6"), encoding="utf-8")
        emulator.restart()
        yield emulator


@pytest.mark.browser
def test_nothing_that_is_written_on_a_board_runs(hostile: Emulator, tab: Any) -> None:
    """On the first page, in rows that load later, in what refreshes by itself, unfolds or is found."""
    tab.goto(hostile.page_url)
    assert tab.locator(".card b").inner_text() == ALL_HOSTILE
    tab.goto(f"{hostile.page_url}boards/101")
    tab.wait_for_selector("tr.item")
    assert tab.title().startswith(ALL_HOSTILE)
    assert tab.locator("tr.item td.name a").all_text_contents() == list(HOSTILE)
    assert tab.locator("tr.item td.long_text").all_text_contents() == list(HOSTILE)
    assert tab.locator(".group .title").all_text_contents() == list(HOSTILE)
    with Monday(hostile.url) as monday:
        group = monday.group(ALL_HOSTILE)
        monday.item(ALL_HOSTILE, group=group)
    arrived = f"section[data-group={group}]"
    tab.wait_for_selector(f"{arrived} tr.item", timeout=10_000)  # a second later, by the page's own script
    assert tab.locator(f"{arrived} td.name a").text_content() == ALL_HOSTILE
    assert tab.locator(f"{arrived} .title").text_content() == ALL_HOSTILE
    tab.locator("button.unfold").click()
    tab.wait_for_selector("tr.subitem")
    script = tab.locator("tr.subitem td.link")
    assert script.text_content() == "click me"
    assert script.locator("a").count() == 0
    tab.fill("#search", "window.struck")
    tab.wait_for_selector("#results tr.item")
    links = tab.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(links) == {"http:", "https:"}
    assert tab.locator("img, iframe, body script, main svg:not([viewBox]), [onerror], [onload], [onfocus]").count() == 0
    assert tab.evaluate("window.struck") is None


@pytest.mark.browser
def test_the_policy_stops_a_script_that_got_through(emulator: Emulator, browser: Any) -> None:
    """Should an escape ever be missing: no script, no style and no request to elsewhere out of the page's content."""
    page = browser.new_page()
    page.goto(f"{emulator.page_url}boards/101")
    page.evaluate(
        """() => {
            window.refused = [];
            addEventListener('securitypolicyviolation', event => window.refused.push(event.effectiveDirective));
            const attack = document.createElement('div');
            attack.innerHTML = '<img src="/x" onerror="window.struck = 1"><b style="color: red">x</b>';
            document.body.append(attack);
            const script = document.createElement('script');
            script.textContent = 'window.struck = 2';
            document.body.append(script);
            fetch('http://evil.example/').catch(() => 0);
        }"""
    )
    page.wait_for_function("window.refused.length >= 4")
    refused = set(page.evaluate("window.refused"))
    assert {"img-src", "style-src-attr", "script-src-elem", "connect-src"} <= refused
    assert page.evaluate("window.struck") is None
    page.close()


@pytest.mark.browser
def test_a_board_fits_on_a_phone(emulator: Emulator, monday: Monday, tab: Any) -> None:
    monday.item("A name that is as long as a name of an order is", labels=True)
    tab.set_viewport_size({"width": 390, "height": 760})
    tab.goto(f"{emulator.page_url}boards/101")
    name = tab.locator("td.name").first
    name.wait_for()
    assert not tab.locator(".side").is_visible()
    box = name.bounding_box()
    assert box["x"] < 40
    assert box["x"] + box["width"] < 300  # a column beside it is in view
    tab.locator("td.name a").first.click(trial=True)  # nothing covers it


@pytest.mark.browser
def test_the_board_follows_a_dark_desktop(emulator: Emulator, monday: Monday, tab: Any) -> None:
    monday.item("an item", labels=True)
    tab.goto(f"{emulator.page_url}boards/101")
    tab.locator("td.name").first.wait_for()
    colors = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor].map(c => +c.match(/\\d+/)[0])"
    for scheme, is_dark in (("light", False), ("dark", True)):
        tab.emulate_media(color_scheme=scheme)
        for place in ("td.name", "th.name", ".head", "main"):
            ink, paper = tab.locator(place).first.evaluate(colors)
            assert abs(ink - paper) > 100, (scheme, place)
            assert (paper < ink) is is_dark, (scheme, place)
