"""The codes and words of monday's errors, in any of their spellings.

In: a code, or a message. Out: what both are compared by, their words, and what they say does not exist.
Never reads what a person wrote: texts in quotes are left out.
"""

from __future__ import annotations

import re

from order_sync.orders.errors import Missing

# Codes about something that does not exist; other errors say it in words.
NOT_FOUND_CODES = ("ResourceNotFoundException", "NOT_FOUND", "InvalidItemIdException", "InvalidColumnIdException")
NOT_FOUND_WORDS = ("not found", "not exist", "doesn't exist", "deleted", "archived", "inactive", "not active")
RESOURCES = {
    "item": Missing.ITEM,
    "pulse": Missing.ITEM,
    "subitem": Missing.ITEM,
    "group": Missing.GROUP,
    "column": Missing.COLUMN,
    "board": Missing.BOARD,
    **dict.fromkeys(("user", "account", "team", "workspace"), None),
}


def plain(code: str) -> str:
    """A code without what its spellings differ in: RESOURCE_LOCKED and resourceLocked are one."""
    return re.sub(r"[^a-z0-9]|(exception|error)s?$", "", code.lower())


def words_of(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)]


def without_quoted(message: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", message)


def speaks_of(words: list[str], beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in words)


def missing_resource(code: str, message: str, resource: str, *, known: bool) -> Missing | None:
    """What does not exist, or no longer: by the error's own `resource`, else by the first word for it.

    Of the `known` codes only some are about that; their messages do not count.
    """
    by_code = plain(code) in _NOT_FOUND_CODES
    said = without_quoted(message)
    may_say = not known or plain(code) == plain("InvalidArgumentException")
    if not by_code and not (may_say and any(words in said.casefold() for words in NOT_FOUND_WORDS)):
        return None
    singular = (word.removesuffix("s") for word in (resource.casefold(), *words_of(code), *words_of(said)))
    named = [RESOURCES[word] for word in singular if word in RESOURCES]
    if named:
        return named[0]
    # What is not named is the item: a request names groups and columns beside it.
    return Missing.ITEM if by_code else None


_NOT_FOUND_CODES = frozenset(plain(code) for code in NOT_FOUND_CODES)
