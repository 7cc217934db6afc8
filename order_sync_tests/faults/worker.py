"""A process that plays the cases it reads, one line each; runs are forked from it.

In: JSON lines on standard input: a case, or one act in a world. Out: JSON lines on standard output.
A process of its own, with one thread, because only such a one may fork safely. It ends with its standard input.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from order_sync_tests.faults.cases import Case
from order_sync_tests.faults.drive import forget_settings
from order_sync_tests.faults.ground import ground
from order_sync_tests.faults.stagings import Stagings
from order_sync_tests.faults.world import World


def main() -> None:
    forget_settings()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # What anybody prints must not come between the results.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory(prefix="order_sync_faults_") as name, ground(Path(name)) as here:
        stagings, world = Stagings(Path(name), here), World(here)
        for line in sys.stdin:
            said = json.loads(line)
            answer: dict[str, Any]
            if "act" in said:
                answer = world.act(said.pop("act"), **said)
            else:
                answer = asdict(stagings.play(Case.from_json(line)))
            answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
