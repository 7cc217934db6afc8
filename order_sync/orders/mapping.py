"""Which source column becomes which monday column, read from one TOML file.

In: a TOML file such as order_sync/mapping.toml. Out: a frozen, validated `Mapping`.
Anything wrong in the file is a ConfigurationError that names the place; nothing is guessed.
"""

from __future__ import annotations

import tomllib
from collections import abc
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from order_sync.errors import ConfigurationError
from order_sync.orders.naming import folded
from order_sync.orders.tables import CUSTOMER

ColumnType = Literal["text", "long_text", "numbers", "status", "dropdown", "date", "link"]
LABELLED = ("status", "dropdown")

# monday's own rule for custom column ids, https://developer.monday.com: 1..20 characters of [a-z_];
# ids that monday made itself also hold digits.
ColumnId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnMap(_Model):
    """One source column and the monday column it fills."""

    source: str = Field(min_length=1)
    column: ColumnId
    type: ColumnType
    title: str = ""
    new_labels: bool = False
    labels: tuple[str, ...] = ()  # used when a board is made; a live board's own labels rule

    @model_validator(mode="after")
    def _labels_need_a_labelled_type(self) -> Self:
        if self.type not in LABELLED and (self.new_labels or self.labels):
            raise ValueError(f"column '{self.column}' is {self.type}: only status and dropdown have labels")
        return self


def _check_unique(columns: list[str]) -> None:
    doubled = sorted({c for c in columns if columns.count(c) > 1})
    if doubled:
        raise ValueError(f"monday column mapped twice: {', '.join(doubled)}")


class ItemMap(_Model):
    key_column: ColumnId = "delta_uuid"
    record_column: ColumnId = "record_uuid"
    columns: tuple[ColumnMap, ...] = ()

    @property
    def own_columns(self) -> tuple[str, ...]:
        return (self.key_column, self.record_column)

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        _check_unique([*self.own_columns, *(c.column for c in self.columns)])
        return self


LINE_SOURCES = ("size_code", "qty", "line_uuid", "record_uuid")


class SubitemMap(_Model):
    key_column: ColumnId = "line_uuid"
    columns: tuple[ColumnMap, ...] = ()

    @model_validator(mode="after")
    def _sources_are_known(self) -> Self:
        for column in self.columns:
            if column.source not in LINE_SOURCES:
                raise ValueError(f"'{column.source}' is none of a line's columns ({', '.join(LINE_SOURCES)})")
        return self

    @property
    def own_columns(self) -> tuple[str, ...]:
        return (self.key_column,)

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        _check_unique([*self.own_columns, *(c.column for c in self.columns)])
        return self


class BoardRule(_Model):
    """The orders that go to a board of their own: those that meet every condition.

    `where` maps a source column to the values that it may have; "" stands for a column that is empty.
    Upper and lower case and blanks at the ends make no other value, as in most SQL Server collations.
    """

    id: int = Field(gt=0)
    customers: tuple[str, ...] = ()
    where: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        return ({CUSTOMER: self.customers} if self.customers else {}) | self.where

    @model_validator(mode="after")
    def _has_conditions(self) -> Self:
        if not self.conditions:
            raise ValueError(f"board {self.id} has no condition: the board for all other orders is a setting")
        if self.customers and CUSTOMER in self.where:
            raise ValueError(f"board {self.id} has customers twice: in `customers` and in `where`")
        return self

    def fits(self, order: abc.Mapping[str, Any]) -> bool:
        return all(
            folded(order.get(source)) in {folded(value) for value in values}
            for source, values in self.conditions.items()
        )


class Mapping(_Model):
    items: ItemMap = ItemMap()
    subitems: SubitemMap = SubitemMap()
    boards: tuple[BoardRule, ...] = ()  # the first that fits an order decides

    @property
    def item_sources(self) -> tuple[str, ...]:
        """What a header is read with, for its columns and for the choice of its board."""
        return tuple(dict.fromkeys([*(column.source for column in self.items.columns), *self.board_sources]))

    @property
    def board_sources(self) -> tuple[str, ...]:
        """What the choice of a board depends on; nothing where there is one board for all."""
        return tuple(dict.fromkeys(source for rule in self.boards for source in rule.conditions))

    def board_ids(self, default: int) -> tuple[int, ...]:
        """Every board that orders may go to; `default` is the one for orders that no rule fits, 0 for none."""
        return tuple(dict.fromkeys([*([default] if default else []), *(rule.id for rule in self.boards)]))

    def board_of(self, order: abc.Mapping[str, Any], default: int) -> int:
        """The board that an order goes to, from its columns; 0 if no rule fits and there is no `default`."""
        return next((rule.id for rule in self.boards if rule.fits(order)), default)


DEFAULT_MAPPING = Path(__file__).parent.parent / "mapping.toml"


def load_mapping(path: Path = DEFAULT_MAPPING) -> Mapping:
    """Raises ConfigurationError with the file, the place in it and the reason."""
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"The mapping {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The mapping {path} is not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"The mapping {path} is wrong at {place}: {first['msg']}") from None
