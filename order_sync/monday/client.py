"""Requests to monday, paced. `MondayReader` cannot write: it has no method that does.

In: an operation and its variables. Out: its data. Reads are repeated while monday asks to wait; a mutation is
sent once per call, because only the journal knows whether it may be sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from order_sync.monday import operations, shapes
from order_sync.monday.budget import NOTHING, Grant
from order_sync.monday.errors import classify, is_expired_cursor, parse_errors
from order_sync.monday.pacing import Clock, Pacer, spent
from order_sync.monday.service import next_step
from order_sync.monday.transport import Check, MondayTransport, Reply, unchecked
from order_sync.monday.version import ApiVersion, read_version
from order_sync.orders.errors import BoardRefused, CursorExpired, Fatal, NotFound, Rejected, Transient
from order_sync.orders.monday_faults import MondayFault

log = logging.getLogger("order_sync.monday")

SLICE_SECONDS = 60.0
NOTICEABLE_SECONDS = 5.0  # a wait that is logged
SILENT_SECONDS = 30.0  # between two lines about waits
BUDGET_SLICE_SECONDS = 5.0
BUDGET = "monday's complexity budget or its calls per minute"
_BACK_OFF = wait_exponential_jitter(multiplier=1, max=30, jitter=1)


def requested_wait(state: RetryCallState) -> float:
    """The wait that monday asked for, else an exponential back-off of 1 to 30 s."""
    error = state.outcome.exception() if state.outcome else None
    reported = error.wait_seconds if isinstance(error, Transient) else None
    return reported if reported is not None else _BACK_OFF(state)


class MondayReader:
    """Queries only."""

    def __init__(self, transport: MondayTransport, *, pacer: Pacer | None = None, attempts: int = 8) -> None:
        self._transport = transport
        self.pacer = pacer or Pacer()
        self.usage = transport.usage
        self.api_version: ApiVersion | None = None  # once it has been checked
        self.clock_ahead: float | None = None  # seconds that monday's clock is ahead of this machine's; the same
        self.beat: Callable[[], None] = lambda: None  # called before each query and in long waits: it keeps leases
        self.request_id: str | None = None  # of the last answer to a query, as monday calls it
        self._attempts = attempts
        self._said_at = float("-inf")

    @property
    def clock(self) -> Clock:
        return self.pacer.clock

    def __enter__(self) -> Self:
        self._transport.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()  # type: ignore[no-untyped-call]

    def query(self, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of a query. Raises Fatal, or Transient once the attempts are used up.

        It waits for the account's budget like a create: one that goes over it gets another run's request refused too.
        """
        operation = operations.name(text)
        return self._repeated(text, variables, operation, grant=lambda: self._admitted(operation))

    def ask_budget(self) -> None:
        """Asks monday for the points left in its minute, at negligible cost."""
        self._repeated(operations.BUDGET, None, "", grant=lambda: NOTHING)

    def _repeated(
        self, text: str, variables: Mapping[str, Any] | None, operation: str, *, grant: Callable[[], Grant]
    ) -> dict[str, Any]:
        body = operations.body(text, variables)

        def once() -> dict[str, Any]:
            self.beat()
            paid = grant()
            started = self.clock.now()
            try:
                reply = self._transport.send(body)
            except Transient:
                self.pacer.lost(paid)
                raise
            self.request_id = reply.request_id
            self.pacer.learn(reply, operation=operation, seconds=self.clock.now() - started, grant=paid)
            return read_data(reply, text)

        return self.retrying()(once)

    def _admitted(self, operation: str) -> Grant:
        while not (grant := self.pacer.admit(operation, 1, whole=True)).rows:
            # In slices: an answer to another request, or another run, may bring news.
            self.wait(min(grant.wait_seconds, BUDGET_SLICE_SECONDS), BUDGET, of=grant.wait_seconds)
            self.beat()
        return grant

    def retrying(self, attempts: int | None = None) -> Retrying:
        """Retries a call that raises Transient, waiting as long as monday asks, else longer each time."""
        return Retrying(
            retry=retry_if_exception_type(Transient),
            wait=requested_wait,
            stop=stop_after_attempt(attempts or self._attempts),
            sleep=self.wait,
            before_sleep=_log_retry,
            reraise=True,
        )

    def wait(self, seconds: float, what: str = "", *, of: float | None = None) -> None:
        """Sleeps, in slices, so that leases are kept meanwhile; never longer than a quarter of an hour.

        `what` is waited for, and reported where the whole wait, `of`, is long; this may be a slice of it.
        """
        seconds = shapes.wait(seconds)
        self.usage.add(waited_seconds=seconds)
        while seconds > SLICE_SECONDS:
            self._say(seconds, what)
            self.clock.sleep(SLICE_SECONDS)
            self.beat()
            seconds -= SLICE_SECONDS
        self._say(of or seconds, what)
        self.clock.sleep(seconds)

    def _say(self, seconds: float, what: str) -> None:
        """One line each half minute at most."""
        now = self.clock.now()
        if what and seconds >= NOTICEABLE_SECONDS and now - self._said_at >= SILENT_SECONDS:
            self._said_at = now
            log.info("waiting %.0f s for %s", seconds, what, extra={"waits": True})

    def check_version(self) -> ApiVersion:
        """The version of monday's API in use, in one call.

        Raises Fatal if monday cannot be reached, refuses the token, or serves another version (silently).
        """

        def once() -> Reply:
            reply = self._transport.send(operations.body(operations.VERSION))
            read_data(reply, operations.VERSION)
            return reply

        try:
            reply = self.retrying(attempts=min(3, self._attempts))(once)
        except BoardRefused as error:
            # No board was asked for: the token as such may not.
            raise Fatal(
                f"{error} Check ORDER_SYNC_MONDAY_TOKEN. Nothing was written to the board.", error.why
            ) from error
        except Transient as error:
            step = next_step(error, str(self._transport.url))
            raise Fatal(f"{error}. {step} Nothing was written to the board.", error.why) from error
        self.pacer.learn(reply)
        if reply.sent_at is not None:
            self.clock_ahead = (reply.sent_at - datetime.now(UTC)).total_seconds()
        self.api_version = read_version(read_data(reply), self.wanted_version, reply.headers.get("api-version"))
        return self.api_version

    @property
    def wanted_version(self) -> str:
        """The version of monday's API that every request asks for."""
        return self._transport.version


class MondayClient(MondayReader):
    """Queries and mutations."""

    def mutate(
        self,
        body: str,
        *,
        idempotency_key: str,
        operation: str,
        rows: int,
        grant: Grant = NOTHING,
        last_check: Check = unchecked,
    ) -> Reply:
        """Sends a mutation once. Raises Transient if no answer came; the reply may hold any error.

        What `last_check` raises keeps it from leaving: it is the last thing that is called before the socket.
        """
        started = self.clock.now()
        try:
            reply = self._transport.send(body, idempotency_key=idempotency_key, last_check=last_check)
        except Transient:
            self.pacer.lost(grant)
            raise
        seconds = self.clock.now() - started
        self.pacer.learn(reply, operation=operation, rows=rows, seconds=seconds, grant=grant)
        self.usage.add(complexity=int(spent(reply)))
        return reply

    def upload(self, url: str, content: bytes, *, last_check: Check = unchecked) -> None:
        """Puts the file of a bulk import. Raises Transient if it was not taken, or that is unknown."""
        self._transport.upload(url, content, last_check=last_check)

    def download(self, url: str) -> str:
        """The report of a bulk import. Raises Transient if it cannot be had."""
        return self._transport.download(url)


_IN_A_QUERY = {"ResourceNotFoundException": NotFound, "InvalidColumnIdException": BoardRefused}


def read_data(reply: Reply, document: str | None = None) -> dict[str, Any]:
    """The data of a reply without errors; raises what its first error means, Transient where it is not what the
    document asked for.
    """
    errors = parse_errors(reply)
    if errors:
        if is_expired_cursor(errors[0]):
            raise CursorExpired(f"{errors[0].message} (request {reply.request_id or '-'})")
        meaning = classify(errors[0], reply)
        if isinstance(meaning, Rejected):
            # A query names columns of one board: one that is not there has been deleted since.
            kind = _IN_A_QUERY.get(meaning.code or "", Fatal)
            raise kind(
                f"{meaning} (in a query: nothing was written)", MondayFault.REFUSED if kind is Fatal else None
            ) from None
        raise meaning
    data = dict(reply.data or {})
    if document and (misfit := shapes.misfit(document, data)):
        raise Transient(
            f"monday's answer to {operations.name(document)} does not match the request: {misfit} "
            f"(request {reply.request_id or '-'})",
            MondayFault.ODD_ANSWER,
            code="odd_answer",
            request_id=reply.request_id,
        )
    return data


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0
    log.warning("attempt %d failed, retrying in %.1f s: %s", state.attempt_number, wait, error)
