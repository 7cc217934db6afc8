"""The report as one HTML page: to be mailed, printed, read on a phone, without a network.

In: a `Report`. Out: the page's text. Never a value that is not escaped, and nothing from another host.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from order_sync.orders.report import Report


def render(report: Report) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "thousands": lambda number: f"{number:,}",
        "time": lambda at: f"{at:%Y-%m-%d %H:%M}",
        "age": lambda at: age(report.made_at - at),
        "span": lambda run: span(run.began, run.ended),
    }
    environment.filters |= filters
    return environment.get_template("report.html").render(report=report)


def age(delta: timedelta) -> str:
    """How long something waits, as people say it."""
    minutes = int(delta.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"


def span(began: datetime, ended: datetime) -> str:
    seconds = round((ended - began).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
