"""The monday IO manager: creates what an asset wants and the board lacks, reads back rows with their ids.

In: frames of desired groups, items or subitems. Out: the same rows with monday's ids, from tables and board.
One board after the other, each while the run holds it; what is done there is board_work.py's.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr

from order_sync.database.housekeeping import tidy
from order_sync.database.journal import Journal
from order_sync.io_managers.frames import by_customer, preview, table, to_frame, to_rows
from order_sync.monday.board import check_mapping
from order_sync.monday.budget import Budget
from order_sync.monday.client import MondayClient
from order_sync.orders.errors import BoardRefused, ConfigurationError, OrderSyncError
from order_sync.orders.naming import TextKey, text_key
from order_sync.resources.monday import MondayResource
from order_sync.resources.run_report import RunReports
from order_sync.resources.runs import RunRegistry
from order_sync.resources.sql_server import SqlServerResource
from order_sync.sync.board_work import BoardWork, Step
from order_sync.sync.delivery import Outcome
from order_sync.sync.facts import Group, Site, groups_of, read_sites
from order_sync.sync.rows import Row
from order_sync.sync.twins import Found
from order_sync.sync.writer import BoardWriter
from order_sync.text.counted import counted
from order_sync.text.excerpt import IN_REPORT, log_first
from order_sync.text.plain_text import markdown

log = logging.getLogger("order_sync.monday")

GROUPS = ["board_id", "title", "group_id"]
ITEMS = ["board_id", "delta_uuid", "record_uuid", "customer", "monday_item_id", "sync_state", "created_at"]
SUBITEMS = ["delta_uuid", "line_uuid", "record_uuid", "monday_subitem_id", "sync_state"]
SHOWN = 200  # rows of a table in metadata
STEPS: Mapping[str, Step] = {
    "monday_groups": BoardWork.create_groups,
    "monday_items": BoardWork.create_items,
    "monday_subitems": BoardWork.create_subitems,
}


class MondayIOManager(dg.ConfigurableIOManager):
    """Creates groups, items and subitems."""

    monday: dg.ResourceDependency[MondayResource]
    sql_server: dg.ResourceDependency[SqlServerResource]
    reports: dg.ResourceDependency[RunReports]
    home: str = Field(description="Folder for run locks.")

    _client: MondayClient | None = PrivateAttr(default=None)
    _budget: Budget = PrivateAttr()
    _sites: dict[int, Site] = PrivateAttr(default_factory=dict)
    _registry: RunRegistry = PrivateAttr()
    _run_id: str = PrivateAttr()
    _renewed_at: float = PrivateAttr(default_factory=monotonic)
    _held: Journal | None = PrivateAttr(default=None)  # of the board that this run holds
    _held_renewed_at: float = PrivateAttr(default=0.0)
    _tidied: bool = PrivateAttr(default=False)
    _worked_on: set[int] = PrivateAttr(default_factory=set)  # boards that had rows in any step
    _looked: set[int] = PrivateAttr(default_factory=set)  # boards that were looked at for twins
    _twins: Found = PrivateAttr(default_factory=Found)  # those that were found and not yet reported
    _refused: BoardRefused | None = PrivateAttr(default=None)  # the last board that took no rows

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.instance is None or context.run is None:
            raise OrderSyncError("The monday IO manager needs a Dagster instance and a run.")
        self._run_id = context.run.run_id
        self._registry = RunRegistry(Path(self.home), context.instance)
        try:
            self._connect()  # before the first step: a wrong setting stops the run before it claims a row
        except Exception:
            self.teardown_after_execution(context)
            raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)
            tidy("Settling what is left of the complexity budget", self._budget.close, log.warning)

    # ---- loading ----------------------------------------------------------------------------------

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        name = context.asset_key.path[-1]
        queue, mapping = self.sql_server.queue, self.sql_server.mapping
        if name == "monday_groups":
            groups = (
                {"board_id": board_id, "title": group.title, "group_id": group.id}
                for board_id in self._sites
                for group in self._groups(board_id).values()
            )
            return to_frame(groups, GROUPS)
        if name == "monday_items":
            headers = queue.run_headers(self._run_id, mapping.board_sources)
            there = {row["record_uuid"] for row in headers if row["monday_item_id"] is not None}
            boards = queue.item_boards(there) if mapping.boards else {}
            items = (
                row | {"board_id": boards.get(row["monday_item_id"]) or mapping.board_of(row, self.monday.board_id)}
                for row in headers
            )
            return to_frame(items, ITEMS)
        if name == "monday_subitems":
            return to_frame(queue.run_lines(self._run_id), SUBITEMS)
        raise OrderSyncError(f"The monday IO manager does not load asset {name}.")

    # ---- handling ---------------------------------------------------------------------------------

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        name = context.asset_key.path[-1]
        if name not in STEPS:
            raise OrderSyncError(f"The monday IO manager does not store asset {name}.")
        rows = list(to_rows(obj))
        client = self._connect()
        started = perf_counter()
        done, boards = self._work(context, rows, STEPS[name])
        metadata = self._tell_groups(rows, boards) if name == "monday_groups" else self._tell_rows(context, rows, done)
        metadata |= self._tell_twins()
        report, spent = self.reports.of(self._run_id), client.usage.since_last_time()
        report.created[name] = sum(board["created"] for board in boards)
        report.refused |= {board["board"]: board["problem"] for board in boards if board["problem"]}
        report.calls, report.complexity = report.calls + spent["calls"], report.complexity + spent["complexity"]
        if name == "monday_groups" and client.api_version is not None:
            metadata["API version"] = str(client.api_version)
            if client.api_version.warning:
                log.warning(client.api_version.warning)
        context.add_output_metadata(
            {
                **metadata,
                "boards": table(boards),
                "board": dg.MetadataValue.url(next(iter(self._sites.values())).board.url),
                **spent,  # the first step's have those that opened the boards
                "seconds": round(perf_counter() - started, 2),
            }
        )

    def _work(self, context: dg.OutputContext, rows: Sequence[Row], step: Step) -> tuple[Outcome, list[Row]]:
        """Runs the step on one board after the other; returns the outcome of all rows, and a summary of each board."""
        first = next(iter(self._sites))
        by_board: defaultdict[int, list[Row]] = defaultdict(list)
        for row in rows:
            by_board[row["board_id"] or first].append(row)  # without a board a row is only to be rejected
        self._resolve_elsewhere(context, by_board)
        total, boards = Outcome(), []
        doubtful = self._still_in_doubt(rows)
        total.waiting = dict(doubtful)
        for board_id in (*(b for b in self._sites if b in by_board), *(b for b in by_board if b not in self._sites)):
            mine = [row for row in by_board[board_id] if row.get("delta_uuid") not in doubtful]
            if not mine:
                continue
            refused = ""
            try:
                with self._holding(context, board_id) as work:
                    done = step(work, mine)
            except BoardRefused as error:
                if len(self._sites) == 1:
                    raise
                # The orders of the other boards need not wait for this one, nor do late lines in a later step.
                self._refused = error
                refused = str(error)
                log.error("board %d accepts nothing, its rows wait: %s", board_id, refused)
                done = Outcome(waiting={row.get("delta_uuid") or row["title"]: refused for row in mine})
            total.add(done)
            site = self._sites.get(board_id)
            boards.append(
                {
                    "board": site.board.name if site else str(board_id),
                    "url": site.board.url if site else "",
                    "rows": len(mine),
                    "created": len(done.created),
                    "rejected": len(done.rejected),
                    "waiting": len(done.waiting),
                    "problem": refused,
                }
            )
        self._worked_on |= by_board.keys()
        if self._refused and step is BoardWork.create_subitems and len(self._worked_on) == 1:
            raise self._refused  # there was no other board to go on with
        return total, boards

    def _resolve_elsewhere(self, context: dg.OutputContext, by_board: Mapping[int, Sequence[Row]]) -> None:
        """Resolves requests in doubt on boards where this step has nothing to do.

        A rule may have changed since: an order that an earlier run sent to another board must not be sent twice.
        """
        sql_server = self.sql_server
        watched, doubtful = sql_server.database.together(
            lambda: (sql_server.boards_watched(), sql_server.boards_in_doubt(self._registry.is_over))
        )
        for board_id in sorted((watched - self._looked) | doubtful):
            if board_id in by_board:
                continue
            try:
                with self._holding(context, board_id):
                    pass
            except BoardRefused as error:
                self._looked.add(board_id)
                log.warning("requests to board %d are in doubt and cannot be looked up: %s", board_id, error)

    def _still_in_doubt(self, rows: Sequence[Row]) -> dict[str, str]:
        """Rows that an open request to another board may make: they must wait until that is known."""
        boards = {row["delta_uuid"]: row["board_id"] for row in rows if "delta_uuid" in row}
        return {
            key: f"a request to board {board_id} that may have created it is still in doubt"
            for board_id in sorted(self.sql_server.boards_in_doubt(lambda run_id: True))
            if set(boards.values()) - {board_id}
            for entry in self._journal(board_id).in_doubt()
            for key in entry.keys
            if boards.get(key, board_id) != board_id
        }

    def _tell_groups(self, rows: Sequence[Row], boards: Sequence[Row]) -> dict[str, Any]:
        return {
            "dagster/row_count": len(rows),
            # Counted by board: a title may be a group on several.
            "created": sum(board["created"] for board in boards),
            "rejected": sum(board["rejected"] for board in boards),
            "groups": self._links(rows),
        }

    def _tell_twins(self) -> dict[str, Any]:
        """The number of twins that were archived or kept; usually empty."""
        found, self._twins = self._twins, Found()
        counts = {"twins archived": sum(map(len, found.archived.values())), "twins left": len(found.left)}
        return {name: count for name, count in counts.items() if count}

    def _links(self, rows: Sequence[Row]) -> dg.MetadataValue[Any]:
        """The groups with their items wanted, each a link to its board at the group."""
        groups = {board_id: self._groups(board_id) for board_id in self._sites}
        lines = ["| group | items wanted |", "| --- | ---: |"]
        for row in rows[:SHOWN]:
            group = groups.get(row["board_id"], {}).get(text_key(row["title"]))
            site = self._sites.get(row["board_id"])  # none where the token may not read the board
            url = f"{site.board.url}#{group.id if group else ''}" if site else ""
            lines.append(f"| [{markdown(row['title'])}]({url}) | {row['headers']} |")
        if len(rows) > SHOWN:
            lines.append(f"| ... and {len(rows) - SHOWN:,} more | {sum(row['headers'] for row in rows[SHOWN:])} |")
        return dg.MetadataValue.md("\n".join(lines))

    def _tell_rows(self, context: dg.OutputContext, rows: Sequence[Row], outcome: Outcome) -> dict[str, Any]:
        rejected = [
            f"rejected: {row['name'] or row['delta_uuid']} (record_uuid {row['record_uuid']}): {reason}"
            for row in rows
            if (reason := outcome.rejected.get(row["delta_uuid"]))
        ]
        log_first(context.log.warning, rejected, IN_REPORT)
        return {
            "dagster/row_count": len(rows),
            "created": len(outcome.created),
            "adopted": outcome.adopted,
            "recreated": outcome.recreated,
            "rejected": len(outcome.rejected),
            "waiting": len(outcome.waiting),
            "already there": len(rows) - len(outcome.created) - len(outcome.rejected) - len(outcome.waiting),
            "customers": by_customer(rows),
            "preview": preview(rows, ["name", "customer", "record_uuid"]),
        }

    # ---- the boards -------------------------------------------------------------------------------

    def _groups(self, board_id: int) -> dict[TextKey, Group]:
        return groups_of(self.sql_server.queue, self._sites[board_id].board)

    def _connect(self) -> MondayClient:
        """The client; version, boards, columns and labels are checked at the first time."""
        if self._client is None:
            self._budget = self.sql_server.budget(self.monday.account, clock_speed=self.monday.clock_speed)
            client = self.monday.client(self._budget)
            client.__enter__()
            client.beat = self._heartbeat
            self._client = client
            client.check_version()
            self._sites = _open_sites(client, self.sql_server.mapping.board_ids(self.monday.board_id))
            for site in self._sites.values():
                check_mapping(site.board, site.subitems, self.sql_server.mapping)
        return self._client

    def _site(self, board_id: int) -> Site:
        """The board, also one that no rule names any more. Raises BoardRefused if the token does not see it."""
        if board_id not in self._sites:
            try:
                self._sites |= read_sites(self._connect(), [board_id])
            except ConfigurationError as error:
                raise BoardRefused(str(error)) from error
        return self._sites[board_id]

    def _heartbeat(self) -> None:
        """Renews the leases on the run's rows and on the board, each once a third of it has passed."""
        if monotonic() - self._renewed_at > self.sql_server.lease_seconds / 3:
            self.sql_server.queue.renew(self._run_id)
            self._renewed_at = monotonic()
        if self._held and monotonic() - self._held_renewed_at > self.sql_server.board_lease_seconds / 3:
            self._held.renew()
            self._held_renewed_at = monotonic()

    def _journal(self, board_id: int) -> Journal:
        return self.sql_server.journal(board_id, self._run_id, self._registry.is_over)

    @contextmanager
    def _holding(self, context: dg.OutputContext, board_id: int) -> Iterator[BoardWork]:
        """Holds the board, and resolves what earlier runs left in doubt before anything is created."""
        client, site, journal = self._connect(), self._site(board_id), self._journal(board_id)
        mapping = self.sql_server.mapping

        logged_at = float("-inf")

        def waiting(holder: str) -> None:
            nonlocal logged_at
            self._heartbeat()
            if monotonic() - logged_at > 30:
                logged_at = monotonic()
                log.info("board %d is held by run %s: waiting for it", board_id, holder, extra={"waits": True})

        writer = BoardWriter(client, journal, mapping, self.monday.manner, site.board.labels)
        self._budget.share()
        with journal.holding_board(waiting, name=site.board.name, url=site.board.url):
            self._held, self._held_renewed_at = journal, monotonic()
            try:
                if board_id not in self._looked:
                    self._looked.add(board_id)
                    self._twins.add(writer.twins.look())
                if resolved := writer.recover():
                    context.log.info(f"resolved {counted(resolved, 'request')} that an earlier run left in doubt")
                if not self._tidied:
                    tidy("Removing expired log entries", self.sql_server.expire_log, context.log.warning)
                    self._tidied = True
                yield BoardWork(
                    client,
                    site,
                    journal=journal,
                    writer=writer,
                    mapping=mapping,
                    queue=self.sql_server.queue,
                )
            finally:
                self._held = None


def _open_sites(client: MondayClient, board_ids: Sequence[int]) -> dict[int, Site]:
    """The boards that the token may read; raises BoardRefused if it may read none of them.

    Raises ConfigurationError for one that it does not see at all: that is a wrong id, not a missing permission.
    """
    try:
        return read_sites(client, board_ids)
    except BoardRefused as error:
        refused = error
    sites: dict[int, Site] = {}
    for board_id in board_ids if len(board_ids) > 1 else ():
        try:
            sites |= read_sites(client, [board_id])
        except BoardRefused as error:
            log.error("board %d cannot be read, its rows wait: %s", board_id, error)
    if not sites:
        raise refused
    return sites
