"""In: a TOML file or keywords.
Out: one frozen, validated `EmulatorSettings`: address, clock, budgets, costs, seed boards and faults.
Never: an address that other machines reach, unless `allow_remote` says so; and no change in place: `with_changes`
makes a new one."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from order_sync.emulator import columns
from order_sync.emulator.faults import Fault

#: Fixed once the process runs: they say where it listens and where its state lives.
FIXED = frozenset({"host", "allow_remote", "port", "token", "state_file", "boards", "account_id"})


VersionKind: TypeAlias = Literal[
    "current",
    "deprecated",
    "dev",
    "maintenance",
    "old__maintenance",
    "old_previous_maintenance",
    "previous_maintenance",
    "release_candidate",
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _column_type(name: str) -> str:
    if name not in columns.TYPES:
        raise ValueError(f"must be one of {', '.join(columns.TYPES)}")
    return name


class ColumnSeed(_Model):
    id: str = Field(min_length=1, max_length=64)
    title: str
    type: Annotated[str, AfterValidator(_column_type)] = "text"
    labels: tuple[str, ...] = ()


class BoardSeed(_Model):
    """A board that exists from the start; with a `subitem_board_id` it has subitems and a column for them."""

    id: int = Field(gt=0)
    name: str
    columns: tuple[ColumnSeed, ...] = ()
    groups: tuple[str, ...] = ("Group Title",)
    subitem_board_id: int | None = Field(default=None, gt=0)
    subitem_columns: tuple[ColumnSeed, ...] = ()
    hierarchy: Literal["classic", "multi_level"] = "classic"

    @model_validator(mode="after")
    def _subitem_columns_need_a_board(self) -> Self:
        subtasks = [column.id for column in self.columns if column.type == "subtasks"]
        if (self.subitem_columns or subtasks) and self.subitem_board_id is None:
            raise ValueError("subitem columns need a subitem_board_id")
        if len(subtasks) > 1:
            raise ValueError(f"one subtasks column a board, not {len(subtasks)}")
        if self.hierarchy == "multi_level" and (self.subitem_board_id or subtasks):
            raise ValueError("a multi_level board keeps its subitems itself: it has no subitem_board_id")
        for each in (self.columns, self.subitem_columns):
            if len({"name", *(column.id for column in each)}) != len(each) + 1:
                raise ValueError("column ids must differ, and 'name' is taken")
        if not self.groups:
            raise ValueError("a board has at least one group")
        return self


class ColumnRule(_Model):
    """A rule of a board for the values of one column, as people make them: it is there, or it has a pattern."""

    board_id: int = Field(gt=0)
    column_id: str = Field(min_length=1)
    required: bool = True
    #: A regular expression that the whole text of the value must match.
    pattern: str = ""
    #: What monday says of a value that breaks it.
    text: str = "This column is required"


class Limits(_Model):
    """Enterprise figures; see monday's rate limit page for the other plans."""

    minute_calls: int = Field(default=5_000, ge=1)
    concurrency: int = Field(default=250, ge=1)
    daily_calls: int = Field(default=25_000, ge=1)
    complexity_per_query: int = Field(default=5_000_000, ge=1)
    complexity_per_minute: int = Field(default=10_000_000, ge=1)
    #: Personal tokens: one budget for reads and writes. App tokens: one budget of that size for each.
    complexity_shared: bool = True
    complexity_status: Literal[200, 429] = 429
    daily_status: Literal[200, 429] = 429
    boards_per_minute: int = Field(default=40, ge=1)
    #: Bulk imports: jobs started, and rows that they created or updated.
    bulk_jobs_per_hour: int = Field(default=100, ge=1)
    bulk_rows_per_hour: int = Field(default=19_000, ge=1)


class Costs(_Model):
    """Complexity points by root field. monday publishes none: these are what has been reported."""

    create: int = Field(default=30_000, ge=0)
    mutation: int = Field(default=10_000, ge=0)
    query: int = Field(default=10, ge=0)
    #: For every item that a page may hold.
    page_item: int = Field(default=10, ge=0)
    #: Root fields that cost something else, by name.
    operations: Mapping[str, int] = {}

    def of(self, operation: str, *, mutation: bool) -> int:
        if operation in self.operations:
            return self.operations[operation]
        if operation == "complexity":
            return 0
        if operation.startswith("create_"):
            return self.create
        return self.mutation if mutation else self.query


class EmulatorSettings(_Model):
    host: str = "127.0.0.1"
    #: Without it only a loopback address is taken as host.
    allow_remote: bool = False
    port: int = Field(default=0, ge=0, le=65_535)
    token: str | None = Field(default=None, repr=False)
    state_file: Path | None = None
    account_id: int = 10_000_001
    boards: tuple[BoardSeed, ...] = ()
    #: Each request, and each mutation of it, takes this long.
    latency_ms: float = Field(default=0.0, ge=0)
    mutation_ms: float = Field(default=0.0, ge=0)
    #: items_page* and items_page_by_column_values see a created row only after this time.
    lookup_lag_s: float = Field(default=0.0, ge=0)
    #: And they still see an archived or deleted item for this time.
    removal_lag_s: float = Field(default=0.0, ge=0)
    #: How columns show their settings: labels as a list, by their index as in the older form, or that as JSON text.
    column_settings: Literal["list", "by_index", "text"] = "list"
    #: After its first page a list's cursor lives this long.
    cursor_life_s: float = Field(default=3_600.0, ge=0)
    #: A request that takes longer is answered 504, while its execution continues; None or 0 for never.
    timeout_s: float | None = Field(default=60.0, ge=0)
    clock_speed: float = Field(default=1.0, gt=0)
    enforce_limits: bool = False
    limits: Limits = Limits()
    costs: Costs = Costs()
    items_limit: int = Field(default=10_000, ge=1)
    subitems_limit: int = Field(default=100_000, ge=1)
    lock_boards: bool = False
    #: Whether the values of an archived item may be changed: no page of monday's documentation says.
    archived_items: Literal["refused", "writable"] = "refused"
    #: A bulk import begins this long after its upload, and takes this long for each row.
    bulk_start_ms: float = Field(default=0.0, ge=0)
    bulk_row_ms: float = Field(default=0.0, ge=0)
    #: Of a request to /v2 or to the controls; a larger one is refused with 413 before it is read.
    body_max_bytes: int = Field(default=10_000_000, ge=1)
    bulk_max_bytes: int = Field(default=150_000_000, ge=1)
    bulk_max_rows: int = Field(default=10_000, ge=1)
    idempotency_retention_s: float = Field(default=1_800, gt=0)
    idempotency_max_response: int = Field(default=1_000_000, ge=0)
    idempotency_memory: int = Field(default=256_000_000, ge=0)
    api_version: str = "2026-10"
    api_versions: tuple[str, ...] = ("2026-07", "2026-10", "2027-01")
    #: What versions are called; else `api_version` is current, older ones are in maintenance, newer ones candidates.
    api_kinds: Mapping[str, VersionKind] = {}
    #: Required columns and validation rules.
    rules: tuple[ColumnRule, ...] = ()
    #: Boards on which the token's user may only look, and those that it may not even read.
    closed_boards: tuple[int, ...] = ()
    unreadable_boards: tuple[int, ...] = ()
    #: What the token's user is in the account.
    user_kind: Literal["admin", "member", "guest", "view_only"] = "member"
    faults: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _other_machines_only_on_request(self) -> Self:
        if self.is_remote and not self.allow_remote:
            raise ValueError(
                f"host {self.host!r} refused: the emulator listens on loopback (127.0.0.1) only, because it asks "
                "nobody who they are. allow_remote lets other machines reach it"
            )
        if ":" in self.host:
            raise ValueError(f"host {self.host!r} refused: the emulator speaks IPv4; use 127.0.0.1 for loopback")
        return self

    @model_validator(mode="after")
    def _board_ids_differ(self) -> Self:
        ids = [board.id for board in self.boards]
        ids += [board.subitem_board_id for board in self.boards if board.subitem_board_id is not None]
        if len(ids) != len(set(ids)):
            raise ValueError("boards: every id and subitem_board_id must differ")
        return self

    def kind_of(self, version: str) -> str:
        """What monday calls a version of its API."""
        if version in self.api_kinds:
            return self.api_kinds[version]
        if version == self.api_version:
            return "current"
        return "maintenance" if version < self.api_version else "release_candidate"

    @property
    def is_remote(self) -> bool:
        """Other machines can reach the host, or might: a name is what its DNS says."""
        address = _address(self.host)
        return self.host != "localhost" if address is None else not address.is_loopback

    @property
    def name(self) -> str:
        """What URLs that lead here call it: the host, unless that stands for every address of the machine."""
        address = _address(self.host)
        return "127.0.0.1" if address is not None and address.is_unspecified else self.host

    @classmethod
    def from_toml(cls, path: Path | str) -> EmulatorSettings:
        return cls.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))

    def with_changes(self, changes: Mapping[str, Any]) -> EmulatorSettings:
        """A new, validated model; nested limits and costs may be given in part."""
        fixed = FIXED & changes.keys()
        if fixed:
            raise ValueError(f"fixed while the emulator runs: {', '.join(sorted(fixed))}")
        merged = self.model_dump()
        for name, value in changes.items():
            old = merged.get(name)
            merged[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
        return type(self).model_validate(merged)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def in_one_line(error: ValidationError) -> str:
    """Everything that a settings file or a request to change settings has wrong, each with its place."""
    details = error.errors(include_url=False, include_input=False)
    wrong = (f"{'.'.join(map(str, detail['loc']))} {detail['msg']}".strip() for detail in details)
    return "; ".join(text.replace("Input should", "must").replace("Value error, ", "") for text in wrong)
