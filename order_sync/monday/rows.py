"""What is to be created on a board.

In: nothing. Out: the row that an IO manager wants and a writer creates, whichever way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class NewRow:
    """A row to create: its key in the queue tables, and the GraphQL variables of its own."""

    key: str
    variables: Mapping[str, Any]
