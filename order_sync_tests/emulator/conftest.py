"""One emulator process for all tests of this folder; each test finds it as it was at the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator
from order_sync_tests.emulator.monday import Monday

PLANNING = BoardSeed(
    id=101,
    name="Planning",
    columns=(
        ColumnSeed(id="uuid", title="Record UUID"),
        ColumnSeed(id="note", title="Note"),
        ColumnSeed(id="qty", title="Total qty", type="numbers"),
        ColumnSeed(id="status", title="Status", type="status", labels=("New", "Done")),
        ColumnSeed(id="kind", title="Order type", type="dropdown", labels=("RECEIVED", "ACTIVE")),
        ColumnSeed(id="eta", title="ETA", type="date"),
        ColumnSeed(id="remark", title="Remark", type="long_text"),
        ColumnSeed(id="link", title="Tech pack", type="link"),
        ColumnSeed(id="paid", title="Paid", type="checkbox"),
        ColumnSeed(id="subitems", title="Subitems", type="subtasks"),
    ),
    subitem_board_id=102,
    subitem_columns=(
        ColumnSeed(id="line_uuid", title="Line UUID"),
        ColumnSeed(id="size_qty", title="Qty", type="numbers"),
    ),
)


@pytest.fixture(scope="session")
def _process() -> Iterator[Emulator]:
    with start_emulator(EmulatorSettings(boards=(PLANNING,))) as emulator:
        yield emulator


@pytest.fixture
def emulator(_process: Emulator) -> Iterator[Emulator]:
    _process.reset()
    before = _process.log()
    yield _process
    assert _process.log() == before


@pytest.fixture
def monday(emulator: Emulator) -> Iterator[Monday]:
    with Monday(emulator.url) as monday:
        yield monday


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page that fails the test if anything goes wrong in it."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    wrong: list[str] = []

    def note_dialog(dialog: Any) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note_error(message: Any) -> None:
        # The browser notes a refused change, too, which the page itself reports.
        if message.type == "error" and "status of 422" not in message.text:
            wrong.append(message.text)

    page.on("dialog", note_dialog)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", note_error)
    yield page
    page.close()
    assert wrong == []
