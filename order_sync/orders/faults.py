"""The codes of errors: why a run stops, or a command ends with exit code 2.

In: nothing. Out: the codes, by where the cause is: settings and files, the database, the run or the command.
No code without an error that has it; the texts go to docs/errors.md. monday_faults.py has those of monday.
"""

from __future__ import annotations

from order_sync.orders.codes import Code

NOTHING = "It stopped before it wrote anything."
ANSWERED = "It printed this message and changed nothing."


class SettingsFault(Code):
    """Settings, files and the mapping."""

    INVALID = (
        "OS-101",
        "Invalid or missing setting",
        "A setting is missing, has a value that cannot be used, or contradicts another one.",
        NOTHING,
        "Correct the setting that the message names, in `.env` or in the environment. `docs/configuration.md` has all "
        "of them.",
    )
    NO_DATABASE_URL = (
        "OS-103",
        "No database",
        "The production deployment has no default database, and ORDER_SYNC_DATABASE_URL is not set.",
        NOTHING,
        "Set ORDER_SYNC_DATABASE_URL.",
    )
    DATABASE_URL = (
        "OS-104",
        "Unusable database URL",
        "ORDER_SYNC_DATABASE_URL or `--url` is not a URL that order_sync can read.",
        NOTHING,
        "Write it as mssql+pyodbc://user:password@server/database, with special characters escaped as the message "
        "says.",
    )
    DRY_RUN = (
        "OS-105",
        "A command that writes, in a dry run",
        "ORDER_SYNC_DRY_RUN is set, and the command would write.",
        NOTHING,
        "Unset ORDER_SYNC_DRY_RUN, or use a command that only reads.",
    )
    ENV_FILE = (
        "OS-106",
        "Unreadable .env file",
        "The file `.env` cannot be read, or has a line that is neither NAME=value nor a comment.",
        NOTHING,
        "Correct the line that the message names, and save the file as UTF-8.",
    )
    TOML_FILE = (
        "OS-107",
        "Unreadable TOML file",
        "The mapping or another file cannot be read, is not UTF-8, or is not valid TOML.",
        NOTHING,
        "Correct the line that the message names, and save the file as UTF-8.",
    )
    MAPPING = (
        "OS-108",
        "Invalid mapping",
        "The mapping has an unknown key, or a value that it cannot have.",
        NOTHING,
        "Correct the key that the message names. `docs/configuration.md` has all of them.",
    )
    NOT_THE_TABLES = (
        "OS-109",
        "The mapping does not fit the tables",
        "The mapping names a column that the tables lack.",
        NOTHING,
        "Correct the mapping: `order-sync board check` compares it with tables and boards.",
    )
    NO_TOKEN = (
        "OS-110",
        "No token",
        "monday's API requires a token, and ORDER_SYNC_MONDAY_TOKEN is not set.",
        NOTHING,
        "Set ORDER_SYNC_MONDAY_TOKEN.",
    )
    NO_BOARD = (
        "OS-111",
        "No board",
        "No board is configured.",
        NOTHING,
        "Set ORDER_SYNC_MONDAY_BOARD_ID, or create a board with `order-sync board init NAME`.",
    )
    SCHEDULE = (
        "OS-112",
        "Invalid schedule",
        "ORDER_SYNC_RECONCILE_CRON is not a cron schedule.",
        NOTHING,
        "Write five fields, such as `0 3 * * *`.",
    )
    CHANNEL = (
        "OS-113",
        "Unusable channel for messages",
        "A channel for messages is not fully configured, or cannot be used.",
        NOTHING,
        "Correct the setting that the message names. `docs/checks-and-alerts.md` has examples.",
    )
    PROXY = (
        "OS-114",
        "Unusable proxy",
        "A variable such as HTTPS_PROXY is not the address of a proxy.",
        "Nothing was sent.",
        "Write it as http://user:password@host:port, with special characters escaped as the message says.",
    )
    SCOPE = (
        "OS-115",
        "Invalid scope",
        "The scope of the run has a limit that is less than 1.",
        "The run stopped before it claimed a row.",
        "Correct resources > scope > limit in the launchpad, or omit it.",
    )
    UNKNOWN_CUSTOMER = (
        "OS-116",
        "Unknown customer",
        "The scope names a customer that no order has.",
        NOTHING,
        "Check the spelling. The message lists the customers with waiting orders.",
    )
    DAGSTER_HOME = (
        "OS-117",
        "Unusable folder for Dagster",
        "There is no dagster.yaml, or Dagster cannot store its runs in the folder of DAGSTER_HOME.",
        NOTHING,
        "Set DAGSTER_HOME to the absolute path of the folder with dagster.yaml. In a new folder, `order-sync setup` "
        "writes one.",
    )
    ANSWER = (
        "OS-118",
        "Unusable answer",
        "An answer to a question of `order-sync setup`, or its flag, cannot be used.",
        ANSWERED,
        "Answer again as the message says.",
    )
    MATCH = (
        "OS-119",
        "Nothing to match by",
        "`order-sync board adopt` was asked to match by a column that the mapping does not fill.",
        NOTHING,
        "Name a column of the mapping by its id on the board, or `name`. `order-sync board check` lists them.",
    )


class DatabaseFault(Code):
    """The database and its tables."""

    UNREACHABLE = (
        "OS-201",
        "The database cannot be reached",
        "The database refuses the connection: the server, the name, the user or the password is wrong, or the network "
        "does not lead there.",
        NOTHING,
        "Check ORDER_SYNC_DATABASE_URL, the firewall and the login. `order-sync db check` tries again.",
    )
    UNAVAILABLE = (
        "OS-202",
        "The database is temporarily unavailable",
        "The database is starting, paused or failing over, or a connection broke.",
        "It tried again for a while, and then stopped. Nothing is lost.",
        "Try again in a minute. If it lasts, contact the database administrator.",
    )
    NO_FILE = (
        "OS-203",
        "No database file",
        "There is no SQLite file at the path.",
        NOTHING,
        "Create one with `order-sync db init` or `order-sync demo`, or set ORDER_SYNC_DATABASE_URL to your database.",
    )
    DRIVER = (
        "OS-204",
        "Missing driver or library",
        "The ODBC driver for SQL Server, unixODBC or a library for Entra ID is not installed on this machine.",
        NOTHING,
        "Install what the message names.",
    )
    NO_TABLES = (
        "OS-205",
        "No tables",
        "The database has none of the tables, or the user may see none of them.",
        NOTHING,
        "Check ORDER_SYNC_DATABASE_URL and ORDER_SYNC_DATABASE_SCHEMA. In your own database, `order-sync db init` "
        "creates all tables.",
    )
    NOT_READY = (
        "OS-206",
        "The database is not ready",
        "A table, a column, an index or a right is missing.",
        NOTHING,
        "Run `order-sync db check`: it lists what is missing and prints the statements to run.",
    )
    OTHER_VERSION = (
        "OS-207",
        "Tables of another version",
        "The tables of order_sync itself are older or newer than this version of it.",
        NOTHING,
        "Older tables: `order-sync db upgrade`. Newer tables: update order_sync.",
    )
    NOTHING_TO_UPGRADE = (
        "OS-208",
        "Nothing to upgrade",
        "The database has none of order_sync's own tables.",
        NOTHING,
        "Create them with `order-sync db init`.",
    )
    REPORTED = (
        "OS-209",
        "The database reports an error",
        "A statement failed; the message has the database's own words.",
        "It rolled the transaction back. Nothing is lost.",
        "Follow the database's message. `order-sync db check` checks tables and rights.",
    )
    WRITE_LOST = (
        "OS-210",
        "A write was lost",
        "The database reported no error, but what a transaction had written was missing at its end.",
        "It repeated the transaction, and stopped when that did not help. Nothing is lost.",
        "Start the run again. If it happens again, contact the database administrator: a trigger or a restore may "
        "be the cause.",
    )


class RunFault(Code):
    """Runs, plans and commands."""

    LEASE_LOST = (
        "OS-601",
        "Another run has taken over",
        "The run stood still for longer than its lease, or another run or a person changed its rows.",
        "It wrote nothing more. The other run, or the next one, continues with its rows.",
        "Let the other run finish, then start a new one. If it happens often, check the machine for sleep and load.",
    )
    INTERRUPTED = (
        "OS-602",
        "Stopped",
        "Somebody stopped the run (Ctrl-C or SIGTERM).",
        "Nothing is lost: the next sync continues from here.",
        "Start `order-sync sync` when you want to continue.",
    )
    UNEXPECTED = (
        "OS-603",
        "Unexpected error",
        "An error occurred that order_sync does not know.",
        "The run or the command stopped. Nothing is lost: every request is in the journal.",
        "Start it again. If it happens again, report it, with the message and the traceback in Dagster's UI.",
    )
    OS_ERROR = (
        "OS-604",
        "The operating system reports an error",
        "A file or a port could not be used; the message has the system's own words.",
        "The command stopped.",
        "Check the path, its rights and the free space.",
    )
    DRY_RUN_ASKED = (
        "OS-605",
        "A dry run on a live daemon",
        "A dry run was requested in a Dagster instance whose daemon runs live.",
        "The run stopped. Nothing was written.",
        "Start the UI of dry runs in a folder of its own (`docs/ui.md`), or use `order-sync sync --dry-run`.",
    )
    NO_RUN = (
        "OS-606",
        "No run in Dagster",
        "The assets were executed without a Dagster instance, a run, or the steps before them.",
        NOTHING,
        "Start the job `sync_orders`, or use `order-sync sync`.",
    )
    NO_PLAN = (
        "OS-607",
        "No plan",
        "A dry run ended without a plan.",
        "Nothing was written.",
        "Start it again. If it happens again, report it.",
    )
    PLAN_FILE = (
        "OS-608",
        "Unreadable plan",
        "The file cannot be read, or is not a plan of order_sync.",
        NOTHING,
        "Make a plan with `order-sync plan --out FILE.json`.",
    )
    PLAN_CHANGED = (
        "OS-609",
        "The plan is out of date",
        "Orders or boards have changed since the plan was made.",
        "It sent nothing of the step in which it noticed.",
        "Make a new plan with `order-sync plan --out FILE`, read it, and apply that one.",
    )
    DIFFER = (
        "OS-610",
        "Boards and tables differ",
        "The job `reconcile` found items or subitems that are not as the tables say.",
        "It changed nothing. The run fails, so that people notice.",
        "Run `order-sync reconcile`: it lists the differences and what to do about each kind.",
    )
    NOT_SENT = (
        "OS-611",
        "Message not accepted",
        "A channel did not accept a message, after several attempts.",
        "It sent the message to the other channels. Runs are not affected.",
        "Check the URL of that channel and the network.",
    )
    UNKNOWN_ORDER = (
        "OS-621",
        "Unknown order",
        "No row of the tables has the record_uuid, delta_uuid or order number.",
        ANSWERED,
        "Check the spelling.",
    )
    UNKNOWN_RUN = (
        "OS-622",
        "Unknown run",
        "No row and no log entry belongs to the run, or several runs have ids that begin like this.",
        ANSWERED,
        "`order-sync report` lists the runs. Entries of old runs expire.",
    )
    UNKNOWN_CODE = (
        "OS-623",
        "Unknown code",
        "There is no such code.",
        ANSWERED,
        "Run `order-sync explain` without a code: it lists all of them.",
    )
    DEMO = (
        "OS-631",
        "The demo cannot start",
        "Another demo is running, a port is in use, or a setting does not fit the demo.",
        NOTHING,
        "Follow the message: stop the other program, or choose another port or folder.",
    )
    EMULATOR = (
        "OS-632",
        "The emulator cannot start",
        "A setting of the emulator is wrong, or its port is in use.",
        NOTHING,
        "Follow the message.",
    )
    UI_ENDED = (
        "OS-633",
        "Dagster's UI ended",
        "Dagster's UI ended with an error while the demo was running.",
        "The demo stopped.",
        "See the output above the message.",
    )
