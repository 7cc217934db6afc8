"""Masks given secrets in text from others: an answer from monday, an error from a driver.

In: a text and the secrets. Out: the text with *** in their place, in every form in which an error may quote them.
Never keeps a secret globally: each `Redaction` has its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
# Shorter texts are not secrets that SQL Server or monday accept, and masking them would garble every message.
SHORTEST = 8
# The escapes for user and password in a URL, for the message about a URL that was parsed wrongly.
ESCAPES = "%40 for @, %3A for :, %2F for /, %23 for #, %3F for ? and %25 for %"


class Redaction:
    """Masks the given secrets in texts and errors."""

    def __init__(self, *secrets: str | None, exact: Iterable[str] = ()) -> None:
        """`exact` are masked at any length, but only as written."""
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
        """Masks an error and its causes in place; their types stay the same."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            error.args = self.value(error.args)
            error = error.__cause__ or error.__context__


def _forms(secret: str) -> set[str]:
    """The secret as written, in a URL and in an ODBC connection string; each also nested in JSON or Python's repr."""
    forms = {secret, secret.replace("}", "}}")}
    forms |= {quote(secret, safe=""), quote(secret), quote(secret, safe=" +"), quote_plus(secret)}
    forms |= {form.replace("%", "%25") for form in forms}
    for _ in range(2):
        forms |= {escaped for form in forms for escaped in _escaped(form)}
    wide = repr(secret.encode("utf-16-le"))[2:-1]  # the form in which drivers take a token
    return forms | {wide, wide.replace("\\", "\\\\")}


def _escaped(text: str) -> set[str]:
    """A text inside a quoted one; which quotes are escaped depends on the rest of the text."""
    doubled = text.replace("\\", "\\\\")
    as_json = json.dumps(text)[1:-1]
    one = doubled.replace("'", "\\'")
    return {doubled, one, doubled.replace('"', '\\"'), one.replace('"', '\\"'), as_json, as_json.replace("/", "\\/")}
