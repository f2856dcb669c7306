"""The server's benchmark: stamps in audio, what the callers count, and the check of the answer."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benches.python.server import stamps
from benches.python.server.answer import delivered, judge
from benches.python.server.callers import KINDS, Callers, Tally
from benches.python.server.contenders import CATALOG
from benches.python.server.report import draw_again, row, write
from benches.python.server.result import Result
from benches.python.streams.traffic import flux
from hypothesis import given
from hypothesis import strategies as st

from speechwire.load._wire import Frames

NOW_US = 123_456_789_012_345


def decoded(mulaw: bytes) -> bytes:
    """G.711, decoded as its formula says it."""
    codes = ~np.frombuffer(mulaw, np.uint8).astype(np.int32) & 0xFF
    magnitudes = (((codes & 15) << 3) + 0x84 << (codes >> 4 & 7)) - 0x84
    return np.where(codes & 0x80, -magnitudes, magnitudes).astype("<i2").tobytes()


@given(st.integers(0, 2**48 - 1))
def test_a_stamp_survives_as_bytes_and_as_decoded_mulaw(now_us: int) -> None:
    stamp = stamps.made(now_us)
    assert len(stamp) == stamps.STAMP_BYTES
    assert stamps.read(b"\x55" + stamp, 1) == now_us
    assert stamps.read_decoded(decoded(b"\x55" + stamp), 2) == now_us


@pytest.mark.parametrize("audio", [b"", b"\x80" * 7, bytes(16), b"\xff" * 16, stamps.FILLING * 16])
def test_what_is_no_stamp_is_none(audio: bytes) -> None:
    assert stamps.read(audio, 0) is None
    assert stamps.read_decoded(decoded(audio), 0) is None


@pytest.mark.parametrize("name", KINDS)
def test_a_frame_carries_its_stamp_and_has_its_length(name: str) -> None:
    kind = KINDS[name]
    payload = unmasked(Callers(kind, CATALOG["speechwire"].lines[name], 1).frame())
    if kind.is_json:
        payload = base64.b64decode(json.loads(payload)["media"]["payload"], validate=True)
    assert len(payload) == kind.frame_bytes
    assert stamps.read(payload, 0) is not None


def unmasked(frame: bytes) -> bytes:
    """The payload of a client's frame whose mask is zero."""
    begin = {126: 4, 127: 10}.get(frame[1] & 0x7F, 2)
    assert frame[begin : begin + 4] == bytes(4)
    return frame[begin + 4 :]


def test_captions_are_counted_wherever_the_stream_is_cut() -> None:
    messages = [flux(0, index).frame(NOW_US) for index in range(20)]
    data = b"".join(messages)
    for size in (1, 7, 1000):
        frames, tally = Frames(), Tally()
        for at in range(0, len(data), size):
            for _, payload in frames.feed(data[at : at + size]):
                tally.take(payload)
        assert tally.captions == len(messages)
        assert tally.turns == 1


COUNTS = [{"audio_s": 10.0, "messages": 125, "sent": {"Update": 20, "EndOfTurn": 2, "Empty": 3}}] * 4
BEFORE = [{"audio_s": 2.0, "messages": 25, "sent": {}}] * 4


def right() -> Result:
    return Result("speechwire", "twilio", 4, 5.0, sent_s=32.0, due=88, captions=88, turns_due=8, turns=8)


def judged(result: Result, after: object = COUNTS, unstamped: int = 0, gone: int = 0) -> Result:
    judge(result, BEFORE, after, unstamped=unstamped, gone=gone)  # type: ignore[arg-type]
    return result


def test_a_right_answer_has_no_fault() -> None:
    result = judged(right())
    assert result.faults == []
    assert result.received_s == 32.0 and result.message_ms == 80.0


def test_who_joined_late_has_sent_less() -> None:
    result = right()
    result.sent_s = 32.0 - 1.5
    after = [
        {**each, "audio_s": 10.0 - late_s} for each, late_s in zip(COUNTS, (0.0, 1.0, 0.5, 0.0), strict=True)
    ]
    judge(result, BEFORE, after, unstamped=0, gone=0, missed_s=[0.0, 0.0, 0.5, 1.0])
    assert result.faults == []
    judge(result, BEFORE, after, unstamped=0, gone=0, missed_s=[0.0, 0.5, 0.5, 0.5])
    assert [fault.partition(",")[0] for fault in result.faults] == [
        "the audio of 2 calls is not what was sent"
    ]


@pytest.mark.parametrize(
    ("result", "after", "unstamped", "gone", "words"),
    [
        (right(), [*COUNTS[:3], {**COUNTS[0], "audio_s": 9.8}], 0, 0, "audio of 1 calls"),
        (right(), [*COUNTS[:3], {**COUNTS[0], "audio_s": 10.2}], 0, 0, "audio of 1 calls"),
        (right(), [*COUNTS, COUNTS[0]], 0, 0, "4 calls had 5 connections"),
        (replace(right(), captions=87), COUNTS, 0, 0, "88 captions were due, 87 came"),
        (replace(right(), captions=89), COUNTS, 0, 0, "88 captions were due, 89 came"),
        (replace(right(), turns=7), COUNTS, 0, 0, "8 turns ended, 7 came"),
        (right(), COUNTS, 50, 0, "of 400 messages 50 have no stamp"),
        (right(), COUNTS, 0, 1, "1 calls were ended"),
    ],
)
def test_each_wrong_answer_is_said(
    result: Result, after: object, unstamped: int, gone: int, words: str
) -> None:
    (fault,) = judged(replace(result, faults=[]), after, unstamped, gone).faults
    assert words in fault


def test_replaced_captions_count_as_had() -> None:
    assert judged(replace(right(), captions=86, dropped=2, faults=[])).faults == []


def test_what_is_due_is_what_a_server_passes_on() -> None:
    assert delivered(COUNTS, CATALOG["speechwire"].delivers) == 88
    assert delivered(COUNTS, CATALOG["starter"].delivers) == 100
    assert delivered(COUNTS, frozenset({"EndOfTurn"})) == 8


LATE = {"count": 100, "p50": 0.4, "p99": 3.25, "p999": 5.0, "most": 9.0}


def test_a_server_that_is_late_has_no_lateness_in_the_table() -> None:
    quick = replace(right(), wire_ms=LATE, faults=["it is wrong"])
    assert "0.4 / 3.2 / 9.0" in row(quick) and "it is wrong" in row(quick)[0]
    slow = replace(quick, wire_ms={**LATE, "p99": 2000.0})
    assert "cannot keep pace" in row(slow) and "wrong" not in row(slow)[0]


def test_the_report_can_be_drawn_again_from_its_numbers(tmp_path: Path) -> None:
    arguments = Namespace(
        out=tmp_path, stem="server", seconds=5.0, awake=True, clients_python=tmp_path / "none"
    )
    result = replace(right(), wire_ms=LATE, caption_ms=LATE, first_ms=LATE)
    path = write([result, replace(result, kind="pcm")], ["One is left out."], arguments)
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^\| speechwire serve \| 4 \|", text, re.M) and "One is left out." in text
    assert (
        re.search(r"; aiohttp|, aiohttp", text)
        and "without the others; windows of 5 s, no core asleep" in text
    )
    assert draw_again(tmp_path, "server").read_text(encoding="utf-8") == text


async def test_a_caller_says_its_first_80_ms_at_once_and_callers_join_one_by_one() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        heard.append(await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        line = CATALOG["speechwire"].lines["twilio"]
        callers = Callers(KINDS["twilio"], line, server.sockets[0].getsockname()[1])
        await callers.dial(3)
        await callers.talk(0.1, joining=True)
        await callers.talk(0.1)
        for caller in callers._callers:
            caller.transport.close()
        async with asyncio.timeout(20):
            while len(heard) < 3:
                await asyncio.sleep(0.01)
    assert callers.sent == 3 * 5 + 5 + 4 + 2
    assert callers.missed_s == [0.0, 0.02, 0.06]
    assert sorted(data.count(b'"event": "media"') for data in heard) == [4 + 5 + 2, 4 + 5 + 4, 4 + 5 + 5]
