"""Runs one tool on a board that it has filled, once for each update of a scenario, and counts what changed.

In: a scenario with updates and a tool. Out: a `Result` for each update, taken only from the emulator.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.peers import updates
from benchmarks.peers.ground import ChildFailed, Result, Start, given_to, keys_on, stage, start, window_share
from benchmarks.peers.scenarios import Scenario
from benchmarks.peers.updates import Update, Wanted
from order_sync.emulator import Emulator
from order_sync.orders.mapping import load_mapping

_UNHINDERED = {"latency_ms": 0, "mutation_ms": 0, "enforce_limits": False}


def run_updates(
    scenario: Scenario, tool: str, *, label: str, records: int, environment: Mapping[str, str]
) -> Iterator[Result]:
    given = given_to(scenario, environment)
    hindrance = {name: scenario.emulator.get(name, none) for name, none in _UNHINDERED.items()}
    with stage(records, {**scenario.emulator, **_UNHINDERED}) as (folder, emulator, sample):
        filled = start(tool, folder, emulator.url, given)
        if filled.failures:
            raise ChildFailed(f"{tool} did not fill the board: {filled.failures[0]}")
        emulator.configure(**hindrance)
        for number, update in enumerate(scenario.updates, start=1):
            wanted = updates.queue(folder / "orders.db", sample, update, number)
            before, asked = _figures(emulator), len(emulator.requests())
            began = time.perf_counter()
            done = start(tool, folder, emulator.url, given)
            seconds = time.perf_counter() - began
            result = _count(scenario, update, label, wanted, emulator, before, done, seconds)
            requests = emulator.requests()[asked:]
            result.reads = sum(request["kind"] == "query" for request in requests)
            if scenario.emulator.get("enforce_limits"):
                written = emulator.effects(since=before["effects"])
                result.share |= window_share(requests, [e["at"] for e in written if e["kind"] == "item_changed"])
            yield result


def _figures(emulator: Emulator) -> dict[str, int]:
    stats = emulator.stats()
    return {name: stats[name] for name in ("calls", "connections_opened", "refused", "cut", "effects")}


def _count(
    scenario: Scenario,
    update: Update,
    label: str,
    wanted: Wanted,
    emulator: Emulator,
    before: Mapping[str, int],
    done: Start,
    seconds: float,
) -> Result:
    after = _figures(emulator)
    spent = {name: after[name] - before[name] for name in after}
    board, effects = emulator.state()["boards"][0], emulator.effects(since=before["effects"])
    right = _right(board, wanted)
    return Result(
        scenario=f"{scenario.name}, {update.name}",
        tool=f"{label}, {update.name}",
        wanted=wanted.count,
        on_board=right,
        created=sum(effect["kind"] == "item_created" for effect in effects),
        lost=wanted.count - right,
        doubled=sum(count - 1 for count in keys_on(board).values()),
        calls=spent["calls"],
        connections=spent["connections_opened"],
        refused=spent["refused"],
        cut=spent["cut"],
        faults=0,
        wall_seconds=seconds,
        starts=1,
        failures=done.failures[:3],
        failure_count=len(done.failures),
        report=done.report,
        writes=sum(effect["kind"] == "item_changed" for effect in effects),
    )


def _right(board: Mapping[str, Any], wanted: Wanted) -> int:
    """How many items and subitems show the quantity of the update."""
    mapping = load_mapping()
    total, qty = updates.shown_columns()
    items = {item["columns"][mapping.items.key_column]: item["columns"][total] for item in board["items"]}
    subitems = {
        subitem["columns"][mapping.subitems.key_column]: subitem["columns"][qty]
        for item in board["items"]
        for subitem in item["subitems"]
    }
    shown = [items.get(key) == text for key, text in wanted.items.items()]
    return sum([*shown, *(subitems.get(key) == text for key, text in wanted.subitems.items())])
