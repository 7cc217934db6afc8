"""Each test gets a stage of its own, on the emulator process that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync.emulator import Emulator
from order_sync_tests.graph.stage import Record, Stage, pardon_dagster, stage_in


@pytest.fixture
def stage(board_process: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage_in(tmp_path, board_process, Record.for_test(request)) as stage:
        yield stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    pardon_dagster(items, Path(__file__).parent)
