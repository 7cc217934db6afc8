"""Escapes untrusted text: names, labels and errors are shown, and never interpreted.

In: any text. Out: the text escaped for a terminal, a page, Markdown, Slack or JSON, with secrets masked.
Called where the output is written, not where the text comes from, so that no caller can forget it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from order_sync.text.known_secrets import mask, mask_value

UNSEEN = "\N{REPLACEMENT CHARACTER}"
LONGEST = 4_000  # characters of one text in one line
CELL = 200  # of a table
# Control characters other than tabs and line breaks, which a terminal interprets, and characters that change the text
# direction, which make it read as something else.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_MARKS = re.compile(r"([\\`*_\[\]<>|#&!()~])")
_BREAKS = re.compile(r"[\t\n\r\x85\u2028\u2029]+")


def visible(text: str) -> str:
    """For a terminal or a log: control characters become a visible mark."""
    return OBEYED.sub(UNSEEN, mask(text))


def line(text: str, most: int = LONGEST) -> str:
    """One line of bounded length: text after a line break would look like order_sync's own output."""
    if len(text) > most:
        # The rest is not processed: a name may be a megabyte long.
        text = f"{mask(text[: most + LONGEST])[:most]}..."
    return visible(_BREAKS.sub(" ", text))


def cell(text: str) -> str:
    """One line that leaves room for the other columns of a table."""
    return line(text, CELL)


def markdown(text: str) -> str:
    """For Markdown, on one line."""
    return _MARKS.sub(r"\\\1", line(" ".join(text[: 2 * LONGEST].split())))


def on_page(value: Any) -> Any:
    """For an HTML template; Jinja escapes it as HTML afterwards."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def as_json(value: Any) -> str:
    """JSON for people and programs: control characters are written as JSON's \\u...., other text is unchanged."""
    text = json.dumps(mask_value(value), default=lambda other: mask(str(other)), indent=2, ensure_ascii=False)
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
