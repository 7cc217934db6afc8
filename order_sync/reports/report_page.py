"""The report as one self-contained HTML page, for mail, print and phones.

In: a `Report`. Out: the page's text. Never loads anything from the network.
"""

from __future__ import annotations

from order_sync.reports.pages import template
from order_sync.reports.report import Report
from order_sync.text.durations import age


def render(report: Report) -> str:
    return template("report.html").render(report=report, age=lambda at: age(report.made_at - at))
