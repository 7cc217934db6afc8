"""One PostgreSQL cluster for the tests that need one; without PostgreSQL they skip and say so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync.emulator import Emulator
from order_sync_tests.deployment.postgres import Postgres, cluster, programs
from order_sync_tests.graph.stage import Stage, stage_in


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed here (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="order_sync_postgres_") as folder, cluster(where, Path(folder)) as postgres:
        yield postgres


@pytest.fixture
def stage(board_process: Emulator, tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path, board_process) as stage:
        yield stage
