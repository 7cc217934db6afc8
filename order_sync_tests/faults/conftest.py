"""One crew of worker processes for all tests of this folder; they start at its first use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_sync_tests.faults.crew import Crew, crew


@pytest.fixture(scope="session")
def team() -> Iterator[Crew]:
    with crew() as workers:
        yield workers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.name == "posix":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="runs die in forked processes, which only POSIX has"))
