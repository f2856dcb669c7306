"""What an emulator asks of its engine, and what it says when that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from speechwire.emulator import Behaviour, CloseWith, Delivery, Emulator, Heard, KnownWords, StreamInfo
from speechwire.emulator._counter import CounterCheck
from speechwire.errors import SpeechwireError

from .conftest import Client, eventually, types

NOVA = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000"
FLUX = "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"
AURA = "/v1/speak?model=aura-2-thalia-en&sample_rate=16000"


class Engine:
    """Hears nothing, speaks slowly, and notes what it is asked for; fails if it is told to."""

    name = "noting"

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self.streams: list[StreamInfo] = []
        self.fails = fails

    async def start(self) -> None:
        self.asked.append("start")

    async def aclose(self) -> None:
        self.asked.append("close")

    async def recognizer(self, stream: StreamInfo) -> Ears:
        self.streams.append(stream)
        return Ears(self)

    async def synthesizer(self, stream: StreamInfo) -> Mouth:
        self.streams.append(stream)
        return Mouth(self)

    def fail(self) -> None:
        if self.fails:
            raise SpeechwireError("the engine is broken")


class Ears:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def feed(self, pcm: bytes) -> Sequence[Heard]:
        self._engine.fail()
        return []

    async def settle(self) -> Sequence[Heard]:
        self._engine.asked.append("settle")
        return []

    async def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        self._engine.asked.append(f"keyterms {keyterms}")

    async def aclose(self) -> None:
        self._engine.asked.append("release")


class Mouth:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        self._engine.fail()
        for letter in text:
            yield letter.encode() * 640

    def set_speed(self, speed: float) -> None:
        self._engine.asked.append(f"speed {speed}")


async def test_an_engine_is_started_and_closed_with_the_emulator() -> None:
    engine = Engine()
    async with Emulator(engine) as emulator:
        assert engine.asked == ["start"]
        assert emulator.status()["engine"] == "noting"
    assert engine.asked == ["start", "close"]


async def test_each_channel_has_a_recognizer_which_is_released(client: Client) -> None:
    engine = Engine()
    async with Emulator(engine) as emulator:
        socket = await client.open(
            emulator.base_url + NOVA + "&channels=2&multichannel=true&keyterm=a&keyterm=b"
        )
        await socket.send(bytes(6400), {"type": "Configure", "keyterms": ["c"]}, {"type": "CloseStream"})
        await socket.rest()
        await eventually(lambda: engine.asked.count("release") == 2)
    common = {"connection": 0, "endpoint": "/v1/listen", "sample_rate": 16_000, "keyterms": ("a", "b")}
    assert engine.streams == [StreamInfo(**common, channel=channel) for channel in (0, 1)]  # type: ignore[arg-type]
    assert engine.asked == ["start", *["keyterms ('c',)"] * 2, *["settle"] * 2, *["release"] * 2, "close"]


async def test_where_no_audio_came_there_is_nothing_to_settle(client: Client) -> None:
    engine = Engine()
    async with Emulator(engine) as emulator:
        socket = await client.open(emulator.base_url + FLUX)
        await socket.send({"type": "CloseStream"})
        await socket.rest()
    assert "settle" not in engine.asked


async def test_a_voice_is_told_whose_and_how_fast(client: Client) -> None:
    engine = Engine()
    async with Emulator(engine) as emulator:
        socket = await client.open(emulator.base_url + AURA + "&speed=1.5")
        await socket.send({"type": "Speak", "text": "ab"}, {"type": "Flush"}, {"type": "Close"})
        messages = await socket.rest()
    assert b"".join(m for m in messages if isinstance(m, bytes)) == b"a" * 640 + b"b" * 640
    assert engine.streams == [StreamInfo(0, "/v1/speak", 16_000, voice="aura-2-thalia-en", speed=1.5)]
    assert engine.asked == ["start", "speed 1.5", "close"]


@pytest.mark.parametrize(
    ("url", "asks", "code"),
    [
        (NOVA, [bytes(640)], 1011),
        (FLUX, [bytes(640)], 1005),
        (AURA, [{"type": "Speak", "text": "a"}, {"type": "Flush"}], 1011),
        (
            AURA.replace("v1", "v2").replace("aura-2-thalia-en", "flux-alexis-en"),
            [{"type": "Speak", "text": "a."}],
            1011,
        ),
    ],
    ids=["Nova", "Flux", "Aura", "Flux TTS"],
)
async def test_an_engine_that_fails_ends_the_connection_and_is_logged(
    client: Client, url: str, asks: list[Any], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with Emulator(Engine(fails=True)) as emulator:
        socket = await client.open(emulator.base_url + url)
        await socket.send(*asks)
        await socket.rest()
        again = await client.open(emulator.base_url + url)
        await again.send(*asks)
        await again.rest()
    assert socket.close is not None
    assert socket.close[0] == code
    assert caplog.messages == [f"connection {index}: the engine is broken" for index in (0, 1)]


async def test_audio_that_was_on_its_way_comes_once(client: Client) -> None:
    """A second text that is cleared before it is spoken has none."""
    behaviour = Behaviour(delivery=Delivery(pace=1.0, frame_bytes=(640,)))
    async with Emulator(Engine(), behaviour=behaviour) as emulator:
        socket = await client.open(emulator.base_url + AURA)
        await socket.send({"type": "Speak", "text": "a" * 1000}, {"type": "Flush"})
        await socket.until("Metadata")
        assert await socket.receive() == b"a" * 640
        await socket.send(
            {"type": "Clear"}, {"type": "Speak", "text": "b"}, {"type": "Flush"}, {"type": "Clear"}
        )
        first, second = await socket.until("Cleared"), await socket.until("Cleared")
    assert types(first)[-2:] == ["audio", "Cleared"]
    assert types(second) == ["Cleared"]


def test_no_audio_has_no_gap() -> None:
    check = CounterCheck(8000)
    assert check.feed(b"") == []
    assert check.feed(b"\x05\x00") == []
    assert check.feed(b"") == []
    assert check.feed(b"\x07\x00") == [(1 / 8000, 1)]


async def test_a_connection_that_is_closed_while_its_last_audio_goes_out_is_sent_no_more(
    client: Client,
) -> None:
    behaviour = Behaviour(delivery=Delivery(frame_bytes=(640,), in_flight=3))
    faults = [CloseWith(1011, "NET-0000", at_s=0.02)]
    async with Emulator(Engine(), behaviour=behaviour, faults=faults) as emulator:
        socket = await client.open(emulator.base_url + AURA)
        await socket.send({"type": "Speak", "text": "abc"}, {"type": "Flush"})
        messages = await socket.rest()
        (record,) = emulator.connections
    assert [m for m in messages if isinstance(m, bytes)] == [b"a" * 640]
    assert (socket.close, record.audio_s, record.lost) == ((1011, "NET-0000"), 0.02, 0)


async def test_known_words_are_spoken_at_the_speed_asked_for(client: Client) -> None:
    words = KnownWords()
    async with Emulator(words) as emulator:
        lengths = []
        for speed in ("1.0", "1.5"):
            socket = await client.open(f"{emulator.base_url}{AURA}&speed={speed}")
            await socket.send({"type": "Speak", "text": "x" * 10}, {"type": "Flush"}, {"type": "Close"})
            lengths.append(sum(len(m) for m in await socket.rest() if isinstance(m, bytes)))
    assert lengths == [2 * 16_000 * 6 // 10, 2 * 16_000 * 4 // 10]


@pytest.mark.parametrize("part", [1, -1])
async def test_a_word_is_known_within_an_eightieth_of_its_value(part: int) -> None:
    words = KnownWords()
    value = int.from_bytes(words.say("Yes.")[:2], "little", signed=True)
    assert [words._word_of(value + part * (abs(value) // 80 + more)) for more in (0, 1)] == ["Yes.", None]
