"""Texts of others are text: a name, a label or an error is shown, and never obeyed by what shows it.

In: any text. Out: the same for a terminal, a page, Markdown, Slack or JSON, without a secret of this process. Each is
used where that output is written, not where the text comes from: so no caller can forget it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from order_sync.text.known_secrets import mask, mask_value

UNSEEN = "\N{REPLACEMENT CHARACTER}"
LONGEST = 4_000  # characters of one text in one line
CELL = 200  # of a table
# Control characters but for tabs and line breaks (a terminal obeys them), and those that turn the direction of what
# follows, so that it reads as something else.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_MARKS = re.compile(r"([\\`*_\[\]<>|#&!()~])")
_BREAKS = re.compile(r"[\t\n\r\x85\u2028\u2029]+")


def visible(text: str) -> str:
    """For a terminal or a log: with a mark in the place of what would be obeyed."""
    return OBEYED.sub(UNSEEN, mask(text))


def line(text: str, most: int = LONGEST) -> str:
    """One line of bounded length: what stands behind a line break would read as said by order_sync."""
    if len(text) > most:
        # The rest is not looked at: of a name of a megabyte nobody reads more.
        text = f"{mask(text[: most + LONGEST])[:most]}..."
    return visible(_BREAKS.sub(" ", text))


def cell(text: str) -> str:
    """One line that leaves room for the other columns of a table."""
    return line(text, CELL)


def markdown(text: str) -> str:
    """For Markdown, in one line."""
    return _MARKS.sub(r"\\\1", line(" ".join(text[: 2 * LONGEST].split())))


def slack(text: str) -> str:
    """For Slack: without links and mentions."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def on_page(value: Any) -> Any:
    """What a template of a page shows; Jinja escapes it as HTML afterwards."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def as_json(value: Any) -> str:
    """JSON for people and programs: no text is changed, but control characters are written as JSON's \\u...."""
    text = json.dumps(mask_value(value), default=lambda other: mask(str(other)), indent=2, ensure_ascii=False)
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
