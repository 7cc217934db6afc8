"""A stage for each test, and commands in this process; tests of processes use `Stage.run`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from order_sync.cli.commands import main
from order_sync.emulator import Emulator
from order_sync_tests.graph.stage import Record, Stage, pardon_dagster, stage_in


@pytest.fixture
def stage(board_process: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage_in(tmp_path, board_process, Record.for_test(request)) as stage:
        yield stage


class OrderSync:
    """`order-sync ARGUMENTS`, as typed in the stage's folder."""

    def __call__(self, *arguments: str) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture
def order_sync(stage: Stage) -> OrderSync:
    return OrderSync()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    pardon_dagster(items, Path(__file__).parent)
