"""Masks the secrets of this process in everything that it outputs.

In: the environment (settings, proxies, other programs' passwords) and settings given as arguments. Out: text with ***.
Masks a secret by its value, in every form that a library may print, including parts of a URL that was parsed wrongly.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from order_sync.text.logins import login_of, passwords_in
from order_sync.text.redaction import SHORTEST, Redaction

_PROXY = re.compile(r"\w+_PROXY", re.IGNORECASE)
_NAMED = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|WEBHOOK|API_?KEY|CREDENTIAL", re.IGNORECASE)
_NO_SECRET = re.compile(r".*(_FILE|_PATH|_DIR)|NO_PROXY", re.IGNORECASE)
_QUERY = re.compile(r"pwd|passw|token|secret|sig|key|code", re.IGNORECASE)
_ADDRESSES = ("_URL", "_DSN")
_EXAMPLES = {"PASSWORD"}  # the placeholder of .env.example
_TOKEN = 10  # characters; shorter parts of the address of a channel are words such as `#orders`
_PATH_PART = 16  # characters; shorter parts of a webhook's path are words such as `workflows`

_given: set[tuple[str, str]] = set()
_held: ContextVar[Redaction | None] = ContextVar("held", default=None)


def remember(name: str, value: str) -> None:
    """Registers a secret that is not in the environment, under the name of its setting."""
    _given.add((name.upper(), value))


def mask(text: str) -> str:
    """The text without any secret of this process."""
    return _redaction().text(text)


def mask_value(value: Any) -> Any:
    return _redaction().value(value)


@contextmanager
def masked_errors() -> Iterator[None]:
    """Masks secrets in the arguments of errors raised in the block, and of their causes; the types stay the same."""
    try:
        yield
    except Exception as error:
        _redaction().error(error)
        raise


def mask_logs() -> None:
    """Masks every log record of this process, including those of libraries, before any handler gets it."""
    make = logging.getLogRecordFactory()
    if getattr(make, "masks", False):
        return

    def masked(*args: Any, **more: Any) -> logging.LogRecord:
        record = make(*args, **more)
        redaction = _redaction()
        with suppress(Exception):  # the handler reports a record that cannot be formatted
            text = record.getMessage()
            if redaction.concerns(text):
                record.msg, record.args = redaction.text(text), None
        if record.exc_info and record.exc_info[1] is not None:
            redaction.error(record.exc_info[1])
        return record

    masked.masks = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(masked)


def secrets_in(name: str, value: str) -> Iterator[str]:
    """The secret parts of a variable's value: all of it, or parts of a URL."""
    is_address = _PROXY.fullmatch(name) or name.upper().endswith(_ADDRESSES)
    if "NOTIFY_URLS" in name.upper():
        yield from _parts_of_addresses(value)
        return
    if "://" not in value and not is_address:
        yield value
        return
    authority = value.partition("://")[2] or value
    user, password, after = login_of(value)
    yield password or user
    # A URL that was parsed wrongly is shown in parts, split at the characters that misled the parser.
    yield from re.split(r"[@/?#:]", password)
    _, _, query = after.partition("?")
    for text in (unquote_plus(query), unquote(query)):
        for found in passwords_in(text, until=";&", names="PWD|PASSWORD|AccessToken"):
            yield found
            yield quote(found, safe="")  # its form in odbc_connect
    for key, given in parse_qsl(query):
        if _QUERY.search(key):
            yield given
    if "WEBHOOK" in name.upper():
        yield value
        path = "/" + authority.partition("/")[2]
        if len(path) > _PATH_PART:
            yield path
        yield from (part for part in re.split(r"[/?&=#]", path) if len(part) >= _PATH_PART)


def _parts_of_addresses(value: str) -> Iterator[str]:
    """Of addresses of apprise: their tokens may be the user, the host, or a part of the path or of the query."""
    for address in re.split(r"[\s,]+(?=[\w.+-]+://)|\s+", value):
        _, password, _ = login_of(address)
        yield from (part for part in (address, password) if part)
        body = address.partition("://")[2]
        found = [part for part in re.split(r"[/?&=#@:]", body) if len(part) >= _TOKEN]
        yield from (part for part in found if not re.fullmatch(r"[\w-]+(\.[a-z][\w-]*)+", part))  # not a host's name


@contextmanager
def environment_as_it_is() -> Iterator[None]:
    """Reads the environment once for the block: a table is printed in thousands of pieces."""
    before = _held.set(_redaction())
    try:
        yield
    finally:
        _held.reset(before)


def _redaction() -> Redaction:
    if held := _held.get():
        return held
    variables = ((name, value) for name, value in os.environ.items() if value and _may_hold_one(name, "://" in value))
    return _made(frozenset({*variables, *_given}))


@lru_cache(maxsize=1024)
def _may_hold_one(name: str, is_url: bool) -> bool:
    if _NO_SECRET.fullmatch(name):
        return False
    ours = name.upper().startswith("ORDER_SYNC_") and is_url
    return bool(ours or _PROXY.fullmatch(name) or _NAMED.search(name) or name.upper().endswith(_ADDRESSES))


@lru_cache(maxsize=8)
def _made(variables: frozenset[tuple[str, str]]) -> Redaction:
    found: set[str] = set()
    for name, value in variables:
        for secret in secrets_in(name, value):
            found |= {secret, unquote(secret), unquote_plus(secret)} - _EXAMPLES
    # A short secret is masked only in the position of a password: elsewhere it may be an ordinary word.
    short = {form for secret in found if 0 < len(secret) < SHORTEST for form in (f":{secret}@", f"PWD={secret}")}
    return Redaction(*found, exact=short)
