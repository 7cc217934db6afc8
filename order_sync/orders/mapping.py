"""The column mapping: which source column fills which monday column. Read from one TOML file.

In: a TOML file such as order_sync/mapping.toml. Out: a frozen, validated `ColumnMapping`.
Raises one ConfigurationError that lists every problem in the file; nothing is guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections import abc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from order_sync.orders.config_errors import Place, Problem, problems
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.naming import CUSTOMER, TextKey, customer_key, one_in_several_spellings, text_key
from order_sync.orders.nearest import did_you_mean
from order_sync.orders.toml_file import entries, entry_name, in_words, read_toml

ColumnType = Literal["text", "long_text", "numbers", "status", "dropdown", "date", "link", "checkbox"]
LABELLED = ("status", "dropdown")
Edits = Literal["overwrite", "keep", "fill"]  # what becomes of a person's edit on the board
CancelBy = Literal["archive", "delete", "move", "label"]


def _column_id(text: str) -> str:
    # monday's own rule for custom column ids, https://developer.monday.com: 1..20 characters of [a-z_];
    # ids that monday generates also contain digits.
    if not re.fullmatch(r"[a-z0-9_]{1,64}", text):
        raise ValueError("must be a monday column id: a to z, 0 to 9 and _, at most 64 characters")
    return text


def _listed(value: object) -> object:
    if not isinstance(value, str | list | tuple):
        raise ValueError("must be a string or a list of strings")
    return [value] if isinstance(value, str) else value


def _not_filled(value: object) -> object:
    if value == "fill":
        raise ValueError("must be 'overwrite' or 'keep': a name or a group is never empty, so there is nothing to fill")
    return value


ColumnId = Annotated[str, AfterValidator(_column_id)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]  # a single string is a list of one
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
SHARE_ERROR = 1e-9  # 0.29 * 100 is a little less than 29


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnMap(_Model):
    """One source column and the monday column it fills."""

    source: str = Field(min_length=1)
    column: ColumnId
    type: ColumnType
    title: str = ""
    new_labels: bool = False
    labels: Texts = ()  # used to create a board; on a live board its own labels apply
    zone: Literal["own", "utc"] = "own"  # for a date with an offset: the day as written, or the day in UTC
    edits: Edits = "overwrite"


class Ownership(_Model):
    """Who owns an item's name or group: the order system, or the person who last edited it on the board."""

    edits: Annotated[Literal["overwrite", "keep"], BeforeValidator(_not_filled)] = "keep"


class Cancel(_Model):
    """What becomes of the item of a cancelled order, or of the subitem of a cancelled line.

    `group` is used if `by` is "move", `column` and `label` if it is "label". For items only: `move`, `group`, and the
    guard against mass cancels, `most` and `most_share`.
    """

    by: CancelBy = "archive"
    group: Title = "Cancelled"
    column: ColumnId | None = None
    label: Title | None = None
    most: int = Field(default=50, ge=0)
    most_share: float = Field(default=0.1, ge=0, le=1)

    def allowed(self, on_board: int) -> int:
        """How many orders a run may cancel on a board with this number of items; of more it cancels none."""
        return max(self.most, math.floor(on_board * self.most_share + SHARE_ERROR))


class BoardMap(_Model):
    """What the rows of one board get: items, or subitems, which have a board of their own."""

    key_column: ColumnId
    name: Ownership = Ownership()
    cancel: Cancel = Cancel()
    columns: tuple[ColumnMap, ...] = ()

    @property
    def own_columns(self) -> tuple[str, ...]:
        return (self.key_column,)

    @property
    def adds_labels(self) -> bool:
        """monday may add labels that a column lacks."""
        return any(column.new_labels for column in self.columns)

    @property
    def new_columns(self) -> tuple[ColumnMap, ...]:
        """The columns that a new board gets beside the key: the mapped ones, and the one for cancelled orders."""
        cancel = self.cancel
        if cancel.by != "label" or cancel.column is None or cancel.label is None:
            return self.columns
        title = cancel.column.replace("_", " ").capitalize()
        own = ColumnMap(source=CANCEL_SOURCE, column=cancel.column, type="status", title=title, labels=(cancel.label,))
        if all(column.column != own.column for column in self.columns):
            return (*self.columns, own)
        return tuple(
            _with_label(column, cancel.label) if column.column == own.column else column for column in self.columns
        )


class ItemMap(BoardMap):
    key_column: ColumnId = "record_uuid"
    group: Ownership = Ownership()


LINE_SOURCES = ("size_code", "qty", "line_uuid", "record_uuid")
CANCEL_SOURCE = "(cancelled)"  # where the source of a column is shown


class SubitemMap(BoardMap):
    key_column: ColumnId = "line_uuid"


def _with_label(column: ColumnMap, label: str) -> ColumnMap:
    known = {text_key(each) for each in column.labels}
    return column if text_key(label) in known else column.model_copy(update={"labels": (*column.labels, label)})


class BoardRule(_Model):
    """A rule that sends the orders matching every condition to a board of their own.

    `where` maps a source column to its allowed values; "" matches an empty column.
    Values are compared by `text_key`, customers by `customer_key`.
    """

    id: int = Field(gt=0)
    customers: Texts = ()
    where: dict[str, Annotated[Texts, Field(min_length=1)]] = {}

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        return ({CUSTOMER: self.customers} if self.customers else {}) | self.where

    def fits(self, order: abc.Mapping[str, Any]) -> bool:
        return all(
            value_key(source, order.get(source)) in {value_key(source, value) for value in values}
            for source, values in self.conditions.items()
        )


def value_key(source: str, value: Any) -> TextKey:
    """The key by which the values of a column are compared."""
    return customer_key(value) if source == CUSTOMER else text_key(value)


class ColumnMapping(_Model):
    """Everything that the mapping file says: of items, of subitems, and of which board an order goes to."""

    items: ItemMap = ItemMap()
    subitems: SubitemMap = SubitemMap()
    boards: tuple[BoardRule, ...] = ()  # the first rule that matches an order applies

    @property
    def item_sources(self) -> tuple[str, ...]:
        """The columns read with a header: for its monday columns and to choose its board."""
        return tuple(dict.fromkeys([*(column.source for column in self.items.columns), *self.board_sources]))

    @property
    def board_sources(self) -> tuple[str, ...]:
        """The columns that the choice of a board depends on; empty if there is one board for all orders."""
        return tuple(dict.fromkeys(source for rule in self.boards for source in rule.conditions))

    def board_ids(self, default: int) -> tuple[int, ...]:
        """Every board that orders may go to; `default` is the board for orders that match no rule, 0 for none."""
        return tuple(dict.fromkeys([*([default] if default else []), *(rule.id for rule in self.boards)]))

    def board_of(self, order: abc.Mapping[str, Any], default: int) -> int:
        """The board that an order goes to, by its columns; 0 if no rule matches and there is no `default`."""
        return next((rule.id for rule in self.boards if rule.fits(order)), default)


@dataclass(frozen=True, kw_only=True)
class OrderColumn:
    """A column of an order, or of a line, that may fill a column of a board."""

    name: str
    kind: Literal["text", "number", "date", ""] = ""  # "": the database does not say


DEFAULT_MAPPING = Path(__file__).parent.parent / "mapping.toml"


@dataclass(frozen=True, kw_only=True)
class UnknownSource:
    """A column in the mapping that orders do not have; `board` is the board whose rule names it, None for items."""

    source: str
    board: int | None
    reason: str

    def __str__(self) -> str:
        where = "items.columns names" if self.board is None else f"the rule of board {self.board} names"
        return f"{where} [{self.source}], {self.reason}"


NAMED_BY = ("source", "column", "id")  # error messages identify a list entry by one of these


def load_mapping(path: Path = DEFAULT_MAPPING) -> ColumnMapping:
    """Raises ConfigurationError with the file's name and every problem in it, each with its place and reason."""
    read = read_toml(path, what="The mapping")
    found = [*_first_version(read), *_contradictions(read)]
    mapping = None
    try:
        mapping = ColumnMapping.model_validate(read)
    except ValidationError as error:
        found = [*problems(error, ColumnMapping), *found]
    if mapping is None or found:
        wrong = "; ".join(in_words(read, problem, NAMED_BY) for problem in found)
        raise ConfigurationError(f"The mapping {path} is invalid: {wrong}", SettingsFault.MAPPING) from None
    return mapping


# ---- checks across keys ---------------------------------------------------------------------------------


def _first_version(read: dict[str, Any]) -> Iterator[Problem]:
    """Problems of a mapping for the first version, in which the key of an item was its header's delta_uuid."""
    items = read.get("items")
    if not isinstance(items, dict):
        return
    if (record := items.pop("record_column", None)) is not None:
        yield Problem(
            place=("items",),
            what=f"record_column is no longer supported: delete it, and set key_column = {json.dumps(record)}. Orders "
            "are identified on the board by record_uuid",
        )
    elif items.get("key_column") == "delta_uuid":
        yield Problem(
            place=("items",),
            what="key_column is 'delta_uuid', as in the first version. It must name the column that holds the order's "
            "record_uuid. The board needs no change; the column with delta_uuids is no longer used",
        )


def _contradictions(read: dict[str, Any]) -> Iterator[Problem]:
    """Contradictions in the file as parsed, so that they are reported together with its other problems."""
    if not read:
        yield Problem(
            place=(), what="the file is empty, so no column would be filled; see order_sync/mapping.toml for an example"
        )
    for table, model in (("items", ItemMap), ("subitems", SubitemMap)):
        yield from _filled_twice(read, table, model)
        for place, column in entries(read, table, "columns"):
            kind = column.get("type")
            if kind in get_args(ColumnType) and kind not in LABELLED and _any(column, "labels", "new_labels"):
                yield Problem(place=place, what=f"type is '{kind}', but only status and dropdown have labels")
            if kind in get_args(ColumnType) and kind != "date" and _any(column, "zone"):
                yield Problem(place=place, what=f"type is '{kind}', but only date has a zone")
            yield from _spelled_twice(place, column.get("labels"))
        yield from _cancel_contradictions(read, table, model)
    for place, column in entries(read, "subitems", "columns"):
        source = column.get("source")
        if source and isinstance(source, str) and source not in LINE_SOURCES:
            what = f"none of a line's columns{did_you_mean(source, LINE_SOURCES)}: {', '.join(LINE_SOURCES)}"
            yield Problem(place=place, what=f"source is {what}")
    for place, rule in entries(read, "boards"):
        where = rule.get("where")
        if not _any(rule, "customers", "where") and rule.keys() <= BoardRule.model_fields.keys():
            yield Problem(
                place=place, what="has no condition; set the board for all other orders with ORDER_SYNC_MONDAY_BOARD_ID"
            )
        if _any(rule, "customers") and isinstance(where, dict) and CUSTOMER in where:
            yield Problem(place=place, what="customers are given twice: in `customers` and in `where`")


def _spelled_twice(place: Place, labels: object) -> Iterator[Problem]:
    """Labels that differ only in case or blanks: the board would get both."""
    texts = [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
    for same in one_in_several_spellings(texts):
        listed = " and ".join(f"'{label}'" for label in same)
        yield Problem(place=place, what=f"a label is given twice: {listed}")


def _any(entry: dict[str, Any], *keys: str) -> bool:
    return any(entry.get(key) for key in keys)


def _key_column(read: dict[str, Any], table: str, model: type[BaseModel]) -> Any:
    given = read.get(table, {})
    return given.get("key_column", model.model_fields["key_column"].default) if isinstance(given, dict) else None


def _filled_twice(read: dict[str, Any], table: str, model: type[BaseModel]) -> Iterator[Problem]:
    """monday columns that two sources, or a source and a key, would fill."""
    fillers = [(_key_column(read, table, model), "key_column")]
    fillers += [
        (column.get("column"), entry_name(read, place, NAMED_BY)) for place, column in entries(read, table, "columns")
    ]
    by_column: dict[str, list[str]] = {}
    for column_id, filler in fillers:
        if column_id and isinstance(column_id, str):
            by_column.setdefault(column_id, []).append(filler)
    for column_id, names in by_column.items():
        if len(names) > 1:
            yield Problem(place=(table,), what=f"monday column '{column_id}' is mapped twice: {' and '.join(names)}")


def _cancel_contradictions(read: dict[str, Any], table: str, model: type[BaseModel]) -> Iterator[Problem]:
    """Keys of a cancel rule that the rule does not use, or lacks."""
    place = (table, "cancel")
    given = read.get(table, {})
    rule = given.get("cancel") if isinstance(given, dict) else None
    if not isinstance(rule, dict):
        return
    by = rule.get("by", "archive")
    if by not in get_args(CancelBy):
        return
    if table == "subitems":
        yield from _not_for_subitems(place, rule, by)
    elif by != "move" and "group" in rule:
        yield Problem(place=place, what=f"by is '{by}', but group is only used if by is 'move'")
    column, label = rule.get("column"), rule.get("label")
    if by != "label" and (given_keys := [key for key in ("column", "label") if key in rule]):
        used = "is only used" if len(given_keys) == 1 else "are only used"
        yield Problem(place=place, what=f"by is '{by}', but {' and '.join(given_keys)} {used} if by is 'label'")
    if by != "label":
        return
    if column is None:
        yield Problem(place=place, what="by is 'label', so column must name a status column of the board")
    if label is None:
        yield Problem(place=place, what="by is 'label', so label must name the label of a cancelled order")
    if column is not None and column == _key_column(read, table, model):
        yield Problem(place=place, what=f"column '{column}' holds the keys, but a label needs a status column")
    for _, mapped in entries(read, table, "columns"):
        kind = mapped.get("type")
        if column is not None and mapped.get("column") == column and kind in get_args(ColumnType) and kind != "status":
            yield Problem(place=place, what=f"column '{column}' is mapped as {kind}, but a label needs a status column")


def _not_for_subitems(place: Place, rule: dict[str, Any], by: str) -> Iterator[Problem]:
    if by == "move":
        what = "by is 'move', but monday cannot move a subitem: use 'archive', 'delete' or 'label'"
        yield Problem(place=place, what=what)
    elif "group" in rule:
        yield Problem(place=place, what="group is only used for items: monday cannot move a subitem")
    if guards := [key for key in ("most", "most_share") if key in rule]:
        what = f"cancelled lines have no limit of their own: set {' and '.join(guards)} in [items.cancel]"
        yield Problem(place=place, what=what)
