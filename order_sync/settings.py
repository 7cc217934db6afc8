"""Every setting, from environment variables with the prefix ORDER_SYNC_.

In: the environment (order-sync and dagster both read a .env file into it). Out: a frozen, validated `Settings`.
Secrets are SecretStr: they never appear in a repr, a log or an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from order_sync.database.sql_server import MISREAD, is_misread, placeholders
from order_sync.database.tables import TableNames, Tables, shared_tables
from order_sync.monday import API_VERSION
from order_sync.orders.config_errors import problems
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import DEFAULT_MAPPING, load_mapping
from order_sync.text.known_secrets import remember
from order_sync.variables import PREFIX as PREFIX
from order_sync.variables import doubled_variables, unknown_variables

YEAR = 31_536_000  # seconds; a longer time is a mistake, and may overflow date arithmetic
EMBEDDED_PORT = 8765
EMBEDDED_BOARD = 4700000001
EMBEDDED_SUBITEM_BOARD = 4700000002


class Settings(BaseSettings):
    """The settings of one deployment; docs/configuration.md lists them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, allow_inf_nan=False
    )

    deployment: Literal["embedded", "production"] = Field(
        default="embedded", description="embedded: SQLite and the emulator; production: SQL Server and monday."
    )
    dry_run: bool = Field(default=False, description="Show what would happen, and write nothing.")
    home: Path = Field(default=Path(".order_sync"), description="Folder for the embedded database and run locks.")
    mapping: Path = Field(default=DEFAULT_MAPPING, description="The TOML file of the column mapping.")

    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; embedded: SQLite in `home`.")
    database_access_token: SecretStr | None = Field(
        default=None, description="Entra ID token for SQL Server, instead of a password."
    )
    database_schema: str | None = Field(default=None, description="Schema of the tables; production: dbo.")
    header_queue_table: str = Field(default="ORDER_LIST_DELTA", min_length=1, description="Queue of headers.")
    line_queue_table: str = Field(default="ORDER_LIST_LINES_DELTA", min_length=1, description="Queue of lines.")
    orders_table: str = Field(default="ORDER_LIST", min_length=1, description="Main table of orders.")
    order_lines_table: str = Field(default="ORDER_LIST_LINES", min_length=1, description="Main table of order lines.")

    monday_url: str | None = Field(default=None, description="API address; production: https://api.monday.com/v2.")
    monday_version: str = Field(default=API_VERSION, description="Version of monday's API, such as 2026-10.")
    monday_token: SecretStr | None = Field(default=None, description="monday API token.")
    monday_board_id: int | None = Field(
        default=None, gt=0, description="The board for orders that match no board rule of the mapping."
    )

    lease_seconds: float = Field(
        default=600, ge=1, le=YEAR, description="How long a run's claim on rows lasts without renewal."
    )
    board_lease_seconds: float = Field(
        default=180,
        ge=1,
        le=YEAR,
        description="How long a run's lease on a board lasts without renewal; a board has one writer.",
    )
    settle_seconds: float = Field(
        default=65,
        ge=0,
        le=YEAR,
        description="Time after which monday no longer executes a request whose answer was lost.",
    )
    search_seconds: float = Field(
        default=90,
        ge=0,
        le=YEAR,
        description="Time until monday's search finds a new item; then order_sync looks up what is in doubt again.",
    )
    writers: int = Field(
        default=1,
        ge=1,
        le=20,
        description="Concurrent requests to one board; fewer while monday reports that it is locked.",
    )
    bulk_rows: int = Field(
        default=500,
        ge=0,
        description="Import the new items of a group as a job if there are at least this many; 0: never.",
    )
    bulk_cancels: int = Field(
        default=50,
        ge=0,
        description="Archive the cancelled items of a board by a job if there are at least this many; 0: never.",
    )
    log_days: int = Field(
        default=90, ge=0, le=36_500, description="How long ORDER_SYNC_LOG keeps its rows; 0: for ever."
    )
    runs_kept: int = Field(
        default=30, ge=0, description="Number of runs of each job that Dagster keeps, the newest first; 0: all."
    )
    log_payloads: bool = Field(
        default=False, description="Store the values sent for each row in ORDER_SYNC_LOG; never a token."
    )
    dagster_url: str | None = Field(default=None, description="URL of Dagster's UI, for links to runs.")
    first_batch: int = Field(
        default=10, ge=1, le=100, description="Number of records to create in the first request to a board."
    )
    largest_batch: int = Field(
        default=100, ge=1, le=150, description="Maximum number of records to create in one request."
    )
    batch_seconds: float = Field(default=15, gt=0, le=45, description="Maximum estimated duration of one request.")
    clock_speed: float = Field(
        default=1, gt=0, description="Speed of the local monday's clock (its `clock_speed`); embedded only."
    )
    board_checks: int = Field(
        default=100, ge=0, description="Number of a run's items that the checks look up on the board; 0: none."
    )
    sensor_seconds: int = Field(
        default=3, ge=1, description="How often the sensor looks for new rows; Dagster's daemon evaluates it every 5 s."
    )
    reconcile_cron: str = Field(
        default="30 2 * * *", min_length=1, description="When the schedule `reconcile` runs (cron, in UTC)."
    )
    reconcile_whole_days: int = Field(
        default=7,
        ge=0,
        le=365,
        description="`reconcile` reads whole boards at least every N days, else only what has changed; 0: always.",
    )
    reconcile_days: int = Field(
        default=90,
        ge=0,
        le=36_500,
        description="Report a missing item only if its order was synced within the last N days; 0: always.",
    )

    freshness_hours: float = Field(
        default=24,
        ge=1,
        le=8_760,
        description="Time without a run or an empty queue after which the main tables are stale.",
    )
    notify_urls: SecretStr | None = Field(
        default=None,
        description="Where messages go: addresses of apprise, separated by blanks, such as slack://TOKEN/#orders.",
    )

    @field_validator("monday_url", "dagster_url")
    @classmethod
    def _is_an_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            try:
                whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            except ValueError:  # the port is not a number
                whole = False
            if not whole:
                like = "https://api.monday.com/v2" if info.field_name == "monday_url" else "http://127.0.0.1:3000"
                raise ValueError(f"must look like {like}")
            if parts.username is not None or parts.query:
                raise ValueError("must not contain a user, password or query: the URL is shown in messages")
        return value

    @field_validator("database_url")
    @classmethod
    def _can_be_read(cls, value: SecretStr | None) -> SecretStr | None:
        """Rejects the example's placeholders: a connection to them would only time out."""
        if value is not None and (found := placeholders(value.get_secret_value())):
            raise ValueError(
                f"still contains {' and '.join(found)} from .env.example: replace it with your own value "
                "(if your server or database really has that name, write it in lower case)"
            )
        if value is not None and is_misread(value.get_secret_value()):
            raise ValueError(MISREAD)
        return value

    @field_validator("monday_version")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
            raise ValueError(f"must look like {API_VERSION}")
        return value

    @field_validator("monday_token", "database_access_token")
    @classmethod
    def _is_a_token(cls, value: SecretStr | None) -> SecretStr | None:
        # httpx would quote a token that cannot be sent as a header in its error message.
        if value is not None and not all("!" <= letter <= "~" for letter in value.get_secret_value()):
            raise ValueError(
                "contains a blank, a line break or a character that tokens never contain: copy only the token"
            )
        return value

    @property
    def database(self) -> str:
        """The database URL with its password, only for opening a connection."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if self.deployment == "embedded":
            return sqlite_url(self.home / "orders.db")
        raise ConfigurationError(
            "Set ORDER_SYNC_DATABASE_URL: the production deployment has no default database.",
            SettingsFault.NO_DATABASE_URL,
        )

    @property
    def access_token(self) -> str | None:
        """The Entra ID token for SQL Server, only for opening a connection."""
        return self.database_access_token.get_secret_value() if self.database_access_token else None

    @property
    def schema_name(self) -> str | None:
        return self.database_schema or (None if self.database.startswith("sqlite") else "dbo")

    @property
    def table_names(self) -> TableNames:
        return TableNames(
            header_queue=self.header_queue_table,
            line_queue=self.line_queue_table,
            orders=self.orders_table,
            order_lines=self.order_lines_table,
        )

    @property
    def api_url(self) -> str:
        embedded = f"http://127.0.0.1:{EMBEDDED_PORT}/v2"
        return self.monday_url or (embedded if self.deployment == "embedded" else "https://api.monday.com/v2")

    @property
    def is_rehearsal(self) -> bool:
        """Production settings for trying them out: a SQLite database, and a monday on this machine."""
        return self.database.startswith("sqlite") and urlsplit(self.api_url).hostname in ("127.0.0.1", "localhost")

    @property
    def token(self) -> str:
        """monday's token, only for the transport."""
        if self.monday_token is not None:
            return self.monday_token.get_secret_value()
        return "embedded" if self.deployment == "embedded" else ""

    @property
    def board_id(self) -> int:
        """The board for orders that match no rule of the mapping; 0 if none is set."""
        return self.monday_board_id or (EMBEDDED_BOARD if self.deployment == "embedded" else 0)

    @property
    def board_ids(self) -> tuple[int, ...]:
        """Every board that orders may go to: `board_id`, and those of the mapping's rules."""
        return load_mapping(self.mapping).board_ids(self.board_id)

    def check(self) -> None:
        """Raises one ConfigurationError for all settings that are missing or contradict each other."""
        if wrong := list(self.unfit(excused=())):
            raise ConfigurationError(" ".join(wrong), SettingsFault.INVALID)

    def unfit(self, *, excused: Collection[str]) -> Iterator[str]:
        """A sentence for each missing or contradictory setting; `excused` ones may be missing."""
        if self.deployment == "production":
            reads_only = self.dry_run or "dry_run" in excused
            try:
                needed = ["database_url"] if self.database_url is None else []
                needed += ["monday_token"] if not reads_only and not self.token else []
                # The boards also depend on the mapping.
                needed += ["monday_board_id"] if not reads_only and not self.board_ids else []
            except ConfigurationError as error:
                yield str(error)
            if missing := [_variable(name) for name in needed if name not in excused]:
                yield f"The production deployment needs these settings: {', '.join(missing)}."
            if self.clock_speed != 1:
                yield "ORDER_SYNC_CLOCK_SPEED only applies to the local monday: unset it in production."
        elif not self.database.startswith("sqlite"):
            yield (
                "ORDER_SYNC_DATABASE_URL is not SQLite, but the embedded deployment syncs to the local monday. "
                "Set ORDER_SYNC_DEPLOYMENT=production."
            )

    def check_may_write(self) -> None:
        """Raises ConfigurationError in a dry run."""
        if self.dry_run:
            raise ConfigurationError(
                "This command writes, but ORDER_SYNC_DRY_RUN is set: unset it first.", SettingsFault.DRY_RUN
            )


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, with the path's special characters quoted."""
    return sa.URL.create("sqlite", database=path.as_posix()).render_as_string()


def tables_of(settings: Settings) -> Tables:
    """The tables, named as in the settings, with the columns that the mapping reads."""
    mapping = load_mapping(settings.mapping)
    return shared_tables(settings.table_names, settings.schema_name, mapping.item_sources)


def load_settings(*, checked: bool = True, **overrides: Any) -> Settings:
    """The settings of this process; `overrides` take precedence over the environment.

    `checked` requires everything that the deployment needs.
    Raises ConfigurationError with the names of all unknown, invalid or missing variables, never with their values.
    """
    settings, wrong = read_settings(checked=checked, **overrides)
    if wrong:
        raise ConfigurationError(" ".join(wrong), SettingsFault.INVALID)
    return settings


def read_settings(*, checked: bool = True, **overrides: Any) -> tuple[Settings, list[str]]:
    """The settings as far as they are valid, and a sentence for everything that is wrong with them."""
    _remember(overrides)
    unknown = unknown_variables(os.environ, Settings.model_fields)
    wrong = [_unknown(variable, meant) for variable, meant in unknown.items()]
    wrong += [
        f"{variable} is set twice, to different values, in names that differ only in case"
        for variable in doubled_variables(os.environ, Settings.model_fields)
    ]
    excused = {meant.removeprefix(PREFIX).lower() for meant in unknown.values() if meant}
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        found = problems(error, Settings)
        wrong += [f"{PREFIX}{str(problem.place[0]).upper()} {problem.what}" for problem in found]
        bad = {str(problem.place[0]) for problem in found}
        excused |= bad
        # The other checks still run, so that all problems are reported at once.
        usual = {name: Settings.model_fields[name].default for name in bad & Settings.model_fields.keys()}
        settings = Settings(**overrides | usual)
    sentences = [f"Invalid setting{'s' if len(wrong) > 1 else ''}: {'; '.join(wrong)}."] if wrong else []
    if checked and "deployment" not in excused:
        sentences += settings.unfit(excused=excused)
    return settings, sentences


def _remember(overrides: Mapping[str, Any]) -> None:
    """Masks secrets given as overrides from here on, even if they are invalid."""
    for name, field in Settings.model_fields.items():
        value = overrides.get(name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if isinstance(value, str) and field.annotation == SecretStr | None:
            remember(PREFIX + name, value)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}{' (mssql+pyodbc://...)' if name == 'database_url' else ''}"


# Settings of the first version, and the address that replaces each: docs/checks-and-alerts.md.
_MAIL = "mailtos://USER:PASSWORD@HOST:PORT?from=SENDER&to=RECEIVER"
REPLACED = {
    "SLACK_TOKEN": "slack://TOKEN/#CHANNEL",  # nosec B105 - an example
    "SLACK_CHANNEL": "slack://TOKEN/#CHANNEL",
    "SLACK_URL": "slack://TOKEN/#CHANNEL",
    "TEAMS_WEBHOOK": "the URL of the workflow as it is",
} | {f"EMAIL_{name}": _MAIL for name in ("TO", "FROM", "HOST", "PORT", "SECURITY", "USER", "PASSWORD")}


def _unknown(variable: str, meant: str | None) -> str:
    if address := REPLACED.get(variable.upper().removeprefix(PREFIX)):
        return f"{variable} is no longer read: put {address} into {PREFIX}NOTIFY_URLS"
    return f"{variable} is not a setting ({f'did you mean {meant}?' if meant else 'docs/configuration.md lists them'})"
