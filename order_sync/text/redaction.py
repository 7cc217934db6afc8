"""Secrets out of texts that others wrote: an answer of monday, an error of a driver.

In: such a text, and the secrets that its reader works with. Out: the text with *** in their place, in every way in
which an error writes them. Never a secret of its own keeping for all: whoever holds one makes a `Redaction` of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
# Nothing this short is a secret that SQL Server or monday would take, and masking it would garble every message.
SHORTEST = 8
# What a login in a URL is written with, for who is shown that theirs was read otherwise.
ESCAPES = "%40 for @, %3A for :, %2F for /, %23 for #, %3F for ? and %25 for %"


class Redaction:
    """Masks these secrets, and is quiet about them."""

    def __init__(self, *secrets: str | None, exact: Iterable[str] = ()) -> None:
        """`exact` are masked however short they are, only as written."""
        written = {form for secret in secrets if secret and len(secret) >= SHORTEST for form in _forms(secret)}
        written |= set(exact)
        longest_first = sorted(written, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def concerns(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def value(self, value: Any) -> Any:
        """Decoded JSON, or the arguments of an error, with every text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(repr(value)) if self.concerns(repr(value)) else value
        if isinstance(value, dict):
            return {self.value(key): self.value(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.value(entry) for entry in value]
        return tuple(map(self.value, value)) if isinstance(value, tuple) else value

    def error(self, error: BaseException | None) -> None:
        """Masks an error and its causes in place: their type, and who may catch them, stay the same."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            error.args = self.value(error.args)
            error = error.__cause__ or error.__context__


def _forms(secret: str) -> set[str]:
    """As it is, as in a URL and in an ODBC connection string; each also inside of JSON or Python's repr, or of two."""
    forms = {secret, secret.replace("}", "}}")}
    forms |= {quote(secret, safe=""), quote(secret), quote(secret, safe=" +"), quote_plus(secret)}
    forms |= {form.replace("%", "%25") for form in forms}
    for _ in range(2):
        forms |= {escaped for form in forms for escaped in _escaped(form)}
    wide = repr(secret.encode("utf-16-le"))[2:-1]  # as drivers take a token
    return forms | {wide, wide.replace("\\", "\\\\")}


def _escaped(text: str) -> set[str]:
    """A text inside of a quoted one; which of the two quotes is escaped depends on what else stands there."""
    doubled = text.replace("\\", "\\\\")
    as_json = json.dumps(text)[1:-1]
    one = doubled.replace("'", "\\'")
    return {doubled, one, doubled.replace('"', '\\"'), one.replace('"', '\\"'), as_json, as_json.replace("/", "\\/")}
