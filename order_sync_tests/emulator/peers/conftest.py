"""An emulator of their own for the public packages, with the board that their examples name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from order_sync.emulator import BoardSeed, ColumnSeed, Emulator, EmulatorSettings, start_emulator

#: The id is that of an example, and so are the columns' ids.
LAUNCH = BoardSeed(
    id=12345678,
    name="Launch",
    columns=(
        ColumnSeed(id="text_column_id", title="Task"),
        ColumnSeed(id="status_column_id", title="Status", type="status", labels=("In Progress", "Done")),
        ColumnSeed(id="date_column_id", title="Due", type="date"),
        ColumnSeed(id="number_column_id", title="Hours", type="numbers"),
    ),
    subitem_board_id=12345679,
    subitem_columns=(ColumnSeed(id="text_column_id", title="Detail"),),
)


@pytest.fixture(scope="session")
def _process() -> Iterator[Emulator]:
    with start_emulator(EmulatorSettings(boards=(LAUNCH,))) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def monday_refuses() -> Callable[[str, str], bool]:
    """Whether monday's public schema gives this reason, too, for refusing the document; without the schema: yes."""
    path = os.environ.get("ORDER_SYNC_MONDAY_SCHEMA")
    if not path:
        return lambda _document, _message: True
    schema = build_schema(Path(path).read_text("utf-8"), assume_valid=True)

    def refuses(document: str, message: str) -> bool:
        reasons = {error.message.partition(" Did you mean")[0] for error in validate(schema, parse(document))}
        return message.partition(" Did you mean")[0] in reasons

    return refuses
