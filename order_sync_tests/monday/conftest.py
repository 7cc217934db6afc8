"""The stage of these tests: the emulator, and a database with empty tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync.emulator import Emulator
from order_sync.orders.database import WritableDatabase
from order_sync.orders.tables import make_tables
from order_sync_tests.contract.site import Site
from order_sync_tests.monday.stage import Stage


@pytest.fixture
def stage(emulator: Emulator, empty_file: Path, tmp_path: Path) -> Iterator[Stage]:
    path = tmp_path / "orders.db"
    shutil.copy(empty_file, path)
    database = WritableDatabase(f"sqlite:///{path}")
    yield Stage(emulator=emulator, site=Site(database=database, tables=make_tables()))
    database.dispose()
