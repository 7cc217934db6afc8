"""In: conditions on the items of a board, as `ItemsQuery` or pairs of a column and its values.
Out: one test of an item for each.
Never: a condition that monday would refuse treated as one that no item fulfils."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from order_sync.emulator.columns import Column, text
from order_sync.emulator.errors import invalid_argument, invalid_column
from order_sync.emulator.state import Board, Item

VALUES_LIMIT = 100

Test: TypeAlias = Callable[[Item], bool]

#: What monday knows of every item without a column for it.
LOGS: Final[Mapping[str, Callable[[Item], float]]] = {
    "__creation_log__": lambda item: item.created,
    "__last_updated__": lambda item: item.updated,
}
_COMPARES: Final[Mapping[str, Callable[[Any, Any, Any], bool]]] = {
    "greater_than": lambda value, first, _last: value > first,
    "greater_than_or_equals": lambda value, first, _last: value >= first,
    "lower_than": lambda value, first, _last: value < first,
    "lower_than_or_equal": lambda value, first, _last: value <= first,
    "between": lambda value, first, last: first <= value <= last,
}
_MEASURES: Final[Mapping[str, Callable[[str], Any]]] = {
    "numbers": Decimal,
    "date": lambda written: date.fromisoformat(written[:10]),
}


def column_tests(board: Board, wanted: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Test]:
    for column_id, values in wanted:
        if not 1 <= len(values) <= VALUES_LIMIT:
            raise invalid_argument(f"a column takes 1 to {VALUES_LIMIT} values", column_id=column_id)
        yield _text_in(board, column_id, frozenset(value or "" for value in values))


def query_tests(board: Board, query: Mapping[str, Any] | None, now: float) -> Iterator[Test]:
    if not query:
        return
    if query.get("ids") is not None:
        ids = {str(identity) for identity in query["ids"]}
        if len(ids) > VALUES_LIMIT:
            raise invalid_argument(f"query_params.ids takes at most {VALUES_LIMIT} ids")
        yield lambda item: str(item.id) in ids
    rules = [_rule_test(board, rule, now) for rule in query.get("rules") or ()]
    if rules and query.get("operator") == "or":
        yield lambda item: any(rule(item) for rule in rules)
    else:
        yield from rules


def _rule_test(board: Board, rule: Mapping[str, Any], now: float) -> Test:
    column_id, operator = str(rule["column_id"]), rule.get("operator", "any_of")
    compare = rule["compare_value"]
    values = [str(value) for value in (compare if isinstance(compare, list) else [compare])]
    if column_id in LOGS or operator in _COMPARES:
        return _compares(board, column_id, operator, values, now)
    match operator:
        case "any_of" | "not_any_of":
            test = _any_of(board, column_id, values)
            return test if operator == "any_of" else lambda item: not test(item)
        case "contains_text":
            read = _reader(board, column_id)
            needle = " ".join(values).casefold()
            return lambda item: needle in read(item).casefold()
        case _:
            read = _reader(board, column_id)
            empty = operator == "is_empty"
            return lambda item: (read(item) == "") is empty


def _compares(board: Board, column_id: str, operator: str, values: list[str], now: float) -> Test:
    """Of numbers and of days, those of an item's creation and last update among them."""
    read = _measure(board, column_id)
    wanted = _wanted(board, column_id, values, now)
    first, last = (wanted[0], wanted[-1]) if wanted else (None, None)
    if operator in ("any_of", "not_any_of"):
        return lambda item: (read(item) in wanted) is (operator == "any_of")
    holds = _COMPARES.get(operator)
    if holds is None or len(wanted) != (2 if operator == "between" else 1):
        raise invalid_argument(f"{operator} does not compare {column_id} with these values", column_id=column_id)
    return lambda item: (value := read(item)) is not None and holds(value, first, last)


def _measure(board: Board, column_id: str) -> Callable[[Item], Any]:
    if column_id in LOGS:
        moment = LOGS[column_id]
        return lambda item: datetime.fromtimestamp(moment(item), UTC).date()
    column = board.columns.get(column_id)
    if column is None:
        raise invalid_column(column_id)
    read = _MEASURES.get(column.type)
    if read is None:
        raise invalid_argument(f"A column of type {column.type} has no greater or lower values", column_id=column_id)
    return lambda item: None if (value := item.values.get(column_id)) is None else read(value)


def _wanted(board: Board, column_id: str, values: list[str], now: float) -> list[Any]:
    """Days are given as EXACT and a day, or by a word; a moment of a day is refused, as monday compares days."""
    today = datetime.fromtimestamp(now, UTC).date()
    days = {"TODAY": today, "YESTERDAY": today - timedelta(days=1)}
    try:
        if column_id not in LOGS and board.columns[column_id].type == "numbers":
            return [_finite(value) for value in values]
        written = values[1:] if values[:1] == ["EXACT"] else values
        return [days.get(value) or date.fromisoformat(value) for value in written]
    except (ValueError, InvalidOperation):
        raise invalid_argument("compare_value holds neither a day nor a number", column_id=column_id) from None


def _finite(written: str) -> Decimal:
    number = Decimal(written)
    if not number.is_finite():
        raise ValueError(written)
    return number


def _any_of(board: Board, column_id: str, values: list[str]) -> Test:
    """Groups are compared by id, labels by index (as monday does in query_params), all else by text."""
    wanted = frozenset(values)
    column = board.columns.get(column_id)
    if column_id == "group":
        return lambda item: item.group.id in wanted
    if column is not None and column.type == "status":
        return lambda item: str(item.values.get(column_id)) in wanted
    if column is not None and column.type == "dropdown":
        return lambda item: not wanted.isdisjoint(map(str, item.values.get(column_id) or ()))
    return _text_in(board, column_id, wanted)


def _text_in(board: Board, column_id: str, wanted: frozenset[str]) -> Test:
    column = board.columns.get(column_id)
    if column is not None and column.type == "text":
        # The way uuids are looked up: no call for each of 34,000 rows.
        return lambda item: item.values.get(column_id, "") in wanted
    read = _reader(board, column_id)
    return lambda item: read(item) in wanted


def _reader(board: Board, column_id: str) -> Callable[[Item], str]:
    if column_id == "name":
        return lambda item: item.name
    column = board.columns.get(column_id)
    if column is None or column.type == "subtasks":
        raise invalid_column(column_id)
    return lambda item: _text(column, item)


def _text(column: Column, item: Item) -> str:
    return text(column, item.values.get(column.id)) or ""
