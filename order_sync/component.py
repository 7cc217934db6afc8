"""The component `order_sync.OrderSync`: order_sync as a part of a Dagster project that has other assets, too.

In: the attributes of a defs.yaml, and the ORDER_SYNC_ variables. Out: the definitions of one deployment.
Never takes a secret from a file: database URL and token come from the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field, SecretStr

from order_sync.automation.jobs import build_sync_schedule
from order_sync.definitions import build_definitions
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.settings import PREFIX, Settings, load_settings

# Attributes with a name of their own; the others are called as the settings are.
NAMED = {"board": "monday_board_id"}
NOT_SETTINGS = {"schedule", "settings"}
SECRET = {name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None}


class OrderSync(dg.Component, dg.Model, dg.Resolvable):
    """Syncs orders from SQL Server to monday.com boards: groups, items and subitems, once and only once.

    Database URL and token come from ORDER_SYNC_DATABASE_URL and ORDER_SYNC_MONDAY_TOKEN. An attribute that is not
    given comes from its ORDER_SYNC_ variable, too, or has its usual value.
    """

    deployment: Literal["embedded", "production"] | None = Field(
        default=None, description="production: SQL Server and monday; embedded: SQLite and the local monday."
    )
    board: int | None = Field(default=None, description="The board for orders that match no board rule.")
    mapping: str | None = Field(default=None, description="The TOML file of the mapping, beside this defs.yaml.")
    schedule: str | None = Field(
        default=None, description="When `sync_orders` runs (cron, in UTC), besides what the sensor new_orders starts."
    )
    dry_run: bool | None = Field(default=None, description="Show what would happen, and write nothing.")
    database_schema: str | None = Field(default=None, description="Schema of the tables; production: dbo.")
    home: str | None = Field(default=None, description="Folder for run locks, from the project's folder.")
    settings: dict[str, str | int | float | bool] = Field(
        default={}, description="Other settings of docs/configuration.md by name: log_days, freshness_hours, ..."
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Raises ConfigurationError if an attribute, a variable or the mapping is wrong."""
        settings = load_settings(**self._overrides(context.path, context.project_root))
        # Without an executor: that of the project runs its other jobs as well. sync_orders has its own.
        found = build_definitions(settings, executor=None)
        if self.schedule is None:
            return found
        return dg.Definitions.merge(found, dg.Definitions(schedules=[build_sync_schedule(self.schedule)]))

    def _overrides(self, folder: Path, project: Path) -> dict[str, Any]:
        if wrong := sorted(set(self.settings) - set(Settings.model_fields)):
            raise ConfigurationError(
                f"order_sync.OrderSync: there is no setting {wrong[0]} (docs/configuration.md).", SettingsFault.INVALID
            )
        if secret := sorted(set(self.settings) & SECRET):
            variable = f"{PREFIX}{secret[0].upper()}"
            raise ConfigurationError(
                f"order_sync.OrderSync: {secret[0]} is a secret and does not belong in a file that is committed: "
                f"set the variable {variable}.",
                SettingsFault.INVALID,
            )
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        own = {NAMED.get(name, name): value for name, value in given.items() if name not in NOT_SETTINGS}
        if twice := sorted(set(own) & set(self.settings)):
            raise ConfigurationError(
                f"order_sync.OrderSync: {twice[0]} is given twice, as an attribute and in settings.",
                SettingsFault.INVALID,
            )
        paths = {name: base / own[name] for name, base in (("mapping", folder), ("home", project)) if name in own}
        return {**self.settings, **own, **paths}
