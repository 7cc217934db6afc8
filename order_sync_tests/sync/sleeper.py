"""A run in a process of its own that is really stopped before its first request leaves.

In, as arguments: monday's URL, the database's, how long a board's lease lasts, and the rows to create, as JSON.
Out: it stops itself, and once somebody lets it go on prints what the run raised.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import httpx

from order_sync.database.connection import WritableDatabase
from order_sync.database.entries import Operation
from order_sync.database.journal import Journal
from order_sync.database.tables import make_tables
from order_sync.monday.client import MondayClient
from order_sync.monday.transport import MondayTransport
from order_sync.orders.errors import OrderSyncError
from order_sync.orders.mapping import load_mapping
from order_sync.settings import EMBEDDED_BOARD
from order_sync.sync.rows import NewRow
from order_sync.sync.writer import BoardWriter


class Sleeper(MondayTransport):
    """Its process is stopped once its connection is at work on the request."""

    def connect(self) -> None:
        super().connect()
        transport: Any = self.client._transport if self.client else None
        send = transport.handle_request

        def handle_request(request: httpx.Request) -> httpx.Response:
            os.kill(os.getpid(), signal.SIGSTOP)
            response: httpx.Response = send(request)
            return response

        transport.handle_request = handle_request


def main(url: str, database_url: str, lease_seconds: str, rows: str) -> None:
    journal = Journal(
        WritableDatabase(database_url),
        make_tables(),
        board_id=EMBEDDED_BOARD,
        run_id="run-1",
        lease_seconds=float(lease_seconds),
    )
    wanted = [NewRow(key=row["key"], variables=row["variables"]) for row in json.loads(rows)]
    with MondayClient(Sleeper(url, "a-token")) as client, journal.holding_board():
        try:
            shared = {"board": str(EMBEDDED_BOARD), "labels": False}
            BoardWriter(client, journal, load_mapping()).write(Operation.ITEMS, wanted, shared)
        except OrderSyncError as error:
            print(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
