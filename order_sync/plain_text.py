"""Texts of others are text: a name, a label or an error is shown, and never obeyed by what shows it.

In: any text. Out: the same for a terminal, for Markdown, for Slack. Each is used where that output is written, not
where the text comes from: so no caller can forget it.
"""

from __future__ import annotations

import re

UNSEEN = "\N{REPLACEMENT CHARACTER}"
# Control characters but for tabs and line breaks (a terminal obeys them), and those that turn the direction of what
# follows, so that it reads as something else.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_MARKS = re.compile(r"([\\`*_\[\]<>|#&!()~])")


def visible(text: str) -> str:
    """For a terminal or a log: with a mark in the place of what would be obeyed."""
    return OBEYED.sub(UNSEEN, text)


def markdown(text: str) -> str:
    """For Markdown, in one line."""
    return _MARKS.sub(r"\\\1", visible(" ".join(text.split())))


def slack(text: str) -> str:
    """For Slack: without links and mentions."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
