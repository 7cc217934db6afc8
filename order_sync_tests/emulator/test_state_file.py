"""A state file: what was answered is there after a SIGKILL, and nothing else."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from order_sync.emulator import EmulatorError, EmulatorSettings, start_emulator
from order_sync.emulator.effects import ItemRemoved
from order_sync.emulator.journal import EffectJournal
from order_sync_tests.emulator.conftest import PLANNING
from order_sync_tests.emulator.monday import MINUTE_MS, Monday, asleep, batch
from order_sync_tests.waiting import until

ONE_ITEM = 'mutation { create_item(board_id: 101, item_name: "One") { id } }'


def test_a_killed_emulator_continues_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "monday" / "state.jsonl"
    with start_emulator(EmulatorSettings(boards=(PLANNING,), state_file=path)) as emulator:
        with Monday(emulator.url) as monday:
            group = monday.group("ACME & SONS")
            item = monday.item(
                "Żółć", group=group, labels=True, status={"label": "Held"}, kind={"labels": ["NEW", "ACTIVE"]}
            )
            subitem = monday.subitem(item, "Size M", size_qty="3")
            change = """mutation ($i: ID!) { change_multiple_column_values(
                board_id: 101, item_id: $i, column_values: "{\\"status\\": null}") { id } }"""
            monday.data(change, {"i": item})
            doomed = monday.item("Doomed")
            monday.data("mutation ($i: ID!) { delete_item(item_id: $i) { id } }", {"i": doomed})
            monday.data('mutation { create_board(board_kind: public, board_name: "Second") { id } }')
            kept = monday.post(ONE_ITEM, key="k")
        before, effects, state = emulator.checksum(), emulator.effects(), emulator.state()
        address = emulator.url
        emulator.restart()
        assert emulator.url == address
        assert emulator.checksum() == before
        assert emulator.state() == state
        assert emulator.effects() == effects
        with Monday(emulator.url) as monday:
            replayed = monday.post(ONE_ITEM, key="k")
            assert replayed.headers["Idempotency-Replayed"] == "true"
            assert replayed.content == kept.content
            fresh = monday.item("Fresh", group=group)
            assert int(fresh) > max(int(item), int(subitem), int(doomed))
            assert monday.group("Another") not in {group, "topics"}
            assert monday.cells(item)["kind"]["text"] == "NEW, ACTIVE"
        assert emulator.effects()[: len(effects)] == effects


def test_a_killed_batch_keeps_its_finished_part(tmp_path: Path) -> None:
    settings = EmulatorSettings(
        boards=(PLANNING,), state_file=tmp_path / "state.jsonl", mutation_ms=MINUTE_MS, timeout_s=0
    )
    with start_emulator(settings) as emulator, Monday(emulator.url) as monday, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(monday.post, *batch(3), key="k")
        asleep(emulator, 1)
        emulator.advance(60)
        until(lambda: emulator.effects(kind="item_created"), "the first item")
        done = emulator.effects(kind="item_created")
        emulator.restart()
        with pytest.raises(httpx.TransportError):
            waiting.result()
        assert emulator.effects(kind="item_created") == done
        assert len(done) == 1
        # No answer was kept: the same key executes again. Only a look-up can show it.
        assert emulator.effects(kind="response_kept") == []


def journal_with(path: Path, count: int) -> None:
    journal = EffectJournal(path)
    for number in range(count):
        journal.append(ItemRemoved(at=1.5, board_id=1, item_id=number, state="deleted"))
    journal.close()


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_last_line_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "state.jsonl"
    journal_with(path, 3)
    path.write_bytes(path.read_bytes()[:-cut])
    journal = EffectJournal(path)
    assert len(journal.effects) == 2
    journal.append(ItemRemoved(at=2.5, board_id=1, item_id=9, state="deleted"))
    journal.close()
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["item_id"] for line in lines] == [0, 1, 9]


def test_a_broken_line_in_the_middle_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    journal_with(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"kind": "nonsense"}\n' + lines[2])
    with pytest.raises(EmulatorError, match=r"line 2 is not an effect"):
        start_emulator(EmulatorSettings(state_file=path))


def refused(path: Path) -> str:
    """What a second emulator on this state file says."""
    with pytest.raises(EmulatorError) as error:
        start_emulator(EmulatorSettings(state_file=path)).stop()
    return str(error.value)


def test_a_second_emulator_on_one_state_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    with start_emulator(EmulatorSettings(boards=(PLANNING,), state_file=path)) as emulator:
        with Monday(emulator.url) as monday:
            monday.item("One")
        before = path.read_bytes()
        assert f"another emulator uses the state file {path}" in refused(path)
        # The same file by another name.
        link = tmp_path / "other.jsonl"
        link.symlink_to(path)
        assert "another emulator uses the state file" in refused(link)
        emulator.reset()
        assert "another emulator uses the state file" in refused(path)
        assert path.read_bytes() != before
    with start_emulator(EmulatorSettings(state_file=path)) as emulator:
        assert emulator.stats()["boards"] == 2


def test_a_killed_emulator_frees_its_state_file(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    with start_emulator(EmulatorSettings(boards=(PLANNING,), state_file=path)) as emulator:
        emulator.kill()
        with start_emulator(EmulatorSettings(state_file=path)) as second:
            assert second.stats()["boards"] == 2


def test_a_reset_empties_the_state_file(tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    with start_emulator(EmulatorSettings(boards=(PLANNING,), state_file=path)) as emulator:
        seeded = emulator.checksum()
        with Monday(emulator.url) as monday:
            monday.item("One")
        emulator.reset()
        assert emulator.checksum() == seeded
        emulator.restart()
        assert emulator.checksum() == seeded
        assert emulator.effects(kind="item_created") == []
