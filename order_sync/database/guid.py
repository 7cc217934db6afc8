"""uuids in the tables: one key for one uuid, however a row spells it.

In: uniqueidentifier columns, and on SQLite text that other programs wrote. Out: lower-case text with dashes in Python.
SQLite compares text by its spelling, so there both sides of a comparison become the 32 digits, which the indexes hold,
too: a row in upper case, in braces or without dashes is found by the same seek, and none is ever rewritten.
"""

from __future__ import annotations

import operator
import re
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import in_op, not_in_op
from sqlalchemy.types import TypeDecorator, TypeEngine

from order_sync.database.built_once import built_once

_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGITS = re.compile(r"[0-9a-f]{32}")
_USUAL = "-".join("[0-9a-f]" * length for length in (8, 4, 4, 4, 12))  # for GLOB
_WITH_DASHES = "-".join("?" * length for length in (8, 4, 4, 4, 12))
_COMPARISONS = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, in_op, not_in_op)


def canonical(value: Any) -> str:
    """A uuid as lower-case text with dashes. Text that is not a uuid is unchanged."""
    text = str(value)
    if _CANONICAL.fullmatch(text):
        return text
    digits = _digits(text)
    if not _DIGITS.fullmatch(digits):
        return text
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def is_uuid(value: Any) -> bool:
    """Whether the value, as `canonical` gives it, is a uuid."""
    return isinstance(value, str) and _CANONICAL.fullmatch(value) is not None


def _digits(text: str) -> str:
    return text.strip(" ").lower().replace("-", "").replace("{", "").replace("}", "")


class Guid(TypeDecorator[str]):
    """A uniqueidentifier, as lower-case text with dashes in Python. SQLite keeps text, in any spelling.

    Compare it with values and with other columns; with a sub-query only by EXISTS.
    """

    impl = sa.Uuid
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        """Compares keys, not spellings."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> sa.ColumnElement[Any]:
            if op in _COMPARISONS:
                return op(uuid_key(self.expr), *(_keyed(value) for value in other), **kwargs)  # type: ignore[no-any-return]
            return super().operate(op, *other, **kwargs)

    comparator_factory = Comparator

    def __init__(self) -> None:
        super().__init__(as_uuid=False)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mssql":
            return dialect.type_descriptor(mssql.UNIQUEIDENTIFIER(as_uuid=False))
        return dialect.type_descriptor(sa.String(36))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | UUID | None:
        if value is None:
            return None
        text = canonical(value)
        if dialect.name == "mssql" and is_uuid(text):
            return UUID(text)  # which the driver sends as a uniqueidentifier; of anything else the server complains
        return text

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return canonical(value) if value is not None else None


class _Key(Guid):
    """What `uuid_key` is compared with."""

    cache_ok = True
    comparator_factory = TypeDecorator.Comparator  # type: ignore[assignment]

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | UUID | None:
        if value is None or dialect.name == "mssql":
            return super().process_bind_param(value, dialect)
        return _digits(str(value))


class uuid_key(FunctionElement[str]):
    """A uuid as the tables' indexes have it: the same for every spelling. Group, order and count by this."""

    inherit_cache = True
    type = _Key()

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        super().__init__(column)


@compiles(uuid_key)
def _plain(element: uuid_key, compiler: Any, **kwargs: Any) -> str:
    return str(compiler.process(_of(element), **kwargs))


@compiles(uuid_key, "sqlite")
def _digits_only(element: uuid_key, compiler: Any, **kwargs: Any) -> str:
    column = compiler.process(_of(element), **kwargs)
    return f"lower(replace(replace(replace(trim({column}), '-', ''), '{{', ''), '}}', ''))"


class loose_key(uuid_key):
    """The same where SQLite had better not read the whole index for its order, but the few rows of a condition."""

    inherit_cache = True


@compiles(loose_key, "sqlite")
def _beside_the_index(element: loose_key, compiler: Any, **kwargs: Any) -> str:
    column = compiler.process(_of(element), **kwargs)
    usual = f"lower(replace({column}, '-', ''))"  # no blanks and braces around it: of many rows it costs half
    return f"CASE WHEN {column} GLOB '{_WITH_DASHES}' THEN {usual} ELSE {_digits_only(element, compiler, **kwargs)} END"


@built_once
def no_uuid(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a uuid column has none: NULL or, where the database takes any text, something else."""
    return sa.or_(column.is_(None), _misspelt(column) == sa.literal_column("1"))


class _misspelt(FunctionElement[int]):
    """1 where the value is no uuid in any spelling."""

    inherit_cache = True
    type = sa.Integer()

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        super().__init__(column)


@compiles(_misspelt)
def _never(element: _misspelt, compiler: Any, **kwargs: Any) -> str:
    return "0"  # a uniqueidentifier holds nothing else


@compiles(_misspelt, "sqlite")
def _is_other_text(element: _misspelt, compiler: Any, **kwargs: Any) -> str:
    key = _digits_only(uuid_key(_of(element)), compiler, **kwargs)
    column = compiler.process(_of(element), **kwargs)
    slow = f"typeof({column}) <> 'text' OR length({key}) <> 32 OR {key} GLOB '*[^0-9a-f]*'"
    return f"CASE WHEN {column} GLOB '{_USUAL}' THEN 0 ELSE {slow} END"


def _of(element: FunctionElement[Any]) -> sa.ColumnElement[Any]:
    (column,) = element.clauses
    return column


def _keyed(value: Any) -> Any:
    """The other side of a comparison: a column by its key, a value as SQLAlchemy binds it."""
    if isinstance(value, sa.SelectBase):
        raise TypeError(
            "Compare a uuid with a subquery by EXISTS: IN would compare spellings, and a NULL makes NOT IN empty."
        )
    if isinstance(value, sa.BindParameter) or not isinstance(getattr(value, "type", None), Guid):
        return value
    return value if isinstance(value, uuid_key) else uuid_key(value)
