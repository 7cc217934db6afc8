"""The monday IO manager: creates what an asset wants and the board lacks, reads back rows with their ids.

In: frames of desired groups, items or subitems. Out: the same rows with monday's ids, from tables and board.
One board after the other, each while the run holds it; what is done there is board_work.py's.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr

from order_sync.database.commit import readiness_of
from order_sync.database.housekeeping import tidy
from order_sync.io_managers.frames import by_customer, of_asset, preview, table, to_frame, to_rows
from order_sync.io_managers.lineage import board_metadata
from order_sync.monday.budget import Budget
from order_sync.monday.client import MondayClient
from order_sync.orders.errors import BoardRefused, OrderSyncError
from order_sync.orders.faults import RunFault
from order_sync.orders.naming import text_key
from order_sync.resources.monday import MondayResource
from order_sync.resources.run_codes import tags_failure
from order_sync.resources.run_report import RunReports
from order_sync.resources.runs import RunRegistry
from order_sync.resources.scope import follows_plan
from order_sync.resources.sql_server import SqlServerResource
from order_sync.sync.board_work import BoardWork, Step
from order_sync.sync.boards import Boards
from order_sync.sync.delivery import Outcome
from order_sync.sync.rows import Row
from order_sync.sync.twins import Found
from order_sync.text.excerpt import IN_REPORT, log_first
from order_sync.text.plain_text import markdown

log = logging.getLogger("order_sync.monday")

GROUPS = ["board_id", "title", "group_id"]
ITEMS = [
    "board_id",
    "delta_uuid",
    "record_uuid",
    "customer",
    "monday_item_id",
    "sync_state",
    "created_at",
    "done",
    "is_off",
]
SUBITEMS = ["delta_uuid", "line_uuid", "record_uuid", "monday_subitem_id", "sync_state", "done"]
SHOWN = 200  # rows of a table in metadata


class MondayIOManager(dg.ConfigurableIOManager):
    """Creates groups, items and subitems."""

    monday: dg.ResourceDependency[MondayResource]
    sql_server: dg.ResourceDependency[SqlServerResource]
    reports: dg.ResourceDependency[RunReports]
    home: str = Field(description="Folder for run locks.")

    _client: MondayClient | None = PrivateAttr(default=None)
    _budget: Budget = PrivateAttr()
    _boards: Boards = PrivateAttr()
    _run_id: str = PrivateAttr()
    _worked_on: set[int] = PrivateAttr(default_factory=set)  # boards that had rows in any step
    _is_done: bool = PrivateAttr(default=False)  # the last step is
    _lines: list[Row] | None = PrivateAttr(default=None)  # as they were read with the headers
    _refused: BoardRefused | None = PrivateAttr(default=None)  # the last board that took no rows

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.instance is None or context.run is None:
            raise OrderSyncError("The monday IO manager needs a Dagster instance and a run.", RunFault.NO_RUN)
        self._run_id = context.run.run_id
        try:
            # Before the first step: a wrong setting stops the run before it claims a row.
            with tags_failure(context.instance, self._run_id):
                self._connect(RunRegistry(Path(self.home), context.instance), exact=follows_plan(context.run))
        except Exception:
            self.teardown_after_execution(context)
            raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            tidy("Releasing the boards", self._boards.release, log.warning)
            self._client.__exit__(None, None, None)
            tidy("Settling what is left of the complexity budget", self._budget.close, log.warning)

    # ---- loading ----------------------------------------------------------------------------------

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        kind = of_asset(context.asset_key, KINDS)
        return to_frame(kind.read(self), kind.columns)

    def _read_groups(self) -> Iterator[Row]:
        for board_id in self._boards.sites:
            for group in self._boards.groups(board_id).values():
                yield {"board_id": board_id, "title": group.title, "group_id": group.id}

    def _read_items(self) -> Iterator[Row]:
        mapping, queue = self.sql_server.mapping, self.sql_server.queue
        headers = (
            self._boards.release_after(self.sql_server.database, self._read_headers)
            if self._is_done
            else queue.database.together(self._read_headers)
        )
        there = {row["record_uuid"] for row in headers if row["monday_item_id"] is not None}
        boards = queue.item_boards(there) if mapping.boards else {}
        for row in headers:
            known = boards.get(row["monday_item_id"]) or row["item_board_id"]
            board_id = known or mapping.board_of(row, self.monday.board_id)
            yield row | {"board_id": board_id}

    def _read_headers(self) -> list[Row]:
        """And what comes next needs: the lines, or once the last step is done all that the commit asks for."""
        queue = self.sql_server.queue
        headers = queue.run_headers(self._run_id, self.sql_server.mapping.board_sources)
        if self._is_done:
            self._lines = queue.run_lines(self._run_id)
            report = self.reports.of(self._run_id)
            report.ready = readiness_of(queue, self._run_id, headers, self._lines, report.ended)
        else:
            self._boards.read_ahead()
        return headers

    def _read_subitems(self) -> list[Row]:
        lines, self._lines = self._lines, None
        return self.sql_server.queue.run_lines(self._run_id) if lines is None else lines

    # ---- handling ---------------------------------------------------------------------------------

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        kind, name = of_asset(context.asset_key, KINDS), context.asset_key.path[-1]
        rows, client = list(to_rows(obj)), self._boards.client
        started = perf_counter()
        self._budget.share()
        done, boards = self._work(rows, kind.step)
        self._is_done = kind.is_last
        schema = (context.definition_metadata or {}).get("dagster/column_schema")
        metadata = kind.report(self, context, rows, done, boards) | self._report_twins()
        report, spent = self.reports.of(self._run_id), client.usage.since_last_time()
        report.created[name] = sum(board["created"] for board in boards)
        report.add(done)
        report.recovered = self._boards.recovered
        report.refused |= {board["board"]: board["problem"] for board in boards if board["problem"]}
        report.calls, report.complexity = report.calls + spent["calls"], report.complexity + spent["complexity"]
        context.add_output_metadata(
            {
                **metadata,
                **board_metadata(name, self.sql_server.mapping, self.sql_server.tables, schema),
                "boards": table(boards),
                "board": dg.MetadataValue.url(next(iter(self._boards.sites.values())).board.url),
                **spent,  # the first step's have those that opened the boards
                "seconds": round(perf_counter() - started, 2),
            }
        )

    def _work(self, rows: Sequence[Row], step: Step) -> tuple[Outcome, list[Row]]:
        """Runs the step on one board after the other; returns the outcome of all rows, and a summary of each board."""
        sites = self._boards.sites
        first = next(iter(sites))
        by_board: defaultdict[int, list[Row]] = defaultdict(list)
        for row in rows:
            by_board[row["board_id"] or first].append(row)  # without a board a row is only to be rejected
        doubtful = self._boards.begin_step(rows, by_board.keys())
        total, boards = Outcome(waiting=dict(doubtful)), []
        for board_id in (*(b for b in sites if b in by_board), *(b for b in by_board if b not in sites)):
            mine = [row for row in by_board[board_id] if row.get("delta_uuid") not in doubtful]
            if not mine:
                continue
            refused = ""
            try:
                with self._boards.holding(board_id) as work:
                    done = step(work, mine)
            except BoardRefused as error:
                if len(sites) == 1:
                    raise
                # The orders of the other boards need not wait for this one, nor do late lines in a later step.
                self._refused = error
                refused = str(error)
                log.error("board %d accepts nothing, its rows wait: %s", board_id, refused)
                done = Outcome(waiting={row.get("delta_uuid") or row["title"]: refused for row in mine})
            total.add(done)
            site = sites.get(board_id)
            boards.append(
                {
                    "board": site.board.name if site else str(board_id),
                    "url": site.board.url if site else "",
                    "rows": len(mine),
                    "created": len(done.created),
                    "altered": len(done.altered),
                    "rejected": len(done.rejected),
                    "waiting": len(done.waiting),
                    "problem": refused,
                }
            )
        self._worked_on |= by_board.keys()
        if self._refused and step is BoardWork.write_subitems and len(self._worked_on) == 1:
            raise self._refused  # there was no other board to go on with
        return total, boards

    def _report_groups(
        self, _context: dg.OutputContext, rows: Sequence[Row], _outcome: Outcome, boards: Sequence[Row]
    ) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "dagster/row_count": len(rows),
            # Counted by board: a title may be a group on several.
            "created": sum(board["created"] for board in boards),
            "rejected": sum(board["rejected"] for board in boards),
            "groups": self._links(rows),
        }
        if version := self._boards.client.api_version:
            metadata["API version"] = str(version)
            if version.warning:
                log.warning(version.warning)
        return metadata

    def _report_twins(self) -> dict[str, Any]:
        """The number of twins that were archived or kept; usually empty."""
        found, self._boards.twins = self._boards.twins, Found()
        self.reports.of(self._run_id).twins_left += len(found.left)
        counts = {"twins archived": sum(map(len, found.archived.values())), "twins left": len(found.left)}
        return {name: count for name, count in counts.items() if count}

    def _links(self, rows: Sequence[Row]) -> dg.MetadataValue[Any]:
        """The groups with their items wanted, each a link to its board at the group."""
        groups = {board_id: self._boards.groups(board_id) for board_id in self._boards.sites}
        lines = ["| group | items wanted |", "| --- | ---: |"]
        for row in rows[:SHOWN]:
            group = groups.get(row["board_id"], {}).get(text_key(row["title"]))
            site = self._boards.sites.get(row["board_id"])  # none where the token may not read the board
            url = f"{site.board.url}#{group.id if group else ''}" if site else ""
            lines.append(f"| [{markdown(row['title'])}]({url}) | {row['headers']} |")
        if len(rows) > SHOWN:
            lines.append(f"| ... and {len(rows) - SHOWN:,} more | {sum(row['headers'] for row in rows[SHOWN:])} |")
        return dg.MetadataValue.md("\n".join(lines))

    def _report_rows(
        self, context: dg.OutputContext, rows: Sequence[Row], outcome: Outcome, _boards: Sequence[Row]
    ) -> dict[str, Any]:
        rejected = [
            f"rejected: {row['name'] or row['delta_uuid']} (record_uuid {row['record_uuid']}): {reason}"
            for row in rows
            if (reason := outcome.rejected.get(row["delta_uuid"]))
        ]
        log_first(context.log.warning, rejected, IN_REPORT)
        sent = outcome.created.keys() | outcome.altered
        return {
            "dagster/row_count": len(rows),
            "created": len(outcome.created),
            "adopted": outcome.adopted,
            "recreated": outcome.recreated,
            "changed": len(outcome.changed),
            "moved": len(outcome.moved),
            "cancelled": len(outcome.cancelled),
            "rejected": len(outcome.rejected),
            "waiting": len(outcome.waiting),
            "already there": len(rows) - len(sent | outcome.rejected.keys() | outcome.waiting.keys()),
            **({"archive jobs": ", ".join(outcome.jobs)} if outcome.jobs else {}),
            **({"edits kept": table(outcome.kept[:SHOWN])} if outcome.kept else {}),
            **({"keys restored": outcome.keys_restored} if outcome.keys_restored else {}),
            "customers": by_customer(rows),
            "preview": preview(rows, ["name", "customer", "record_uuid"]),
        }

    def _connect(self, registry: RunRegistry, *, exact: bool) -> None:
        """Checks version, boards, columns and labels."""
        sql_server = self.sql_server
        self._budget = sql_server.budget(self.monday.account, clock_speed=self.monday.clock_speed)
        self.reports.of(self._run_id).budget = self._budget
        client = self.monday.client(self._budget)
        self._boards = Boards(
            client=client,
            queue=sql_server.queue,
            run_id=self._run_id,
            mapping=sql_server.mapping,
            manner=self.monday.manner,
            journal=lambda board_id: sql_server.journal(board_id, self._run_id, registry.is_over),
            unsettled=lambda: sql_server.unsettled(registry.is_over),
            exact=exact,
        )
        client.beat = self._boards.heartbeat
        client.__enter__()
        self._client = client
        client.check_version()
        self._boards.open(sql_server.mapping.board_ids(self.monday.board_id))


@dataclass(frozen=True)
class Kind:
    """What makes the rows of an asset real, reads them back, and reports on them."""

    step: Step
    columns: Sequence[str]
    read: Callable[[MondayIOManager], Iterable[Row]]
    report: Callable[[MondayIOManager, dg.OutputContext, Sequence[Row], Outcome, Sequence[Row]], dict[str, Any]]
    is_last: bool = False  # no later step needs the boards


_This = MondayIOManager
KINDS: Mapping[str, Kind] = {
    "monday_groups": Kind(BoardWork.create_groups, GROUPS, _This._read_groups, _This._report_groups),
    "monday_items": Kind(BoardWork.write_items, ITEMS, _This._read_items, _This._report_rows),
    "monday_subitems": Kind(BoardWork.write_subitems, SUBITEMS, _This._read_subitems, _This._report_rows, is_last=True),
}
