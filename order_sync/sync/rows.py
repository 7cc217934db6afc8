"""The rows to create on a board, and the handling of rows that monday rejects.

In: nothing. Out: the row that an IO manager wants and a writer creates, whichever way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from order_sync.orders.errors import Rejected

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NewRow:
    """A row to create: its key in the queue tables, and the GraphQL variables of its own."""

    key: str
    variables: Mapping[str, Any]

    def with_variables(self, **variables: Any) -> NewRow:
        return NewRow(key=self.key, variables={**self.variables, **variables})


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """Rejected rows that need not be, by key: `again` as they are to be sent now, `waiting` with what they wait for.

    `rejected` are better reasons for some that stay rejected.
    """

    again: Mapping[str, NewRow] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, Rejected] = field(default_factory=dict)


# Shown refusals that may be the board's own: raises BoardRefused if the board is no longer as the mapping says.
Look = Callable[[Collection[Rejected]], None]
# Asked about rows that monday rejects, with the reasons by key, before they are recorded as rejected.
Repair = Callable[[Mapping[str, Rejected]], Repaired]
