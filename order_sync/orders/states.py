"""What a queue row says: its state and its action. How they are read and written is the database's."""

from enum import StrEnum


class State(StrEnum):
    """sync_state of a queue row; docs/state-machine.md has every transition."""

    NEW = "NEW"  # a header nobody has taken up yet
    PENDING = "PENDING"  # leased by sync_run_id; for a line also: not taken up yet (no sync_run_id)
    SYNCED = "SYNCED"  # on the board, and carried to the main tables in the same transaction
    ERROR = "ERROR"  # rejected for good; sync_error_message says why


class Action(StrEnum):
    """action_type of a queue row. INSERT is what is synced; the others are counted and left alone."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
