"""Every statement of orders/, compiled for SQL Server and parsed as T-SQL; snapshots/ keeps them readable.

A run over SQLite records the statements as SQLAlchemy elements, so none can be forgotten. After a deliberate change:
ORDER_SYNC_SNAPSHOTS=1 python -m pytest order_sync_tests/database/test_tsql.py
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy import event
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.engine.interfaces import Dialect

from order_sync.database import audit, catalog, check, expected, looks, rights, upgrades
from order_sync.database.claims import OrderQueue
from order_sync.database.commit import commit
from order_sync.database.connection import Database, Row, WritableDatabase
from order_sync.database.edits import Edit, Edited, edits_of
from order_sync.database.entries import Entry, EntryState, Operation, known_groups, unsettled
from order_sync.database.held import held_orders
from order_sync.database.housekeeping import expired, remove_expired, runs_at_work
from order_sync.database.journal import Journal
from order_sync.database.known_customers import known_customers, waiting_customers
from order_sync.database.requeue import requeue
from order_sync.database.resync import resync, synced_orders
from order_sync.database.row_states import states_of
from order_sync.database.rule_values import unmatched_values
from order_sync.database.tables import make_tables
from order_sync.database.to_adopt import lines_to_match, orders_to_match
from order_sync.database.views import script
from order_sync.database.watch_list import boards_watched
from order_sync.database.written import items_on_record, subitems_on_record
from order_sync.demo.samples import arriving_orders, insert_orders
from order_sync.orders.codes import Cause
from order_sync.orders.errors import Rejected
from order_sync.orders.mapping import ColumnMapping
from order_sync.orders.states import State
from order_sync.reports.links import Links, read_links
from order_sync.reports.report import make_report
from order_sync.reports.trace import trace
from order_sync.sync.account_budget import AccountBudget
from order_sync_tests.database.driver import URL, Driver

SNAPSHOTS = Path(__file__).parent / "snapshots"
DIALECT: Dialect = MSDialect_pyodbc(paramstyle="qmark")  # type: ignore[no-untyped-call]
PARAMETER_LIMIT = 2_100
ORDERS = 800  # more than a statement takes, and lines than a transaction
RULES = ColumnMapping.model_validate({"boards": [{"id": 1, "where": {"ORDER TYPE": "A", "TOTAL QTY": "7"}}]})
PLANS = "plans"
NO_LINKS = Links(boards={})


@pytest.fixture(scope="module")
def statements(recorded: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Each statement that a whole run executes, with its parameters, by the step that executes it."""
    return {step: of_step for step, of_step in recorded.items() if step != PLANS}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    """The statements, and under PLANS how SQLite executes each: the step, and a line of its plan."""
    database = WritableDatabase(f"sqlite:///{tmp_path_factory.mktemp('tsql') / 'orders.db'}")
    tables = make_tables()
    check.create_all(database, tables)
    insert_orders(database, tables, arriving_orders(ORDERS, seed=7))
    recorded: dict[str, list[Any]] = {}
    step = ""

    @event.listens_for(database.engine, "before_execute")
    def _record(_connection: Any, element: Any, multi: Any, single: Any, _options: Any) -> None:
        if step and isinstance(element, sa.sql.ClauseElement):
            recorded.setdefault(step, []).append((element, multi or single))

    @event.listens_for(database.engine, "before_cursor_execute")
    def _explain(connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        if step and text.split(maxsplit=1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            plan = connection.connection.driver_connection.execute(
                f"EXPLAIN QUERY PLAN {text}", parameters[0] if many else parameters
            )
            recorded.setdefault(PLANS, []).extend((step, line[3]) for line in plan)

    queue = OrderQueue(database, tables, lease_seconds=86_400)  # not over, however long this takes
    late = OrderQueue(database, tables, lease_seconds=0)
    journal = Journal(database, tables, board_id=1, run_id="run-1", lease_seconds=86_400)
    budget = AccountBudget(database, tables, account="a" * 32)
    budget.share()
    headers, lines = queue.claimable_headers(), queue.claimable_lines()
    item_ids = {row["delta_uuid"]: str(1_000_000 + n) for n, row in enumerate(headers)}
    subitem_ids = {row["delta_uuid"]: str(2_000_000 + n) for n, row in enumerate(lines)}

    def entry(key: str, operation: Operation) -> Entry:
        return Entry(idempotency_key=key, operation=operation, keys=("k",), body="{}")

    def close_items() -> None:
        key = headers[0]["delta_uuid"]
        body = json.dumps({"query": "...", "variables": {"group0": "topics", "name0": "N", "values0": "{}"}})
        journal.open(sent := Entry(idempotency_key="items", operation=Operation.ITEMS, keys=(key,), body=body))
        journal.close(sent, created={key: item_ids[key]})

    def close(operation: Operation, key: str, **says: str) -> None:
        variables = {"item0": "1", **{f"{name}0": value for name, value in says.items()}}
        body = json.dumps({"query": "...", "variables": variables})
        journal.open(sent := Entry(idempotency_key=operation, operation=operation, keys=(key,), body=body))
        journal.close(sent, created={key: "1"})

    def leave_off() -> None:
        journal.leave_off({lines[-1]["line_uuid"]: lines[-1]["created_at"]})
        journal.bring_back([lines[-1]["line_uuid"]])

    def keep_edits() -> None:
        order = headers[1]["record_uuid"]
        edit = Edit(column="name", on_board="x", not_written='"y"')
        edited = {order: Edited(record_uuid=order, monday_id=1, edits=(edit,))}
        assert journal.edited() == set()
        journal.keep_edits(Operation.CHANGE_ITEMS, {headers[1]["delta_uuid"]: ("1", "it stays")}, edited, [order])

    def look_again() -> None:
        now = database.current_time()
        mark = looks.Mark(looked_at=now, whole_at=now, beside=looks.Numbers(items=1, subitems=0))
        looks.keep_marks(database, tables, {1: mark})
        looks.read_marks(database, tables, [1, 2])
        looks.ours_among(database, tables, [1], [2])

    def compare() -> None:
        synced = expected.SyncedRows(database, tables, days=90)
        synced.differing()
        known_groups(database, tables, 1)
        order, strange = headers[0]["record_uuid"], headers[0]["delta_uuid"]  # the second is no line's
        synced.known([order], [lines[0]["line_uuid"], strange], {"g"})
        assert list(synced.subitems())
        synced.still_synced(list(synced.items()))

    def put_back() -> None:
        synced = next(row for row in queue.run_headers("run-1") if row["sync_state"] == "SYNCED")
        done = requeue(database, tables, {synced["record_uuid"]: [synced["monday_item_id"], 1]})
        assert done.records

    def of_the_run() -> list[str]:
        return [row["record_uuid"] for row in queue.run_headers("run-1") if row["sync_state"] == "SYNCED"]

    def again() -> None:
        assert resync(database, tables, of_the_run()[-1:]).records

    synced = expected.of_run("run-1", State.SYNCED)
    watch = journal.watch_list
    its_line = next(row["delta_uuid"] for row in lines if row["record_uuid"] == headers[0]["record_uuid"])

    def with_odd_header(delta_uuid: str, record_uuid: str) -> None:
        """Such a row as only a table has that takes any text as a uuid."""
        with database.write() as connection:
            connection.exec_driver_sql(
                'INSERT INTO "ORDER_LIST_DELTA" (delta_uuid, record_uuid, sync_state, action_type, created_at)'
                " VALUES (?, ?, 'NEW', 'INSERT', '2026-11-23 08:00:00')",
                (delta_uuid, record_uuid),
            )

    def held() -> None:
        for spelling in ("a" * 32, "A" * 32):
            with_odd_header(spelling, headers[-1]["record_uuid"])
        assert Cause.NO_KEY in {of.cause for of in held_orders(queue)}

    def reject_nameless() -> None:
        with_odd_header("0" * 32, "of nobody")
        assert queue.reject_without_order("run-9") == 1

    stack = ExitStack()
    stack.enter_context(pytest.MonkeyPatch.context()).setattr(expected, "PAGE", ORDERS)  # more than one page
    steps: dict[str, Callable[[], object]] = {
        "claimable_headers": queue.claimable_headers,
        "claimable_lines": queue.claimable_lines,
        "has_open_rows": queue.has_open_rows,
        "due": lambda: queue.due(["run-8"]),
        "claim_headers": lambda: queue.claim_headers("run-1", item_ids),
        "claim_lines": lambda: queue.claim_lines("run-1", subitem_ids),
        "claimed_headers": lambda: queue.claimed_headers("run-1"),
        "claimed_lines": lambda: queue.claimed_lines("run-1"),
        "due_late_lines": queue.due,
        "held_lines": lambda: queue.held_lines("run-1"),
        "headers": lambda: queue.headers(list(item_ids)),
        "lines": lambda: queue.lines(list(subitem_ids)),
        "row_states": lambda: states_of(database, tables, list(item_ids)),
        "leases": queue.leases,
        "stuck": queue.stuck,
        "held_orders_of_records": lambda: held_orders(queue, records=[headers[0]["record_uuid"]]),
        "renew": lambda: queue.renew("run-1"),
        "renew_too_late": lambda: late.renew("run-1"),
        "take_over": lambda: queue.take_over("run-1", "run-0"),
        "log_unfinished": lambda: queue.log_unfinished(["run-0"]),
        "assign_groups": lambda: queue.assign_groups("run-1", dict.fromkeys(item_ids, "topics")),
        "assign_parents": lambda: queue.assign_parents("run-1", dict.fromkeys(subitem_ids, 1)),
        "board_lease": lambda: stack.enter_context(journal.holding_board(name="B", url="https://b")),
        "board_lease_renew": journal.renew,
        "journal_open": lambda: journal.open(entry("a", Operation.GROUPS)),
        "journal_sending_again": lambda: journal.sending_again(entry("a", Operation.GROUPS)),
        "journal_amend": lambda: journal.amend(entry("a", Operation.GROUPS)),
        "journal_recent_imports": lambda: journal.recent_imports(timedelta(hours=1)),
        "unsettled": lambda: unsettled(database, tables),
        "boards_watched": lambda: boards_watched(database, tables, [EntryState.WATCHED]),
        "watch_list": lambda: watch.entries([EntryState.WATCHED, EntryState.LISTED]),
        "watch_named_items": lambda: watch.named(
            Operation.ITEMS, {headers[0]["delta_uuid"]: headers[0]["record_uuid"]}
        ),
        "watch_named_subitems": lambda: watch.named(Operation.SUBITEMS, {its_line: lines[0]["line_uuid"]}),
        "watch_homes": lambda: watch.homes(["1", "2"]),
        "watch_looked": lambda: watch.looked([entry("a", Operation.GROUPS)], last=True),
        "journal_note": lambda: journal.note(Operation.ITEMS, "twin left", dict.fromkeys(item_ids, "1")),
        "audit_twins_left": lambda: audit.twins_left(queue, "run-1"),
        "journal_in_doubt": journal.in_doubt,
        "journal_close_groups": lambda: journal.close(entry("a", Operation.GROUPS), created={"T": "topics"}),
        "journal_forget_items": lambda: journal.forget_items([1, 2]),
        "journal_forget_subitems": lambda: journal.forget_subitems(dict.fromkeys(subitem_ids, "1")),
        "journal_adopt_items": lambda: journal.adopt(Operation.ITEMS, item_ids),
        "journal_adopt_subitems": lambda: journal.adopt(Operation.SUBITEMS, subitem_ids),
        "journal_close_items": close_items,
        "journal_close_change": lambda: close(Operation.CHANGE_ITEMS, headers[1]["delta_uuid"], values="{}"),
        "journal_close_changed_line": lambda: close(Operation.CHANGE_SUBITEMS, lines[1]["delta_uuid"], values="{}"),
        "journal_close_move": lambda: close(Operation.MOVE_ITEMS, headers[1]["delta_uuid"], group="g"),
        "journal_close_cancel": lambda: close(Operation.CANCEL_ITEMS, headers[-2]["delta_uuid"]),
        "journal_close_cancelled_line": lambda: close(Operation.CANCEL_SUBITEMS, lines[-2]["delta_uuid"]),
        "journal_leave_off": leave_off,
        "journal_unfinish": lambda: journal.unfinish(Operation.CHANGE_ITEMS, [headers[-2]["delta_uuid"]]),
        "journal_keep_edits": keep_edits,
        "edits_of": lambda: edits_of(database, tables, headers[1]["record_uuid"]),
        "looks": look_again,
        "looks_count": lambda: looks.count_ours(database, tables, [1, 2]),
        "items_on_record": lambda: items_on_record(database, tables, [headers[1]["record_uuid"]]),
        "subitems_on_record": lambda: subitems_on_record(database, tables, [lines[1]["line_uuid"]]),
        "journal_reject_item": lambda: journal.reject(Operation.ITEMS, {headers[0]["delta_uuid"]: Rejected("no")}),
        "journal_reject_line": lambda: journal.reject(Operation.SUBITEMS, {its_line: Rejected("no")}),
        "journal_known_groups": lambda: known_groups(database, tables, journal.board_id),
        "budget_reserve": lambda: budget.reserve(30_000, 10, 1e7),
        "budget_settle": lambda: budget.settle(budget.reserve(30_000, 10, 1e7), 200_000, None),
        "item_boards": lambda: queue.item_boards([headers[0]["record_uuid"], "of nobody"]),
        "links": lambda: read_links(database, tables, None),
        "trace": lambda: trace(database, tables, NO_LINKS, headers[0]["record_uuid"]),
        "report": lambda: make_report(database, tables, NO_LINKS),
        "report_of_a_run": lambda: make_report(database, tables, NO_LINKS, run_id="run-1"),
        "commit": lambda: commit(database, queue, "run-1"),
        "reconcile": compare,
        "requeue": put_back,
        "synced_orders": lambda: synced_orders(database, tables, orders=[of_the_run()[-1], "A-1"]),
        "resync": again,
        "differing_orders": lambda: expected.differing_orders(database, tables, synced),
        "differing_lines": lambda: expected.differing_lines(database, tables, synced),
        "audit_past_lease": lambda: audit.past_lease(queue),
        "audit_waiting": lambda: audit.waiting(queue),
        "release": lambda: queue.release("run-1"),
        "run_headers": lambda: queue.run_headers("run-1"),
        "run_headers_for_boards": lambda: queue.run_headers("run-1", ["ORDER TYPE", "AAG SEASON"]),
        "run_lines": lambda: queue.run_lines("run-1"),
        "claimed_lines_for_boards": lambda: queue.claimed_lines("run-1", sources=["ORDER TYPE", "AAG SEASON"]),
        "errors": lambda: queue.errors("run-1"),
        "counts": queue.counts,
        "held_orders": held,
        "reject_without_order": reject_nameless,
        "retry": lambda: queue.retry([headers[0]["customer"]]),
        "retry_all": queue.retry,
        "waiting_customers": lambda: waiting_customers(database, tables),
        "known_customers": lambda: known_customers(database, tables),
        "orders_to_match": lambda: orders_to_match(database, tables, ["ORDER TYPE", "AAG SEASON"]),
        "lines_to_match": lambda: lines_to_match(database, tables, of_the_run()),
        "rule_values": lambda: unmatched_values(database, tables, RULES),
        "runs_at_work": lambda: runs_at_work(database, tables),
        "expire": lambda: remove_expired(database, expired(database, tables, timedelta(days=-1))),
    }
    with stack:
        for step, action in steps.items():  # noqa: B007 - the recorder reads `step`
            action()
        step = "board_lease_release"
    yield recorded | {"catalog": catalog_statements()}
    database.dispose()


class NamedServer(Database):
    """A SQL Server that is only asked: its catalog is read as that of no other database."""

    def __init__(self) -> None:
        super().__init__(URL)
        self.asked: list[Any] = []

    def rows(self, *queries: sa.Executable) -> list[Row]:
        self.asked += [(query, {}) for query in queries]
        return [{"r0": 1, "r1": 1}] if "HAS_PERMS_BY_NAME" in str(queries[0]) else []

    def column(self, query: sa.Select[Any]) -> list[Any]:
        self.asked.append((query, {}))
        return [""]


def catalog_statements() -> list[Any]:
    """What `db check` and the beginning of each run ask a catalog."""
    server, table = NamedServer(), make_tables(schema="dbo").header_queue
    catalog.columns(server, table)
    catalog.indexed(server, table)
    catalog.checks(server, table, "sync_state")
    catalog.triggers(server, table)
    catalog.attached(server, table, "sync_state")
    rights.granted(server, [(table, "UPDATE", None), (table, "UPDATE", "sync_state")])
    rights.user_name(server)
    return server.asked


def compiled(element: Any, parameters: Any) -> Any:
    one = parameters[0] if parameters and not isinstance(parameters, Mapping) else parameters
    names = sorted(one) if isinstance(one, Mapping) else None
    return element.compile(dialect=DIALECT, column_keys=names, compile_kwargs={"render_postcompile": True})


def readable(element: Any, parameters: Any) -> str:
    """The T-SQL with long lists of parameters cut short."""
    text = re.sub(r"\?(, \?){2,}", "?, ...", str(compiled(element, parameters)))
    text = re.sub(r"(WHEN \? THEN \?)( WHEN \? THEN \?)+", r"\1 ...", text)
    return re.sub(r"[ \t]+\n", "\n", text).strip()


def test_every_statement_is_the_one_in_the_snapshots(statements: dict[str, list[Any]]) -> None:
    found = {
        step: ";\n\n".join(dict.fromkeys(readable(*recorded) for recorded in of_step)) + ";\n"
        for step, of_step in statements.items()
    }
    if os.environ.get("ORDER_SYNC_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        for old in SNAPSHOTS.glob("*.sql"):
            old.unlink()
        for step, text in found.items():
            (SNAPSHOTS / f"{step}.sql").write_text(text, encoding="utf-8", newline="\n")
    kept = {path.stem: path.read_text(encoding="utf-8") for path in SNAPSHOTS.glob("*.sql")}
    assert found == kept


def test_statements_parse_as_tsql_that_all_servers_share(statements: dict[str, list[Any]]) -> None:
    for step, of_step in statements.items():
        for text in dict.fromkeys(str(compiled(*recorded)) for recorded in of_step):
            (tree,) = sqlglot.parse(text, read="tsql")
            assert tree is not None, step
            kinds = (
                sqlglot.exp.Select | sqlglot.exp.Update | sqlglot.exp.Insert | sqlglot.exp.Delete | sqlglot.exp.Union
            )
            assert isinstance(tree, kinds)
            assert not list(tree.find_all(sqlglot.exp.Merge)), step
            assert not (isinstance(tree, sqlglot.exp.Update) and tree.args.get("with_")), step
            assert "OUTPUT" not in text.upper(), step
            # One NULL in the answer of the sub-query would make the condition true of nothing.
            negated = (
                inner for found in tree.find_all(sqlglot.exp.Not) if isinstance(inner := found.this, sqlglot.exp.In)
            )
            assert not [within for within in negated if within.args.get("query")], step
            # SQL Server refuses these by error 130.
            aggregates = tree.find_all(sqlglot.exp.AggFunc)
            assert not [of for of in aggregates if of.find(sqlglot.exp.Select)], step


# Questions about the years: a comparison of everything, and looks for a name that may be wrong.
READ_WHOLE = {"orders_to_match", "reconcile", "looks_count", "known_customers", "rule_values", "synced_orders"}


def test_what_waits_is_found_by_an_index(recorded: dict[str, list[Any]]) -> None:
    """On SQLite, without statistics: the queue keeps the rows of years, and a claim or a look must not read them."""
    scan = re.compile(r"SCAN (?!CONSTANT|\(subquery|anon_|ORDER_SYNC_(BOARDS|GROUPS|BUDGETS))")
    assert {step for step, line in recorded[PLANS] if scan.match(line)} <= READ_WHOLE
    assert {step for step, _ in recorded[PLANS]} >= {"claimable_headers", "claimable_lines", "held_orders", "stuck"}


def test_rows_are_claimed_and_get_their_ids_by_key(recorded: dict[str, list[Any]]) -> None:
    """By a state or a missing id each chunk of keys would read all that waits, of any run."""
    other = re.compile(r"SEARCH .* USING .*INDEX IX_\w+_(state|item) ")
    plans = {step: [line for of, line in recorded[PLANS] if of == step] for step, _ in recorded[PLANS]}
    steps = [step for step in plans if step.startswith(("claim_", "journal_adopt", "assign_", "renew", "release"))]
    assert len(steps) >= 4, sorted(plans)
    found = sorted({(step, line) for step in steps for line in plans[step] if other.match(line)})
    assert not found


def test_held_orders_are_found_in_one_pass_a_table(statements: dict[str, list[Any]]) -> None:
    """The rows that hold their order, keys that several rows have (those rows, too), and lines without a header."""
    assert len(statements["held_orders"]) <= 2 + 4 + 2 + 1


def test_no_statement_takes_more_parameters_than_sql_server(statements: dict[str, list[Any]]) -> None:
    most = {
        step: max(len(compiled(*recorded).positiontup or ()) for recorded in of_step)
        for step, of_step in statements.items()
    }
    assert max(most.values()) <= PARAMETER_LIMIT, most
    assert most["commit"] > 1_000  # the lists are expanded: a count of 2 would prove nothing


def different(statements: dict[str, list[Any]]) -> Iterator[Any]:
    """The first and the last of each kind: those between differ in their values only."""
    for of_step in statements.values():
        kinds: dict[Any, list[Any]] = {}
        for recorded in of_step:
            shape = recorded[0]._generate_cache_key()
            kinds.setdefault(shape and shape.key, []).append(recorded)
        for kind in kinds.values():
            yield from kind[:: max(1, len(kind) - 1)]


def test_every_parameter_goes_out_with_its_type(statements: dict[str, list[Any]]) -> None:
    driver = Driver()
    with driver.in_place():
        database = WritableDatabase(URL)
        with database.write() as connection:
            driver.sent.clear()
            for element, parameters in different(statements):
                connection.execute(element, parameters or None)
        database.dispose()
    assert len(driver.sent) > 100
    assert driver.described == []
    assert {sent.statement: sent.untyped for sent in driver.sent if sent.untyped} == {}
    assert max(len(sent.parameters) for sent in driver.sent) <= PARAMETER_LIMIT
    assert [sent.statement for sent in driver.sent if "OUTPUT" in sent.statement.upper()] == []


def test_the_tables_are_created_with_sql_servers_own_types() -> None:
    tables = make_tables(schema="dbo", mapped_columns=["CUSTOMER PRICE", "32/30"])
    for table in (*tables.site, *tables.ours):
        text = str(sa.schema.CreateTable(table).compile(dialect=DIALECT))
        assert sqlglot.parse_one(text, read="tsql") is not None
        assert "NTEXT" not in text.upper()
    text = str(sa.schema.CreateTable(tables.header_queue).compile(dialect=DIALECT))
    assert "delta_uuid UNIQUEIDENTIFIER NOT NULL" in text
    assert "[FINAL FOB (USD)] NUMERIC(17, 4)" in text
    assert "created_at DATETIME2 NOT NULL" in text
    assert "sync_error_message NVARCHAR(max)" in text


def test_the_upgrade_is_the_one_in_the_snapshots() -> None:
    """From tables of which nothing is there yet: each step as SQL Server gets it."""
    tables = make_tables(schema="dbo")
    steps = {f"{step.version}.sql": upgrades.script(NamedServer(), tables, step) for step in upgrades.STEPS}
    folder = SNAPSHOTS.parent / "upgrades"
    found = {name: re.sub(r"[ \t]+\n", "\n", "\n".join(of_step)) + "\n" for name, of_step in steps.items()}
    if os.environ.get("ORDER_SYNC_SNAPSHOTS"):
        for name, text in found.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    assert found == {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.sql")}
    for statement in (statement for of_step in steps.values() for statement in of_step):
        (tree,) = sqlglot.parse(statement, read="tsql")
        assert isinstance(tree, sqlglot.exp.Create | sqlglot.exp.Insert)
        assert {table.name[:11] for table in tree.find_all(sqlglot.exp.Table)} <= {"ORDER_SYNC_", "IX_ORDER_SY"}


def test_the_views_are_the_ones_in_the_snapshots() -> None:
    text = "\nGO\n".join(script(make_tables())) + "\n"
    path = SNAPSHOTS.parent / "views.sql"
    if os.environ.get("ORDER_SYNC_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == text
    for statement in script(make_tables()):
        [parsed] = sqlglot.parse(statement, read="tsql")
        assert isinstance(parsed, sqlglot.exp.Drop | sqlglot.exp.Create), statement
