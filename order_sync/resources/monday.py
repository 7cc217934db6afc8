"""monday as a Dagster resource.

Out: a client to read with, and from the live resource one that also writes.
The read-only resource has no method that writes; it may lack a token, and then has no client at all.
"""

import dagster as dg
from pydantic import Field

from order_sync.monday import API_VERSION
from order_sync.monday.budget import Budget, account_name
from order_sync.monday.client import MondayClient, MondayReader
from order_sync.monday.pacing import Clock, Pacer
from order_sync.monday.transport import MondayTransport
from order_sync.sync.delivery import Manner


class ReadOnlyMondayResource(dg.ConfigurableResource[None]):
    """Reads boards. Writes nothing."""

    url: str = Field(description="API address.")
    token: str = Field(repr=False, description="API token, as ORDER_SYNC_MONDAY_TOKEN; empty for none.")
    board_id: int = Field(description="The board for orders that match no board rule; 0 for none.")
    first_batch: int = Field(description="Number of records to create in the first request.")
    largest_batch: int = Field(description="Maximum number of records to create in one request.")
    batch_seconds: float = Field(description="Maximum estimated duration of one request.")
    version: str = Field(default=API_VERSION, description="Version of monday's API.")
    clock_speed: float = Field(default=1.0, description="Speed of monday's clock; 1 except for the local monday.")

    @property
    def account(self) -> str:
        """What runs with the same budget have in common."""
        return account_name(self.url, self.token)

    def reader(self, budget: Budget | None = None, *, attempts: int = 2) -> MondayReader | None:
        """A client that can only query, within the budget of the account where one is given; None without a token."""
        if not self.token:
            return None
        # A dry run answers soon: where monday cannot be asked, it says so and continues without.
        return MondayReader(self._transport(), pacer=self.pacer(budget), attempts=attempts)

    def _transport(self) -> MondayTransport:
        return MondayTransport(self.url, self.token, version=self.version)

    def pacer(self, budget: Budget | None = None) -> Pacer:
        return Pacer(
            clock=Clock(self.clock_speed),
            budget=budget,
            first_batch=self.first_batch,
            largest_batch=self.largest_batch,
            target_seconds=self.batch_seconds,
        )


class MondayResource(ReadOnlyMondayResource):
    """Reads and writes boards."""

    settle_seconds: float = Field(description="Time after which a request whose answer was lost has no further effect.")
    search_seconds: float = Field(description="Time until monday's search finds a new item.")
    writers: int = Field(default=1, description="Concurrent requests to one board.")
    bulk_rows: int = Field(
        default=0, description="Import the new items of a group if there are at least this many; 0: never."
    )
    bulk_cancels: int = Field(
        default=0, description="Archive cancelled items by a job if there are at least this many; 0: never."
    )

    @property
    def manner(self) -> Manner:
        """How boards are written."""
        return Manner(
            settle=self.settle_seconds,
            search=self.search_seconds,
            writers=self.writers,
            bulk_rows=self.bulk_rows,
            bulk_cancels=self.bulk_cancels,
        )

    def client(self, budget: Budget) -> MondayClient:
        """A client that also writes, within the budget of the account."""
        return MondayClient(self._transport(), pacer=self.pacer(budget))
