"""The state and the action of a queue row. database/ reads and writes them."""

from enum import StrEnum


class State(StrEnum):
    """sync_state of a queue row; docs/state-machine.md has every transition."""

    NEW = "NEW"  # a header that no run has claimed
    PENDING = "PENDING"  # leased by sync_run_id; a line without sync_run_id has not been claimed
    SYNCED = "SYNCED"  # on the board; the main tables were updated in the same transaction
    ERROR = "ERROR"  # rejected for good; sync_error_message says why


class Action(StrEnum):
    """action_type of a queue row. INSERT and UPDATE mean the same: the order, or line, is to be as the row says."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
