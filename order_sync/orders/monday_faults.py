"""The codes of errors whose cause is monday, a board or the network in between.

In: nothing. Out: the codes. No code without an error that has it; the texts go to docs/errors.md.
"""

from __future__ import annotations

from order_sync.orders.codes import Code
from order_sync.orders.faults import NOTHING

LATER = "The run stopped. Nothing is lost: its rows stay PENDING, and the next run continues with them."
RETRIED = (
    "It tried again, with growing pauses, and then gave up. Nothing is lost: rows stay PENDING, and the next run "
    "continues with them."
)
AGAIN = "Start the run again. The sensor does so by itself."


class MondayFault(Code):
    """monday, its boards, and the network in between."""

    UNREACHABLE = (
        "OS-301",
        "monday cannot be reached",
        "No connection to monday was made.",
        RETRIED,
        "Check the network, the proxy and ORDER_SYNC_MONDAY_URL; then start the run again.",
    )
    NO_ANSWER = (
        "OS-302",
        "No answer from monday",
        "A request was sent, and no answer came back. It may or may not have taken effect.",
        "It keeps the request in its journal as in doubt; before anything is created, the board is searched for it.",
        AGAIN,
    )
    BUSY = (
        "OS-303",
        "monday is busy, or limits the account",
        "monday asks to send the request later: a rate limit, a lock or an error of its own.",
        RETRIED,
        "Wait. If it lasts, see monday's status page and what else uses the account's budget.",
    )
    ODD_ANSWER = (
        "OS-304",
        "monday's answer is incomplete",
        "An answer lacks what was asked for, or pages repeat.",
        "It decided nothing from such an answer. Rows stay PENDING.",
        "Start the run again. If it lasts, contact monday's support with the request id.",
    )
    NO_FILE = (
        "OS-305",
        "A file could not be transferred",
        "The file of a bulk job could not be sent to monday's storage, or read from there.",
        RETRIED,
        "Check that the network allows the host in the message; then start the run again.",
    )
    NO_END_OF_JOB = (
        "OS-306",
        "A bulk job has not ended",
        "A job of monday's that imports or archives items makes no progress, or its status is not reported.",
        "Its rows wait. The next run looks at the job again, before anything is created.",
        "Start a run later. If the job never ends, contact monday's support with its id.",
    )
    NOT_FOUND_YET = (
        "OS-307",
        "Imported items are not found yet",
        "A bulk job skipped items that monday's search does not find on the board.",
        "Their rows wait. The next run searches again.",
        AGAIN,
    )
    TOKEN = (
        "OS-310",
        "Token refused",
        "monday does not accept the token, or its user lacks a right.",
        LATER,
        "Check ORDER_SYNC_MONDAY_TOKEN, and the rights of its user.",
    )
    API_CHANGED = (
        "OS-311",
        "monday's API has changed",
        "monday does not know a field or an argument of a request.",
        "The run stopped, and no row was rejected.",
        "Update order_sync, or set ORDER_SYNC_MONDAY_VERSION to an earlier version of the API.",
    )
    REFUSED = (
        "OS-312",
        "Request refused by monday",
        "monday refuses a request as a whole, so no row is at fault.",
        LATER,
        "Follow the message. If it does not help, contact monday's support with the request id.",
    )
    BOARD_REFUSED = (
        "OS-313",
        "A board accepts no rows",
        "The board is full, deleted or not writable by the token, or it refuses every row alike.",
        "It released the rows of this board and rejected none. Other boards continued.",
        "Check the board and the token's rights with `order-sync board check`; then start the run again.",
    )
    NOT_MONDAY = (
        "OS-314",
        "Another server answers instead of monday",
        "A firewall, a proxy or a login page answered.",
        "The run stopped. Whether the request had an effect is unknown, so it stays in the journal.",
        "Allow the host of ORDER_SYNC_MONDAY_URL in the proxy; then start the run again.",
    )
    NOT_FOUND = (
        "OS-315",
        "Not found by monday",
        "monday has no such object, or it was deleted.",
        LATER,
        "Check the ids in the settings and the mapping with `order-sync board check`.",
    )
    CURSOR_EXPIRED = (
        "OS-316",
        "Reading a board takes too long",
        "The cursor of a list expired twice: it is valid for 60 minutes.",
        "Nothing was decided from the part that was read.",
        "Start again when other programs use less of the account's budget.",
    )
    QUOTA = (
        "OS-317",
        "Daily quota used up",
        "The account's daily quota of API calls is used up.",
        LATER,
        "Wait until the time in the message: the sensor waits as well. A larger plan of monday has a larger quota.",
    )
    VERSION = (
        "OS-318",
        "API version not available",
        "monday does not offer the API version that order_sync asks for.",
        NOTHING,
        "Try the version in the message in a dry run, then set ORDER_SYNC_MONDAY_VERSION; or update order_sync.",
    )
    INVISIBLE = (
        "OS-321",
        "Board not visible",
        "The token cannot see the board.",
        NOTHING,
        "Check ORDER_SYNC_MONDAY_BOARD_ID, the board rules of the mapping, and the token.",
    )
    UNSUPPORTED = (
        "OS-322",
        "Board of a kind that cannot be used",
        "The board is of a kind that order_sync cannot write to.",
        NOTHING,
        "Use another board: `order-sync board init NAME` creates one.",
    )
    MAPPING = (
        "OS-323",
        "The mapping does not fit the board",
        "The board lacks a column of the mapping, or has it with another type.",
        NOTHING,
        "Correct the board or the mapping: `order-sync board check` compares them.",
    )
    NO_SUBITEMS = (
        "OS-324",
        "Board without subitems",
        "The board has no subitems column, so there is no board for lines.",
        LATER,
        "Add a subitem on the board, which creates the column; then start the run again.",
    )
    GROUP_NOT_SHOWN = (
        "OS-325",
        "Group not on the board",
        "A group was created and the board does not show it, or it was not created.",
        LATER,
        "Start the run again. If it lasts, create the group on the board by hand.",
    )
    NOT_MADE = (
        "OS-326",
        "Board not created completely",
        "monday failed while `order-sync board init` created a board.",
        "It stopped; the board stays as far as it was created.",
        "Delete that board on monday, then run the command again.",
    )
