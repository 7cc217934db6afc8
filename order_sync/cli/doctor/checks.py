"""In: checks by name, each with what it needs.
Out: what each of them found, and a line for those that could not be made.
Never: an end because one of them failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from order_sync.database.sql_server import reason
from order_sync.orders.errors import OrderSyncError
from order_sync.settings import Settings
from order_sync.text.known_secrets import mask


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One line: how something is, and what to do where it is not well."""

    level: Level
    check: str
    text: str


Found = Iterator[tuple[Level, str]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """`look` yields what it finds; an error that it raises is something that is wrong."""

    name: str
    look: Callable[[Settings], Found]
    needs: tuple[str, ...] = ()


def examine(settings: Settings, checks: Sequence[Check], said: Iterable[Result] = ()) -> Iterator[Result]:
    """The results, check by check. One is skipped if what it needs is wrong, or if it only repeats what is `said`."""
    failed: set[str] = set()
    before = {result.text: result.check for result in said}
    for check in checks:
        missing = next((name for name in check.needs if name in failed), None)
        if missing is not None:
            failed.add(check.name)
            yield Result(level=Level.SKIPPED, check=check.name, text=f"not checked: see {missing} above")
            continue
        for level, text in _guarded(check, settings):
            if level is Level.WRONG:
                failed.add(check.name)
            if level is Level.WRONG and text in before:
                yield Result(level=Level.SKIPPED, check=check.name, text=f"see {before[text]} above")
            else:
                before.setdefault(text, check.name)
                yield Result(level=level, check=check.name, text=text)


def _guarded(check: Check, settings: Settings) -> Found:
    try:
        yield from check.look(settings)
    except OrderSyncError as error:
        yield Level.WRONG, str(error)
    except SQLAlchemyError as error:
        yield Level.WRONG, f"the database reports: {mask(reason(error))}"
    except Exception as error:
        first = str(error).splitlines()[:1]
        yield Level.WRONG, mask(": ".join([type(error).__name__, *first]))
