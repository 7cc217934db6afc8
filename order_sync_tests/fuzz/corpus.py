"""The kept inputs of each target: seeds, and everything that once failed.

In: the files of corpus/. Out: their bytes by target.
"""

from __future__ import annotations

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(folder.name for folder in CORPUS.iterdir() if folder.is_dir())


def inputs(target: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}
