"""A PostgreSQL cluster of a test's own: made, started and thrown away with the block.

In: a folder that nobody else uses. Out: a running server on a free loopback port, with an empty database.
Never a server that is there already, and never as root: that PostgreSQL refuses.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from order_sync_tests.graph.stage import free_port
from order_sync_tests.waiting import until

DATABASE = "dagster"
USER = "dagster"
PASSWORD = "p@ss:w%rd"  # what an unescaped URL breaks on


@dataclass(frozen=True, kw_only=True)
class Postgres:
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """What deploy/postgres/dagster.yaml reads."""
        return {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_DB": DATABASE,
            "DAGSTER_PG_USERNAME": USER,
            "DAGSTER_PG_PASSWORD": PASSWORD,
        }


def programs() -> Path | None:
    """Where initdb and postgres are: Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "postgres").exists()), None)


@contextmanager
def cluster(programs: Path, folder: Path) -> Iterator[Postgres]:
    """`folder` must be one that the user postgres can reach: pytest's own are root's alone."""
    other: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if other:
        shutil.chown(folder, "postgres", "postgres")
    secret, data, port = folder / "password", folder / "data", free_port()
    secret.write_text(PASSWORD, encoding="utf-8")
    secret.chmod(0o644)

    def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [programs / program, *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **other,
            )

    made = start("initdb", "-D", str(data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync")
    assert made.wait(60) == 0, (folder / "output.txt").read_text(encoding="utf-8")
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    server = start("postgres", "-D", str(data), *(word for k, v in options.items() for word in ("-c", f"{k}={v}")))
    try:
        until(lambda: server.poll() is not None or _answers(port), "an answer of PostgreSQL")
        assert server.poll() is None, (folder / "output.txt").read_text(encoding="utf-8")
        _execute(port, f"CREATE DATABASE {DATABASE}")
        yield Postgres(port=port)
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, even with clients connected
        server.wait(20)


def _answers(port: int) -> bool:
    import psycopg2

    try:
        _execute(port, "SELECT 1")
    except psycopg2.OperationalError:
        return False
    return True


def _execute(port: int, statement: str) -> None:
    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, dbname="postgres", user=USER, password=PASSWORD)
    try:
        connection.autocommit = True  # CREATE DATABASE takes no transaction
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
