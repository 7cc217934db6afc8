"""What a request of the journal says of each of its rows, read back from its exact body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from order_sync.database.entries import Entry, Operation, Sent, body_without_job, job_of, payloads, sent_rows

KEYS = ("row-1", "row-2")
CSV = 'name,record_uuid\r\n"Oak, ""large""",one\r\n"Elm\r\nold",two\r\n'
GROUP = json.dumps({"variables": {"group": "topics"}})


def entry(operation: Operation, **body: Any) -> Entry:
    return Entry(idempotency_key="key", operation=operation, keys=KEYS, body=json.dumps(body))


def variables(**of_rows: Any) -> dict[str, Any]:
    return {"board": "7", "labels": False} | of_rows


ITEMS = variables(name0="Oak", name1="Elm", values0="{}", values1='{"a":1}', group0="g1", group1="g2")
SUBITEMS = variables(name0="S", name1="M", values0="{}", values1="{}", parent0="70", parent1="71")


@pytest.mark.parametrize(
    ("operation", "of_lines", "cancels", "is_absolute", "may_double", "outcome"),
    [
        (Operation.GROUPS, False, False, False, False, "created"),
        (Operation.ITEMS, False, False, False, True, "created"),
        (Operation.SUBITEMS, True, False, False, True, "created"),
        (Operation.IMPORT, False, False, False, True, "created"),
        (Operation.CHANGE_ITEMS, False, False, True, False, "changed"),
        (Operation.CHANGE_SUBITEMS, True, False, True, False, "changed"),
        (Operation.MOVE_ITEMS, False, False, True, False, "moved"),
        (Operation.CANCEL_ITEMS, False, True, True, False, "cancelled"),
        (Operation.CANCEL_SUBITEMS, True, True, True, False, "cancelled"),
        (Operation.ARCHIVE, False, True, True, False, "cancelled"),
    ],
)
def test_an_operation_is_of_one_kind(
    operation: Operation, of_lines: bool, cancels: bool, is_absolute: bool, may_double: bool, outcome: str
) -> None:
    assert (operation.of_lines, operation.cancels) == (of_lines, cancels)
    assert (operation.is_absolute, operation.may_double) == (is_absolute, may_double)
    assert operation.outcome == outcome


@pytest.mark.parametrize(
    ("of", "first", "second"),
    [
        (
            entry(Operation.ITEMS, variables=ITEMS),
            Sent(name="Oak", values="{}", place="g1"),
            Sent(name="Elm", values='{"a":1}', place="g2"),
        ),
        (
            entry(Operation.SUBITEMS, variables=SUBITEMS),
            Sent(name="S", values="{}", place="70"),
            Sent(name="M", values="{}", place="71"),
        ),
        (
            entry(Operation.MOVE_ITEMS, variables=variables(item0="8", item1="9", group0="g1", group1="g2")),
            Sent(place="g1"),
            Sent(place="g2"),
        ),
        (
            entry(Operation.CHANGE_ITEMS, variables=variables(values0='{"name":"Ö","a": 1}', values1='{"b":"Ü"}')),
            Sent(name="Ö", values='{"a":1}'),
            Sent(values='{"b":"Ü"}'),
        ),
        (
            entry(Operation.CHANGE_SUBITEMS, variables=variables(values0="{}", values1='{"b":2,"c":3}')),
            Sent(values="{}"),
            Sent(values='{"b":2,"c":3}'),
        ),
        (
            entry(Operation.IMPORT, csv=CSV, request=GROUP, values=["{}", '{"a":1}']),
            Sent(name='Oak, "large"', values="{}", place="topics"),
            Sent(name="Elm\r\nold", values='{"a":1}', place="topics"),
        ),
        (
            entry(Operation.IMPORT, csv=CSV, request=GROUP),  # by the first version
            Sent(name='Oak, "large"', place="topics"),
            Sent(name="Elm\r\nold", place="topics"),
        ),
        (entry(Operation.ARCHIVE, items=["8", "9"]), Sent(), Sent()),
        (entry(Operation.GROUPS), Sent(), Sent()),
    ],
)
def test_a_request_says_what_it_sends_of_each_row(of: Entry, first: Sent, second: Sent) -> None:
    assert sent_rows(of) == dict(zip(KEYS, (first, second), strict=True))


@pytest.mark.parametrize(
    ("of", "first", "second"),
    [
        (
            entry(Operation.ITEMS, variables=ITEMS),
            {"name": "Oak", "values": "{}", "group": "g1"},
            {"name": "Elm", "values": '{"a":1}', "group": "g2"},
        ),
        (
            entry(Operation.CHANGE_ITEMS, variables={"item0": "Ö", "item1": "9", "x10": "no row's"}),
            {"item": "Ö"},
            {"item": "9"},
        ),
        (
            entry(Operation.IMPORT, csv=CSV, request=GROUP),
            {"name": 'Oak, "large"', "record_uuid": "one"},
            {"name": "Elm\r\nold", "record_uuid": "two"},
        ),
        (entry(Operation.ARCHIVE, items=["8", "9"]), {"item": "8"}, {"item": "9"}),
    ],
)
def test_a_payload_is_all_that_was_sent_of_a_row(of: Entry, first: dict[str, str], second: dict[str, str]) -> None:
    found = payloads(of)
    assert {key: json.loads(text) for key, text in found.items()} == dict(zip(KEYS, (first, second), strict=True))
    assert ("Ö" in found["row-1"]) is ("Ö" in first.values())  # as it is read, not escaped


def test_a_file_lacking_rows_for_its_keys_is_an_error() -> None:
    short = CSV.split("\n")
    for read in (sent_rows, payloads):
        with pytest.raises(ValueError, match="zip"):
            read(entry(Operation.IMPORT, csv="\n".join([*short[:2], ""]), request=GROUP))
    with pytest.raises(ValueError, match="zip"):
        payloads(entry(Operation.ARCHIVE, items=["8"]))
    with pytest.raises(ValueError, match="zip"):
        sent_rows(entry(Operation.IMPORT, csv=CSV, request=GROUP, values=["{}"]))
    with pytest.raises(ValueError, match="zip"):
        sent_rows(entry(Operation.IMPORT, csv=CSV, request=GROUP, values=["{}", "{}", "{}"]))


def test_only_an_archive_names_its_job() -> None:
    assert job_of(entry(Operation.ARCHIVE, items=[], job=12)) == "12"
    assert job_of(entry(Operation.ARCHIVE, items=[])) is None
    assert job_of(entry(Operation.IMPORT, job="x")) is None


def test_a_kept_body_of_an_import_lacks_its_upload_address() -> None:
    of = entry(Operation.IMPORT, csv="Ö", job={"upload_url": "secret"})
    assert body_without_job(of) == '{"csv": "Ö"}'
    other = entry(Operation.ARCHIVE, job="x")
    assert body_without_job(other) == other.body
