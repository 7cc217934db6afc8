"""Asset checks: what a person would ask of each asset after a run.

In: the tables as they are, and the board as monday shows it. Out: passed, or what is wrong, where, and what to do.
They only read; where runs write, their queries count in the account's budget. What only a person can put right is an
ERROR or a WARN and stops nothing; a check blocks only where going on would do harm.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from random import Random
from typing import Any

import dagster as dg

from order_sync.assets.check_specs import (
    API_VERSION_LASTS,
    EVERY_GROUP_ONCE,
    EVERY_HEADER_HAS_ITS_ITEM,
    EVERY_LINE_HAS_ITS_SUBITEM,
    LABELS_KNOWN,
    MAPPING_FITS_BOARD,
    NO_HEADER_PAST_ITS_LEASE,
    NO_ITEM_TWICE,
    NO_LINE_PAST_ITS_LEASE,
    NO_ORDER_HELD,
    NO_SUBITEM_TWICE,
    NOTHING_LEFT_PENDING,
    NOTHING_REJECTED,
    QUEUE_AND_LINES_AGREE,
    QUEUE_AND_ORDERS_AGREE,
)
from order_sync.database import audit
from order_sync.database.connection import chunks
from order_sync.database.held import held_orders, unexpected
from order_sync.database.holdups import holdups
from order_sync.database.queue import QueueReader
from order_sync.io_managers.frames import table
from order_sync.io_managers.queue import LEFT
from order_sync.monday.board import Board, boards_and_version, check_items_mapping
from order_sync.monday.client import MondayReader
from order_sync.monday.labels import LabelSpelling
from order_sync.monday.usage import Usage
from order_sync.monday.values import encode_row
from order_sync.orders.errors import OrderSyncError, Rejected
from order_sync.orders.mapping import LABELLED, ColumnMap
from order_sync.orders.naming import TextKey, group_title, text_key
from order_sync.resources.monday import ReadOnlyMondayResource
from order_sync.resources.sql_server import ReadOnlySqlServerResource
from order_sync.sync.audit import Expected, Findings, audit_items
from order_sync.sync.rows import Row
from order_sync.text.counted import counted

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
SHOWN = 200  # findings in the metadata

Results = Iterator[dg.AssetCheckResult]


def build_checks(*, board_checks: int) -> list[dg.AssetChecksDefinition]:
    """The checks of a deployment; `board_checks` is how many items a run looks up on the board, 0: it asks nothing."""
    on_the_board = [board_before_items, build_board_after_run(board_checks)] if board_checks else []
    return [leases, *on_the_board, tables_after_run]


@dg.multi_asset_check(specs=[NO_HEADER_PAST_ITS_LEASE, NO_LINE_PAST_ITS_LEASE], can_subset=True)
def leases(context: dg.AssetCheckExecutionContext, sql_server: ReadOnlySqlServerResource) -> Results:
    """What a dead run holds and no run has taken up since."""
    reader = sql_server.reader
    for spec, queue, row in (
        (NO_HEADER_PAST_ITS_LEASE, reader.tables.header_queue, "header"),
        (NO_LINE_PAST_ITS_LEASE, reader.tables.line_queue, "line"),
    ):
        if spec.key in context.selected_asset_check_keys:
            stuck = audit.past_lease(reader, queue)
            wrong = f"{counted(len(stuck), row)} PENDING for longer than the lease. The next run without a scope takes "
            wrong += "up what is left; if it does not, `order-sync trace` tells of each what it waits for."
            yield _result(spec, stuck, wrong=wrong, severity=WARN)


BEFORE_ITEMS = (MAPPING_FITS_BOARD, API_VERSION_LASTS, EVERY_GROUP_ONCE, LABELS_KNOWN)


@dg.multi_asset_check(specs=BEFORE_ITEMS, can_subset=True)
def board_before_items(
    context: dg.AssetCheckExecutionContext, sql_server: ReadOnlySqlServerResource, monday: ReadOnlyMondayResource
) -> Results:
    """The boards, read once between groups and items: one call, whatever is asked."""
    asked = [spec for spec in BEFORE_ITEMS if spec.key in context.selected_asset_check_keys]
    mapping, reader, usage = sql_server.mapping, sql_server.reader, Usage()
    try:
        with _asking(monday, sql_server, usage) as client:
            boards, version = boards_and_version(client, mapping.board_ids(monday.board_id))
    except OrderSyncError as error:
        yield from _could_not_ask(asked, error, usage)
        return
    calls = usage.calls
    run_id = _run_id(context)
    labelled = [column for column in mapping.items.columns if column.type in LABELLED]
    spelling = {board_id: LabelSpelling(board.labels) for board_id, board in boards.items()}
    titles: dict[int, set[str]] = {}
    unknown: list[Row] = []
    for some in chunks(row["delta_uuid"] for row in reader.run_headers(run_id)):
        for row in reader.headers(some):
            board_id = mapping.board_of(row, monday.board_id)
            if board_id in boards:
                titles.setdefault(board_id, set()).update(_title(row))
                unknown += _unknown_labels(labelled, spelling[board_id], row)
    if MAPPING_FITS_BOARD in asked:
        unseen = [
            f"board {i} is not shown to this token" for i in mapping.board_ids(monday.board_id) if i not in boards
        ]
        problems = [problem for board in boards.values() for problem in check_items_mapping(board, mapping)]
        wrong = (
            f"The mapping does not fit: {'; '.join((unseen + problems)[:3])}. No item was created. Put the board or "
        )
        wrong += "the mapping right (`order-sync board check`); the next run goes on."
        yield _result(MAPPING_FITS_BOARD, _texts(unseen + problems), wrong=wrong, boards=len(boards), calls=calls)
    if API_VERSION_LASTS in asked:
        warning = version.warning if version else None
        yield _result(
            API_VERSION_LASTS, _texts([warning] if warning else []), wrong=warning or "", severity=WARN, calls=calls
        )
    if EVERY_GROUP_ONCE in asked:
        missing: list[str] = []
        doubled: list[str] = []
        for board_id, wanted in titles.items():
            none, many = _groups(boards[board_id], audit.own_groups(reader, board_id), wanted)
            missing, doubled = missing + none, doubled + many
        wrong = "The next step makes missing groups again. Groups with one title: merge them on the board, items go to "
        wrong += "the first of them."
        yield _result(
            EVERY_GROUP_ONCE,
            _texts(missing + doubled),
            wrong=f"{counted(len(missing), 'group')} missing, {len(doubled)} there more than once. {wrong}",
            severity=ERROR if missing else WARN,
            calls=calls,
        )
    if LABELS_KNOWN in asked:
        wrong = f"{counted(len(unknown), 'header')} with a label that the board lacks, to be rejected. Add it on the "
        wrong += "board, or correct the order; then `order-sync retry`."
        yield _result(LABELS_KNOWN, unknown, wrong=wrong, severity=WARN, calls=calls)


def build_board_after_run(board_checks: int) -> dg.AssetChecksDefinition:
    specs = [EVERY_HEADER_HAS_ITS_ITEM, NO_ITEM_TWICE, EVERY_LINE_HAS_ITS_SUBITEM, NO_SUBITEM_TWICE]

    @dg.multi_asset_check(specs=specs, can_subset=True)
    def board_after_run(
        context: dg.AssetCheckExecutionContext, sql_server: ReadOnlySqlServerResource, monday: ReadOnlyMondayResource
    ) -> Results:
        """What the run has put on the boards, held against the queue tables once the orders are SYNCED."""
        asked = [spec for spec in specs if spec.key in context.selected_asset_check_keys]
        mapping, reader, run_id = sql_server.mapping, sql_server.reader, _run_id(context)
        made = _items(reader, run_id, mapping.board_sources)
        chosen = made if len(made) <= board_checks else Random(run_id).sample(made, board_checks)
        of_board: dict[int, list[tuple[int, Row]]] = {}
        for item, header in chosen:
            board_id = mapping.board_of(header, monday.board_id) if header else monday.board_id
            of_board.setdefault(board_id, []).append((item, header))
        found, usage = Findings(), Usage()
        try:
            if chosen:
                with _asking(monday, sql_server, usage) as client:
                    for board_id, items in sorted(of_board.items()):
                        # Those that only an id is known of come last: a search has no use for them.
                        expected = sorted(_expected(reader, run_id, items), key=lambda item: item.key is None)
                        found += audit_items(
                            client,
                            board_id,
                            expected,
                            key_column=mapping.items.key_column,
                            subitem_key_column=mapping.subitems.key_column,
                        )
        except OrderSyncError as error:
            yield from _could_not_ask(asked, error, usage)
            return
        looked: dict[str, Any] = {"items looked up": found.items, "items of the run": len(made), "calls": usage.calls}
        answers = _answers(found)
        for spec in asked:
            findings, wrong, severity = answers[spec.name]
            yield _result(spec, _texts(findings), wrong=wrong, severity=severity, **looked)

    return board_after_run


def _answers(found: Findings) -> dict[str, tuple[list[str], str, dg.AssetCheckSeverity]]:
    """By check: what was found, what to say of it, and how bad it is."""
    return {
        EVERY_HEADER_HAS_ITS_ITEM.name: (
            found.missing + found.moved,
            f"{counted(len(found.missing), 'item')} not on the board, {len(found.moved)} in another group. "
            "Ask who deleted or moved them; `order-sync reconcile --requeue` has deleted items made again.",
            ERROR if found.missing else WARN,
        ),
        NO_ITEM_TWICE.name: (
            found.doubled,
            f"{counted(len(found.doubled), 'header')} with more than one item. "
            "Delete the copies that nobody works with; the tables name the item that counts.",
            ERROR,
        ),
        EVERY_LINE_HAS_ITS_SUBITEM.name: (
            found.subitems_missing,
            f"{counted(len(found.subitems_missing), 'subitem')} not under the right item. "
            "Ask who deleted or moved them: nothing makes a subitem again whose item is still there.",
            ERROR,
        ),
        NO_SUBITEM_TWICE.name: (
            found.subitems_doubled,
            f"{counted(len(found.subitems_doubled), 'line')} with more than one subitem. "
            "Delete the copies that nobody works with; the tables name the subitem that counts.",
            ERROR,
        ),
    }


@dg.multi_asset_check(
    specs=[NOTHING_REJECTED, NOTHING_LEFT_PENDING, NO_ORDER_HELD, QUEUE_AND_ORDERS_AGREE, QUEUE_AND_LINES_AGREE],
    can_subset=True,
)
def tables_after_run(context: dg.AssetCheckExecutionContext, sql_server: ReadOnlySqlServerResource) -> Results:
    """What became of the run's rows, by the tables alone."""
    reader, run_id, asked = sql_server.reader, _run_id(context), context.selected_asset_check_keys
    if NOTHING_REJECTED.key in asked:
        errors = reader.errors(run_id)
        wrong = f"{counted(len(errors), 'row was', 'rows were')} rejected. Correct what is wrong, then run "
        wrong += "`order-sync retry`."
        right = "No row was rejected."
        yield _result(NOTHING_REJECTED, errors, wrong=wrong, right=right, severity=WARN, rejected=len(errors))
    if NOTHING_LEFT_PENDING.key in asked:
        headers = reader.claimed_headers(run_id)
        lines = reader.claimed_lines(run_id, "record_uuid", "line_uuid", "customer", "size_code")
        rows = [{"record_uuid": row["record_uuid"], "row": "header"} for row in headers]
        rows += [{"record_uuid": row["record_uuid"], "row": "line"} for row in lines]
        rows += _left(context.instance, run_id)
        wrong = (
            f"{counted(len(rows), 'row or order', 'rows or orders')} of this run not done, and not rejected either: "
        )
        wrong += "the reasons are in the run's log. The next run takes them up."
        yield _result(NOTHING_LEFT_PENDING, rows, wrong=wrong)
    if NO_ORDER_HELD.key in asked:
        held = unexpected(held_orders(reader))
        first = f" First: {held[0]}. {' '.join(holdups(held))}" if held else ""
        wrong = (
            f"{counted(len(held), 'order waits', 'orders wait')} that no run can take up.{first} `order-sync status` "
        )
        wrong += "lists them."
        yield _result(NO_ORDER_HELD, [asdict(order) for order in held], wrong=wrong, severity=WARN)
    for spec, apart_of, what in (
        (QUEUE_AND_ORDERS_AGREE, audit.orders_apart, "headers are SYNCED in ORDER_LIST_DELTA and not in ORDER_LIST"),
        (
            QUEUE_AND_LINES_AGREE,
            audit.lines_apart,
            "lines are SYNCED in ORDER_LIST_LINES_DELTA and not in the main table",
        ),
    ):
        if spec.key in asked:
            apart = apart_of(reader, run_id)
            wrong = f"{len(apart)} {what}, or with another id. Somebody else writes to these rows: find out who, and "
            wrong += "copy state and ids from the queue table."
            yield _result(spec, apart, wrong=wrong)


# ---- what is asked ----------------------------------------------------------------------------------------


def _groups(board: Board, own: Mapping[str, str], wanted: Collection[str]) -> tuple[list[str], list[str]]:
    """The wanted titles that the board lacks, and those that it has more than once."""
    ids: dict[TextKey, list[str]] = {}
    for group_id, title in board.group_titles.items():
        ids.setdefault(text_key(title), []).append(group_id)
    renamed = {text_key(title) for group_id, title in own.items() if group_id in board.group_ids}
    missing, doubled = [], []
    for key, title in sorted({text_key(title): title for title in sorted(wanted)}.items()):
        same = ids.get(key, [])
        if not same and key not in renamed:
            missing.append(f"group '{title}' is not on board {board.id}")
        elif len(same) > 1:
            ours = sum(group_id in own for group_id in same)
            which = ", ".join(same)
            doubled.append(
                f"board {board.id} has {counted(len(same), 'group')} '{title}' ({which}), {ours} of them ours"
            )
    return missing, doubled


def _title(header: Row) -> Iterator[str]:
    with suppress(Rejected):  # without a title the header is rejected, and wants no group
        yield group_title(header)


def _unknown_labels(columns: Sequence[ColumnMap], labels: LabelSpelling, header: Row) -> Iterator[Row]:
    try:
        encode_row(columns, {column.column: header.get(column.source) for column in columns}, labels)
    except Rejected as error:
        yield {"record_uuid": header["record_uuid"], "delta_uuid": header["delta_uuid"], "reason": str(error)}


def _items(reader: QueueReader, run_id: str, columns: Sequence[str]) -> list[tuple[int, Row]]:
    """Each item of the run with its header, and last the items of earlier runs that late lines went to, with none."""
    headers = {row["monday_item_id"]: row for row in audit.headers_on_board(reader, run_id, columns=columns)}
    late = [item for item in audit.items_of_lines(reader, run_id) if item not in headers]
    return [*headers.items(), *((item, {}) for item in late)]


def _expected(reader: QueueReader, run_id: str, items: Sequence[tuple[int, Row]]) -> Iterator[Expected]:
    subitems: dict[int, dict[str, str]] = {}
    for line in audit.lines_on_board(reader, run_id, [item for item, _ in items]):
        subitems.setdefault(line["parent_item_id"], {})[line["line_uuid"]] = str(line["monday_subitem_id"])
    for item, header in items:
        yield Expected(
            item_id=str(item),
            key=header.get("record_uuid"),
            group_id=header.get("monday_group_id"),
            subitems=subitems.get(item, {}),
        )


@contextmanager
def _asking(
    monday: ReadOnlyMondayResource, sql_server: ReadOnlySqlServerResource, usage: Usage
) -> Iterator[MondayReader]:
    """A client to read with; what it spends is added to `usage`, also where it fails."""
    budget = sql_server.budget(monday.account, clock_speed=monday.clock_speed)
    budget.share()
    client = monday.reader(budget)
    if client is None:
        raise OrderSyncError("There is no token or no board to ask for.")
    with client:
        try:
            yield client
        finally:
            usage.add(calls=client.usage.calls)


def _run_id(context: dg.AssetCheckExecutionContext) -> str:
    """This run; where checks are started by themselves, the run that last claimed rows."""
    run = context.run
    if run.asset_selection is not None and not run.asset_selection:
        latest = context.instance.get_latest_materialization_event(dg.AssetKey("pending_headers"))
        if latest is not None:
            return str(latest.run_id)
    return run.run_id


# ---- what is told -----------------------------------------------------------------------------------------


def _result(
    spec: dg.AssetCheckSpec,
    findings: Sequence[Row],
    *,
    wrong: str,
    right: str = "Nothing is wrong.",
    severity: dg.AssetCheckSeverity = ERROR,
    **metadata: Any,
) -> dg.AssetCheckResult:
    """Passed if there are no findings; else `wrong`, which says how many they are and what to do."""
    return dg.AssetCheckResult(
        passed=not findings,
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=severity,
        description=wrong if findings else right,
        metadata={"found": len(findings), "rows": table(findings[:SHOWN]), **metadata},
    )


def _could_not_ask(specs: Sequence[dg.AssetCheckSpec], error: OrderSyncError, usage: Usage) -> Results:
    """An answer that monday did not give is no reason to hold the orders up."""
    for spec in specs:
        description = f"monday could not be asked, so this is not known: {error}"
        yield dg.AssetCheckResult(
            passed=False,
            check_name=spec.name,
            asset_key=spec.asset_key,
            severity=WARN,
            description=description,
            metadata={"calls": usage.calls},
        )


def _left(instance: dg.DagsterInstance, run_id: str) -> list[Row]:
    """Orders that the run has given back although none of their rows is rejected: a board may take nothing more."""
    latest = instance.get_latest_materialization_event(dg.AssetKey("order_list"))
    if latest is None or latest.run_id != run_id or latest.asset_materialization is None:
        return []
    told = latest.asset_materialization.metadata.get(LEFT)
    return [dict(record.data) for record in told.records] if isinstance(told, dg.TableMetadataValue) else []


def _texts(findings: Sequence[str]) -> list[Row]:
    return [{"finding": text} for text in findings]
