"""Lengths of time in the words of a page or a table.

In: a timedelta, or a beginning and an end. Out: a short text. Never a number of digits that nobody reads.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def age(delta: timedelta) -> str:
    """How long something waits, as people say it."""
    minutes = int(delta.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"


def span(began: datetime, ended: datetime) -> str:
    """How long something took, in seconds or, from two minutes on, in minutes."""
    seconds = round((ended - began).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
