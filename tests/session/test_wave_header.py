"""A WAVE header in front of the audio is cut off, however long, in however many frames; nothing else is."""

from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.session.fake_voice import FakeAura, FakeFlux, heard

from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session import SpeakSession
from speechwire.session._wave_header import WaveHeader
from speechwire.transport import MemoryTransport

PCM = bytes(range(256)) * 4


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def header(*chunks: bytes, size: int = 0xFFFFFFFF, magic: bytes = b"RIFF") -> bytes:
    return magic + struct.pack("<I", size) + b"WAVE" + b"".join(chunks) + b"data" + struct.pack("<I", size)


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 24000, 48000, 2, 16))
EXTENSIBLE = chunk(
    b"fmt ",
    struct.pack("<HHIIHHHHI", 0xFFFE, 1, 24000, 48000, 2, 16, 22, 16, 4) + bytes(16),
)


def written_by_the_standard_library() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(24000)
        writer.writeframes(b"")
    return file.getvalue()


HEADERS = {
    "standard library": written_by_the_standard_library(),
    "streamed": header(FORMAT),
    "size 0": header(FORMAT, size=0),
    "18 bytes of format": header(chunk(b"fmt ", FORMAT[8:] + b"\0\0")),
    "extensible": header(EXTENSIBLE),
    "LIST before and after": header(
        chunk(b"LIST", b"INFOISFT" + bytes(26)), FORMAT, chunk(b"LIST", b"x" * 33)
    ),
    "fact": header(EXTENSIBLE, chunk(b"fact", bytes(4))),
    "JUNK to align it": header(chunk(b"JUNK", bytes(28)), FORMAT, chunk(b"PAD ", bytes(4000))),
    "RF64": header(chunk(b"ds64", bytes(28)), FORMAT, magic=b"RF64"),
    "very long": header(FORMAT, chunk(b"LIST", bytes(500_000))),
}


def taken(audio: bytes, sizes: list[int]) -> bytes:
    found = WaveHeader()
    result, at = b"", 0
    for size in [*sizes, len(audio)]:
        result += found.take(audio[at : at + size])
        at += size
    return result + found.finish()


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("sizes", [[], [1] * 60, [4, 8, 12], [43, 1, 1], [2, 333, 333]])
def test_a_header_is_cut_off(name: str, sizes: list[int]) -> None:
    assert taken(HEADERS[name] + PCM, sizes) == PCM
    assert taken(HEADERS[name], sizes) == b""


@given(
    st.lists(
        st.builds(chunk, st.sampled_from([b"LIST", b"JUNK", b"bext", b"id3 "]), st.binary(max_size=50)),
        max_size=4,
    ),
    st.binary(max_size=200),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_any_well_formed_header_is_cut_off(chunks: list[bytes], audio: bytes, sizes: list[int]) -> None:
    assert taken(header(FORMAT, *chunks) + audio, sizes) == audio


def long_header(data_at: int) -> bytes:
    """One whose ``data`` chunk begins there."""
    return header(FORMAT, chunk(b"LIST", bytes(data_at - 12 - len(FORMAT) - 8)))


@pytest.mark.parametrize(("data_at", "is_one"), [(1 << 20, True), ((1 << 20) + 2, False)])
def test_a_header_is_as_long_as_that(data_at: int, is_one: bool) -> None:
    audio = long_header(data_at) + PCM
    assert taken(audio, []) == (PCM if is_one else audio)


@pytest.mark.parametrize(
    ("name", "is_one"), [(b"~~~~", True), (b"    ", True), (b"abc\x7f", False), (b"abc\x1f", False)]
)
def test_a_chunks_name_can_be_printed(name: bytes, is_one: bool) -> None:
    audio = header(FORMAT, chunk(name, bytes(4))) + PCM
    assert taken(audio, []) == (PCM if is_one else audio)


NO_HEADERS = {
    "empty": b"",
    "silence": bytes(100),
    "one byte": b"R",
    "a beginning": b"RIFF",
    "no WAVE": b"RIFF\xff\xff\xff\xffAVI " + bytes(60),
    "another magic": b"RIFX" + HEADERS["streamed"][4:] + PCM,
    "no format": b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff" + PCM,
    "short format": b"RIFF\xff\xff\xff\xffWAVE" + chunk(b"fmt ", bytes(8)) + b"data\xff\xff\xff\xff" + PCM,
    "no chunk's name": b"RIFF\xff\xff\xff\xffWAVE" + FORMAT + b"\x80\x01ab" + PCM,
    "never ends": b"RIFF\xff\xff\xff\xffWAVE" + FORMAT + chunk(b"LIST", PCM),
    "too long": header(FORMAT, chunk(b"LIST", bytes(1 << 20))) + PCM,
    "in the middle": PCM + HEADERS["streamed"] + PCM,
}


@pytest.mark.parametrize("name", NO_HEADERS)
@pytest.mark.parametrize("sizes", [[], [1] * 60, [4, 8, 12], [333, 333]])
def test_nothing_else_is_cut(name: str, sizes: list[int]) -> None:
    assert taken(NO_HEADERS[name], sizes) == NO_HEADERS[name]


@given(
    st.binary(max_size=300),
    st.lists(st.integers(1, 40), max_size=20),
    st.sampled_from([b"", b"RIFF", b"RIFF....WAVE"]),
)
def test_no_audio_is_cut(audio: bytes, sizes: list[int], begin: bytes) -> None:
    assert taken(begin + audio, sizes) == begin + audio


def test_audio_is_not_held_back() -> None:
    found = WaveHeader()
    assert found.take(b"\0") == b"\0"
    assert found.take(HEADERS["streamed"]) == HEADERS["streamed"]


@pytest.mark.parametrize("name", ["streamed", "LIST before and after"])
@pytest.mark.parametrize("lost_after", [0, 3, 20])
async def test_each_batch_may_begin_with_one_also_after_a_lost_connection(name: str, lost_after: int) -> None:
    faults = {0: (lost_after, lambda peer: peer.reset())}
    service = FakeAura(faults, header=HEADERS[name])
    async with SpeakSession("k", transport=MemoryTransport(service)) as session:
        request = session.request()
        for piece in ("One two. ", "Three."):
            request.push(piece)
            request.flush()
        request.end()
        assert heard(b"".join([pcm async for pcm in request])) == "One two. Three."


async def test_turns_of_flux_may_begin_with_one() -> None:
    service = FakeFlux()
    service.header = HEADERS["streamed"]
    async with SpeakSession("k", SpeakV2Options(), transport=MemoryTransport(service)) as session:
        request = session.speak("One two.")
        assert heard(b"".join([pcm async for pcm in request])) == "One two."


async def test_what_is_not_linear_is_left_alone() -> None:
    service = FakeAura(header=HEADERS["streamed"])
    options = SpeakV1Options(encoding="mulaw")
    async with SpeakSession("k", options, transport=MemoryTransport(service)) as session:
        audio = b"".join([pcm async for pcm in session.speak("Hi.")])
    assert audio.startswith(HEADERS["streamed"])
