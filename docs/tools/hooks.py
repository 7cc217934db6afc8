"""What `mkdocs build` does to a page beyond Markdown, so that a page reads the same in the repository and on the site.

In: the pages as they are committed. Out: diagrams as the pictures that `make diagrams` drew, and links to files outside
docs/ as links to copies of them on the site. Asks no network for anything.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from diagrams import MERMAID, picture_of
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>\.\./[^)#\s]+)(?P<rest>[^)]*\))")
WINDOWS = re.compile(r"```console\n(?=[ ]*> )")  # shown as commands, not as the output of some
COPIES = "repository"  # the folder on the site for files of the repository
# What the theme would fetch for its search where a page is opened from a file, and the copy of it in docs/.
FETCHED, KEPT = "https://unpkg.com/iframe-worker/shim", "theme/iframe-worker.js"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    docs = Path(config.docs_dir)

    def drawn(match: re.Match[str]) -> str:
        picture = picture_of(match["source"])
        if not (docs / picture).exists():
            raise PluginError(f"{page.file.src_uri}: a diagram has no picture yet; run `make diagrams`.")
        return f"{match['indent']}![diagram]({_up(page)}{picture})"

    def copied(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), match["target"]))
        source = docs.parent / path
        if source.is_dir() and not path.startswith("docs"):
            return match["text"]  # a folder has no copy to show
        if path.startswith("docs/") or not source.is_file():
            return match[0]  # mkdocs itself says what is wrong with it
        name = f"{COPIES}/{path}.txt"  # as text, browsers show it
        if files.get_file_from_path(name) is None:
            files.append(File.generated(config, name, content=source.read_text(encoding="utf-8")))
        return f"[{match['text']}]({_up(page)}{name}{match['rest']}"

    return WINDOWS.sub("```doscon\n", LINK.sub(copied, MERMAID.sub(drawn, markdown)))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    return output.replace(FETCHED, _up(page) + KEPT)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    return output_content.replace(FETCHED, f"/{KEPT}")


def _up(page: Page) -> str:
    """From the page to the top of docs/."""
    return "../" * page.file.src_uri.count("/")
