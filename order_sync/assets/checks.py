"""Asset checks: the questions that a person would ask about each asset after a run.

In: the tables, and the boards as monday shows them. Out: passed, or the problem, where it is, and what to do.
Never writes; the checks' queries count in the account's budget. A problem that only a person can fix is an ERROR or a
WARN and stops nothing; a check blocks only if continuing would do harm.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import dagster as dg

from order_sync.assets.check_questions import WARN, Question, each_kind, of_kinds
from order_sync.assets.ending import THIS_RUN, AfterRun, ending_of, left_pending, made_by
from order_sync.database.audit import past_lease
from order_sync.database.entries import known_groups
from order_sync.database.held import unexpected
from order_sync.database.holdups import holdups
from order_sync.database.queue import QueueReader
from order_sync.monday.board import Board, boards_and_version, check_items_mapping
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.usage import Usage
from order_sync.monday.values import encode_row
from order_sync.orders.catalogue import codes_in
from order_sync.orders.codes import Code
from order_sync.orders.errors import OrderSyncError, Rejected
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import LABELLED, ColumnMap
from order_sync.orders.naming import group_title
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.run_report import Ending, RunReport, RunReports
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.compare import Finding, Findings, Kind, doubled_groups, missing_groups
from order_sync.sync.reconcile import look_up
from order_sync.sync.rows import Row
from order_sync.sync.twins import twins_left_by
from order_sync.text.counted import counted

Results = Iterator[dg.AssetCheckResult]
F = TypeVar("F")


@dataclass(frozen=True, kw_only=True)
class BeforeItems:
    """The state between groups and items: what the mapping and the claimed headers need and the boards lack."""

    misfits: list[str]
    warnings: list[str]  # of the API's version
    groups: list[Finding]
    labels: list[Row]


# ---- the questions --------------------------------------------------------------------------------------------

LEASE = (
    "PENDING for longer than the lease. The next run without a scope claims them; if it does not, `order-sync trace` "
    "shows the reason for each row."
)
LEASES: tuple[Question[list[Row]], ...] = (
    Question(
        "no_header_past_its_lease",
        "pending_headers",
        "No header is PENDING for longer than its lease.",
        lambda found: _of(found, "header"),
        f"{{header}} {LEASE}",
        WARN,
    ),
    Question(
        "no_line_past_its_lease",
        "pending_lines",
        "No line is PENDING for longer than its lease.",
        lambda found: _of(found, "line"),
        f"{{line}} {LEASE}",
        WARN,
    ),
)
BEFORE_ITEMS: tuple[Question[BeforeItems], ...] = (
    Question(
        "mapping_fits_board",
        "monday_groups",
        "Every board has all item columns of the mapping, checked just before the first item is created.",
        lambda facts: facts.misfits,
        lambda found: (
            f"The mapping does not fit the board: {'; '.join(found[:3])}. No item was created. Correct the board or "
            "the mapping (`order-sync board check`); the next run continues."
        ),
        blocking=True,  # without a mapped column monday refuses every item, and every header becomes ERROR
    ),
    Question(
        "api_version_lasts",
        "monday_groups",
        "monday does not plan to retire the API version that the run uses.",
        lambda facts: facts.warnings,
        lambda found: str(found[0]),
        WARN,
    ),
    Question(
        "every_group_once",
        "monday_groups",
        "Every group of the claimed headers exists exactly once on its board.",
        lambda facts: facts.groups,
        each_kind(
            "group",
            {Kind.GROUP_MISSING: "missing", Kind.GROUP_DOUBLED: "duplicated"},
            "The next step recreates missing groups. Merge groups that share a title: new items go to the first one.",
        ),
    ),
    Question(
        "labels_known",
        "monday_groups",
        "Every label that the claimed headers need is on the board, or may be added to it.",
        lambda facts: facts.labels,
        "{header} with a label that the board lacks will be rejected. Add the label on the board, or correct the "
        "order; then run `order-sync retry`.",
        WARN,
    ),
)
NOT_IN_PLACE = {
    Kind.ITEM_MISSING: "not on the board",
    Kind.WRONG_ID: "under another id",
    Kind.KEY_LOST: "without its key",
    Kind.OTHER_GROUP: "in another group",
    Kind.ARCHIVED: "archived",
    Kind.ELSEWHERE: "on another board",
}
ON_BOARD: tuple[Question[Findings], ...] = (
    Question(
        "every_header_has_its_item",
        "monday_items",
        "Every header that was not rejected has its item on the board, in its group.",
        of_kinds(*NOT_IN_PLACE, of_items=True),
        each_kind(
            "item",
            NOT_IN_PLACE,
            "Find out who deleted or moved them; `order-sync reconcile --requeue` recreates deleted items.",
        ),
    ),
    Question(
        "no_item_twice",
        "monday_items",
        "No order has a second item on its board (by the key column).",
        of_kinds(Kind.ITEM_DOUBLED, of_items=True),
        "{order} with more than one item. Delete the unused copies; the tables have the id of the right item.",
    ),
    Question(
        "every_line_has_its_subitem",
        "monday_subitems",
        "Every line that was not rejected has its subitem under the right item.",
        of_kinds(Kind.SUBITEM_MISSING, Kind.WRONG_PARENT, Kind.WRONG_ID, Kind.KEY_LOST, of_items=False),
        "{subitem} not under the right item, or without its key. Find out who deleted or moved them: order_sync does "
        "not recreate a subitem whose item still exists; `order-sync reconcile --repair` writes keys back.",
    ),
    Question(
        "no_subitem_twice",
        "monday_subitems",
        "No line has a second subitem (by the key column).",
        of_kinds(Kind.SUBITEM_DOUBLED, of_items=False),
        "{line} with more than one subitem. Delete the unused copies; the tables have the id of the right subitem.",
    ),
)
CORRECT = "Correct the rows, then run `order-sync retry`."
OTHER_WRITER = (
    "or with another id. Another program writes to these rows: find it, and copy state and ids from the queue table."
)
IN_TABLES: tuple[Question[AfterRun], ...] = (
    Question(
        "nothing_rejected",
        "order_list",
        "No row was rejected by monday or by a rule, and no order waits for a row that an earlier run rejected.",
        lambda run: run.rejected,
        lambda rows: _of_rejected(rows),
        WARN,
        right="No row is rejected.",
        counts=lambda rows: {"rejected": len(_new(rows)), "rejected earlier": len(rows) - len(_new(rows))},
    ),
    Question(
        "nothing_left_pending",
        "order_list",
        "Every order that this run claimed is SYNCED, or has a rejected row.",
        lambda run: run.left,
        "{row or order|rows or orders} of this run neither SYNCED nor rejected: the run's log has the reasons. The "
        "next run claims them.",
    ),
    Question(
        "no_order_held",
        "order_list",
        "No order is held: every row is valid, and has its order and its header.",
        lambda run: unexpected(run.ending.held),
        lambda held: (
            f"{counted(len(held), 'order is', 'orders are')} held: no run can claim them. First: {held[0]}. "
            f"{' '.join(holdups(held))} `order-sync status` lists them."
        ),
        WARN,
    ),
    Question(
        "queue_and_orders_agree",
        "order_list",
        "ORDER_LIST is SYNCED and has the item id of every order that this run made SYNCED.",
        lambda run: run.ending.differing_orders,
        f"{{header is|headers are}} SYNCED in ORDER_LIST_DELTA and not in ORDER_LIST, {OTHER_WRITER}",
    ),
    Question(
        "queue_and_lines_agree",
        "order_list_lines",
        "ORDER_LIST_LINES is SYNCED and has the subitem id of every line that this run made SYNCED.",
        lambda run: run.ending.differing_lines,
        f"{{line is|lines are}} SYNCED in ORDER_LIST_LINES_DELTA and not in the main table, {OTHER_WRITER}",
    ),
)


# ---- the steps that ask them ----------------------------------------------------------------------------------


def build_checks(*, board_checks: int) -> list[dg.AssetChecksDefinition]:
    """The checks of a deployment; `board_checks` is the number of items to look up on the board, 0 for none."""
    return [leases, *([board_before_items] if board_checks else []), build_after_run(board_checks)]


def _asked(context: dg.AssetCheckExecutionContext, checks: Sequence[Question[F]]) -> list[Question[F]]:
    return [check for check in checks if check.spec.key in context.selected_asset_check_keys]


@dg.multi_asset_check(specs=[check.spec for check in LEASES], can_subset=True)
def leases(
    context: dg.AssetCheckExecutionContext, sql_server: ReadOnlySqlServerResource, reports: dg.ResourceParam[RunReports]
) -> Results:
    """Rows of dead runs that no run has claimed since."""
    found = past_lease(sql_server.reader) if reports.of(context.run.run_id).any_leases else []
    yield from (check.answer(found, {}) for check in _asked(context, LEASES))


@dg.multi_asset_check(specs=[check.spec for check in BEFORE_ITEMS], can_subset=True)
def board_before_items(
    context: dg.AssetCheckExecutionContext,
    sql_server: ReadOnlySqlServerResource,
    monday: ReadOnlyMondayResource,
    reports: dg.ResourceParam[RunReports],
) -> Results:
    """Checks of the boards between groups and items; one call answers all of them."""
    asked, mapping, reader, usage = _asked(context, BEFORE_ITEMS), sql_server.mapping, sql_server.reader, Usage()
    ids = mapping.board_ids(monday.board_id)
    try:
        with _asking(monday, sql_server, usage, reports.of(context.run.run_id)) as client:
            boards, version = boards_and_version(client, ids)
    except OrderSyncError as error:
        yield from (check.not_known(error, usage) for check in asked)
        return
    labelled = [column for column in mapping.items.columns if column.type in LABELLED]
    spelling = {board_id: LabelSpelling(board.labels) for board_id, board in boards.items()}
    titles: dict[int, set[str]] = {}
    labels: list[Row] = []
    claimed = reports.of(context.run.run_id).headers
    for row in reader.headers_of(_run_id(context)) if claimed is None else claimed:
        board_id = mapping.board_of(row, monday.board_id)
        if board_id in boards:
            titles.setdefault(board_id, set()).update(_title(row))
            labels += _unknown_labels(labelled, spelling[board_id], row)
    unseen = [f"this token cannot see board {board_id}" for board_id in ids if board_id not in boards]
    facts = BeforeItems(
        misfits=unseen + [problem for board in boards.values() for problem in check_items_mapping(board, mapping)],
        warnings=[version.warning] if version and version.warning else [],
        groups=[each for of, wanted in titles.items() for each in _groups(boards[of], reader, wanted)],
        labels=labels,
    )
    yield from (check.answer(facts, {"boards": len(boards), "calls": usage.calls}) for check in asked)


def build_after_run(board_checks: int) -> dg.AssetChecksDefinition:
    on_board = ON_BOARD if board_checks else ()
    specs = [*(check.spec for check in IN_TABLES), *(check.spec for check in on_board)]

    @dg.multi_asset_check(specs=specs, can_subset=True)
    def after_run(
        context: dg.AssetCheckExecutionContext,
        sql_server: ReadOnlySqlServerResource,
        monday: ReadOnlyMondayResource,
        reports: dg.ResourceParam[RunReports],
    ) -> Results:
        """Checks of the run's rows once the orders are SYNCED: in the tables, all of one moment, and on the boards."""
        reader, run_id, asked = sql_server.reader, _run_id(context), _asked(context, on_board)
        report = reports.of(context.run.run_id)

        def look() -> tuple[Ending, list[Row], list[Finding]]:
            ending = report.ending or ending_of(sql_server, run_id)
            left = left_pending(reader, run_id) if ending.unfinished else []
            return ending, left, twins_left_by(reader, run_id) if report.twins_left or not report.ending else []

        known = report.ending and not (report.ending.unfinished or report.twins_left)
        ending, left, twins = look() if known else reader.database.together(look)
        facts = AfterRun(ending=ending, left_pending=left)
        yield from (check.answer(facts, {}) for check in _asked(context, IN_TABLES))
        if not asked:
            return
        made = made_by(ending, twins, sql_server.mapping, monday.board_id)
        few = made.items if len(made.items) <= board_checks else Random(run_id).sample(made.items, board_checks)
        found, usage, mapping = Findings(), Usage(), sql_server.mapping
        try:
            if few:
                with _asking(monday, sql_server, usage, reports.of(context.run.run_id)) as client:
                    found = look_up(client, mapping.board_ids(monday.board_id), mapping, few, made.subitems)
        except OrderSyncError as error:
            yield from (check.not_known(error, usage) for check in asked)
            return
        found.add(made.twins)
        looked = {"items looked up": len(few), "items of the run": len(made.items), "calls": usage.calls}
        yield from (check.answer(found, looked) for check in asked)

    return after_run


def _new(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["by"] == THIS_RUN]


def _of_rejected(rows: Sequence[Row]) -> str:
    """How many rows this run rejected, and how many orders wait for older ones."""
    new = _new(rows)
    old = len(rows) - len(new)
    codes = ", ".join(f"{code}: {count:,}" for code, count in _rules(new or rows).most_common())
    if not new:
        waits = counted(old, "order still waits for a row", "orders still wait for rows")
        return f"{waits} rejected by an earlier run ({codes}); none is new. {CORRECT}"
    more = f" Rejected earlier: rows of {counted(old, 'more order')}." if old else ""
    return f"{counted(len(new), 'row was', 'rows were')} rejected ({codes}).{more} {CORRECT}"


def _rules(rows: Sequence[Row]) -> Counter[Code]:
    """The code of each row's rejection, which an older row's reason has in its middle."""
    found = (codes_in(row["reason"] or "") for row in rows)
    return Counter(code for codes in found for code in codes[:1])


def _of(rows: Collection[Row], kind: str) -> list[Row]:
    """Those of one table, without saying so."""
    return [{name: value for name, value in row.items() if name != "row"} for row in rows if row["row"] == kind]


def _groups(board: Board, reader: QueueReader, wanted: Collection[str]) -> list[Finding]:
    def found(own: Mapping[str, str]) -> list[Finding]:
        return [*missing_groups(board, own, wanted), *doubled_groups(board, own, wanted)]

    # Which of the groups are ours only matters where one seems to be missing, or is doubled.
    return found({}) and found(known_groups(reader.database, reader.tables, board.id))


def _title(header: Row) -> Iterator[str]:
    with suppress(Rejected):  # without a title the header is rejected and needs no group
        yield group_title(header)


def _unknown_labels(columns: Sequence[ColumnMap], labels: LabelSpelling, header: Row) -> Iterator[Row]:
    try:
        encode_row(columns, {column.column: header.get(column.source) for column in columns}, labels)
    except Rejected as error:
        yield {"record_uuid": header["record_uuid"], "delta_uuid": header["delta_uuid"], "reason": str(error)}


@contextmanager
def _asking(
    monday: ReadOnlyMondayResource, sql_server: ReadOnlySqlServerResource, usage: Usage, report: RunReport
) -> Iterator[MondayReader]:
    """A client for reading; its calls are added to `usage` and the report, even if it fails."""
    budget = report.budget or sql_server.budget(monday.account, clock_speed=monday.clock_speed)
    budget.share()
    client = monday.reader(budget)
    if client is None:
        raise OrderSyncError("no token or no board is configured.", SettingsFault.NO_BOARD)
    with client:
        try:
            yield client
        finally:
            usage.add(calls=client.usage.calls)
            report.calls += client.usage.calls


def _run_id(context: dg.AssetCheckExecutionContext) -> str:
    """This run; if only checks are run, the run that last claimed rows."""
    run = context.run
    if run.asset_selection is not None and not run.asset_selection:
        latest = context.instance.get_latest_materialization_event(dg.AssetKey("pending_headers"))
        if latest is not None:
            return str(latest.run_id)
    return run.run_id
