"""In: what went wrong, in monday's own words.
Out: exceptions with monday's code, HTTP status and data, ready for the `errors` of an answer.
Never: a traceback or a secret in a message that leaves the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class EmulatorError(RuntimeError):
    """The emulator itself cannot start or continue (port taken, broken state file, process ended)."""


class MondayError(Exception):
    """One field of an answer failed: graphql-core copies `extensions` into the `errors` entry."""

    def __init__(
        self, code: str, message: str, *, status: int = 200, data: Mapping[str, Any] | Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.extensions: dict[str, Any] = {
            "code": code,
            "status_code": status,
            # The rules that values break come as a list, everything else by name.
            "error_data": dict(data) if isinstance(data, Mapping) else list(data) or {},
        }


def column_value(column_id: str, column_type: str, message: str, **data: Any) -> MondayError:
    return MondayError(
        "ColumnValueException", message, data={"column_id": column_id, "column_type": column_type, **data}
    )


def invalid_argument(message: str, **data: Any) -> MondayError:
    return MondayError("InvalidArgumentException", message, data=data)


def invalid_board(board_id: object) -> MondayError:
    return MondayError("InvalidBoardIdException", "This board ID does not exist", data={"board_id": str(board_id)})


def unauthorized(board_id: object) -> MondayError:
    return MondayError(
        "UserUnauthorizedException",
        "User unauthorized to perform action",
        status=403,
        data={"board_id": str(board_id)},
    )


def invalid_column(column_id: str) -> MondayError:
    return MondayError(
        "InvalidColumnIdException",
        "This column ID doesn't exist for the board",
        data={"column_id": column_id},
    )


def not_found(resource: str, identity: object) -> MondayError:
    return MondayError(
        "ResourceNotFoundException",
        f"{resource} not found",
        data={"resource_type": resource.lower(), "resource_id": str(identity)},
    )
