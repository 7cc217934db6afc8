"""In: the settings.
Out: what is wrong with the token, monday's API, its clock and the boards.
Never: a write, or a judgement that `board check` does not share."""

from __future__ import annotations

from order_sync.cli.access import monday
from order_sync.cli.boards import compare_with_tables
from order_sync.cli.doctor.checks import Found, Level
from order_sync.cli.doctor.database import against_this_machine
from order_sync.orders.errors import ConfigurationError
from order_sync.orders.faults import SettingsFault
from order_sync.orders.mapping import load_mapping
from order_sync.settings import Settings

CHECK = "order-sync board check"


def api(settings: Settings) -> Found:
    """The address, the token as such, the version and the clock."""
    with monday(settings) as client:
        version, ahead = client.api_version, client.clock_ahead
    if version is not None and version.warning:
        yield Level.WARNING, version.warning
    else:
        yield Level.OK, f"{settings.api_url} answers; API version {version}"
    if ahead is not None:
        yield against_this_machine("monday's clock", ahead)


def token(settings: Settings) -> Found:
    from order_sync.monday.account import token_user

    with monday(settings) as client:
        user = token_user(client)
    yield (Level.WRONG, user.problem) if user.problem else (Level.OK, f"belongs to {user}")


def boards(settings: Settings) -> Found:
    """Each board against the mapping and the user's rights."""
    from order_sync.monday.setup import inspect_board

    if not settings.board_ids:
        raise ConfigurationError(
            "No board is set. Next: order-sync setup, or set ORDER_SYNC_MONDAY_BOARD_ID", SettingsFault.NO_BOARD
        )
    mapping = load_mapping(settings.mapping)
    unknown, notes = compare_with_tables(settings, mapping)
    with monday(settings) as client:
        for board_id in settings.board_ids:
            try:
                report = inspect_board(client, board_id, mapping, unknown)
            except ConfigurationError as error:
                yield Level.WRONG, str(error)
                continue
            name = f"{report.name} ({report.id})"
            if report.problems:
                yield Level.WRONG, f"{name}: {'; '.join(report.problems)}. Next: {CHECK}"
            else:
                yield Level.OK, f"{name} fits the mapping, and the token's user may edit it"
            if more := [*report.notes, *notes(report.id)]:
                yield Level.WARNING, f"{name}: {'; '.join(more)}"
