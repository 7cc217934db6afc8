"""Plays worlds: `make simulate SEEDS=100000`, or `SEEDS=5000:6000`.

In: seeds, or the stories that were kept. Out: a line for the docs; of each world that goes wrong its story, shortened,
and what went wrong. It is kept in kept/, and the tests play it from then on. With a part of the product taken out, the
first world that goes wrong is kept in caught/, to show that worlds can go wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from order_sync_tests.faults.cases import Sabotage
from order_sync_tests.simulation.player import Played, Player, baseline
from order_sync_tests.simulation.stage import stage
from order_sync_tests.simulation.story import Story, story_of
from order_sync_tests.simulation.world import play

KEPT, CAUGHT = (Path(__file__).with_name(name) for name in ("kept", "caught"))
CHUNK = 20  # worlds that a process takes at a time
PROGRESS = 60.0  # seconds between two lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("seeds", nargs="?", default="", help="how many worlds, or first:last; none: the kept stories")
    parser.add_argument(
        "--sabotage", default=Sabotage.NONE, choices=[*Sabotage], help="takes a part out of the product"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stop", action="store_true", help="ends with the first world that goes wrong")
    parser.add_argument("--checksum", action="store_true", help="prints one of all that happened")
    parser.add_argument("--caught", action="store_true", help="plays what was caught, with the part and without it")
    said = parser.parse_args()
    if said.caught:
        return _play_caught()
    player = Player(part=Sabotage(said.sabotage), is_first_enough=said.stop)
    started = noted = time.monotonic()
    total = Played()
    for played in _played(list(_stories(said.seeds)), player, said.processes):
        total.add(played)
        for story, why in played.wrong:
            kept = f"   kept as {_keep(story, player.part)}\n" if said.seeds else ""
            print(f"\n{story}\n   {why}\n{kept}", flush=True)
        if said.stop and played.wrong:
            break
        if time.monotonic() - noted > PROGRESS:
            noted = time.monotonic()
            print(f"{total} after {noted - started:.0f} s", flush=True)
    print(f"{total}; {time.monotonic() - started:,.0f} s")
    if said.checksum:
        print(hashlib.sha256("".join(total.checksums).encode()).hexdigest())
    return 1 if total.counts["wrong"] else 0


def _stories(seeds: str) -> Iterator[Story]:
    if not seeds:
        yield from kept_stories()
        return
    first, _, last = seeds.rpartition(":")
    for seed in range(int(first or 0), int(last)):
        yield story_of(seed)


def kept_stories() -> Iterator[Story]:
    """Those in which something went wrong once."""
    for path in sorted(KEPT.glob("*.json")):
        yield Story.from_json(path.read_text(encoding="utf-8"))


def _play_caught() -> int:
    """A line for each part of the protocol: the world in which its absence is seen, and with the part is not."""
    as_expected = True
    for path in sorted(CAUGHT.glob("*.json")):
        story, part = Story.from_json(path.read_text(encoding="utf-8")), Sabotage(path.stem)
        with stage() as here:
            without, whole = play(here, story, part).kinds, play(here, story, baseline(part)).kinds
        as_expected &= bool(without) and not whole
        print(f"{part}: {', '.join(sorted(without)) or 'not seen'}; with it: {', '.join(sorted(whole)) or 'all there'}")
    return 0 if as_expected else 1


def _keep(story: Story, part: Sabotage) -> Path:
    folder, name = (KEPT, str(story.seed)) if part is Sabotage.NONE else (CAUGHT, str(part))
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(story.to_json(), encoding="utf-8")
    return path


def _played(stories: Sequence[Story], player: Player, processes: int) -> Iterator[Played]:
    chunks: Iterable[Sequence[Story]] = [stories[at : at + CHUNK] for at in range(0, len(stories), CHUNK)]
    if processes == 1:
        player.open()
        yield from map(player.play, chunks)
        return
    with multiprocessing.get_context("spawn").Pool(processes, player.open) as pool:
        yield from pool.imap(player.play, chunks)


if __name__ == "__main__":
    sys.exit(main())
