"""A stage for each test, and commands in this process; tests of processes use `Stage.run`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from order_sync.cli.commands import main
from order_sync_tests.graph.stage import Stage
from order_sync_tests.graph.stage import stage as stage


class OrderSync:
    """`order-sync ARGUMENTS`, as typed in the stage's folder."""

    def __call__(self, *arguments: str) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture
def order_sync(stage: Stage) -> OrderSync:
    return OrderSync()
