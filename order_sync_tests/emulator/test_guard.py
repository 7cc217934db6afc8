"""Who may talk to the emulator: programs and its own page; no page of another site, and no other machine by default."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from order_sync.emulator import Emulator, EmulatorSettings, Proxy, start_emulator
from order_sync_tests.emulator.monday import Monday

ANYWHERE = "0.0.0.0"  # noqa: S104 - refused, or on a free port for a moment
ROOT = Path(__file__).resolve().parents[2]
QUERY = {"query": 'mutation { create_group(board_id: 101, group_name: "Theirs") { id } }'}
POSTS = ("v2", "_emulator/reset", "_emulator/settings")


def post(emulator: Emulator, path: str, *, url: str = "", **headers: str) -> httpx.Response:
    given = {"Authorization": "t"} | {name.replace("_", "-"): value for name, value in headers.items()}
    body = QUERY if path == "v2" else {}
    return httpx.post((url or emulator.page_url) + path, json=body, headers=given, trust_env=False)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"),
        *("192.168.1.5", "2130706433", "", "127.0.0.1@evil.example", "[::1", ANYWHERE),
    ],
)
def test_another_name_is_misdirected(emulator: Emulator, host: str) -> None:
    before = emulator.checksum()
    for path in POSTS:
        assert post(emulator, path, Host=host).status_code == 421
    for path in ("", "boards/101", "_emulator/state", "static/board.js"):
        answer = httpx.get(emulator.page_url + path, headers={"Host": host}, trust_env=False)
        assert answer.status_code == 421
        assert "Planning" not in answer.text
    assert emulator.checksum() == before


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:99", "[::1]:8", "localhost."])
def test_loopback_has_many_names(emulator: Emulator, host: str) -> None:
    assert post(emulator, "v2", Host=host).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "https://127.0.0.1.evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:3000", "Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "cross-site", "Content_Type": "text/plain"},
    ],
    ids=str,
)
def test_another_site_changes_nothing(emulator: Emulator, monday: Monday, headers: dict[str, str]) -> None:
    monday.item("Ours")
    before = emulator.checksum()
    for path in POSTS:
        assert post(emulator, path, **headers).status_code == 403
    upload = httpx.put(
        f"{emulator.page_url}_uploads/x", headers={k.replace("_", "-"): v for k, v in headers.items()}, trust_env=False
    )
    assert upload.status_code == 403
    assert emulator.checksum() == before


def test_programs_and_the_own_page_may(emulator: Emulator) -> None:
    own = emulator.page_url.rstrip("/")
    for headers in ({}, {"Origin": own}, {"Origin": own, "Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}):
        assert post(emulator, "v2", **headers).status_code == 200
    with Proxy(emulator.page_url) as proxy:  # under its own port, which the Host header has too
        assert post(emulator, "v2", url=proxy.url, Origin=proxy.url.rstrip("/")).status_code == 200


@pytest.mark.browser
def test_a_page_of_another_site_in_a_browser(emulator: Emulator, monday: Monday, browser: Any) -> None:
    """What a page can do without being asked for leave first: a form, and a request that is not looked at."""
    monday.item("Ours")
    before = emulator.checksum()
    page = browser.new_page()
    seen: list[tuple[str, int]] = []
    page.on("response", lambda answer: seen.append((answer.request.method, answer.status)))
    page.route("http://evil.example/**", lambda route: route.fulfill(content_type="text/html", body="<p>hello</p>"))
    page.goto("http://evil.example/")
    for path in POSTS:
        page.evaluate(
            "([url, body]) => fetch(url, {method: 'POST', mode: 'no-cors', body}).catch(() => 0)",
            [emulator.page_url + path, "{}"],
        )
        with page.expect_navigation():
            page.evaluate(
                """url => {
                    const form = document.createElement('form');
                    form.method = 'POST'; form.enctype = 'text/plain'; form.action = url;
                    document.body.append(form); form.submit();
                }""",
                emulator.page_url + path,
            )
        page.goto("http://evil.example/")
    page.close()
    assert [status for method, status in seen if method == "POST"].count(403) >= len(POSTS), seen
    assert {status for method, status in seen if method == "POST"} == {403}
    assert emulator.checksum() == before


# ---- other machines -----------------------------------------------------------------------------------


def test_it_is_not_opened_while_it_runs(emulator: Emulator) -> None:
    for change in ({"allow_remote": True}, {"host": ANYWHERE}):
        with pytest.raises(ValueError, match="fixed while the emulator runs"):
            emulator.configure(**change)


def test_on_request_it_listens_everywhere_and_warns() -> None:
    with start_emulator(EmulatorSettings(host=ANYWHERE, allow_remote=True)) as emulator:
        assert emulator.page_url.startswith("http://127.0.0.1:")
        assert "WARNING" in emulator.log()
        assert "other machines reach it" in emulator.log()
        # An address has no DNS behind it; a name that was not configured might be anyone's.
        assert post(emulator, "v2", Host="192.168.1.5:8765").status_code == 200
        assert post(emulator, "v2", Host="evil.example").status_code == 421
        assert post(emulator, "v2", Host="192.168.1.5", Origin="http://evil.example").status_code == 403


@contextmanager
def command_line(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "order_sync.emulator", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_the_command_line_refuses_and_warns() -> None:
    with command_line("--host", ANYWHERE) as process:
        out, errors = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 1)
    assert "allow_remote" in errors
    with command_line("--host", ANYWHERE, "--allow-remote") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("WARNING: the monday emulator listens on 0.0.0.0")
