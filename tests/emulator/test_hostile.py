"""Clients that send what no client would: the service's own words for it, and a bound on what is kept."""

from __future__ import annotations

import asyncio
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from speechwire.emulator import Emulator, journal
from speechwire.emulator._messages import read_json
from speechwire.emulator.journal import Connection, Journal

from .conftest import KEY, Client, eventually
from .raw import nothing_logged

NOVA = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000"
FLUX = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
AURA = "/v1/speak?model=aura-2-thalia-en"
FLUX_TTS = "/v2/speak?model=flux-alexis-en"
ENDPOINTS = [NOVA, FLUX, AURA, FLUX_TTS]

BOMBS = {
    "array": "[" * 100_000,
    "object": '{"a":' * 100_000,
    "in a field": '{"type":"Speak","text":' + "[" * 100_000 + "]" * 100_000 + "}",
    "digits": '{"type":"Configure","speed":' + "9" * 5000 + "}",
    "exponent": '{"type":"Configure","speed":1e999}',
    "half a character": '{"type":"Speak","text":"\\ud83d"}',
    "no number": '{"type":"Configure","speed":NaN}',
}
WHY = {
    "array": "recursion limit exceeded",
    "object": "recursion limit exceeded",
    "in a field": "recursion limit exceeded",
    "digits": "number out of range",
    "exponent": "number out of range",
    "half a character": "lone surrogate in hex escape",
    "no number": "number out of range",
}


@pytest.mark.parametrize("name", list(BOMBS))
async def test_texts_that_no_parser_takes(client: Client, tmp_path: Path, name: str) -> None:
    text = BOMBS[name]
    words = f"Could not deserialize last text message: {WHY[name]} at line 1 column {len(text)}"
    log = tmp_path / "log"
    with nothing_logged():
        async with Emulator(journal=log) as emulator:
            nova, flux, aura, flux_tts = [await client.open(emulator.base_url + url) for url in ENDPOINTS]
            for socket in (nova, flux, aura, flux_tts):
                await socket.send(text)
            error = {"type": "Error", "variant": "SchemaError", "description": words, "message": text}
            assert await nova.receive() == error
            assert (await flux.rest())[-1]["description"] == words
            assert (await flux_tts.rest())[-1] == {"type": "Error", "code": "DATA-0000", "description": words}
            await aura.rest()
            await nova.send({"type": "CloseStream"})
            assert [message["type"] for message in await nova.rest()] == ["Metadata"]
            assert [record.received[0] for record in emulator.connections] == [text] * 4
    assert [socket.close for socket in (nova, flux, aura, flux_tts)] == [
        (1000, ""),
        (1005, ""),
        (1008, "DATA-0000"),
        (1008, "DATA-0000"),
    ]
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["message"] for event in logged if event["event"] == "text"][:4] == [text] * 4


def test_json_is_read_as_deep_as_it_goes_and_written_again(tmp_path: Path) -> None:
    """Somewhere there is a depth that can be read and not written."""
    log = Journal(tmp_path / "log")
    connection = log.arrive("/v1/listen", [], {})
    for depth in range(sys.getrecursionlimit() - 120, sys.getrecursionlimit() + 20):
        log.text(connection, "[" * depth + "]" * depth)
    log.close()
    assert connection.texts == len((tmp_path / "log").read_text().splitlines())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_what_a_client_may_send_is_read_as_it_was_meant(value: Any) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value, ensure_ascii=False)) == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = {
    "text": json_values | st.text(max_size=30),
    "speed": json_values,
    "thresholds": json_values
    | st.dictionaries(st.sampled_from(["eot_threshold", "eot_timeout_ms"]), json_values),
    "keyterms": json_values | st.lists(st.text(max_size=5)),
    "language_hints": json_values,
    "numerals": json_values,
    "channel": json_values,
    "playback_offset": json_values
    | st.fixed_dictionaries({"type": st.just("time_ms"), "value": json_values}),
}
KINDS = ["Configure", "Finalize", "ForceEndTurn", "KeepAlive", "Speak", "Flush", "Clear", "Interrupt", "Sync"]
messages = st.builds(
    lambda kind, rest: json.dumps({"type": kind} | rest),
    st.sampled_from(KINDS),
    st.fixed_dictionaries({}, optional=fields),
)
# From the wire a text is UTF-8: half a character can only come escaped.
frames = st.lists(messages | st.text(max_size=40) | st.binary(max_size=40), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ENDPOINTS), frames)
@example(
    FLUX_TTS,
    [
        '{"type":"Speak","text":"a"}',
        '{"type":"Interrupt","playback_offset":{"type":"time_ms","value":1e308}}',
    ],
)
@example(AURA, ['{"type":"Speak","text":"\\ud83d"}', '{"type":"Flush"}'])
def test_any_frames(url: str, sent: list[str | bytes]) -> None:
    """Whatever comes, the connection ends as connections of the service end, and nothing is logged."""
    asyncio.run(_any_frames(url, sent))


async def _any_frames(url: str, sent: list[str | bytes]) -> None:
    with nothing_logged():
        async with Emulator() as emulator, aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Token {KEY}"}
            async with session.ws_connect(emulator.base_url + url, headers=headers) as ws:
                for frame in [*sent, '{"type":"CloseStream"}', '{"type":"Close"}']:
                    await (ws.send_str(frame) if isinstance(frame, str) else ws.send_bytes(frame))
                    if ws.closed:
                        break
                async with asyncio.timeout(20):
                    received = [message.data async for message in ws]
    assert ws.close_code in (1000, 1003, 1005, 1008, 1009)
    assert all("type" in json.loads(data) for data in received if isinstance(data, str))


async def test_what_clients_say_is_kept_within_a_number_of_bytes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many small objects in a text, each takes twenty times its room once it is parsed."""
    monkeypatch.setattr(journal, "_MAX_TEXT_BYTES", 200_000)
    text = json.dumps({"type": "KeepAlive", "x": [{}] * 5_000}, separators=(",", ":"))
    async with Emulator() as emulator:
        first, second = [await client.open(emulator.base_url + NOVA) for _ in range(2)]
        await first.send('{"type":"KeepAlive"}', text)
        old, new = emulator.connections
        await eventually(lambda: old.texts == 2)
        tracemalloc.start()
        await second.send(*[text] * 60)
        await eventually(lambda: new.texts == 60)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        kept = len(new.received)
        assert (old.texts, old.received) == (2, [])
        assert 200_000 - 2 * len(text) < kept * len(text) < 200_000
        assert new.received[-1] == json.loads(text)
        assert emulator.status()["connections"][1]["texts"] == 60
    assert held < 1_000_000  # parsed, the sixty would hold 20 MB, and those that are kept 4 MB


def test_the_oldest_texts_of_all_connections_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x" * 1000
    monkeypatch.setattr(journal, "_MAX_TEXT_BYTES", 4 * sys.getsizeof(text))
    log = Journal()
    first, second = log.arrive("/v1/listen", [], {}), log.arrive("/v1/listen", [], {})
    for connection in (first, second, first, second, second):
        log.text(connection, text)
    log.message(first, text)
    assert [(len(c.received), len(c.sent)) for c in (first, second)] == [(1, 1), (2, 0)]
    assert [(c.texts, c.messages) for c in (first, second)] == [(2, 1), (3, 0)]
    log.text(second, "y" * 10_000)
    assert [(len(c.received), len(c.sent)) for c in (first, second)] == [(0, 0), (0, 0)]
    log.text(first, "z")
    assert first.received == ["z"]


def test_connections_are_forgotten_by_number_and_by_what_their_queries_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "_MAX_CONNECTIONS", 3)
    log = Journal()
    for _ in range(5):
        log.arrive("/v1/listen", [("a", "b")], {"c": "d"})
    assert [connection.index for connection in log.connections] == [2, 3, 4]
    query = [("keyterm", "x" * 1000)]
    monkeypatch.setattr(journal, "_MAX_TEXT_BYTES", 3000)
    for _ in range(5):
        log.arrive("/v1/listen", query, {})
    assert [connection.index for connection in log.connections] == [8, 9]
    log.arrive("/v1/listen", [], {})
    assert [connection.index for connection in log.connections] == [8, 9, 10]
    assert log.count == 11


def test_audio_is_kept_up_to_a_bound_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_MAX_CONNECTIONS", 2)
    monkeypatch.setattr(journal, "_MAX_AUDIO_BYTES", 10)
    log = Journal(keep_audio=True)
    connections = [log.arrive("/v1/listen", [], {}) for _ in range(2)]
    for connection in connections:
        log.binary(connection, b"1234567")
        log.binary(connection, b"89")
    assert [bytes(connection.audio) for connection in connections] == [b"123456789", b"1"]
    assert [connection.audio_bytes for connection in connections] == [9, 9]
    third = log.arrive("/v1/listen", [], {})  # and the first is forgotten with its audio
    log.binary(third, b"abcdefghijk")
    log.binary(connections[0], b"late")
    assert [bytes(one.audio) for one in (third, connections[0])] == [b"abcdefghi", b"123456789"]


def test_gaps_are_kept_up_to_a_number() -> None:
    connection = Connection(0, "/v1/listen", [], {})
    connection.note_gaps([(0.0, 1)] * 9_999)
    connection.note_gaps([(1.0, 2), (3.0, 4)])
    connection.note_gaps([(5.0, 6)])
    assert connection.gaps == [(0.0, 1)] * 9_999 + [(1.0, 2)]


async def test_audio_that_waits_for_the_recognizer_is_bounded_in_bytes(client: Client) -> None:
    """Frames of 4 MiB, of which the recognizer takes none: TCP holds the client back after a few."""

    class Deaf:
        name = "deaf"

        async def start(self) -> None: ...

        async def aclose(self) -> None: ...

        async def recognizer(self, stream: Any) -> Any:
            await asyncio.Event().wait()

        async def synthesizer(self, stream: Any) -> Any: ...

    frame = np.zeros(4 << 20, np.uint8).tobytes()
    async with Emulator(Deaf()) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        sending = asyncio.create_task(socket.send(*[frame] * 20))
        (record,) = emulator.connections
        await eventually(lambda: record.audio_frames == 6)
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert record.audio_frames == 6
        assert not sending.done()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
