"""Codes: the number that is printed with every error, rejection and held order, and the answer that belongs to it.

In: nothing. Out: each code with what happened, what order_sync did and what to do; docs/errors.md is written from it.
A code is never given to another meaning, and never printed without its message. faults.py has those of errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from order_sync.orders.states import State

BEFORE_SENDING = (
    "It set the row to ERROR with this reason, before anything was sent for it, and held back the rest of its order. "
    "All other orders continued."
)
AFTER_SENDING = (
    "It set the row to ERROR with monday's message and request id, and held back the rest of its order. All other "
    "orders continued."
)
UNTOUCHED = "It left the order's rows unchanged. All other orders continued."
RETRY = "Then run `order-sync retry`."
_BY_ITSELF = "the next run then claims it"


class Code(StrEnum):
    """The base of all codes. `step` is the next step of a person.

    {headers}, {lines}, {orders} and {order_lines} in a step are the site's names of the four tables.
    """

    heading: str
    happened: str
    did: str
    step: str
    by: str

    def __new__(cls, code: str, heading: str, happened: str, did: str, step: str, by: str = "") -> Self:
        made = str.__new__(cls, code)
        made._value_ = code
        made.heading, made.happened, made.did, made.step, made.by = heading, happened, did, step, by
        return made


class Rule(Code):
    """Why a row is rejected, by order_sync (OS-401 to OS-449) or by monday. `step` is in a report, too."""

    NO_GROUP_TITLE = (
        "OS-401",
        "Order without a customer",
        "The order has neither GroupMonday nor a customer, so the title of its group is unknown.",
        BEFORE_SENDING,
        "Fill in CUSTOMER NAME or GroupMonday in {headers}.",
    )
    NO_ITEM_NAME = (
        "OS-402",
        "Order without a name",
        "All parts of the item's name are empty: style, colour, order number and PO number.",
        BEFORE_SENDING,
        "Fill in at least one of CUSTOMER STYLE, CUSTOMER COLOUR DESCRIPTION, AAG ORDER NUMBER and PO NUMBER in "
        "{headers}.",
    )
    NO_SIZE = (
        "OS-403",
        "Line without a size",
        "The line has no size_code, so its subitem has no name.",
        BEFORE_SENDING,
        "Fill in size_code of the line in {lines}, or delete the row there if the order has no such line.",
    )
    NAME_TOO_LONG = (
        "OS-404",
        "Name longer than 255 characters",
        "monday allows 255 characters in the name of a group, an item or a subitem. Names are never truncated.",
        BEFORE_SENDING,
        "Shorten the parts of the name in {headers}: style, colour, order number and PO number for an item, "
        "GroupMonday for a group. For a subitem, shorten size_code in {lines}.",
    )
    TEXT_TOO_LONG = (
        "OS-405",
        "Text too long for its column",
        "A text is longer than its column on the board allows.",
        BEFORE_SENDING,
        "Shorten the text in the column named in the reason.",
    )
    UNKNOWN_LABEL = (
        "OS-406",
        "Label missing on the board",
        "A status or dropdown column of the board has no such label, and the mapping allows no new ones.",
        BEFORE_SENDING,
        "If the value is wrong, correct it in the column named in brackets. If it is right, add it to the labels of "
        "that column on the board.",
    )
    NOT_A_NUMBER = (
        "OS-407",
        "Not a number",
        "A value that is mapped to a numbers column cannot be read as a number.",
        BEFORE_SENDING,
        "Correct the value in the column named in brackets.",
    )
    NOT_A_DATE = (
        "OS-408",
        "Not a date",
        "A value that is mapped to a date column cannot be read as a date.",
        BEFORE_SENDING,
        "Correct the value in the column named in brackets.",
    )
    NO_RECORD_UUID = (
        "OS-409",
        "Row without a record_uuid",
        "The row names no order: its record_uuid is NULL or not a uuid.",
        "It set the row to ERROR. Nothing was sent for it. All orders continued.",
        "Set record_uuid of the row in {headers} or {lines} to that of its order, or delete the row. Until then, "
        "`order-sync retry` skips it.",
    )
    UNREADABLE = (
        "OS-410",
        "Value of the wrong kind",
        "A column holds a value that does not match its type, such as text in a column of numbers.",
        BEFORE_SENDING,
        "Correct the value in the column named in brackets: it does not match the type of the column.",
    )
    NO_ORDER = (
        "OS-411",
        "Order missing in the main table",
        "The queue has a header of the order, and the main table has no row with its record_uuid.",
        BEFORE_SENDING,
        "{headers} has the order, but {orders} has no row with its record_uuid. Make sure that the order system writes "
        "both.",
    )
    NO_ORDER_LINE = (
        "OS-412",
        "Line missing in the main table",
        "The queue has the line, and the main table of lines has no row of its order with this line_uuid.",
        BEFORE_SENDING,
        "{lines} has the line, but {order_lines} has no row of this order with its line_uuid. Make sure that the order "
        "system writes both.",
    )
    NO_BOARD = (
        "OS-413",
        "Order without a board",
        "The order matches none of the board rules of the mapping, and no board is set for such orders.",
        BEFORE_SENDING,
        "Add a rule for it under [[boards]] in the mapping, or set ORDER_SYNC_MONDAY_BOARD_ID for orders that match no "
        "rule.",
    )
    NO_GROUP = (
        "OS-414",
        "Group refused by monday",
        "monday refused to create the group of the order, so its item has no place.",
        BEFORE_SENDING,
        "monday refused to create the order's group; the log of the run says why. Correct GroupMonday in {headers}.",
    )
    ITEM_DELETED = (
        "OS-415",
        "Item deleted on the board",
        "The line arrived after its order was synced, and the order's item has been deleted since.",
        BEFORE_SENDING,
        "The line arrived after its order was synced, and the order's item has been deleted since. Restore the item "
        "from the board's recycle bin (monday keeps it for 30 days), or recreate it with `order-sync reconcile "
        "--requeue`.",
    )
    NOT_YES_OR_NO = (
        "OS-416",
        "Neither yes nor no",
        "A value that is mapped to a checkbox column says neither yes nor no.",
        BEFORE_SENDING,
        "Correct the value in the column named in brackets.",
    )
    VALUE_REFUSED = (
        "OS-451",
        "Value refused by monday",
        "monday does not accept one of the values in its column.",
        AFTER_SENDING,
        "See the reason. Correct the value in the order. If the value is right, the column on the board does not match "
        "the mapping: `order-sync board check` compares them.",
    )
    VALUE_FORBIDDEN = (
        "OS-452",
        "Value forbidden by a rule of the board",
        "The board has rules for the values of its columns, and the row breaks one of them.",
        AFTER_SENDING,
        "The reason names the rule. Correct the value in the order, or change the rule on the board.",
    )
    REQUEST_REFUSED = (
        "OS-453",
        "Column or request refused by monday",
        "monday refuses a column or another part of the request for this row.",
        AFTER_SENDING,
        "The board may have changed: `order-sync board check` lists what does not match the mapping.",
    )
    NAME_REFUSED = (
        "OS-454",
        "Name refused as too long by monday",
        "monday counts more characters in the name than it allows.",
        AFTER_SENDING,
        NAME_TOO_LONG[4],
    )
    DELETED_MEANWHILE = (
        "OS-455",
        "Deleted on the board during the sync",
        "The item or its group was deleted or archived while the row was sent.",
        AFTER_SENDING,
        "The item or its group was deleted while the order was sent. If that was intended, leave the row as it is. If "
        "not, make sure that it will not be deleted again.",
    )
    OTHER = (
        "OS-459",
        "Another reason",
        "monday refuses the row for a reason that order_sync does not know, while it accepts other rows.",
        AFTER_SENDING,
        "Correct the order as the reason says. If the same error occurs again, contact monday's support with the "
        "request id, or the person in charge of order_sync.",
    )

    @classmethod
    def of(cls, code: str | None) -> Rule:
        """The rule of a code as the log has it: a rule, its name of earlier versions, or a code of monday's."""
        code = code or ""
        own = next((rule for rule in cls if rule == code), None)
        return own or cls.__members__.get(code.upper()) or MONDAYS.get(code, cls.OTHER)

    @property
    def is_mondays(self) -> bool:
        """monday refuses the row; otherwise order_sync does, before anything is sent."""
        return self >= "OS-450"


MONDAYS: Mapping[str, Rule] = {
    "ColumnValueException": Rule.VALUE_REFUSED,
    "CorrectedValueException": Rule.VALUE_REFUSED,
    "DATA_VALIDATIONS_ERROR": Rule.VALUE_FORBIDDEN,
    "InvalidArgumentException": Rule.REQUEST_REFUSED,
    "InvalidColumnIdException": Rule.REQUEST_REFUSED,
    "ItemNameTooLongException": Rule.NAME_REFUSED,
    "ResourceNotFoundException": Rule.DELETED_MEANWHILE,
}
# These rules reject a row even if its item is already on the board.
REGARDLESS = frozenset({Rule.NO_ORDER, Rule.NO_ORDER_LINE, Rule.UNREADABLE})


class Cause(Code):
    """What holds an order. Where there are several, the first of these is named.

    `by` is what it is called ("2 orders held {by}").
    """

    NO_RECORD_UUID = (
        "OS-501",
        "Row without a record_uuid",
        "A waiting row names no order: its record_uuid is NULL or not a uuid.",
        "It claims no such row; the next run sets it to ERROR. All orders continued.",
        "the next run makes it ERROR; set its record_uuid to that of its order, then run `order-sync retry`",
        "by a row without a record_uuid",
    )
    UNKNOWN_STATE = (
        "OS-502",
        "Unknown sync_state",
        "A row of the order has a sync_state that order_sync does not know.",
        UNTOUCHED,
        f"correct sync_state as the reason says; {_BY_ITSELF}",
        "by a row whose sync_state is unknown",
    )
    UNKNOWN_ACTION = (
        "OS-503",
        "Unknown action_type",
        "A row of the order has an action_type that order_sync does not know.",
        UNTOUCHED,
        f"correct action_type as the reason says; {_BY_ITSELF}",
        "by a row whose action_type is unknown",
    )
    NO_KEY = (
        "OS-504",
        "Row without a unique key",
        "A row of the order has no delta_uuid or line_uuid, or shares its delta_uuid with another row.",
        UNTOUCHED,
        f"give each row a unique delta_uuid, and each line a unique line_uuid; {_BY_ITSELF}",
        "by a row without a unique key",
    )
    CONTRADICTION = (
        "OS-505",
        "Headers that contradict each other",
        "Waiting headers of one record_uuid have different customers or order numbers: one of them would be lost.",
        UNTOUCHED,
        f"delete the wrong header, or set its sync_state to {State.SYNCED}; {_BY_ITSELF}",
        "by headers that contradict each other",
    )
    REJECTED = (
        "OS-506",
        "Order with a rejected row",
        "One row of the order is in ERROR. An order is synced as a whole, so its other rows wait.",
        UNTOUCHED,
        "correct the rows that `order-sync status` lists, then run `order-sync retry`",
        "by a rejected row",
    )
    NO_ORDER = (
        "OS-507",
        "Order missing in the main table",
        "The queue has the order, and the main table has no row with its record_uuid.",
        UNTOUCHED,
        f"make sure that the order system writes that row; {_BY_ITSELF}",
        "without a row in the table of orders",
    )
    NO_HEADER = (
        "OS-508",
        "Lines without a header",
        "The order has waiting lines and no item, and no header that would create one.",
        UNTOUCHED,
        f"follow the reason; {_BY_ITSELF}",
        "by lines without a header",
    )
    HELD_BY_RUN = (
        "OS-509",
        "Order held by another run",
        "Another run has claimed rows of the order, and its lease has not expired.",
        UNTOUCHED,
        "wait for that run; the next one claims the rest when it has finished or its lease has expired, and at once if "
        "it died on the same machine",
        "by run {run}",
    )


CAUSES = list(Cause)


class Delay(Code):
    """Why an order that a run has claimed has to wait for another run."""

    MASS_CANCEL = (
        "OS-521",
        "Too many cancels in one run",
        "The run would cancel more orders on a board than the mapping allows at a time.",
        "It cancelled none of them and left their rows waiting. Everything else continued.",
        "check the orders; if they are all right, name their number: `order-sync sync --cancel NUMBER`",
    )
    ELSEWHERE = (
        "OS-522",
        "Item found on another board",
        "The item of the order is on another board than the one where the run looked for it.",
        UNTOUCHED,
        "start another run, which changes the item where it is",
    )
    ITEM_REMOVED = (
        "OS-523",
        "Item deleted, to be created again",
        "The item of the order was deleted on the board; its lines wait until the item exists again.",
        UNTOUCHED,
        "start another run, which creates the item and its lines again",
    )
    OTHERS_MUST_SHOW = (
        "OS-524",
        "Refused, perhaps not because of the row",
        "monday refused the row for a reason that may concern its whole board, and no other row was accepted.",
        "It did not reject the row; it waits.",
        "start another run: if monday accepts other rows and refuses this one again, it is rejected",
    )
    NO_GROUP_YET = (
        "OS-525",
        "Group not created yet",
        "monday could not create the group of the order for now.",
        "It left the order waiting, and continued with the orders of other groups.",
        "start another run, which creates the group and then the item",
    )
    NOT_ON_BOARD = (
        "OS-526",
        "Order not complete on the board",
        "A row of the order has not reached the board in this run: its board takes no rows, or the run was stopped.",
        "It released the rows. What is on the board stays there and is not created again.",
        "see the run's log for the reason; the next run continues with the order",
    )
