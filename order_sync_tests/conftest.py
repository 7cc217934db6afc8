"""What tests of every folder share: one emulator process with the board of the mapping, and an empty database."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from order_sync.database.check import create_all
from order_sync.database.connection import WritableDatabase
from order_sync.database.tables import make_tables
from order_sync.demo.board import board_seed
from order_sync.emulator import Emulator, EmulatorSettings, start_emulator
from order_sync.orders.mapping import ColumnMapping, load_mapping

CHROMIUM = Path("/usr/bin/chromium")
FIRST = ("browser", "faults", "deployment", "simulation")  # what takes longest, so that no worker ends with it
TOGETHER = ("browser", "faults")  # whose files share what takes long to start: Dagster's UI, a crew

# A shell lets what it runs in the background ignore Ctrl-C, and every process that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in FIRST)


class _FilesOrFolders(LoadFileScheduling):  # type: ignore[misc]
    """A worker takes a file at a time, or one of these folders."""

    def _split_scope(self, nodeid: str) -> str:
        folder = Path(nodeid.split("::", 1)[0]).parent
        return str(folder) if folder.name in TOGETHER else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return _FilesOrFolders(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """What has been imported stays to the end: no need to look for garbage in it, nor as often as usual elsewhere."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def mapping() -> ColumnMapping:
    """The mapping that is shipped."""
    return load_mapping()


@pytest.fixture(scope="session")
def board_process(mapping: ColumnMapping) -> Iterator[Emulator]:
    with start_emulator(EmulatorSettings(boards=(board_seed(mapping),))) as process:
        yield process


@pytest.fixture
def emulator(board_process: Emulator) -> Iterator[Emulator]:
    """The emulator with an empty board 4700000001; what a test configures is undone after it."""
    board_process.reset()
    before = board_process.log()
    yield board_process
    assert board_process.log() == before


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and no rows, to be copied: that is quicker than making tables for each test."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    database = WritableDatabase(f"sqlite:///{path}")
    create_all(database, make_tables())
    database.dispose()
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium. Not for longer than a module: its driver keeps an event loop of this thread running."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()
