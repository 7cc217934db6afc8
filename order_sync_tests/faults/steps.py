"""The external steps of a run: each SQL COMMIT of orders and each request to monday, before and after its effect.

In: what a run does to its database and to monday. Out: a call of `reach` at every step, which may die, stop or raise.
Hooks into the drivers (SQLAlchemy's dialect, httpx's transport): never into the product.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx
import sqlalchemy as sa

from order_sync_tests.model.recorder import about_to_commit, committed

DATABASE_FILE = "orders.db"
BUDGETS = "ORDER_SYNC_BUDGETS"
_OPERATION = re.compile(
    r"\b(create_\w+|change_\w+|move_item_to_group|archive_item|ingest_items|fetch_job_status"
    r"|bulk_archive_items|job_status|undo_action"
    r"|items_page_by_column_values|next_items_page|boards|items|version)\b"
)


def operation_of(content: bytes) -> str:
    """What a request asks of monday; empty if it is none of ours."""
    found = _OPERATION.search(content.decode())
    return found[0] if found else ""


_FILES = {"_uploads": "upload", "_reports": "report"}


class Where(StrEnum):
    """At what a run is."""

    BEFORE_COMMIT = "before COMMIT"
    AFTER_COMMIT = "after COMMIT"
    BEFORE_REQUEST = "before request"
    AFTER_ANSWER = "after answer"

    @property
    def is_sql(self) -> bool:
        return self in (Where.BEFORE_COMMIT, Where.AFTER_COMMIT)

    @property
    def took_effect(self) -> bool:
        return self in (Where.AFTER_COMMIT, Where.AFTER_ANSWER)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; `what` is the request's operation, or empty."""

    number: int
    where: Where
    what: str = ""

    @property
    def alters(self) -> bool:
        """A request that changes, moves or cancels what is there."""
        return self.what.startswith(("change_", "move_", "archive_", "bulk_archive_"))

    @property
    def writes(self) -> bool:
        """A request that makes or alters rows, or sets off a job that does."""
        return self.alters or self.what.startswith("create_") or self.what in ("ingest_items", "upload")

    def __str__(self) -> str:
        return f"step {self.number} ({self.where} {self.what}".rstrip() + ")"


class Steps:
    """Numbers the steps of one run and reports each to `strike`."""

    def __init__(self, strike: Callable[[Step], None] = lambda step: None) -> None:
        self.seen: list[Step] = []
        self._strike = strike
        self._lock = threading.Lock()

    def reach(self, where: Where, what: str = "") -> None:
        """Threads reach their steps in any order; each has its number when it comes."""
        with self._lock:
            step = Step(number=len(self.seen), where=where, what=what)
            self.seen.append(step)
            self.keep(step)
        self._strike(step)

    def keep(self, step: Step) -> None:
        """A step that was reached."""


class Transactions:
    """Which threads are in one that writes: a thread stopped there keeps SQLite's one lock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[int] = set()

    def begin(self) -> None:
        with self._changed:
            self._open.add(threading.get_ident())

    def end(self) -> None:
        with self._changed:
            self._open.discard(threading.get_ident())
            self._changed.notify_all()

    @contextmanager
    def none_open(self) -> Iterator[None]:
        """Waits until no other thread is in one, and lets none begin."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open - {threading.get_ident()})
            yield


transactions = Transactions()
recorded = threading.RLock()  # no thread dies between the COMMIT of another one and the record of it


class _Thread(threading.local):
    """What a thread's transaction is about."""

    wrote_budget = False
    wrote_more = False


# An engine lives as long as the process, and with it what watches its COMMITs: it has to find the steps of now.
this_thread = _Thread()
current = [Steps()]


@contextmanager
def watching(steps: Steps) -> Iterator[Steps]:
    """Every step of this process goes through `steps` until the block ends."""

    def on_connect(dialect: Any, _record: Any, arguments: Any, _parameters: Any) -> None:
        if str(arguments[0]).split("?")[0].endswith(DATABASE_FILE) and "do_commit" not in vars(dialect):
            commit, roll_back = dialect.do_commit, dialect.do_rollback

            def commit_on_record(connection: Any) -> None:
                with recorded:
                    about_to_commit(connection)
                    commit(connection)
                    committed(connection)
                transactions.end()

            def do_commit(connection: Any) -> None:
                if this_thread.wrote_budget and not this_thread.wrote_more:
                    commit_on_record(connection)
                    return
                current[0].reach(Where.BEFORE_COMMIT)
                commit_on_record(connection)
                current[0].reach(Where.AFTER_COMMIT)

            def do_rollback(connection: Any) -> None:
                roll_back(connection)
                transactions.end()

            dialect.do_commit, dialect.do_rollback = do_commit, do_rollback

    # How often a run writes nothing but the account's budget is a matter of how fast it goes, and no order depends on
    # it: no step.
    def on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            this_thread.wrote_budget |= BUDGETS in statement
            this_thread.wrote_more |= BUDGETS not in statement

    def on_begin(_connection: Any) -> None:
        this_thread.wrote_budget = this_thread.wrote_more = False
        transactions.begin()  # before the product's own BEGIN, which listens to an engine and not to all

    send = httpx.HTTPTransport.handle_request

    def handle_request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        root = request.url.path.split("/")[1]
        if root != "v2" and root not in _FILES:
            return send(self, request)  # the emulator's own controls
        what = operation_of(request.content) if root == "v2" else _FILES[root]
        current[0].reach(Where.BEFORE_REQUEST, what)
        response = send(self, request)
        try:
            response.read()
            current[0].reach(Where.AFTER_ANSWER, what)
        except BaseException:
            response.close()
            raise
        return response

    current[0] = steps
    sa.event.listen(sa.Engine, "do_connect", on_connect)
    sa.event.listen(sa.Engine, "begin", on_begin)
    sa.event.listen(sa.Engine, "before_cursor_execute", on_statement)
    httpx.HTTPTransport.handle_request = handle_request  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        sa.event.remove(sa.Engine, "do_connect", on_connect)
        sa.event.remove(sa.Engine, "begin", on_begin)
        sa.event.remove(sa.Engine, "before_cursor_execute", on_statement)
        httpx.HTTPTransport.handle_request = send  # type: ignore[method-assign]
        current[0] = Steps()
