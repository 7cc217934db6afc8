"""The proxy: half a message where its script says so, all other bytes untouched."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from order_sync.emulator import (
    Emulator,
    Proxy,
    ProxyCounts,
    cut_request_after,
    cut_response_after,
    refuse,
    stall_response,
)
from order_sync_tests.emulator.monday import Monday, batch

ONE_ITEM = 'mutation { create_item(board_id: 101, item_name: "One") { id } }'
#: Somewhere in the head of an answer, and somewhere in its body: the head has about 500 bytes.
IN_HEAD, IN_BODY = 40, 20


@pytest.fixture
def proxy(emulator: Emulator) -> Iterator[Proxy]:
    with Proxy(emulator.url) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Monday]:
    with Monday(proxy.url) as client:
        yield client


def created(emulator: Emulator) -> int:
    return len(emulator.effects(kind="item_created"))


def head_size(client: Monday) -> int:
    """Of an answer to ONE_ITEM: `Content-Length` gives the rest."""
    answer = client.post("{ me { id } }")
    return len(b"HTTP/1.1 200 OK\r\n") + sum(len(n) + len(v) + 4 for n, v in answer.headers.raw) + 2


def test_all_passes_without_a_script(emulator: Emulator, proxy: Proxy, client: Monday) -> None:
    query, variables = batch(20)
    answers = [client.post(query, variables, key="k") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].content == answers[2].content
    assert created(emulator) == 20
    assert proxy.counts == ProxyCounts(connections=1, requests=3, responses=3)
    assert emulator.stats()["connections_open"] == 2  # The proxy's and the one that asks.


@pytest.mark.parametrize("where", ["head", "body"])
@pytest.mark.parametrize("rst", [True, False])
def test_half_an_answer(emulator: Emulator, proxy: Proxy, client: Monday, where: str, rst: bool) -> None:
    size = IN_HEAD if where == "head" else head_size(client) + IN_BODY
    proxy.play(cut_response_after(size, nth=2, rst=rst))
    assert client.post(ONE_ITEM).status_code == 200
    with pytest.raises(httpx.ReadError if rst else httpx.RemoteProtocolError):
        client.post(ONE_ITEM, key="k")
    assert created(emulator) == 2
    assert proxy.counts.cut_responses == 1
    assert client.post(ONE_ITEM, key="k").headers["Idempotency-Replayed"] == "true"
    assert emulator.requests()[-2]["status"] == 200


def test_no_more_of_an_answer_than_was_said(proxy: Proxy) -> None:
    proxy.play(cut_response_after(IN_HEAD, rst=False))
    with socket.create_connection(("127.0.0.1", proxy.port)) as raw:
        raw.sendall(b"GET /_emulator/checksum HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with raw.makefile("rb") as stream:
            assert len(stream.read()) == IN_HEAD


@pytest.mark.parametrize("size", [30, 400])
def test_half_a_request_has_no_effect(emulator: Emulator, proxy: Proxy, client: Monday, size: int) -> None:
    """Cut in its head the emulator never hears of it, cut in its body it does."""
    query, variables = batch(20)
    proxy.play(cut_request_after(size))
    with pytest.raises(httpx.TransportError):
        client.post(query, variables)
    assert created(emulator) == 0
    assert proxy.counts == ProxyCounts(connections=1, cut_requests=1)
    assert client.post(query, variables).status_code == 200
    assert created(emulator) == 20
    assert emulator.stats()["cut"] == (size > 300)


def test_an_answer_that_stalls(emulator: Emulator, proxy: Proxy) -> None:
    with Monday(proxy.url, timeout=0.3) as impatient:
        proxy.play(stall_response(IN_HEAD, 30))
        with pytest.raises(httpx.ReadTimeout):
            impatient.post(ONE_ITEM)
        assert created(emulator) == 1
        assert impatient.post(ONE_ITEM).status_code == 200
    with Monday(proxy.url) as patient:
        proxy.play(stall_response(IN_HEAD, 0.2))
        began = time.monotonic()
        with pytest.raises(httpx.TransportError):
            patient.post(ONE_ITEM)
        assert time.monotonic() - began >= 0.19
    assert proxy.counts.stalled == 2
    assert created(emulator) == 3


def test_a_connection_that_is_refused(emulator: Emulator, proxy: Proxy) -> None:
    proxy.play(refuse(nth=1))
    with Monday(proxy.url) as client:
        with pytest.raises(httpx.TransportError):
            client.post(ONE_ITEM)
        assert client.post(ONE_ITEM).status_code == 200
    assert proxy.counts.refused == 1
    assert created(emulator) == 1


def test_a_script_can_look_for_its_requests(emulator: Emulator, proxy: Proxy, client: Monday) -> None:
    proxy.play(cut_response_after(IN_HEAD, nth=2, text="create_item"))
    for query in ("{ me { id } }", ONE_ITEM, "{ me { id } }"):
        assert client.post(query).status_code == 200
    with pytest.raises(httpx.TransportError):
        client.post(ONE_ITEM)
    assert created(emulator) == 2
    assert client.post(ONE_ITEM).status_code == 200


def test_the_files_of_a_bulk_import_pass_it_too(proxy: Proxy, client: Monday) -> None:
    query = 'mutation { ingest_items(board_id: 101, group_id: "topics") { upload_url } }'
    url = client.data(query)["ingest_items"]["upload_url"]
    assert httpx.URL(url).port == proxy.port
    proxy.play(cut_response_after(IN_HEAD, text="PUT /_uploads/"))
    with pytest.raises(httpx.TransportError):
        httpx.put(url, content=b"name\nOne\n", headers={"Content-Type": "text/csv"}, trust_env=False)
    assert proxy.counts.cut_responses == 1


def test_a_server_that_is_down_or_breaks_off(emulator: Emulator, proxy: Proxy, client: Monday) -> None:
    emulator.configure(faults=[{"kind": "reset_before", "nth": 1}])
    with pytest.raises(httpx.ReadError):
        client.post(ONE_ITEM)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with Proxy(port) as nowhere, pytest.raises(httpx.TransportError):
        httpx.get(nowhere.url, trust_env=False)
    nowhere.stop()
