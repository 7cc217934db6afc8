"""The report as one HTML page: to be mailed, printed, read on a phone, without a network.

In: a `Report`. Out: the page's text. Never a value that is not escaped, and nothing from another host.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from order_sync.durations import age, span
from order_sync.orders.report import Report
from order_sync.plain_text import on_page


def render(report: Report) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=on_page,
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
