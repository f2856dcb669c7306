"""What the emulator tells about its clients: records, status page, log, counted audio."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechwire.emulator import Emulator, Lose, Phrase, Script, counted_audio
from speechwire.emulator._counter import CounterCheck

from .conftest import KEY, Client, eventually

FLUX = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000&tag=a&tag=b"


async def test_a_record_of_exactly_what_was_sent(client: Client) -> None:
    async with Emulator(keep_audio=True) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send(b"\x01\x02" * 1600, b"", b"\x03", {"type": "ForceEndTurn"}, b"\x04")
        await socket.send({"type": "CloseStream"})
        await socket.rest()
        (record,) = emulator.connections
    assert record.endpoint == "/v2/listen"
    assert ("tag", "a") in record.query
    assert ("tag", "b") in record.query
    assert (record.audio_frames, record.audio_bytes, record.empty_frames) == (3, 3202, 1)
    assert record.audio == b"\x01\x02" * 1600 + b"\x03\x04"
    assert record.audio_s == 1601 / 16000
    assert record.types == ["ForceEndTurn", "CloseStream"]
    assert record.sent_types == ["Connected", "Warning", "TurnInfo"]
    assert (record.closed_by, record.close_code) == ("server", 1005)


async def test_who_hung_up(client: Client) -> None:
    async with Emulator() as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.ws.close(code=4000, message=b"enough")
        record = emulator.connections[0]
        await eventually(lambda: not record.is_open)
        assert (record.closed_by, record.close_code, record.close_reason) == ("client", 4000, "enough")


async def test_status_page(client: Client) -> None:
    async with Emulator() as emulator:
        await client.open(emulator.base_url + FLUX)
        await client.refusal(emulator.base_url + FLUX, {})
        async with client.session.get(emulator.http_url + "/_emulator") as response:
            status = await response.json()
            page = await response.text()
    assert (status["engine"], status["open"], status["total"]) == ("scripted", 1, 2)
    assert [connection["status"] for connection in status["connections"]] == [101, 401]
    assert KEY not in page


async def test_headers_are_kept_but_for_those_that_let_somebody_in(client: Client, tmp_path: Path) -> None:
    secrets = {"Authorization": f"Token {KEY}", "Cookie": f"session={KEY}", "X-Trace": "7"}
    async with Emulator(journal=tmp_path / "log") as emulator:
        await client.open(emulator.base_url + FLUX, headers=secrets, protocols=("token", KEY))
        (record,) = emulator.connections
        shown = json.dumps(emulator.status())
    names = {"Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"}
    client_names = {"Accept", "Accept-Encoding", "User-Agent", "Sec-WebSocket-Extensions"}
    assert set(record.headers) - client_names == {*names, "X-Trace"}
    assert record.headers["X-Trace"] == "7"
    assert KEY not in repr(record) + shown + (tmp_path / "log").read_text()


async def test_all_the_numbers_of_a_connection_that_listened(client: Client) -> None:
    async with Emulator(count_audio=True) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send(counted_audio(1600), b"", counted_audio(1600, first=1700), "junk")
        await socket.rest()
        (record,) = emulator.connections
        await eventually(lambda: not record.is_open)
        (shown,) = emulator.status()["connections"]
    assert shown == {
        "index": 0,
        "endpoint": "/v2/listen",
        "auth": "token",
        "request_id": record.request_id,
        "status": 101,
        "audio_frames": 2,
        "audio_bytes": 6400,
        "audio_s": 0.2,
        "empty_frames": 1,
        "gaps": 1,
        "pings": 0,
        "texts": 1,
        "messages": 2,
        "sent_audio_bytes": 0,
        "lost": 0,
        "closed_by": "server",
        "close_code": 1005,
        "close_reason": "",
    }
    assert (record.sent_types, record.received) == (["Connected", "Error"], ["junk"])


async def test_all_the_numbers_of_a_connection_that_spoke(client: Client) -> None:
    async with Emulator(faults=[Lose("Flushed")]) as emulator:
        socket = await client.open(emulator.base_url + "/v1/speak?model=aura-2-thalia-en")
        await socket.ws.ping()
        await socket.send({"type": "Speak", "text": "Ten chars."}, {"type": "Flush"}, {"type": "Close"})
        await socket.rest()
        (record,) = emulator.connections
        await eventually(lambda: not record.is_open)
    audio_bytes = 10 * round(0.06 * 24000) * 2
    assert record.summary() == {
        "index": 0,
        "endpoint": "/v1/speak",
        "auth": "token",
        "request_id": record.request_id,
        "status": 101,
        "audio_frames": 0,
        "audio_bytes": 0,
        "audio_s": 0.6,
        "empty_frames": 0,
        "gaps": 0,
        "pings": 1,
        "texts": 3,
        "messages": 1,
        "sent_audio_bytes": audio_bytes,
        "lost": 1,
        "closed_by": "server",
        "close_code": 1000,
        "close_reason": "",
    }


async def test_log_of_what_came(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Emulator(journal=path) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send(bytes(3200), {"type": "CloseStream"})
        await socket.rest()
    text = path.read_text()
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events] == ["upgrade", "binary", "text", "close"]
    assert events[1]["bytes"] == 3200
    assert events[2]["message"] == {"type": "CloseStream"}
    assert events[3]["audio_s"] == 0.1
    assert KEY not in text


async def test_the_log_tells_of_who_was_refused(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Emulator(journal=path) as emulator:
        await client.refusal(emulator.base_url + FLUX, {})
    (event,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (event["event"], event["status"], event["connection"]) == ("upgrade", 401, 0)
    assert ["tag", "a"] in event["query"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
async def test_a_log_that_cannot_be_written_ends_and_nobody_suffers(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async with Emulator(journal=Path("/dev/full")) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send(bytes(3200), {"type": "CloseStream"})
        await socket.rest()
        assert socket.close == (1005, "")
        assert emulator.connections[0].types == ["CloseStream"]
    assert caplog.messages == ["the journal /dev/full ends here: No space left on device"]


async def test_counted_audio_shows_what_is_missing(client: Client) -> None:
    data = counted_audio(16000)
    async with Emulator(count_audio=True) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send(data[:6400], data[9600:], {"type": "CloseStream"})
        await socket.rest()
        assert emulator.connections[0].gaps == [(0.2, 1600)]


runs_of_audio = st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 500)), min_size=1, max_size=8)


@settings(deadline=None)
@given(runs_of_audio, st.integers(1, 700))
def test_counter_finds_every_gap(runs: list[tuple[int, int]], cut: int) -> None:
    """Runs are pairs of samples that arrive and samples that are lost after them."""
    data, expected, at = b"", [], 0
    for kept, lost in runs:
        data += counted_audio(kept, first=at)
        at += kept + lost
        expected += [(len(data) / 2 / 8000, lost)] if lost else []
    expected = [gap for gap in expected if gap[0] < len(data) / 2 / 8000]
    check = CounterCheck(8000)
    pieces = (data[start : start + 2 * cut] for start in range(0, len(data), 2 * cut))
    assert [gap for piece in pieces for gap in check.feed(piece)] == expected


def test_counted_audio_is_a_counter() -> None:
    samples = np.frombuffer(counted_audio(70000), "<i2").astype(np.int64)
    assert set(np.diff(samples)) == {1, 1 - 65536}


async def test_an_emulator_can_be_closed_twice_and_says_so_if_not_started() -> None:
    emulator = Emulator(script=Script(Phrase(0, "x", 1)))
    with pytest.raises(
        RuntimeError,
        match=r"^the emulator has no address before it was started: use `async with Emulator\(\.\.\.\)`$",
    ):
        _ = emulator.base_url
    async with emulator:
        pass
    await emulator.aclose()
