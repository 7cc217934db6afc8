"""Links from the assets' pages in Dagster to their code on GitHub or GitLab.

In: the assets, and the address of the sources in the package's metadata. Out: the assets with links.
Never a guess: without `Source` in [project.urls], or on another host, there are no links.
"""

import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

PACKAGE = Path(__file__).parents[1]
HOSTS = ("github.com", "gitlab.com")


def source_url() -> str | None:
    """The address of the sources, as pyproject.toml says; None if it says none."""
    try:
        urls = metadata("order-sync").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    named = dict(url.split(", ", 1) for url in urls)
    return named.get("Source")


def with_code_links(assets: Sequence[Any], url: str | None, version: str) -> Sequence[Any]:
    """The assets, linked to the tag of this version. Those that have no code, such as the queues, stay as they are."""
    if url is None or urlsplit(url).hostname not in HOSTS:
        return assets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # irrelevant to someone who starts the UI
        return dg.link_code_references_to_git(
            dg.with_source_code_references(assets),
            git_url=url,
            git_branch=f"v{version}",
            file_path_mapping=dg.AnchorBasedFilePathMapping(
                local_file_anchor=PACKAGE / "__init__.py", file_anchor_path_in_repository="order_sync/__init__.py"
            ),
        )
