"""What people do on the board's page, with a mouse and a keyboard in a real browser."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator
from order_sync_tests.emulator.monday import Monday
from order_sync_tests.emulator.test_page import NASTY, get, nasty_board
from order_sync_tests.waiting import until


class Board:
    """The page of a board that has this item, as somebody uses it."""

    def __init__(self, tab: Any, url: str, item: str) -> None:
        self.tab = tab
        self.item = item
        tab.goto(url)
        self.row().wait_for()

    def row(self, item: str | None = None) -> Any:
        return self.tab.locator(f"#groups tr[data-item='{item or self.item}']")

    def open(self, column: str) -> Any:
        self.row().locator(f"td[data-column='{column}']").click(position={"x": 4, "y": 4})
        return self.tab.locator(".editor")

    def choose(self, action: str, item: str | None = None) -> None:
        row = self.row(item)
        row.locator("td.name").hover()
        row.locator("button.actions").click()
        self.tab.get_by_role("menuitem", name=action, exact=True).click()

    def type(self, column: str, text: str, key: str = "Enter") -> None:
        editor = self.open(column)
        editor.fill(text)
        editor.press(key)


@pytest.fixture
def board(emulator: Emulator, monday: Monday, tab: Any) -> Board:
    values: dict[str, Any] = {"note": "n", "qty": "5", "eta": {"date": "2026-11-23"}, "uuid": "u-1"}
    item = monday.item("One", group="topics", status={"label": "New"}, kind={"labels": ["RECEIVED"]}, **values)
    return Board(tab, f"{emulator.page_url}boards/101", item)


def shown(monday: Monday, item: str, *columns: str) -> list[str | None]:
    cells = monday.cells(item)
    return [cells[column]["text"] for column in columns]


@pytest.mark.browser
def test_cells_are_edited_by_what_their_column_takes(monday: Monday, board: Board) -> None:
    board.type("note", "by hand")
    board.type("qty", "")
    board.type("eta", "2026-12-24", "Tab")
    board.type("remark", "two lines")
    board.open("status").select_option("Done")
    kinds = board.open("kind")
    kinds.select_option(["RECEIVED", "ACTIVE"])
    kinds.press("Enter")
    columns = ("note", "qty", "eta", "remark", "status", "kind")
    wanted = ["by hand", "", "2026-12-24", "two lines", "Done", "RECEIVED, ACTIVE"]
    until(lambda: shown(monday, board.item, *columns) == wanted, "the six cells", every=0.02)
    board.row().get_by_text("by hand").wait_for()
    board.row().get_by_text("Dec 24, 2026").wait_for()


@pytest.mark.browser
def test_escape_leaves_a_cell_as_it_was(emulator: Emulator, board: Board) -> None:
    before = len(emulator.effects())
    board.type("note", "other", "Escape")
    board.type("note", "n")
    assert board.row().locator("td[data-column=note]").inner_text() == "n"
    assert board.tab.locator(".editor").count() == 0
    assert len(emulator.effects()) == before


@pytest.mark.browser
def test_a_refused_value_says_why(emulator: Emulator, board: Board) -> None:
    before = len(emulator.effects())
    board.type("qty", "a dozen")
    board.tab.locator("#refusal").get_by_text("not a number").wait_for()
    assert board.row().locator("td[data-column=qty]").inner_text() == "5"
    assert len(emulator.effects()) == before


@pytest.mark.browser
def test_what_is_typed_survives_a_change_by_somebody_else(emulator: Emulator, monday: Monday, board: Board) -> None:
    editor = board.open("note")
    editor.fill("half a wo")
    emulator.person.edit(board.item, "qty", "77")
    board.tab.locator("section[data-group=topics][data-stale]").wait_for(state="attached")
    assert editor.input_value() == "half a wo"
    editor.press("Enter")
    board.row().get_by_text("77").wait_for()
    assert shown(monday, board.item, "note", "qty") == ["half a wo", "77"]


@pytest.mark.browser
def test_an_item_is_renamed_moved_duplicated(emulator: Emulator, monday: Monday, board: Board) -> None:
    group, subitem = monday.group("Other"), monday.subitem(board.item, "Size M")
    board.row().locator("button.unfold").click()
    board.choose("Rename", subitem)
    board.tab.locator(".editor").fill("Size L")
    board.tab.locator(".editor").press("Enter")
    board.row(subitem).get_by_text("Size L").wait_for()
    board.choose("Rename")
    board.tab.locator(".editor").fill("Two")
    board.tab.locator(".editor").press("Enter")
    board.row().get_by_text("Two").wait_for()
    board.choose("Duplicate")
    board.tab.locator("#groups tr.item", has_text="Two (copy)").locator(".nested").wait_for()
    board.choose("Duplicate without subitems")
    until(lambda: emulator.stats()["items"] == 3, "the second copy")
    assert emulator.stats()["subitems"] == 2
    assert monday.found("u-1") == ["Two", "Two (copy)", "Two (copy)"]
    row = board.row()
    row.locator("td.name").hover()
    row.locator("button.actions").click()
    board.tab.locator(".menu select").select_option(label="Other")
    board.tab.locator(f"section[data-group={group}] tr[data-item='{board.item}']").wait_for()


@pytest.mark.browser
def test_a_long_name_leaves_room_for_its_actions(monday: Monday, board: Board) -> None:
    long = monday.item("Long name " * 20, group="topics")
    monday.subitem(long, "Long name " * 20)
    board.row(long).locator("td.name").hover()
    cell, button = (board.row(long).locator(what).bounding_box() for what in ("td.name", "button.actions"))
    assert button["x"] + button["width"] <= cell["x"] + cell["width"]
    board.choose("Archive", long)
    board.row(long).wait_for(state="detached")


@pytest.mark.browser
def test_an_item_comes_back_from_the_archive_and_the_bin(emulator: Emulator, monday: Monday, board: Board) -> None:
    monday.subitem(board.item, "Size M")
    for action in ("Archive", "Delete"):
        board.choose(action)
        board.row().wait_for(state="detached")
        board.tab.get_by_role("button", name="Archive and bin").click()
        removed = board.tab.locator("tr.removed")
        removed.wait_for()
        assert board.tab.locator("#groups").is_hidden()
        # Not the inner texts: they are empty until the browser has laid out the section.
        texts = [" ".join(text.split()) for text in removed.locator("td").all_text_contents()]
        assert texts[:3] == ["One", f"{action.lower()}d", "Group Title"]
        removed.get_by_role("button", name="Restore").click()
        board.tab.get_by_text("0 items archived or deleted").wait_for()
        board.tab.get_by_role("button", name="Main table").click()
        board.row().locator("button.unfold").wait_for()
    assert emulator.stats()["subitems"] == 1


def test_editors_and_menus_escape(emulator: Emulator, monday: Monday) -> None:
    _, item, subitem = nasty_board(monday)
    monday.group(NASTY)
    emulator.person.archive(subitem)
    for path in (
        f"items/{item}/cells/name",
        f"items/{item}/cells/note",
        f"items/{item}/cells/status",
        f"items/{item}/menu",
        "boards/101/removed",
    ):
        answer = get(emulator, path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "&lt;script&gt;" in answer.text, path
    for path in (f"items/{subitem}/menu", f"items/{item}/cells/nope", f"items/{item}/cells/subitems", "items/5/menu"):
        assert get(emulator, path).status_code == 404, path


def test_a_page_of_another_site_cannot_act(emulator: Emulator, monday: Monday) -> None:
    item = monday.item("One")
    sent = {"do": "delete", "item_id": item}
    url = f"{emulator.page_url}_emulator/person"
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        assert httpx.post(url, json=sent, headers=headers, trust_env=False).status_code in (403, 421)
    assert httpx.post(url, data=sent, trust_env=False).status_code == 415
    assert emulator.stats()["items"] == 1
