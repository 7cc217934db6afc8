"""The long form of the bad input: `make fuzz SECONDS=300`, for each target a process that looks for new code.

In: how many seconds for each target, and which targets. Out: one line a target; what crashed is in .fuzz/.
A crash does not end the search: each kind of it, by the line that raised it, is kept once. Its input belongs into the
corpus, where the tests play it for ever.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import subprocess
import sys
import traceback
import warnings
from hashlib import sha256
from pathlib import Path

from order_sync_tests.fuzz.corpus import CORPUS, NAMES
from order_sync_tests.fuzz.mutate import LARGEST, mutated

ROOT = Path(__file__).parents[2]
FOUND = ROOT / ".fuzz"
HANGS = 30  # seconds that one input may take


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m order_sync_tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--only", help="in this process, a single target")
    parser.add_argument("targets", nargs="*", help="default: all")
    options = parser.parse_args()
    if options.only:
        search(options.only, options.seconds)
    return max([_run(target, options.seconds) for target in options.targets or NAMES])


def _run(target: str, seconds: int) -> int:
    """One target, and its line; 1 if anything crashed."""
    arguments = [sys.executable, "-m", "order_sync_tests.fuzz", "--only", target, "--seconds", str(seconds)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr

    def last(pattern: str) -> str:
        found: list[str] = re.findall(pattern, said) or ["0"]
        return found[-1]

    runs, new = last(r"number_of_executed_units:\s*(\d+)"), last(r"new_units_added:\s*(\d+)")
    crashes = sorted({*re.findall(r"CRASH (.+)", said), *re.findall(r"(?:Timeout|out-of-memory).*", said)})
    print(
        f"{target}: {runs} executions, {last(r'cov: ([0-9]+)')} of coverage, {new} new in its corpus, "
        f"{len(crashes)} crashes",
        flush=True,
    )
    for crash in crashes:
        print(f"  {crash}", flush=True)
    if runs == "0":
        print(said[-2_000:], flush=True)
    return int(bool(crashes) or runs == "0")


def search(target: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["order_sync"]):
        from order_sync_tests.fuzz.targets import TARGETS
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    called, kinds = TARGETS[target], set[str]()
    folder = FOUND / target
    for kind in ("corpus", "crashes"):
        (folder / kind).mkdir(parents=True, exist_ok=True)

    def once(data: bytes) -> None:
        try:
            called(data)
        except Exception as error:
            where = _where(error)
            if where in kinds:
                return
            kinds.add(where)
            path = folder / "crashes" / sha256(where.encode()).hexdigest()[:12]
            path.write_bytes(data)
            print(f"CRASH {where}: {str(error)[:200]!r} in {path.relative_to(ROOT)}", file=sys.stderr, flush=True)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.1:
            return bytes(atheris.Mutate(data, most))
        return mutated(data, rng)[:most]

    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST}",
        f"-timeout={HANGS}",
        f"-artifact_prefix={folder / 'crashes'}/",
        "-print_final_stats=1",
        "-rss_limit_mb=4096",
    )
    atheris.Setup([sys.argv[0], str(folder / "corpus"), str(CORPUS / target), *options], once, custom_mutator=mutate)
    atheris.Fuzz()


def _where(error: BaseException) -> str:
    """The error's type, and the last line of ours that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/order_sync/" in frame.filename] or frames
    return f"{type(error).__name__} at {Path(own[-1].filename).relative_to(ROOT)}:{own[-1].lineno}"


if __name__ == "__main__":
    sys.exit(main())
