"""Texts that come in one read are taken together, and mean what they mean one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.callers import CALLERS, Caller, Twilio
from tests.server.hostility import beside, frame, raw, upgrade
from tests.server.serving import serving, until
from tests.server.test_codecs import MEDIA, started

from speechwire.server.call import Call
from speechwire.server.codec import Audio, Codec, Digit, Incoming
from speechwire.server.json_media import JsonMediaCodec

JSON_KINDS = [
    kind for kind in CALLERS if kind.__name__ in {"Twilio", "SignalWire", "Telnyx", "Plivo", "Exotel"}
]


def together(codec: Codec, texts: list[bytes]) -> list[Incoming]:
    """What a line does with the texts of one read."""
    if audio := codec.audio_in(texts):
        return [Audio(data=audio)]
    return one_by_one(codec, texts)


def one_by_one(codec: Codec, texts: Iterable[bytes]) -> list[Incoming]:
    return [event for text in texts for event in codec.receive(text.decode())]


def merged(events: list[Incoming]) -> list[Incoming]:
    """The events, with audio that follows audio put into one."""
    whole: list[Incoming] = []
    for event in events:
        if isinstance(event, Audio) and whole and isinstance(whole[-1], Audio):
            event = Audio(data=whole.pop().data + event.data)  # type: ignore[union-attr]
        whole.append(event)
    return whole


def texts_of(caller: Caller, kinds: list[int]) -> list[bytes]:
    others = [
        {"event": "media", "media": media} for media in MEDIA
    ]  # with and without audio, of either track, and broken
    others += [{"event": event} for event in ("mark", "dtmf", "clearedAudio", "none", "start")]
    texts = []
    for number, kind in enumerate(kinds):
        message = caller.audio(bytes([number % 256, kind]) * 80) if kind < 8 else None
        if message is None:
            message = json.dumps(others[kind % len(others)]) if kind < 40 else ("{", "é", "[1]")[kind % 3]
        assert isinstance(message, str)
        texts.append(message.encode())
    return texts


@pytest.mark.parametrize("kind", JSON_KINDS, ids=lambda kind: kind.__name__)
@given(kinds=st.lists(st.integers(0, 42), max_size=24), cuts=st.lists(st.integers(1, 6), min_size=24))
def test_texts_mean_the_same_together(kind: type[Caller], kinds: list[int], cuts: list[int]) -> None:
    read_together, _ = started(kind())
    read_alone, _ = started(kind())
    texts, events, at = texts_of(kind(), kinds), list[Incoming](), 0
    for size in cuts:
        events += together(read_together, texts[at : at + size]) if texts[at:] else []
        at += size
    assert merged(events) == merged(one_by_one(read_alone, texts))


@pytest.mark.parametrize("kind", JSON_KINDS, ids=lambda kind: kind.__name__)
def test_audio_that_comes_in_order_is_decoded_together(kind: type[Caller]) -> None:
    caller = kind()
    codec, _ = started(caller)
    audio = bytes(range(256)) * 5
    texts = [str(caller.audio(piece)).encode() for piece in caller.frames(audio)]
    is_numbered = kind.__name__ == "Telnyx"  # its chunks may come out of order, and wait for each other
    assert codec.audio_in(texts) == (b"" if is_numbered else audio[: len(texts) * caller.frame_bytes])


def test_no_audio_is_decoded_before_the_call_begins_or_after_its_end() -> None:
    caller = Twilio()
    media = [str(caller.audio(b"\x01" * 160)).encode()]
    assert JsonMediaCodec().audio_in(media) == b""
    codec, _ = started(caller)
    assert codec.audio_in(media) == b"\x01" * 160
    codec.receive(str(caller.stop()[0]))
    assert codec.audio_in(media) == b""


@pytest.mark.usefixtures("each_socket")
async def test_a_text_that_is_no_utf8_ends_the_call_after_those_before_it() -> None:
    digits: list[str] = []

    async def answer(call: Call) -> None:
        async for event in call.events():
            digits.extend([event.digit] if isinstance(event, Digit) else [])

    caller = Twilio()
    texts = [*caller.first(), caller.digit("1"), caller.audio(b"\x7f" * 160), caller.digit("2")]
    read = b"".join(frame(1, str(text).encode()) for text in texts)
    late = frame(1, str(caller.digit("3")).encode())
    async with serving(answer) as where:
        answered = await raw(where, upgrade("/call/twilio") + read + frame(1, b'{"event":"\xff"}') + late)
        assert (1007).to_bytes(2, "big") in answered[-80:]
        await until(lambda: digits == ["1", "2"])
        await until(lambda: not where.server.lines)


@pytest.mark.usefixtures("each_socket")
async def test_a_ping_between_texts_is_answered_and_a_close_behind_them_counts() -> None:
    caller = Twilio()
    texts = [*caller.first(), *(caller.audio(b"\x7f" * 160) for _ in range(3))]
    read = b"".join(frame(1, str(text).encode()) + frame(9, b"beat") for text in texts)
    async with beside() as where:
        answered = await asyncio.wait_for(
            raw(where, upgrade("/call/twilio") + read + frame(8, (1000).to_bytes(2, "big"))), 20
        )
        assert answered.count(b"\x8a\x04beat") == len(texts)
        await until(lambda: where.server.counters.audio_s == pytest.approx(0.06))
