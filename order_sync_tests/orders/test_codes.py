"""Every error, rejection and held order has a code, every code has an answer, and none is without use."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import order_sync
from order_sync.orders.catalogue import CATALOGUE, code_in, find, list_codes, what_to_do
from order_sync.orders.codes import MONDAYS, Cause, Code, Rule
from order_sync.orders.errors import BoardRefused, ConfigurationError, OrderSyncError, Rejected, Transient
from order_sync.orders.faults import RunFault, SettingsFault
from order_sync.orders.monday_faults import MondayFault

PACKAGE = Path(order_sync.__file__).parent
CODES = [code for codes in CATALOGUE.values() for code in codes]


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("emulator/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def family(of: type[OrderSyncError]) -> Iterator[type[OrderSyncError]]:
    yield of
    for each in of.__subclasses__():
        yield from family(each)


def errors() -> dict[str, type[OrderSyncError]]:
    """The classes of errors by name, once every module is imported."""
    for module in pkgutil.walk_packages(order_sync.__path__, "order_sync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {each.__name__: each for each in family(OrderSyncError) if each.__module__.startswith("order_sync.")}


def has_code(call: ast.Call, of: type[OrderSyncError]) -> bool:
    names = {keyword.arg for keyword in call.keywords}
    if issubclass(of, Rejected):
        return bool(names & {"code", "missing"})
    return of.why is not OrderSyncError.why or len(call.args) > 1 or "why" in names


def test_every_error_in_the_sources_has_a_code() -> None:
    known = errors()
    found = [
        (name, call)
        for name, tree in sources()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in known
    ]
    assert len(found) > 100
    without = [
        f"{name}:{call.lineno}"
        for name, call in found
        if isinstance(call.func, ast.Name) and not has_code(call, known[call.func.id])
    ]
    assert without == []


def test_an_error_without_a_code_is_found() -> None:
    calls = [node for node in ast.walk(ast.parse("Fatal('text'); Fatal('text', code)")) if isinstance(node, ast.Call)]
    assert [has_code(call, errors()["Fatal"]) for call in calls] == [False, True]
    [call] = [node for node in ast.walk(ast.parse("Rejected('text')")) if isinstance(node, ast.Call)]
    assert not has_code(call, Rejected)


def test_every_code_is_used_by_the_sources() -> None:
    used = {
        (node.value.id, node.attr)
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    used |= {("Rule", attribute) for name, attribute in used if name == "cls"}
    assert [code for code in CODES if (type(code).__name__, code.name) not in used] == []


def test_codes_are_unique_and_in_order() -> None:
    assert [code for code in CODES if not re.fullmatch(r"OS-[1-6]\d\d", code)] == []
    assert len(set(CODES)) == len(CODES)
    for codes in CATALOGUE.values():
        assert list(codes) == sorted(codes)


@pytest.mark.parametrize("code", CODES)
def test_a_code_says_what_happened_and_what_to_do(code: Code) -> None:
    assert not code.heading.endswith(".")
    for text in (code.happened, code.did, what_to_do(code)):
        assert re.fullmatch(r"[A-Zm`{].{15,}\.", text), text
        assert "{" not in what_to_do(code)


def test_the_code_is_the_beginning_of_the_message() -> None:
    error = ConfigurationError("Set it.", SettingsFault.INVALID)
    assert (str(error), error.message, code_in(str(error))) == ("OS-101: Set it.", "Set it.", SettingsFault.INVALID)
    assert str(BoardRefused(str(error))) == "OS-313: Set it."
    assert str(Transient("no answer", MondayFault.NO_ANSWER)) == "OS-302: no answer"
    assert OrderSyncError("x").why is RunFault.UNEXPECTED
    assert code_in("OS-999: nothing") is None
    assert code_in("no code") is None


def test_a_rejection_has_the_code_of_its_rule() -> None:
    assert str(Rejected("no size", code=Rule.NO_SIZE)) == "OS-403: no size"
    assert str(Rejected("refused", code="ColumnValueException")) == "OS-451: refused"
    assert Rejected("refused", code="BrandNewException").why is Rule.OTHER
    assert all(rule.is_mondays for rule in MONDAYS.values())
    assert not Rule.ITEM_DELETED.is_mondays


def test_a_rule_of_an_earlier_log_is_known() -> None:
    assert Rule.of("no_size") is Rule.NO_SIZE
    assert Rule.of("item_deleted") is Rule.ITEM_DELETED


def test_a_code_is_found_as_people_type_it() -> None:
    assert find("os-501") is find("501") is find(" OS-501 ") is Cause.NO_RECORD_UUID
    assert find("0501") is None


def test_codes_are_listed_by_their_number() -> None:
    assert list_codes(["OS-403: a", "OS-406: b", None, "OS-406: c", "no code"]) == "OS-406: 2, OS-403: 1"
