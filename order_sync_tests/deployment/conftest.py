"""One PostgreSQL cluster for all tests of this folder; without PostgreSQL they skip and say so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync_tests.deployment.postgres import Postgres, cluster, programs
from order_sync_tests.graph.stage import pardon_dagster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed here (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="order_sync_postgres_") as folder, cluster(where, Path(folder)) as postgres:
        yield postgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    pardon_dagster(items, Path(__file__).parent)
