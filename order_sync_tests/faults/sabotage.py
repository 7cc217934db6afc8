"""Takes a part out of the protocol, to show that the tests would see its absence.

In: which part. Out: the product without it, as long as the block lasts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import sqlalchemy as sa

from order_sync.database import queue
from order_sync.database.board_lease import BoardLease
from order_sync.database.entries import Entry
from order_sync.database.journal import Journal
from order_sync.monday.client import MondayClient
from order_sync.monday.transport import Reply
from order_sync.sync import ownership
from order_sync.sync.boards import Boards
from order_sync.sync.bulk_import import BulkImport
from order_sync.sync.decide import Deleted
from order_sync.sync.delivery import Delivery, Outcome
from order_sync.sync.facts import Facts, SubitemFacts
from order_sync.sync.twins import Found, Twins
from order_sync_tests.faults.cases import Sabotage


@contextmanager
def sabotaged(part: Sabotage) -> Iterator[None]:
    mutate, subitems = MondayClient.mutate, Facts.subitems

    def with_another_key(self: MondayClient, body: str, *, idempotency_key: str, **more: Any) -> Reply:
        return mutate(self, body, idempotency_key=str(uuid.uuid4()), **more)

    def as_if_there(self: Facts, *args: Any) -> SubitemFacts:
        return replace(subitems(self, *args), deleted=Deleted())

    def as_if_forgotten(self: Delivery, entry: Entry, since: float) -> Outcome:
        return Outcome(created=self.find(entry))

    with ExitStack() as stack:
        if part is Sabotage.JOURNAL:
            # The next run reads no row of the run that died: as if it had written none.
            stack.enter_context(mock.patch.object(Journal, "in_doubt", return_value=[]))
        elif part is Sabotage.LOOK_UP:
            stack.enter_context(mock.patch.object(Delivery, "find", return_value={}))
            stack.enter_context(mock.patch.object(BulkImport, "_look_up", return_value=None))
        elif part is Sabotage.KEY:
            stack.enter_context(mock.patch.object(MondayClient, "mutate", with_another_key))
        elif part is Sabotage.GONE:
            stack.enter_context(mock.patch.object(Facts, "deleted", return_value=set()))
            stack.enter_context(mock.patch.object(Facts, "subitems", as_if_there))
        elif part is Sabotage.ELSEWHERE:
            stack.enter_context(mock.patch.object(Boards, "_resolve_elsewhere"))
        elif part is Sabotage.SECOND_LOOK:
            stack.enter_context(mock.patch.object(Delivery, "_unsettled_seconds", return_value=0.0))
        elif part is Sabotage.SETTLE:
            stack.enter_context(mock.patch.object(Delivery, "settle"))
        elif part is Sabotage.EDITS:
            stack.enter_context(mock.patch.object(ownership, "_verdict", return_value=ownership._Verdict.WRITE))
        elif part is Sabotage.VERSIONS:
            stack.enter_context(mock.patch.object(queue, "is_outdated", return_value=sa.false()))
        elif part is Sabotage.AWAKE:
            stack.enter_context(mock.patch.object(Journal, "expect_time_left"))
        elif part is Sabotage.LEASE:
            stack.enter_context(mock.patch.object(BoardLease, "_expect_lease"))
            stack.enter_context(mock.patch.object(BoardLease, "expect_time_left"))
        elif part is Sabotage.CLOCK:
            stack.enter_context(mock.patch.object(BoardLease, "_has_run_out", return_value=False))
        elif part is Sabotage.OLD_AGE:
            stack.enter_context(mock.patch.object(Delivery, "resolve", as_if_forgotten))
        if part in (Sabotage.KEY, Sabotage.WATCH, Sabotage.SECOND_LOOK, Sabotage.OLD_AGE):
            stack.enter_context(mock.patch.object(Twins, "look", return_value=Found()))
        yield
