"""In: an uploaded CSV file and the board it is for; later what became of each of its rows.
Out: the rows, each with values or with what is wrong in them, and the report that a job ends with.
Never: a new label, and no row read from a file that breaks the rules for files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from order_sync.emulator import columns
from order_sync.emulator.columns import Column, NewLabels, Value
from order_sync.emulator.errors import MondayError
from order_sync.emulator.state import Board

NAME_LENGTH = 255
ROW_LENGTH = 1_000_000

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)


class FailureReason(StrEnum):
    INVALID_UPLOAD = "INVALID_UPLOAD"
    BOARD_CAPACITY_EXCEEDED = "BOARD_CAPACITY_EXCEEDED"
    ACCOUNT_CAPACITY_EXCEEDED = "ACCOUNT_CAPACITY_EXCEEDED"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Rejected(Exception):
    """The whole file is refused, before any of its rows."""

    def __init__(self, reason: FailureReason, message: str | None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    #: From 1.
    number: int
    name: str
    #: Of the cells that are not empty.
    values: Mapping[str, Value]
    #: By column id; empty when the row is valid.
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    #: Without the name.
    columns: tuple[str, ...]
    rows: list[Row]


class RowStatus(StrEnum):
    SUCCESS = "success"
    VALIDATION_ERROR = "validation_error"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a row."""

    row: Row
    status: RowStatus
    item_id: int | None = None
    error: str = ""


def read_sheet(board: Board, body: bytes, *, max_bytes: int, max_rows: int) -> Sheet:
    """Raises `Rejected`."""
    if len(body) > max_bytes:
        raise Rejected(FailureReason.FILE_TOO_LARGE, f"The file is larger than {max_bytes // 1_000_000} MB")
    try:
        text = body.decode("utf-8")
        # One more than it may hold shows that it holds too many; the others stay unread.
        [header, *data] = [*islice(_lines(text), max_rows + 2)] or [[]]
    except UnicodeDecodeError:
        raise _invalid_upload("The file is not UTF-8") from None
    except csv.Error as error:
        raise _invalid_upload(f"The file is not CSV: {error}") from None
    found = _columns(board, header)
    if not data:
        raise _invalid_upload("The file has no rows")
    if len(data) > max_rows:
        raise _invalid_upload(f"The file has more than {max_rows} rows")
    return Sheet(
        tuple(column.id for column in found),
        [_row(number, cells, found) for number, cells in enumerate(data, start=1)],
    )


def _lines(text: str) -> Iterator[list[str]]:
    """Those that are not blank; `Rejected` for one that no board has columns for."""
    length = 0

    def counted() -> Iterator[str]:
        nonlocal length
        for line in io.StringIO(text, newline=""):
            length += len(line)
            if length > ROW_LENGTH:
                raise _invalid_upload(f"A row has more than {ROW_LENGTH} characters")
            yield line

    for cells in csv.reader(counted(), strict=True):
        length = 0
        if cells:
            yield cells


def report(sheet: Sheet, outcomes: Iterable[Outcome]) -> str:
    """A row of it holds, under each column, what is wrong there."""
    text = io.StringIO(newline="")
    lines = csv.writer(text)
    lines.writerow(["serialNo", "status", "itemId", "error", *sheet.columns])
    for outcome in outcomes:
        errors = outcome.row.errors
        lines.writerow(
            [
                outcome.row.number,
                outcome.status.value,
                outcome.item_id or "",
                "; ".join(f"[{column_id}]: {error}" for column_id, error in errors.items()) or outcome.error,
                *(errors.get(column_id, "") for column_id in sheet.columns),
            ]
        )
    return text.getvalue()


def _invalid_upload(message: str) -> Rejected:
    return Rejected(FailureReason.INVALID_UPLOAD, message)


def _columns(board: Board, header: Sequence[str]) -> list[Column]:
    if not header or header[0] != "name":
        raise _invalid_upload('The first column must be "name"')
    if len(set(header)) != len(header):
        raise _invalid_upload("A column stands twice in the header")
    found = []
    for column_id in header[1:]:
        if column_id.endswith(".subitem"):
            raise _invalid_upload(f'Subitems are not supported: "{column_id}"')
        column = board.columns.get(column_id)
        if column is None:
            raise _invalid_upload(f'The board has no column "{column_id}"')
        if column.type in ("name", "subtasks"):
            raise _invalid_upload(f'Columns of type {column.type} cannot be imported: "{column_id}"')
        found.append(column)
    return found


def _row(number: int, cells: Sequence[str], found: Sequence[Column]) -> Row:
    values: dict[str, Value] = {}
    errors: dict[str, str] = {}
    name = cells[0]
    if not name.strip():
        errors["name"] = "Name is empty"
    elif len(name) > NAME_LENGTH:
        errors["name"] = f"Name has more than {NAME_LENGTH} characters"
    if len(cells) != len(found) + 1:
        errors["name"] = f"The row has {len(cells)} cells, the header {len(found) + 1}"
    for column, cell in zip(found, cells[1:], strict=False):
        if not cell.strip():
            continue
        value, error = _READERS.get(column.type, _plain())(column, cell)
        if error is None:
            values[column.id] = value
        else:
            errors[column.id] = error
    return Row(number=number, name=name, values=values, errors=errors)


#: A value, or what is wrong.
_Read = tuple[Value | None, str | None]


def _plain(pattern: re.Pattern[str] | None = None) -> Callable[[Column, str], _Read]:
    """Cells that the API reads in the same way, if they have the form that a file must have."""

    def read(column: Column, cell: str) -> _Read:
        if pattern is not None and not pattern.fullmatch(cell.strip()):
            return None, f'Value "{cell}" is invalid for column "{column.id}"'
        try:
            raw = cell if pattern is None else cell.strip()
            return columns.read(column, raw, NewLabels(allowed=False)), None
        except MondayError as error:
            return None, f'Value "{cell[:100]}" is invalid for column "{column.id}": {error}'

    return read


def _status(column: Column, cell: str) -> _Read:
    label_id = column.label_ids.get(cell)
    return (None, _no_label(column, cell)) if label_id is None else (label_id, None)


def _dropdown(column: Column, cell: str) -> _Read:
    labels = dict.fromkeys(part.strip() for part in cell.split(",") if part.strip())
    unknown = next((label for label in labels if label not in column.label_ids), None)
    if unknown is not None or not labels:
        return None, _no_label(column, cell if unknown is None else unknown)
    return [column.label_ids[label] for label in labels], None


def _no_label(column: Column, label: str) -> str:
    return f'Label "{label}" is invalid for column "{column.id}"'


def _link(column: Column, cell: str) -> _Read:
    url, shown = cell.strip(), None
    if url.startswith("[") and url.endswith(")") and "](" in url:
        shown, _, url = url[1:-1].rpartition("](")  # a pattern with two stars would try every pair of places
    if not _LINK.fullmatch(url):
        return None, f'Value "{cell}" is invalid for column "{column.id}": a link is http or https'
    return [url, shown or url], None


def _not_imported(column: Column, _cell: str) -> _Read:
    return None, f'Columns of type {column.type} cannot be imported: "{column.id}"'


#: Types whose cells differ from what the API reads.
_READERS: Final[dict[str, Callable[[Column, str], _Read]]] = {
    "numbers": _plain(_NUMBER),
    "date": _plain(_DAY),
    "status": _status,
    "dropdown": _dropdown,
    "link": _link,
    "checkbox": _not_imported,
}
