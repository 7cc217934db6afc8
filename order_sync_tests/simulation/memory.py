"""Remembers the SQL that the product builds: a world has hundreds of statements, and every world has the same.

In: nothing. Out: the product's pure functions from tables to SQL, each called once for the same arguments.
Changes nothing that is executed: a test plays worlds with it and without it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import sqlalchemy as sa

from order_sync.database import cancelled, conditions, guid, row_versions
from order_sync_tests.simulation.virtual_time import standing_in

PLAIN = frozenset({str, int, float, bool, type(None)})
BUILDERS = (conditions, guid, cancelled, row_versions)


@contextmanager
def remembered() -> Iterator[None]:
    """Wherever a module of the product has one of these functions, it has the one that remembers."""
    functions = [
        function
        for module in BUILDERS
        for function in vars(module).values()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and _builds_sql(function)
    ]
    with (
        standing_in([(function, _remembering(function)) for function in functions]),
        mock.patch.object(sa.FromClause, "alias", _remembering(sa.FromClause.alias)),
    ):
        yield


def _builds_sql(function: Any) -> bool:
    return "ColumnElement" in str(inspect.signature(function).return_annotation) and not hasattr(function, "cache_info")


def _remembering(function: Any) -> Any:
    made: dict[Any, Any] = {}

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        # By identity: SQL's own == makes SQL. The arguments are kept, so that no other can take their place.
        key = (*map(_key, arguments), *((name, _key(value)) for name, value in named.items()))
        if key not in made:
            made[key] = (function(*arguments, **named), arguments, named)
        return made[key][0]

    return call


def _key(value: Any) -> Any:
    return value if type(value) in PLAIN else id(value)
