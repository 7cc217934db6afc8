"""In: the settings.
Out: what is wrong with the driver, the connection, the tables and the database's clock.
Never: a write, or a judgement that `db check` does not share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from order_sync.cli.access import connected, table_findings
from order_sync.cli.doctor.checks import Found, Level
from order_sync.database.check import Finding
from order_sync.database.connection import Database
from order_sync.database.sql_server import find_driver
from order_sync.database.upgrades import CURRENT
from order_sync.settings import Settings
from order_sync.text.counted import counted

SHOWN = 3  # findings in a line
MOST_SKEW = 60.0  # seconds by which two clocks may differ; the sensors allow for as much
CHECK = "order-sync db check"


def driver(settings: Settings) -> Found:
    database = _opened(settings)
    if database.dialect == "sqlite":
        yield Level.OK, "SQLite, which needs none"
        return
    given = {name.lower() for name in database.url.query}
    yield Level.OK, "named in the database URL" if given & {"driver", "odbc_connect"} else find_driver()


def connection(settings: Settings) -> Found:
    database = _opened(settings)
    try:
        database.check_reachable()
        yield Level.OK, f"connected to {database.shown}"
    finally:
        database.dispose()


def tables(settings: Settings) -> Found:
    with connected(Database, settings) as (database, found):
        findings = table_findings(database, found, settings)
        blocking = [finding for finding in findings if finding.blocks]
        notes = [finding for finding in findings if not finding.blocks]
    if blocking:
        yield Level.WRONG, f"{_listed(blocking)}. Next: {CHECK}, which prints the statements to run"
    else:
        yield Level.OK, f"all tables, columns and rights are there; order_sync's own have version {CURRENT}"
    if notes:
        yield Level.WARNING, f"{_listed(notes)}. Next: {CHECK}"


def clock(settings: Settings) -> Found:
    database = _opened(settings)
    try:
        theirs = database.current_time().replace(tzinfo=UTC)
        ahead = (theirs - datetime.now(UTC)).total_seconds()
    finally:
        database.dispose()
    yield against_this_machine("the database's clock", ahead)


def against_this_machine(whose: str, ahead: float) -> tuple[Level, str]:
    """Whether a clock agrees with this machine's, by the seconds that it is ahead."""
    if abs(ahead) <= MOST_SKEW:
        return Level.OK, f"{whose} and this machine's agree"
    way = "ahead of" if ahead > 0 else "behind"
    return (
        Level.WARNING,
        f"{whose} is {abs(ahead):,.0f} s {way} this machine's. No order is lost, but waits and reports are wrong by as "
        "much: synchronize both with a time server",
    )


def _opened(settings: Settings) -> Database:
    """Without the tables: which these are, the mapping says, and that may be wrong."""
    return Database(settings.database, access_token=settings.access_token)


def _listed(findings: Sequence[Finding]) -> str:
    more = f"; and {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
    return f"{counted(len(findings), 'finding')}: {'; '.join(str(finding) for finding in findings[:SHOWN])}{more}"
