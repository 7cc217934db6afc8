"""The site: it builds without a warning, and it opens in a browser without asking any other host for anything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from order_sync_tests.docs.blocks import PAGES
from order_sync_tests.graph.stage import ROOT
from order_sync_tests.waiting import DUE

PHONE = {"width": 390, "height": 844}
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def build(*options: str, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config), *options],
        cwd=ROOT,
        # A build that asks for anything by HTTP would fail here.
        env=os.environ
        | {"NO_MKDOCS_2_WARNING": "1", "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DUE,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = build("--site-dir", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport=PHONE)
    yield page
    page.close()


def test_every_page_is_on_the_site(site: Path) -> None:
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs"):
            there = site / page.relative_to(ROOT / "docs").with_suffix(".html")
            assert there.exists() or there.with_name("index.html").exists(), page
    assert not (site / "tools").exists()
    assert (site / "repository" / "order_sync" / "mapping.toml.txt").exists()


@pytest.mark.browser
def test_no_page_asks_another_host_and_all_fit_a_phone(site: Path, page: Any) -> None:
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    pages = sorted(path for path in site.rglob("*.html") if path.name != "404.html")  # that one is for a server
    assert len(pages) >= 10
    for path in pages:
        page.goto(path.as_uri())
        page.locator("h1").first.wait_for()
        assert (
            page.evaluate("() => [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)") == []
        )
        assert page.evaluate(WIDE) == 0, f"{path.name} is wider than a phone"
        assert page.locator("pre.mermaid, code.language-mermaid").count() == 0
    elsewhere = [url for url in asked if urlsplit(url).scheme not in ("file", "data", "blob")]
    assert len(asked) > len(pages)
    assert (elsewhere, failed) == ([], [])


@pytest.mark.browser
def test_the_search_works_without_a_server(site: Path, page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto((site / "index.html").as_uri())
    page.locator("input.md-search__input").click()
    page.get_by_text("Type to start searching").wait_for()  # until then the page misses what is typed
    page.locator("input.md-search__input").press_sequentially("idempotency")
    page.locator(".md-search-result__item").first.wait_for()
    found = page.locator(".md-search-result__link").evaluate_all("links => links.map(link => link.href)")
    assert any("state-machine.html" in link for link in found), found


def test_mistakes_fail_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs)
    shutil.copytree(ROOT / "order_sync", tmp_path / "order_sync", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "dagster.yaml", "workspace.yaml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)

    def message(mistakes: str) -> str:
        with (docs / "faq.md").open("a", encoding="utf-8") as page:
            page.write(mistakes)
        done = build("--site-dir", str(tmp_path / "site"), config=tmp_path / "mkdocs.yml")
        assert done.returncode != 0
        return done.stderr + done.stdout

    (docs / "left-out.md").write_text("# Left out\n", encoding="utf-8")
    said = message("\n[a](nowhere.md) [b](configuration.md#no-such-place) [c](../nowhere.toml)\n")
    for mistake in ("nowhere.md", "#no-such-place", "nowhere.toml", "left-out.md"):
        assert mistake in said
    assert "make diagrams" in message("\n```mermaid\nflowchart LR\n  a --> never_drawn\n```\n")
