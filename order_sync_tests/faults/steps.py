"""The external steps of a run: each SQL COMMIT and each request to monday, before and after its effect.

In: what a run does to its database and to monday. Out: a call of `reach` at every step, which may die, stop or raise.
Hooks into the drivers (SQLAlchemy's dialect, httpx's transport): never into the product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx
import sqlalchemy as sa

DATABASE_FILE = "orders.db"
_OPERATION = re.compile(r"\b(create_\w+|items_page_by_column_values|next_items_page|boards|items|version)\b")


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

    def __str__(self) -> str:
        return f"step {self.number} ({self.where} {self.what}".rstrip() + ")"


class Steps:
    """Numbers the steps of one run and tells `strike` of each."""

    def __init__(self, strike: Callable[[Step], None] = lambda step: None) -> None:
        self.seen: list[Step] = []
        self._strike = strike

    def reach(self, where: Where, what: str = "") -> None:
        step = Step(number=len(self.seen), where=where, what=what)
        self.seen.append(step)
        self._strike(step)


@contextmanager
def watching(steps: Steps) -> Iterator[Steps]:
    """Every step of this process goes through `steps` until the block ends."""

    def on_connect(dialect: Any, _record: Any, arguments: Any, _parameters: Any) -> None:
        if str(arguments[0]).split("?")[0].endswith(DATABASE_FILE) and "do_commit" not in vars(dialect):
            commit = dialect.do_commit

            def do_commit(connection: Any) -> None:
                current[0].reach(Where.BEFORE_COMMIT)
                commit(connection)
                current[0].reach(Where.AFTER_COMMIT)

            dialect.do_commit = do_commit

    send = httpx.HTTPTransport.handle_request

    def handle_request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/v2":
            return send(self, request)  # the emulator's own controls
        found = _OPERATION.search(request.content.decode())
        what = found[0] if found else ""
        current[0].reach(Where.BEFORE_REQUEST, what)
        response = send(self, request)
        try:
            response.read()
            current[0].reach(Where.AFTER_ANSWER, what)
        except BaseException:
            response.close()
            raise
        return response

    current = [steps]
    sa.event.listen(sa.Engine, "do_connect", on_connect)
    httpx.HTTPTransport.handle_request = handle_request  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        sa.event.remove(sa.Engine, "do_connect", on_connect)
        httpx.HTTPTransport.handle_request = send  # type: ignore[method-assign]
        current[0] = Steps()
