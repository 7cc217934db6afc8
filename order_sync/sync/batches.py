"""The rows of one step on one board, handed out in batches to the writers.

In: rows to create, and what became of each batch. Out: the next batch, and the outcome of all of them.
Sends nothing: how large a batch is, and what is done about rows that come back, is decided here.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from math import ceil

from order_sync.orders.errors import Rejected, Transient
from order_sync.orders.monday_faults import MondayFault
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import NewRow
from order_sync.sync.verdict import MOST_REFUSED, Verdict

log = logging.getLogger("order_sync.monday")

ROW_ATTEMPTS = 8
MOST_FAILURES = 3  # of requests in a row: more are not the fault of single rows
SMALLEST_SHARE = 5  # rows: below it several writers gain nothing over one


class Batches:
    """The rows of one `create`, handed out in batches. Safe to use from several threads."""

    def __init__(self, rows: Sequence[NewRow], writers: int, imported: Outcome | None = None) -> None:
        self.total = imported or Outcome()
        self.count = len(rows) + len(self.total.created) + len(self.total.waiting)
        self.writers = writers
        self._changed = threading.Condition()
        self._waiting = deque(rows)
        self._batches_out = 0
        self.stopped = False
        self._cap = max(1, len(rows))
        self._failures = 0  # in a row, of requests that monday left without an answer to the end
        self._attempts: dict[str, int] = {}
        self.verdict = Verdict()
        self._suspended: dict[str, NewRow] = {}

    def take(self, writer: int, most: int) -> list[NewRow]:
        """The next batch; none if there is nothing left to do for this writer."""
        with self._changed:
            while not self._waiting and self._batches_out and not self.stopped:
                self._changed.wait(1.0)  # what is out with others may come back
            if self.stopped or not self._waiting or writer >= self.writers:
                return []
            # An equal share of the rest each, so that the writers finish together.
            share = max(SMALLEST_SHARE, ceil(len(self._waiting) / self.writers))
            size = min(most, self._cap, share, len(self._waiting))
            self._batches_out += 1
            return [self._waiting.popleft() for _ in range(size)]

    def put_back(self, rows: Sequence[NewRow]) -> None:
        """Returns rows that did not fit into the request to the queue."""
        with self._changed:
            self._waiting.extendleft(reversed(rows))

    def requeue(self, batch: Sequence[NewRow]) -> None:
        """Returns a batch that was not executed to the queue."""
        with self._changed:
            self._waiting.extendleft(reversed(batch))
            self._batch_is_back()

    def halve(self, batch: Sequence[NewRow]) -> None:
        """The whole request was refused: narrow down to the row that spoils it."""
        with self._changed:
            self._cap = max(1, len(batch) // 2)
        self.requeue(batch)

    def failed(self) -> bool:
        """monday answers, but not this: the next requests hold one row each. False if that lasts too long."""
        with self._changed:
            self._failures += 1
            self._cap = 1
            return self._failures <= MOST_FAILURES

    def done(self, batch: Sequence[NewRow], outcome: Outcome) -> None:
        """Records the outcome of a batch; rows without a result wait again, up to a number of attempts."""
        with self._changed:
            if not outcome.unanswered:
                self._failures = 0
            self._cap = max(self._cap, 1 if self._failures else len(batch) * 2)
            self.total.created |= outcome.created
            self.total.rejected |= outcome.rejected
            over = outcome.created.keys() | outcome.rejected.keys() | outcome.waiting.keys()
            left = [row for row in batch if row.key not in over]
            for row in left:
                self._attempts[row.key] = self._attempts.get(row.key, 0) + 1
                if self._attempts[row.key] >= ROW_ATTEMPTS or (outcome.unanswered and len(batch) == 1):
                    self.total.again[row.key] = outcome.again.get(row.key) or Transient(
                        "monday gave no result", MondayFault.ODD_ANSWER
                    )
            self._waiting.extendleft(reversed([row for row in left if row.key not in self.total.again]))
            self._batch_is_back()

    def suspend(self, batch: Sequence[NewRow], outcome: Outcome) -> Mapping[str, Rejected]:
        """Takes refusals that may be the board's out of the outcome, until `judge` knows more."""
        with self._changed:
            return self.verdict.suspend([row.key for row in batch], outcome)

    def judge(
        self, batch: Sequence[NewRow], outcome: Outcome, suspended: Mapping[str, Rejected]
    ) -> Mapping[str, Rejected]:
        """Returns earlier refusals that are their rows' own after all, and gives other rows another try.

        Only once the batch's request is closed: from here on another writer may send its suspended rows again.
        """
        with self._changed:
            judgement = self.verdict.judge(suspended, created=bool(outcome.created))
            self._suspended |= {row.key: row for row in batch if row.key in suspended}
            self.total.waiting |= outcome.waiting
            self._reject(judgement.own)
            for key in judgement.again:
                self.total.waiting.pop(key, None)
            self._waiting.extendleft(reversed([self._suspended[key] for key in judgement.again]))
            if self.verdict.is_suspicious:
                self._scatter()
            return judgement.own

    def last_judgement(self) -> Mapping[str, Rejected]:
        """The same when there are no more rows. Raises BoardRefused where the board took none at all."""
        with self._changed:
            own = self.verdict.end()
            self._reject(own)
            return own

    def _reject(self, own: Mapping[str, Rejected]) -> None:
        self.total.rejected |= own
        for key in own:
            self.total.waiting.pop(key, None)

    def _scatter(self) -> None:
        """Puts rows from all over in front: those of one customer may all have the same fault."""
        waiting = list(self._waiting)
        step = max(1, len(waiting) // MOST_REFUSED)
        sample = waiting[::-step][:MOST_REFUSED]
        chosen = {row.key for row in sample}
        self._waiting = deque([*sample, *(row for row in waiting if row.key not in chosen)])
        self._cap = min(self._cap, MOST_REFUSED)

    def stop(self) -> None:
        """Something went wrong for all: no more batches."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def fewer_writers(self) -> bool:
        """The board was locked by another request: half as many writers continue. False if there is one already."""
        with self._changed:
            if self.writers == 1 and self._batches_out <= 1:
                return False
            if self.writers > 1:
                self.writers //= 2
                log.warning("monday locks the board: continuing with %d writers", self.writers)
            return True

    def _batch_is_back(self) -> None:
        self._batches_out -= 1
        self._changed.notify_all()
