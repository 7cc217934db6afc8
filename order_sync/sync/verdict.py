"""Whose fault a refusal is: the row's own, or that of its board, of the token or of order_sync.

In: what became of the rows of each request, in the order of sending. Out: the refusals that are the rows' own, and the
board's where every row is refused alike. Never a row rejected for what would have hit any other row in its place.

A refusal that may concern more than its row is the row's own if other rows of its request were created. If none was,
the row is suspended until another one is created, and then tried once more: refused again, it is the row's own fault.
A row that has no others to be compared with waits; nothing is lost by that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from order_sync.monday.errors import may_differ
from order_sync.orders.codes import Delay
from order_sync.orders.errors import BoardRefused, Rejected
from order_sync.sync.delivery import Outcome
from order_sync.text.counted import counted

log = logging.getLogger("order_sync.monday")

MOST_REFUSED = 10  # rows, one after the other and of two requests at least, that nobody can take for single bad rows


@dataclass(kw_only=True)
class Verdict:
    """What is known of the refusals of one step on one board. The caller serializes threads."""

    _suspended: dict[str, Rejected] = field(default_factory=dict)
    _tail: dict[str, Rejected] = field(default_factory=dict)  # the last rows of a request that created its first ones
    _tried_again: set[str] = field(default_factory=set)
    _own_codes: set[str | None] = field(default_factory=set)  # of rows that were refused twice
    _requests: int = 0  # in a row in which every row was refused
    _refused: int = 0  # rows of these requests

    def suspend(self, keys: Sequence[str], outcome: Outcome) -> dict[str, Rejected]:
        """Takes refusals that may be the board's out of the outcome, and returns them: they are `waiting` there."""
        # A board may change in the middle of a request: whether the last rows are refused for that, the next shows.
        last = max((number for number, key in enumerate(keys) if key in outcome.created), default=-1)
        return self._suspend(keys[last + 1 :], outcome)

    def judge(self, suspended: Mapping[str, Rejected], *, created: bool) -> Judgement:
        """What a request shows of earlier ones, and they of it. It is closed by then: its rows may be sent again.

        `suspended` are its own rows, `created` is whether it created any.
        """
        if created:
            judgement = self._another_try()
            self._tail = dict(suspended)
            return judgement
        self._suspended |= suspended
        self._requests += bool(suspended)
        self._refused += len(suspended)
        return Judgement()

    @property
    def is_suspicious(self) -> bool:
        """Every row of the last request was refused: rows from elsewhere may fare better."""
        return self._requests > 0

    @property
    def is_the_board(self) -> bool:
        return self._requests > 1 and self._refused >= MOST_REFUSED

    def board_refused(self) -> BoardRefused:
        """Every row alike is refused: the board takes none."""
        first = next(iter(self._suspended.values()))
        return BoardRefused(
            f"{first}. monday refused {counted(self._refused, 'row')} in a row with such a reason, so the cause is the "
            "board, the token or order_sync, and no row was rejected. Check whether the board or the token's "
            "permissions changed (`order-sync board check`), or contact monday's support with the request id; then "
            "start the run again"
        )

    def end(self) -> dict[str, Rejected]:
        """There are no more rows to compare with: returns those that are their own fault after all.

        Raises BoardRefused where several rows had none beside them that fared better. A single one waits for others.
        """
        unknown = [key for key, error in self._suspended.items() if not self._is_own(error)]
        if self._refused >= MOST_REFUSED or len(unknown) > 1:
            raise self.board_refused()
        for key in unknown:
            log.warning("%s waits: %s. It is rejected if other rows of its board succeed", key, self._suspended[key])
        return {key: error for key, error in (self._suspended | self._tail).items() if key not in unknown}

    def _suspend(self, keys: Sequence[str], outcome: Outcome) -> dict[str, Rejected]:
        suspended: dict[str, Rejected] = {}
        for key in keys:
            error = outcome.rejected.get(key)
            if error is None or not may_differ(error) or error.code in self._own_codes:
                continue
            if key in self._tried_again:
                self._own_codes.add(error.code)
                continue
            suspended[key] = outcome.rejected.pop(key)
            outcome.waiting[key] = (
                f"{Delay.OTHERS_MUST_SHOW}: {error.message}. Other rows must show whether this row is the cause"
            )
        return suspended

    def _is_own(self, error: Rejected) -> bool:
        return error.known or error.code in self._own_codes

    def _another_try(self) -> Judgement:
        """Some row was created: the board takes rows."""
        again = tuple(self._suspended)
        judgement = Judgement(own=self._tail, again=again)
        self._tried_again |= set(again)
        self._suspended, self._tail = {}, {}
        self._requests = self._refused = 0
        return judgement


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a request shows of earlier refusals: those that are the rows' own, and rows that get another try."""

    own: Mapping[str, Rejected] = field(default_factory=dict)
    again: tuple[str, ...] = ()
