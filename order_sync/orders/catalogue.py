"""All codes in one list, and the answer to each as text.

In: a code. Out: the lines that `order-sync explain` prints and docs/errors.md contains.
Reads nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from order_sync.orders.codes import RETRY, Cause, Code, Delay, Rule
from order_sync.orders.faults import DatabaseFault, RunFault, SettingsFault
from order_sync.orders.monday_faults import MondayFault
from order_sync.text.sentence import as_sentence

CATALOGUE: Mapping[str, tuple[Code, ...]] = {
    "Settings, files and the mapping": tuple(SettingsFault),
    "The database": tuple(DatabaseFault),
    "monday and the network": tuple(MondayFault),
    "Rejected rows": tuple(Rule),
    "Held orders": (*Cause, *Delay),
    "Runs and commands": tuple(RunFault),
}
TABLES: Mapping[str, str] = {
    "headers": "ORDER_LIST_DELTA",
    "lines": "ORDER_LIST_LINES_DELTA",
    "orders": "ORDER_LIST",
    "order_lines": "ORDER_LIST_LINES",
}


def find(text: str) -> Code | None:
    """The code as people type it: os-401, 401."""
    wanted = text.strip().upper().removeprefix("OS-")
    return next((code for codes in CATALOGUE.values() for code in codes if code == f"OS-{wanted}"), None)


def code_in(message: str) -> Code | None:
    """The code that a message begins with."""
    code, colon, _ = message.partition(": ")
    return find(code) if colon and code.startswith("OS-") else None


def codes_in(message: str) -> list[Code]:
    """Every code in a message, in its order."""
    return [code for text in re.findall(r"\bOS-\d{3}\b", message) if (code := find(text))]


def count_codes(messages: Iterable[str | None]) -> Counter[Code]:
    """How many messages begin with each code."""
    return Counter(code for message in messages if message and (code := code_in(message)))


def list_codes(messages: Iterable[str | None]) -> str:
    """The codes of the messages and their numbers, the most frequent first: OS-406: 2, OS-403: 1."""
    return ", ".join(f"{code}: {count:,}" for code, count in count_codes(messages).most_common())


def what_to_do(code: Code, names: Mapping[str, str] = TABLES) -> str:
    """The next step as sentences, with the names of the tables."""
    return as_sentence(code.step).format(**names) + (f" {RETRY}" if isinstance(code, Rule) else "")
