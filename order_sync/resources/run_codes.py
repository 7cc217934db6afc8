"""The codes of a run as tags in Dagster, so that runs can be found by code.

In: the error that stopped a run, or the reasons of the rows that it rejected or left. Out: a tag for each code, such as
`order_sync/OS-406` with the number of rows, or `failed`. A tag that cannot be written never fails a run.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg

from order_sync.database.held import HeldOrder
from order_sync.orders.catalogue import code_in, codes_in, count_codes
from order_sync.orders.codes import Code, Rule
from order_sync.orders.errors import own_error

PREFIX = "order_sync/"
FAILED = "failed"
OPEN = "order_sync/open"  # tag: the codes of all orders that wait for a person, such as OS-406:2

log = logging.getLogger("order_sync.runs")


def tag_reasons(instance: dg.DagsterInstance, run_id: str, reasons: Iterable[str | None]) -> None:
    """A tag for each code that the reasons begin with, and how many there are."""
    _tag(instance, run_id, {code: str(count) for code, count in count_codes(reasons).items()})


def tag_open(instance: dg.DagsterInstance, run_id: str, held: Iterable[HeldOrder]) -> None:
    """A tag with the codes of all orders that need a person after the run, of earlier runs too."""
    waiting = [order for order in held if order.needs_a_person]
    # What an order with a rejected row is held by is the rejection.
    codes = Counter(
        next((code for code in codes_in(order.reason) if isinstance(code, Rule)), order.cause) for order in waiting
    )
    _add(
        instance, run_id, {OPEN: " ".join(f"{code}:{count}" for code, count in sorted(codes.items()))} if codes else {}
    )


@contextmanager
def tags_failure(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Tags the run with the code of an error that is raised before its first step, where no hook is called."""
    try:
        yield
    except Exception as error:
        _tag_error(instance, run_id, error)
        raise


@dg.failure_hook(name="tag_failure")
def tag_failure(context: dg.HookContext) -> None:
    """Tags the run with the code of the error that a step failed with."""
    if context.op_exception is not None:
        _tag_error(context.instance, context.run_id, context.op_exception)


def _tag_error(instance: dg.DagsterInstance, run_id: str, error: BaseException) -> None:
    ours = own_error(error)
    code = ours.why if ours else code_in(str(getattr(error, "description", "")))
    if code is not None:
        _tag(instance, run_id, {code: FAILED})


def _tag(instance: dg.DagsterInstance, run_id: str, codes: Mapping[Code, str]) -> None:
    _add(instance, run_id, {PREFIX + code: said for code, said in codes.items()})


def _add(instance: dg.DagsterInstance, run_id: str, tags: Mapping[str, str]) -> None:
    if not tags:
        return
    try:
        instance.add_run_tags(run_id, dict(tags))
    except Exception as error:
        log.warning("run %s could not be tagged with its codes: %s", run_id, error)
