"""The templates of the HTML pages.

In: a template's name. Out: the template. Every value is escaped; a page never runs a script or loads anything.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from order_sync.text.durations import span
from order_sync.text.plain_text import on_page

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    finalize=on_page,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {
    "thousands": lambda number: f"{number:,}",
    "time": lambda at: f"{at:%Y-%m-%d %H:%M}",
    "span": lambda run: span(run.began, run.ended),
}


def template(name: str) -> Template:
    return _PAGES.get_template(name)
