"""Draws the Mermaid diagrams of the pages into docs/images/diagrams: `make diagrams`.

In: the ```mermaid blocks of docs/. Out: an SVG for each, named by the sum of its source and of what it is drawn with: a
picture that is there is the right one. Pictures of no block are deleted. Needs npm (for mermaid itself) and chromium;
building the site needs neither.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
PICTURES = "images/diagrams"
MERMAID = re.compile(r"^(?P<indent>[ ]*)```mermaid\n(?P<source>.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
PACKAGE = "mermaid@11.17.2"
CHROMIUM = "/usr/bin/chromium"
# Plain SVG text: labels made of HTML are not drawn where the picture is an <img>.
OPTIONS = {
    "startOnLoad": False,
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False},
    "fontFamily": "sans-serif",
}


def picture_of(source: str) -> str:
    """Where the diagram's picture is, within docs/."""
    words = "\n".join(line.strip() for line in source.strip().splitlines())
    drawn_with = json.dumps([words, PACKAGE, OPTIONS], sort_keys=True)
    return f"{PICTURES}/{hashlib.sha256(drawn_with.encode()).hexdigest()[:12]}.svg"


def sources() -> dict[str, str]:
    """The source of every diagram by its picture."""
    found = {}
    for page in sorted(DOCS.rglob("*.md")):
        for match in MERMAID.finditer(page.read_text(encoding="utf-8")):
            found[picture_of(match["source"])] = match["source"]
    return found


def draw(wanted: dict[str, str]) -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        packed = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True)
        archive = packed.stdout.decode().strip().splitlines()[-1]
        script = "package/dist/mermaid.min.js"
        subprocess.run(["tar", "xzf", archive, script], cwd=folder, check=True)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(path=Path(folder) / script)
        page.evaluate("options => mermaid.initialize(options)", OPTIONS)
        for picture, source in wanted.items():
            svg = page.evaluate("async source => (await mermaid.render('diagram', source)).svg", source)
            path = DOCS / picture
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(svg + "\n", encoding="utf-8")
            print(f"drawn: docs/{picture}")
        browser.close()


def main() -> None:
    wanted = sources()
    missing = {picture: source for picture, source in wanted.items() if not (DOCS / picture).exists()}
    if missing:
        draw(missing)
    for path in (DOCS / PICTURES).glob("*.svg"):
        if f"{PICTURES}/{path.name}" not in wanted:
            path.unlink()


if __name__ == "__main__":
    main()
