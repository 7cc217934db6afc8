"""The monday IO manager: creates what an asset wants and the board lacks, reads back rows with their ids.

In: frames of desired groups, items or subitems. Out: the same rows with monday's ids, from tables and board.
Every create goes through the journal while the run holds the board; see order_sync/monday/writer.py.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field, PrivateAttr

from order_sync.errors import Fatal, OrderSyncError, Rejected
from order_sync.io_managers.frames import Row, by_customer, let_go, preview, to_frame, to_rows
from order_sync.monday.board import Board, check_mapping, read_board
from order_sync.monday.changes import Changes, Header
from order_sync.monday.client import MondayClient
from order_sync.monday.delivery import Outcome
from order_sync.monday.rows import Mended, NewRow
from order_sync.monday.values import encode_row, to_json
from order_sync.monday.writer import BoardWriter
from order_sync.orders.journal import Journal, Operation
from order_sync.orders.mapping import ColumnMap
from order_sync.orders.tables import State
from order_sync.resources.monday import MondayResource
from order_sync.resources.runs import RunRegistry
from order_sync.resources.sql_server import SqlServerResource

GROUPS = ["title", "group_id"]
ITEMS = ["delta_uuid", "record_uuid", "customer", "monday_item_id", "sync_state", "created_at"]
SUBITEMS = ["delta_uuid", "line_uuid", "record_uuid", "monday_subitem_id", "sync_state"]
CONFIRM_SECONDS = (0.5, 1, 2, 4, 8)  # between looks for groups that were just created


def _links(rows: list[Row], board_url: str, group_ids: Mapping[str, str]) -> dg.MetadataValue[Any]:
    """The groups with their items wanted, each a link to the board at its group."""
    lines = ["| group | items wanted |", "| --- | ---: |"]
    for row in rows:
        title = re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", row["title"])
        lines.append(f"| [{title}]({board_url}#{group_ids.get(row['title'], '')}) | {row['headers']} |")
    return dg.MetadataValue.md("\n".join(lines))


class MondayIOManager(dg.ConfigurableIOManager):
    """Creates groups, items and subitems."""

    monday: dg.ResourceDependency[MondayResource]
    sql_server: dg.ResourceDependency[SqlServerResource]
    home: str = Field(description="Folder for run locks.")

    _client: MondayClient | None = PrivateAttr(default=None)
    _board: Board | None = PrivateAttr(default=None)
    _subitem_board: Board | None = PrivateAttr(default=None)
    _registry: RunRegistry = PrivateAttr()
    _run_id: str = PrivateAttr()
    _renewed_at: float = PrivateAttr(default_factory=monotonic)
    _board_renewed_at: float = PrivateAttr(default=0.0)
    _holds_board: bool = PrivateAttr(default=False)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.instance is None or context.run is None:
            raise OrderSyncError("The monday IO manager needs a Dagster instance and a run.")
        self._run_id = context.run.run_id
        self._registry = RunRegistry(Path(self.home), context.instance)
        try:
            self._connected()  # before the first step: what is set wrongly stops the run before it claims a row
        except Exception:
            self.teardown_after_execution(context)
            raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)

    # ---- loading ----------------------------------------------------------------------------------

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        name = context.asset_key.path[-1]
        queue = self.sql_server.queue
        if name == "monday_groups":
            groups = self._groups(self._connected()[1])
            return to_frame(({"title": title, "group_id": group_id} for title, group_id in groups.items()), GROUPS)
        if name == "monday_items":
            return to_frame(queue.run_headers(self._run_id), ITEMS)
        if name == "monday_subitems":
            return to_frame(queue.run_lines(self._run_id), SUBITEMS)
        raise OrderSyncError(f"Asset {name} is not loaded through the monday IO manager.")

    # ---- handling ---------------------------------------------------------------------------------

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        name = context.asset_key.path[-1]
        rows = list(to_rows(obj))
        let_go(obj)
        client, board = self._connected()
        before, started = (client.usage.calls, client.usage.complexity), perf_counter()
        if name == "monday_groups":
            metadata = self._create_groups(context, rows)
        elif name == "monday_items":
            metadata = self._create_items(context, rows)
        elif name == "monday_subitems":
            metadata = self._create_subitems(context, rows)
        else:
            raise OrderSyncError(f"Asset {name} is not kept by the monday IO manager.")
        context.add_output_metadata(
            {
                **metadata,
                "board": dg.MetadataValue.url(board.url),
                "calls": client.usage.calls - before[0],
                "complexity": client.usage.complexity - before[1],
                "seconds": round(perf_counter() - started, 2),
            }
        )

    def _create_groups(self, context: dg.OutputContext, rows: list[Row]) -> dict[str, Any]:
        with self._holding_board(context) as writer:
            client, board = self._connected(fresh=True)
            if days := self.sql_server.log_days:
                self._journal().expire(timedelta(days=days))
            here = self._groups(board)
            wanted = [row["title"] for row in rows]
            self._changes(writer).tell_renamed({title: here[title] for title in wanted if title in here}, board)
            self._journal().adopt(Operation.GROUPS, {title: here[title] for title in wanted if title in here})
            outcome = writer.create(
                Operation.GROUPS,
                [NewRow(key=title, variables={"name": title}) for title in wanted if title not in here],
                {"board": str(board.id)},
            )
            board = self._confirm_groups(client, outcome.created)
        for title, reason in outcome.rejected.items():
            context.log.error(f"group '{title}' was not created: {reason}")
        return {
            "dagster/row_count": len(rows),
            "created": len(outcome.created),
            "rejected": len(outcome.rejected),
            "groups": _links(rows, board.url, self._groups(board)),
        }

    def _groups(self, board: Board) -> dict[str, str]:
        """Group ids by title. A group that order_sync made is known by its id also where its title has changed."""
        return self._journal().known_groups(board.group_ids) | dict(board.groups)

    def _confirm_groups(self, client: MondayClient, created: Mapping[str, str]) -> Board:
        """Waits until the board shows the groups: no item is created before."""
        board = self._connected()[1]
        if not created:
            return board
        for pause in (0, *CONFIRM_SECONDS):
            client.wait(pause)
            board = self._connected(fresh=True)[1]
            missing = [title for title, group_id in created.items() if group_id not in board.group_ids]
            if not missing:
                return board
        raise Fatal(
            f"{len(missing)} groups were created and board {board.id} does not show them, '{missing[0]}' first. "
            "Nothing is lost: start the run again."
        )

    def _create_items(self, context: dg.OutputContext, rows: list[Row]) -> dict[str, Any]:
        mapping = self.sql_server.mapping.items
        queue = self.sql_server.queue
        with self._holding_board(context) as writer:
            _, board = self._connected(fresh=True)
            changes = self._changes(writer)
            self._rehome(changes, rows, board)
            queue.assign_groups(self._run_id, {r["delta_uuid"]: r["group_id"] for r in rows if r["group_id"]})
            # Read now, not when the step began: recovery may have adopted items since, or, while this run waited or
            # slept, another one may have taken its rows over and made them.
            held = {
                row["delta_uuid"]: row["monday_item_id"]
                for row in queue.run_headers(self._run_id)
                if row["sync_state"] == State.PENDING
            }
            mine = self._still_held(context, rows, held)
            known = {key: item for key, item in held.items() if item is not None}
            gone = changes.forget(known.values())
            there = {key for key, item in known.items() if item not in gone}
            wanted = [row for row in mine if row["delta_uuid"] not in there]
            headers = [Header(delta_uuid=row["delta_uuid"], record_uuid=row["record_uuid"]) for row in wanted]
            adopted = changes.adopt(headers, board)
            new: dict[str, NewRow] = {}
            rejected = {}
            for row in wanted:
                if row["delta_uuid"] in adopted.items:
                    continue
                own = {mapping.key_column: row["delta_uuid"], mapping.record_column: row["record_uuid"]}
                try:
                    values = self._values(row, mapping.columns, own, board)
                except Rejected as error:
                    rejected[row["delta_uuid"]] = str(error)
                    continue
                variables = {"group": row["group_id"], "name": row["name"], "values": values}
                new[row["delta_uuid"]] = NewRow(key=row["delta_uuid"], variables=variables)
            self._journal().reject(Operation.ITEMS, rejected)
            by_key = {row["delta_uuid"]: row for row in wanted}

            def mend(refused: Mapping[str, str]) -> Mended:
                """Their group may have been deleted a moment ago."""
                affected = [by_key[key] for key in refused]
                moved = self._rehome(changes, affected, self._connected(fresh=True)[1])
                groups = {row["delta_uuid"]: row["group_id"] for row in moved if row["group_id"]}
                queue.assign_groups(self._run_id, groups)
                return Mended(again={key: new[key].with_variables(group=group) for key, group in groups.items()})

            shared = {"board": str(board.id), "labels": any(column.new_labels for column in mapping.columns)}
            outcome = writer.create(Operation.ITEMS, list(new.values()), shared, mend=mend)
        outcome.rejected |= rejected
        return self._report(context, rows, outcome) | {"adopted": len(adopted.items)}

    def _rehome(self, changes: Changes, rows: list[Row], board: Board) -> list[Row]:
        """Gives rows whose group is not on the board its successor; returns those rows.

        The group may have been deleted since the last step, or monday may have rejected it, and then it does so again.
        """
        homeless = [row for row in rows if row["group"] and row["group_id"] not in board.group_ids]
        if homeless:
            groups = changes.groups_again(Counter(row["group"] for row in homeless), board)
            self._confirm_groups(self._connected()[0], groups)
            for row in homeless:
                row["group_id"] = groups.get(row["group"])
                if row["group_id"] is None and not row["rejection"]:
                    row["rejection"] = f"its group '{row['group']}' could not be created; the log says why"
        return homeless

    def _create_subitems(self, context: dg.OutputContext, rows: list[Row]) -> dict[str, Any]:
        mapping = self.sql_server.mapping.subitems
        queue = self.sql_server.queue
        with self._holding_board(context) as writer:
            self._connected()
            board = self._subitem_board
            if board is None:
                raise Fatal(f"Board {self.monday.board_id} has no board for subitems.")
            queue.assign_parents(self._run_id, {r["delta_uuid"]: int(r["parent_item_id"]) for r in rows})
            rows = self._still_held(context, rows, queue.held_lines(self._run_id))
            there = queue.lines_on_board(self._run_id)
            # What an earlier run left half done may have lost its item since; it waits with its order for the next run.
            changes = self._changes(writer)
            gone = changes.forget({int(row["parent_item_id"]) for row in there if row["parent_item_id"]})
            orphans = changes.orphans(
                {row["delta_uuid"]: int(row["parent_item_id"]) for row in rows if int(row["parent_item_id"]) in gone}
            )
            every, rows = rows, [row for row in rows if int(row["parent_item_id"]) not in gone]
            ids = {
                row["line_uuid"]: str(row["monday_subitem_id"]) for row in there if row["parent_item_id"] not in gone
            }
            new: list[NewRow] = []
            lines: dict[str, str] = {}  # delta_uuid by line_uuid: a line that is queued twice is one subitem
            rejected = dict(orphans.rejected)
            for row in rows:
                if row["line_uuid"] in ids or row["line_uuid"] in lines:
                    continue
                try:
                    values = self._values(row, mapping.columns, {mapping.key_column: row["line_uuid"]}, board)
                except Rejected as error:
                    rejected[row["delta_uuid"]] = str(error)
                    continue
                variables = {"parent": str(row["parent_item_id"]), "name": row["name"], "values": values}
                new.append(NewRow(key=row["delta_uuid"], variables=variables))
                lines[row["line_uuid"]] = row["delta_uuid"]
            self._journal().reject(Operation.SUBITEMS, rejected)
            parents = {row["delta_uuid"]: int(row["parent_item_id"]) for row in rows}

            def mend(refused: Mapping[str, str]) -> Mended:
                """Their item may have been deleted a moment ago."""
                return changes.orphans({key: parents[key] for key in refused})

            shared = {"labels": any(column.new_labels for column in mapping.columns)}
            outcome = writer.create(Operation.SUBITEMS, new, shared, mend=mend)
            ids |= {line: outcome.created[key] for line, key in lines.items() if key in outcome.created}
            # The same line queued again, or synced before: the row gets the subitem that is there.
            self._journal().adopt(
                Operation.SUBITEMS,
                {
                    row["delta_uuid"]: ids[row["line_uuid"]]
                    for row in rows
                    if row["line_uuid"] in ids and row["delta_uuid"] not in outcome.created
                },
            )
            changes.forget_again()
        outcome.rejected |= rejected
        outcome.waiting |= orphans.waiting
        return self._report(context, every, outcome)

    def _changes(self, writer: BoardWriter) -> Changes:
        return Changes(self._connected()[0], self._journal(), writer, self.sql_server.mapping)

    def _still_held(self, context: dg.OutputContext, rows: list[Row], held: Container[str]) -> list[Row]:
        """The rows without those that another run has taken over."""
        lost = [row["delta_uuid"] for row in rows if row["delta_uuid"] not in held]
        if lost:
            context.log.warning(
                f"{len(lost)} rows, {lost[0]} first, are no longer this run's: another run has taken them over. "
                "They are left to it."
            )
        return [row for row in rows if row["delta_uuid"] in held]

    def _values(self, row: Row, columns: Sequence[ColumnMap], own: dict[str, str], board: Board) -> str:
        """column_values as JSON. Raises Rejected for a row that monday would refuse."""
        if row["rejection"]:
            raise Rejected(row["rejection"])
        return to_json(own | encode_row(columns, row.pop("values"), board.labels))

    def _report(self, context: dg.OutputContext, rows: list[Row], outcome: Outcome) -> dict[str, Any]:
        for row in rows:
            key = row["delta_uuid"]
            if reason := outcome.rejected.get(key):
                context.log.warning(f"rejected: {row['name'] or key} (record_uuid {row['record_uuid']}): {reason}")
        return {
            "dagster/row_count": len(rows),
            "created": len(outcome.created),
            "rejected": len(outcome.rejected),
            "waiting": len(outcome.waiting),
            "already there": len(rows) - len(outcome.created) - len(outcome.rejected) - len(outcome.waiting),
            "customers": by_customer(rows),
            "preview": preview(rows, ["name", "customer", "record_uuid"]),
        }

    # ---- the board --------------------------------------------------------------------------------

    def _connected(self, *, fresh: bool = False) -> tuple[MondayClient, Board]:
        """The client and the board as last read; version, columns and labels are checked at the first time."""
        if self._client is None:
            client = self.monday.client(
                self.sql_server.budget(self.monday.account, clock_speed=self.monday.clock_speed)
            )
            client.__enter__()
            client.beat = self._heartbeat
            self._client = client
            client.check_version()
            board = read_board(client, self.monday.board_id)
            subitem_id = board.subitem_board_id
            self._subitem_board = read_board(client, subitem_id) if subitem_id else None
            check_mapping(board, self._subitem_board, self.sql_server.mapping)
            self._board = board
        elif fresh or self._board is None:
            self._board = read_board(self._client, self.monday.board_id)
        return self._client, self._board

    def _heartbeat(self) -> None:
        """Renews the leases on the run's rows and on the board, each once a third of it has passed."""
        if monotonic() - self._renewed_at > self.sql_server.lease_seconds / 3:
            self.sql_server.queue.renew(self._run_id)
            self._renewed_at = monotonic()
        if self._holds_board and monotonic() - self._board_renewed_at > self.sql_server.board_lease_seconds / 3:
            self._journal().renew()
            self._board_renewed_at = monotonic()

    def _journal(self) -> Journal:
        return self.sql_server.journal(self.monday.board_id, self._run_id, self._registry.is_over)

    @contextmanager
    def _holding_board(self, context: dg.OutputContext) -> Iterator[BoardWriter]:
        """Holds the board, and resolves what earlier runs left in doubt before anything is created."""
        client, board = self._connected()
        journal = self._journal()

        told = float("-inf")

        def waiting(holder: str) -> None:
            nonlocal told
            self._heartbeat()
            if monotonic() - told > 30:
                told = monotonic()
                context.log.info(f"board {journal.board_id} is held by run {holder}; waiting for it")

        writer = BoardWriter(
            client,
            journal,
            item_key_column=self.sql_server.mapping.items.key_column,
            subitem_key_column=self.sql_server.mapping.subitems.key_column,
            settle_seconds=self.monday.settle_seconds,
            writers=self.monday.writers,
            bulk_rows=self.monday.bulk_rows,
            labels=board.labels,
            heartbeat=self._heartbeat,
        )
        with journal.holding_board(waiting):
            self._holds_board, self._board_renewed_at = True, monotonic()
            try:
                if resolved := writer.recover():
                    context.log.info(f"looked at {resolved} requests that an earlier run left in doubt")
                yield writer
            finally:
                self._holds_board = False
