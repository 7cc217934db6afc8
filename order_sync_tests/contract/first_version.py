"""A database as the first version of order_sync left it.

In: an empty database, or schema. Out: the tables of then, with orders in every state. The .sql files never change.
"""

from __future__ import annotations

from pathlib import Path

from order_sync.orders.states import State
from order_sync_tests.contract.site import BOARD, MORNING, Site, make_order, uuids

FIXTURES = Path(__file__).parent / "fixtures"
RUN = "first-run"


def create(site: Site) -> None:
    """The tables with their indexes, by the DDL of then."""
    script = (FIXTURES / f"first_version_{site.database.dialect}.sql").read_text(encoding="utf-8")
    if name := site.tables.metadata.schema:
        script = script.replace("CREATE TABLE [", f"CREATE TABLE {name}.[").replace(" ON [", f" ON {name}.[")
    execute(site, script)


def execute(site: Site, script: str) -> None:
    text = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    with site.database.write() as connection:
        for statement in text.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def fill(site: Site) -> None:
    """A SYNCED order, one that a run left half done and one that waits; and what the run left in our tables."""
    synced, half, waiting = (make_order(number=f"A-{n}", minute=n) for n in range(3))
    site.add(synced, half, waiting)
    tables = site.tables
    for number, (order, state) in enumerate(((synced, State.SYNCED), (half, State.PENDING))):
        [header], lines = uuids([order], "headers"), uuids([order], "lines")
        done = {"sync_state": state, "sync_run_id": RUN, "sync_attempted_at": MORNING}
        item = 11 + number
        site.change(tables.header_queue, done | {"monday_item_id": item, "monday_group_id": "g"}, delta_uuid=header)
        site.change(tables.line_queue, done | {"parent_item_id": item}, record_uuid=order.orders[0]["record_uuid"])
        for n, line in enumerate(lines):
            site.change(tables.line_queue, {"monday_subitem_id": 71 + 2 * number + n}, delta_uuid=line)
        logged = {"logged_at": MORNING, "run_id": RUN, "board_id": BOARD, "outcome": "created"}
        site.insert(tables.log, logged | {"delta_uuid": header, "operation": "create_item", "monday_id": item})
    site.insert(tables.groups, {"board_id": BOARD, "group_id": "g", "title": "Ünit", "created_at": MORNING})
    site.insert(tables.boards, {"board_id": BOARD, "name": "Planning", "url": "https://b"})
    times = dict.fromkeys(("opened_at", "sent_at", "closed_at"), MORNING)
    entry = {"idempotency_key": "k", "board_id": BOARD, "operation": "create_item", "keys": "[]", "state": "CLOSED"}
    site.insert(tables.journal, entry | times | {"run_id": RUN})
