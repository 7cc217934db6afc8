"""The scope of a run: which pending orders it takes up. Set it in the launchpad under resources > scope."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from order_sync.database.connection import Database
from order_sync.database.known_customers import check_customers
from order_sync.database.tables import Tables
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.naming import customer_key, text_key
from order_sync.sync.plan_file import PlanFile, read_plan_file


class ScopeResource(dg.ConfigurableResource[None]):
    """Empty means everything pending."""

    customers: list[str] = Field(default=[], description="Only these customers, by [CUSTOMER NAME]; empty = all.")
    limit: int | None = Field(default=None, description="At most this many orders (record_uuids), oldest first.")
    cancel: int = Field(
        default=0,
        description="The number of orders that the run may cancel on a board beyond the limit of the mapping; 0: none.",
    )
    plan: str = Field(default="", description="Path of a plan file; the run does only what it says. Empty = no plan.")

    _plan: PlanFile | None = PrivateAttr(default=None)

    def check(self, database: Database, tables: Tables) -> None:
        """Raises ConfigurationError for a scope that can fit no order: a limit below 1, an unknown customer."""
        if self.limit is not None and self.limit < 1:
            raise ConfigurationError(
                f"resources > scope > limit is {self.limit}: it must be at least 1, or omitted.", SettingsFault.SCOPE
            )
        check_customers(database, tables, self.customers)

    def select(self, rows: Iterable[dict[str, Any]], *, taken: Iterable[str] = ()) -> list[dict[str, Any]]:
        """The rows (oldest first, each with customer and record_uuid) that are in scope.

        The limit counts whole record_uuids, `taken` ones included.
        """
        if self.plan:
            return list(self.of_plan(rows))
        rows = list(rows)
        wanted = {customer_key(customer) for customer in self.customers}
        # An order is taken whole, by the customer that its newest row names.
        customers = {row["record_uuid"]: customer_key(row["customer"]) for row in rows} if wanted else {}
        records = set(taken)
        chosen = []
        for row in rows:
            if wanted and customers[row["record_uuid"]] not in wanted:
                continue
            if row["record_uuid"] not in records:
                if self.limit is not None and len(records) >= self.limit:
                    continue
                records.add(row["record_uuid"])
            chosen.append(row)
        return chosen

    def of_plan(self, rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Those of the rows that are in the plan, all where the run has none.

        Raises PlanChanged if rows of the plan's orders have come since.
        """
        plan = self._kept_plan()
        return plan.select(rows) if plan else rows

    def check_complete(self, kind: str, rows: Iterable[dict[str, Any]]) -> None:
        """Raises PlanChanged if a header, or a line, of the run's plan is not among the rows that it can claim."""
        if plan := self._kept_plan():
            plan.check_complete(kind, rows)

    def plans_group(self, board_id: int, title: str) -> bool | None:
        """Whether the plan creates the group; None where the run has no plan."""
        plan = self._kept_plan()
        return (board_id, text_key(title)) in plan.new_groups if plan else None

    def planned(self, delta_uuid: str) -> str | None:
        """What the plan says of a row; None where the run has no plan."""
        plan = self._kept_plan()
        return plan.rows[delta_uuid].said if plan else None

    def _kept_plan(self) -> PlanFile | None:
        """Raises ConfigurationError if the file is no plan."""
        if self.plan and self._plan is None:
            self._plan = read_plan_file(Path(self.plan))
        return self._plan


def follows_plan(run: dg.DagsterRun) -> bool:
    """Whether the run may do only what a plan says. Its scope says so; IO managers see the run."""
    config: Any = run.run_config
    for key in ("resources", "scope", "config", "plan"):
        config = config.get(key) if isinstance(config, Mapping) else None
    return bool(config)
