"""The actions of the journal protocol, as a trace records them and as the model names them.

In: nothing. Out: values that travel as one JSON line each.
Imports nothing of order_sync, nor does anything that judges a trace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


class Kind(StrEnum):
    """What a worker, which is one run, does. Each is an action of the same name in journal.pml."""

    TAKE = "TAKE"  # the board's lease is committed
    LOSE = "LOSE"  # a write shows that another worker has the board
    RELEASE = "RELEASE"
    OPEN = "OPEN"  # the row of a new request is committed, with its idempotency key, its keys and its body
    AGAIN = "AGAIN"  # committed: the same body is about to be sent again, with the same idempotency key
    SEND = "SEND"  # the request leaves
    ANSWER = "ANSWER"  # `ids` of what was made or altered; `doubt`: of what the answer says nothing certain
    SILENCE = "SILENCE"  # no answer; `doubt` is empty if the request has not left
    SETTLE = "SETTLE"  # waited until monday can no longer be executing the request, and its search is up to date
    LOOK = "LOOK"  # its keys were looked up on the board; `ids` of those that were found
    CLOSE = "CLOSE"  # its row is closed, and `ids` are in the tables, in one transaction
    WATCH = "WATCH"  # the same, but the request was in doubt: a second one of what it made may turn up
    HEAL = "HEAL"  # twins of watched requests were looked for; `ids` were archived
    LIST = "LIST"  # the watch of a request has ended
    KEEP = "KEEP"  # ids of what was on the board already are in the tables
    FORGET = "FORGET"  # ids of what was deleted are no longer in the tables
    SYNC = "SYNC"  # queue rows become SYNCED, with these ids; OFF where an order or line was cancelled
    CRASH = "CRASH"  # the worker is dead


OFF = "off"
CREATES = frozenset({"create_group", "create_item", "create_subitem"})
ABSOLUTE = frozenset(
    {"change_item", "change_subitem", "move_item", "cancel_item", "cancel_subitem", "adopt_item", "adopt_subitem"}
)
WATCHED = frozenset({"create_item", "create_subitem"})


@dataclass(frozen=True, kw_only=True)
class Event:
    """One action. What does not concern it is empty."""

    kind: Kind
    worker: str
    board: int = 0
    request: str = ""  # its idempotency key
    operation: str = ""
    keys: tuple[str, ...] = ()  # of the request's rows in the queue, in its order: alias a0 is the first
    touches: frozenset[str] = frozenset()  # all that identifies the same order, line, item or group
    ids: Mapping[str, str] = field(default_factory=dict)  # monday's, by key; in an ANSWER by alias
    doubt: tuple[str, ...] = ()  # aliases
    body: str = ""  # its digest
    at: float | None = None  # seconds, by the worker's own clock
    settle: float = 0.0  # seconds after which monday no longer executes a request ...
    late: float = 0.0  # ... and after which a look-up shows what it made

    def to_json(self) -> str:
        said = {name: value for name, value in asdict(self).items() if value or name in ("kind", "worker")}
        return json.dumps(said | ({"touches": sorted(self.touches)} if self.touches else {}))

    @classmethod
    def from_json(cls, line: str) -> Self:
        raw: dict[str, Any] = json.loads(line)
        kinds = {"kind": Kind, "keys": tuple, "touches": frozenset, "doubt": tuple}
        return cls(**{name: kinds[name](value) if name in kinds else value for name, value in raw.items()})

    def __str__(self) -> str:
        parts = [self.worker, str(self.kind), self.operation, self.request[:8]]
        parts += [f"ids {dict(self.ids)}"] if self.ids else []
        parts += [f"in doubt {', '.join(self.doubt)}"] if self.doubt else []
        return " ".join(part for part in parts if part)
