"""Creates rows on one board, each once in effect, whatever is lost on the way.

In: desired rows with a key each. Out: monday's id, or the reason of the rejection, for every key.
Never sends a request that the journal does not hold, and never sends anew what may have taken effect:
what is in doubt is looked up on the board first (docs/state-machine.md).
"""

from __future__ import annotations

import json
import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from graphql import DocumentNode

from order_sync.errors import Fatal, OrderSyncError, Rejected, Transient
from order_sync.monday import operations
from order_sync.monday.board import find_items, find_subitems, read_board
from order_sync.monday.client import MondayClient
from order_sync.monday.errors import classify, parse_errors
from order_sync.monday.pacing import BODY_BYTES
from order_sync.monday.transport import Reply
from order_sync.orders.journal import Entry, Journal, Operation

log = logging.getLogger("order_sync.monday")

TEMPLATES: Mapping[Operation, DocumentNode] = {
    Operation.GROUPS: operations.CREATE_GROUP,
    Operation.ITEMS: operations.CREATE_ITEM,
    Operation.SUBITEMS: operations.CREATE_SUBITEM,
}
# monday keeps an answer for 30 minutes; the margin is for a request that is replayed at the last moment.
REPLAY_WINDOW = timedelta(minutes=28)
ROW_ATTEMPTS = 8
MOST_FAILURES = 3  # of requests in a row: more are not the fault of single rows
SEARCH_LAG_SECONDS = 5.0  # monday promises no bound; a row that its answer left open is looked up twice


@dataclass(frozen=True, kw_only=True)
class NewRow:
    """A row to create: its key in the queue tables, and the GraphQL variables of its own."""

    key: str
    variables: Mapping[str, Any]


@dataclass(kw_only=True)
class Outcome:
    """What became of the rows: monday's id, or why not, by key; `again` may succeed later."""

    created: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    again: dict[str, Transient] = field(default_factory=dict)
    fatal: OrderSyncError | None = None


class _Spent(Exception):
    """The idempotency key keeps an answer that proves no effect: only a new key can go on."""


class BoardWriter:
    """Creates groups, items and subitems on one board. The caller holds the board's lease."""

    def __init__(
        self,
        client: MondayClient,
        journal: Journal,
        *,
        item_key_column: str,
        subitem_key_column: str,
        settle_seconds: float = 65.0,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._key_columns = {
            Operation.ITEMS: item_key_column,
            Operation.SUBITEMS: subitem_key_column,
        }
        # monday stops executing after 60 s: this long after a request left, its effects are all there.
        self._settle_seconds = settle_seconds
        self._heartbeat = heartbeat  # keeps the lease on the rows while the board is written
        self._told_at = float("-inf")

    def recover(self) -> int:
        """Resolves every request that an earlier run left in doubt; returns how many there were."""
        entries = self._journal.in_doubt()
        for entry in entries:
            log.warning(
                "request %s (%s, %d rows) is in doubt: looking it up on board %d",
                entry.idempotency_key,
                entry.operation,
                len(entry.keys),
                self._journal.board_id,
            )
            outcome = self._resolve(entry)
            self._close(entry, outcome)
            log.info(
                "request %s is resolved: %d rows adopted, %d to be created",
                entry.idempotency_key,
                len(outcome.created),
                len(entry.keys) - len(outcome.created) - len(outcome.rejected),
            )
            if outcome.fatal:
                raise outcome.fatal
        return len(entries)

    def create(self, operation: Operation, rows: Sequence[NewRow], shared: Mapping[str, Any]) -> Outcome:
        """Creates the rows. What is in the outcome's `again` could not be created now and may be later.

        Raises Fatal, and Transient if monday cannot be reached or if nothing at all could be created. Whatever was
        created before it raises is recorded.
        """
        total = Outcome()
        queue = deque(rows)
        attempts: dict[str, int] = {}
        cap = len(rows)
        failures = 0  # in a row, of requests that monday left without an answer to the end
        pacer = self._client.pacer
        while queue:
            self._heartbeat()
            self._wait_for_budget(operation)
            size = min(len(queue), cap, pacer.batch_size(operation))
            batch = [queue.popleft() for _ in range(size)]
            body = operations.body_of_many(TEMPLATES[operation], [row.variables for row in batch], shared)
            while len(body.encode()) > BODY_BYTES and len(batch) > 1:
                half = len(batch) // 2
                queue.extendleft(reversed(batch[half:]))
                batch = batch[:half]
                body = operations.body_of_many(TEMPLATES[operation], [row.variables for row in batch], shared)
            entry = Entry(
                idempotency_key=str(uuid.uuid4()),
                operation=operation,
                keys=tuple(row.key for row in batch),
                body=body,
            )
            self._journal.open(entry)
            try:
                outcome = self._deliver(entry)
            except Rejected as error:
                # The whole request was refused: narrow down to the row that spoils it.
                if len(batch) == 1:
                    outcome = Outcome(rejected={batch[0].key: str(error)})
                else:
                    self._journal.close(entry)
                    cap = max(1, len(batch) // 2)
                    queue.extendleft(reversed(batch))
                    continue
            except _Spent:
                outcome = Outcome()
            except Transient as error:
                failures += 1
                if error.no_effect or failures > MOST_FAILURES:
                    raise
                # monday answers, but not this: narrow down to the row that spoils it.
                self._settle(entry)
                outcome = Outcome(created=self._find(entry))
                if operation is Operation.ITEMS and not outcome.created and error.code == "no_answer":
                    # Silence proves nothing, and nor does a search that may be late: the entry stays in doubt.
                    raise
                if len(batch) == 1 and not outcome.created:
                    attempts[batch[0].key] = ROW_ATTEMPTS
                    outcome.again[batch[0].key] = error
                cap = 1
            else:
                failures = 0
            cap = max(cap, 1 if failures else len(batch) * 2)
            self._close(entry, outcome)
            total.created |= outcome.created
            total.rejected |= outcome.rejected
            if outcome.fatal:
                raise outcome.fatal
            left = [row for row in batch if row.key not in outcome.created | outcome.rejected]
            for row in left:
                attempts[row.key] = attempts.get(row.key, 0) + 1
                if attempts[row.key] >= ROW_ATTEMPTS:
                    total.again[row.key] = outcome.again.get(row.key) or Transient("monday gave no result")
                    log.warning("%s %s is given up for now: %s", operation, row.key, total.again[row.key])
            left = [row for row in left if row.key not in total.again]
            if left:
                self._client.wait(max((e.wait_seconds or 0 for e in outcome.again.values()), default=0))
            queue.extendleft(reversed(left))
            self._report(operation, total, len(rows))
        if total.again and not total.created:
            raise next(iter(total.again.values()))
        return total

    # ---- one request ------------------------------------------------------------------------------

    def _deliver(self, entry: Entry, *, in_doubt: bool = False) -> Outcome:
        """Sends the entry until its outcome is known.

        Raises Rejected if the whole request is refused, _Spent if only a new key can go on, Fatal, and Transient once
        the attempts are used up: the entry then stays open, in doubt, for the next run.
        """
        sent = in_doubt
        for attempt in self._client.retrying():
            with attempt:
                if in_doubt and (outcome := self._look_up(entry)):
                    return outcome
                if sent:
                    self._journal.sending_again(entry)
                    entry = replace(entry, quiet=timedelta(0))
                sent = True
                try:
                    outcome = self._send(entry)
                except Transient as error:
                    # Once in doubt, always in doubt: a later refusal says nothing of an earlier sending.
                    if not error.no_effect:
                        in_doubt = True
                        self._client.pacer.shrink(entry.operation)
                    raise
                except Fatal:
                    if not in_doubt:
                        self._journal.close(entry)  # refused as a whole, and never sent before
                    raise
                return self._without_doubts(entry, outcome)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _without_doubts(self, entry: Entry, outcome: Outcome) -> Outcome:
        """The outcome with the ids of rows that monday made although its answer does not name them.

        Sending such a row anew without a look would double it; the same key would only replay the answer.
        """
        for pause in (0.0, min(SEARCH_LAG_SECONDS, self._settle_seconds)):
            doubtful = [key for key, error in outcome.again.items() if not error.no_effect]
            if not doubtful:
                break
            self._client.wait(pause)
            found = self._find(entry)
            for key in doubtful:
                if key in found:
                    outcome.created[key] = found[key]
                    del outcome.again[key]
        return outcome

    def _resolve(self, entry: Entry) -> Outcome:
        """The outcome of a request of which an earlier run knew no answer; what it lacks is to be created anew."""
        if entry.age >= REPLAY_WINDOW:
            self._settle(entry)  # it may have been sent again a moment ago
            return self._look_up(entry) or Outcome()
        try:
            return self._deliver(entry, in_doubt=True)
        except (Rejected, _Spent):
            return Outcome()  # nothing took effect; the rows get requests of their own

    def _look_up(self, entry: Entry) -> Outcome | None:
        """What the board shows of an entry, None if nothing."""
        found = self._find(entry)
        if found and len(found) < len(entry.keys):
            # A part is there: the rest failed, or monday is still at it. Wait until it cannot be any more.
            self._settle(entry)
            found = self._find(entry)
        return Outcome(created=found) if found else None

    def _settle(self, entry: Entry) -> None:
        remaining = self._settle_seconds - entry.quiet.total_seconds()
        if remaining > 0:
            log.info("waiting %.0f s until request %s has settled", remaining, entry.idempotency_key)
            self._client.wait(remaining)
            self._journal.renew()

    def _send(self, entry: Entry) -> Outcome:
        reply = self._client.mutate(
            entry.body,
            idempotency_key=entry.idempotency_key,
            operation=entry.operation,
            rows=len(entry.keys),
        )
        return read_outcome(entry, reply)

    def _close(self, entry: Entry, outcome: Outcome) -> None:
        self._journal.close(entry, created=outcome.created, rejected=outcome.rejected)

    def _wait_for_budget(self, operation: Operation) -> None:
        wait = self._client.pacer.wait_seconds(operation)
        if wait > 0:
            log.info("waiting %.1f s for monday's budget", wait)
            self._client.wait(wait)
            self._journal.renew()

    def _report(self, operation: Operation, total: Outcome, rows: int) -> None:
        done = len(total.created) + len(total.rejected)
        now = self._client.clock.now()
        # A line every few seconds for people; every batch for a progress bar, which listens at DEBUG.
        tell = done == rows or now - self._told_at >= 5
        if tell:
            self._told_at = now
        log.log(
            logging.INFO if tell else logging.DEBUG,
            "%s: %d of %d done, %d rejected",
            operation,
            done,
            rows,
            len(total.rejected),
            extra={"progress": (str(operation), done, rows)},
        )

    # ---- looking up -------------------------------------------------------------------------------

    def _find(self, entry: Entry) -> dict[str, str]:
        """The entry's rows that are on the board: monday's id by key."""
        variables = json.loads(entry.body)["variables"]
        board_id = self._journal.board_id
        if entry.operation is Operation.GROUPS:
            groups = read_board(self._client, board_id).groups
            return {title: groups[title] for title in entry.keys if title in groups}
        column = self._key_columns[entry.operation]
        # The key on the board (a line's line_uuid) need not be the key in the queue (its delta_uuid).
        on_board = {key: json.loads(variables[f"values{number}"])[column] for number, key in enumerate(entry.keys)}
        if entry.operation is Operation.ITEMS:
            found = find_items(self._client, board_id, column, on_board.values())
        else:
            parents = [variables[f"parent{number}"] for number in range(len(entry.keys))]
            found = find_subitems(self._client, parents, column)
        return {key: found[value] for key, value in on_board.items() if value in found}


def read_outcome(entry: Entry, reply: Reply) -> Outcome:
    """What the reply says of each alias. Raises what an error means that concerns the whole request."""
    errors = parse_errors(reply)
    data = reply.data or {}
    outcome = Outcome()
    keys = {operations.alias(number): key for number, key in enumerate(entry.keys)}
    for alias, key in keys.items():
        if (row := data.get(alias)) is not None:
            outcome.created[key] = str(row["id"])
    whole = [e for e in errors if e.alias not in keys]
    if whole and not outcome.created and not any(e.alias in keys for e in errors):
        meaning = classify(whole[0], reply)
        if isinstance(meaning, Transient) and meaning.no_effect and reply.replayed:
            raise _Spent
        raise meaning
    unexplained = Transient(
        "monday's answer names neither an id nor an error for this row", request_id=reply.request_id
    )
    for error in errors:
        meaning = classify(error, reply)
        failed = keys.get(error.alias or "")
        if isinstance(meaning, Fatal):
            outcome.fatal = meaning
        elif isinstance(meaning, Transient) and failed is None:
            unexplained = meaning
        elif failed is None or failed in outcome.created:
            continue
        elif isinstance(meaning, Rejected):
            outcome.rejected[failed] = str(meaning)
        elif isinstance(meaning, Transient):
            outcome.again[failed] = meaning
    for key in entry.keys:
        if key not in outcome.created and key not in outcome.rejected:
            outcome.again.setdefault(key, unexplained)
    return outcome
