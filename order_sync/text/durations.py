"""Durations as short text for a page or a table.

In: a timedelta, or a start and an end. Out: a short text. Never more precise than people need.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def age(delta: timedelta) -> str:
    """A waiting time in minutes, hours or days."""
    minutes = int(delta.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"


def span(began: datetime, ended: datetime) -> str:
    """A duration in seconds, or in minutes from two minutes up."""
    seconds = round((ended - began).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
