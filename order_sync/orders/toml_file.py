"""A TOML file that a person wrote, read or refused in one line.

In: a path. Out: its text, or its tables as Python has them; and what a validator found in it, in its author's words.
Anything wrong is a ConfigurationError with the file and, as far as there is one, the line; never a traceback.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from order_sync.orders.config_errors import NOT_A_LIST, Place, Problem
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """`what` the file is, to begin an error message with: The mapping."""
    text = read_text(path, what=what)
    try:
        return tomllib.loads(text)
    except RecursionError:
        reason = "its brackets are nested too deeply"
    except tomllib.TOMLDecodeError as error:
        reason = _in_words(str(error), text)
    except ValueError as error:  # such as a number of thousands of digits
        reason = str(error)
    raise ConfigurationError(f"{what} {path} is not valid TOML: {reason}", SettingsFault.TOML_FILE) from None


def read_text(path: Path, *, what: str) -> str:
    """The text of a file in UTF-8, with or without its mark, or in UTF-16 with one, as PowerShell's > writes it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what} {path} cannot be read: {error.strerror}", SettingsFault.TOML_FILE) from None
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{what} {path} is not UTF-8 (line {line}): save it as UTF-8", SettingsFault.TOML_FILE
        ) from None


def _in_words(message: str, text: str) -> str:
    """tomllib's message, always with a line, and with the frequent ones in words."""
    message = message.replace("(at end of document)", f"(at line {text.count(chr(10)) + 1}, the end of the file)")
    message = message.replace("Cannot overwrite a value", "a key is given twice")
    if table := re.match(r"Cannot declare \((.*?),?\) twice", message):
        name = ".".join(re.findall(r"'([^']*)'", table[1]))
        message = f"[{name}] is given twice" + message[table.end() :]
    return message


# ---- what is wrong in it, and where ---------------------------------------------------------------------


def entries(read: dict[str, Any], *keys: str) -> list[tuple[Place, dict[str, Any]]]:
    """The tables in a list of tables, each with its place; anything else there is left out."""
    found: Any = read
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    listed = enumerate(found) if isinstance(found, list) else ()
    return [((*keys, number), entry) for number, entry in listed if isinstance(entry, dict)]


def in_words(read: dict[str, Any], problem: Problem, named_by: Sequence[str]) -> str:
    """The problem with its place, as the author of the file knows it: by name, not by number."""
    place, what = problem.place, problem.what
    at = next((i for i, part in enumerate(place) if isinstance(part, int)), 0)
    listed = ".".join(str(part) for part in place)
    if what == NOT_A_LIST and isinstance(_at(read, place), dict):
        return f"[{listed}] must be a list: write [[{listed}]]"
    if at:
        head, rest = (
            f"[[{'.'.join(map(str, place[:at]))}]] {entry_name(read, place[: at + 1], named_by)}",
            place[at + 1 :],
        )
    elif tables := [n for n in range(1, len(place) + 1) if isinstance(_at(read, place[:n]), dict)]:
        head, rest = f"[{'.'.join(map(str, place[: tables[-1]]))}]", place[tables[-1] :]
    else:
        head, rest = "", place
    tail = f"{_dotted(rest)} {what}" if rest else what
    return f"{head}: {tail}" if head else tail


def entry_name(read: dict[str, Any], place: Place, named_by: Sequence[str]) -> str:
    """An entry of a list by the first of these keys that no other entry shares, else with its position, from 1."""
    siblings, entry = _at(read, place[:-1]) or (), _at(read, place)
    position = f"number {int(place[-1]) + 1}"
    names = [key for key in named_by if isinstance(entry, dict) and isinstance(entry.get(key), str | int)]
    for key in (key for key in names if entry[key] != ""):
        if sum(isinstance(other, dict) and other.get(key) == entry[key] for other in siblings) == 1:
            return f"{key} {entry[key]!r}"
        position = f"{names[0]} {entry[names[0]]!r} (number {int(place[-1]) + 1})"
    return position


def _at(read: Any, place: Place) -> Any:
    for part in place:
        try:
            read = read[part]
        except (LookupError, TypeError):
            return None
    return read


def _dotted(rest: Place) -> str:
    """A key as TOML writes it; a position in a list counts from 1."""
    words = [part if isinstance(part, int) or re.fullmatch(r"[\w-]+", part) else f'"{part}"' for part in rest]
    return "".join(f" (number {word + 1})" if isinstance(word, int) else f".{word}" for word in words).lstrip(". ")
