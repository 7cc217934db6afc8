"""Each test gets a stage of its own, on the emulator process that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync.emulator import Emulator
from order_sync_tests.graph.stage import Stage, pardon_dagster, stage_in


@pytest.fixture
def stage(board_process: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    on_disk = request.node.get_closest_marker("on_disk") is not None
    with stage_in(tmp_path, board_process, on_disk=on_disk) as stage:
        yield stage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    pardon_dagster(items, Path(__file__).parent)
