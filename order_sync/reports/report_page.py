"""The report as one HTML page: to be mailed, printed, read on a phone, without a network.

In: a `Report`. Out: the page's text.
"""

from __future__ import annotations

from order_sync.reports.pages import template
from order_sync.reports.report import Report
from order_sync.text.durations import age


def render(report: Report) -> str:
    return template("report.html").render(report=report, age=lambda at: age(report.made_at - at))
