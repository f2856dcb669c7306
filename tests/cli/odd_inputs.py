"""Inputs that people have: WAV files of every kind, other recordings, and what is no recording at all."""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.cli.conftest import header, riff

from speechwire.audio import PcmPipeline
from speechwire.cli._audio_in import INSTALL_MEDIA
from speechwire.errors import InvalidArgument

__all__ = ["ODD", "Odd"]

SECONDS = 0.25
HAS_PYAV = importlib.util.find_spec("av") is not None
NO_RECORDING = (
    "it is no recording that can be read here"
    if HAS_PYAV
    else f"it is not a WAV file; other recordings need ffmpeg, or this: {INSTALL_MEDIA}"
)
INCOMPLETE = "its header is incomplete"


@dataclass(frozen=True)
class Odd:
    """An input and what must become of it.

    Args:
        id: In words.
        make: Makes it in the current folder, under a name.
        name: Of the file.
        frames: Samples of each channel that are read; ``None`` if it is refused.
        rate: In Hz.
        exact: Whether the length is exact; coders add and leave out a little.
        notes: What is told about it, without its name.
        clipped: How many samples are told to be clipped.
        refusal: Why it is refused, without its name.
        piped_refusal: The same through a pipe, where that differs; empty for what is no file's content.
    """

    id: str
    make: Callable[[Path], object]
    name: str = "in.wav"
    frames: int | None = None
    rate: int = 16_000
    exact: bool = True
    notes: tuple[str, ...] = ()
    clipped: int = 0
    refusal: str = ""
    piped_refusal: str | None = None

    @property
    def content(self) -> bool:
        """Whether it is what a file holds, and not something about the file itself."""
        return self.piped_refusal != ""


def tone(rate: int = 16_000, level: float = 0.5) -> Any:
    frames = round(rate * SECONDS)
    return level * np.sin(2 * np.pi * 440 * np.arange(frames) / rate)


def coded(kind: str, rate: int = 16_000, level: float = 0.5) -> bytes:
    samples = tone(rate, level)
    match kind:
        case "u8":
            return bytes((samples * 127 + 128).astype(np.uint8).tobytes())
        case "s16":
            return bytes((samples * 32_767).astype("<i2").tobytes())
        case "s24":
            return b"".join(
                bytes(s) for s in (samples * 2**31).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:]
            )
        case "s32":
            return bytes((samples * 2**31).astype("<i4").tobytes())
        case "f32":
            return bytes(samples.astype("<f4").tobytes())
        case "f64":
            return bytes(samples.astype("<f8").tobytes())
    return random.Random(0).randbytes(samples.size)  # telephone codes: any byte is one


def file(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def wav(id: str, content: bytes, frames: int = 4_000, rate: int = 16_000, **more: Any) -> Odd:
    return Odd(id, file(content), frames=frames, rate=rate, **more)


def refused(id: str, content: bytes, why: str, **more: Any) -> Odd:
    return Odd(id, file(content), refusal=why, **more)


def at_rate(rate: int) -> Odd:
    return wav(f"{rate} Hz", riff(header(1, 16, 1, rate), coded("s16", rate)), round(rate * SECONDS), rate)


def many_channels(count: int) -> Odd:
    frames = np.repeat(np.frombuffer(coded("s16"), "<i2"), count)
    return wav(f"{count} channels", riff(header(1, 16, count), frames.tobytes()))


def extensible(coding: int, bits: int, valid: int) -> bytes:
    size = bits // 8
    head = struct.pack("<HHIIHH", 0xFFFE, 1, 16_000, 16_000 * size, size, bits)
    return head + struct.pack("<HHI", 22, valid, 4) + struct.pack("<H", coding) + bytes(14)


def with_riff_size(content: bytes, size: int) -> bytes:
    return content[:4] + struct.pack("<I", size) + content[8:]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def of_64_bits(name: bytes) -> bytes:
    audio = coded("s16")
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(audio), len(audio) // 2, 0))
    start = name + b"\xff\xff\xff\xffWAVE" + sizes + chunk(b"fmt ", header(1, 16))
    return start + b"data\xff\xff\xff\xff" + audio + chunk(b"LIST", b"abcd")


PLAIN = riff(header(1, 16), coded("s16"))
AUDIO = coded("s16")


def wav_files() -> Iterator[Odd]:
    for kind, coding, bits in (
        ("u8", 1, 8),
        ("s16", 1, 16),
        ("s24", 1, 24),
        ("s32", 1, 32),
        ("f32", 3, 32),
        ("f64", 3, 64),
        ("alaw", 6, 8),
        ("mulaw", 7, 8),
    ):
        yield wav(f"WAV of {kind}", riff(header(coding, bits), coded(kind)))
    yield wav("20 bits in 24", riff(struct.pack("<HHIIHH", 1, 1, 16_000, 48_000, 3, 20), coded("s24")))
    yield wav("12 bits in 16", riff(struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 12), AUDIO))
    yield wav("extensible 16 bits", riff(extensible(1, 16, 16), AUDIO))
    yield wav("extensible 24 in 32 bits", riff(extensible(1, 32, 24), coded("s32")))
    yield wav("extensible floats", riff(extensible(3, 32, 32), coded("f32")))
    yield wav("a format chunk of 18 bytes", riff(header(1, 16) + b"\0\0", AUDIO))
    yield from map(many_channels, (2, 6, 32, 33, 64))
    yield from map(at_rate, (4_000, 8_000, 11_025, 22_050, 44_100, 48_000, 192_000, 352_800, 384_000))
    if takes_any_rate():
        yield from map(at_rate, (7_919, 44_101))


def wrong_headers() -> Iterator[Odd]:
    early = ("ends 1.00 s early; what is there is used",)
    yield wav("truncated audio", riff(header(1, 16), AUDIO, size=len(AUDIO) + 32_000), notes=early)
    yield wav("half a sample at the end", riff(header(1, 16), AUDIO + b"\1"))
    yield wav("no samples", riff(header(1, 16), b""), 0, notes=("holds no audio",))
    yield wav("one sample", riff(header(1, 16), AUDIO[2:4]), 1)
    yield wav("an interrupted recorder", riff(header(1, 16), b"") + AUDIO)
    yield wav("unknown length", riff(header(1, 16), AUDIO, size=0xFFFFFFFF))
    yield wav("2 GiB by the header", riff(header(1, 16), AUDIO, size=0x7FFFFFFF))
    yield wav("RIFF size of 0", with_riff_size(PLAIN, 0))
    yield wav("RIFF size of 4 GiB", with_riff_size(PLAIN, 0xFFFFFFFF))
    yield wav("an odd chunk before", riff(header(1, 16), AUDIO, before=chunk(b"LIST", b"abc")))
    yield wav("a large chunk before", riff(header(1, 16), AUDIO, before=chunk(b"JUNK", bytes(100_000))))
    yield wav("a chunk behind", PLAIN + chunk(b"LIST", b"INFOISFT"))
    yield wav("RF64", of_64_bits(b"RF64"))
    yield wav("BW64", of_64_bits(b"BW64"))
    yield refused("half a header", PLAIN[:20], INCOMPLETE)
    yield refused("no audio chunk", PLAIN[:36], INCOMPLETE)
    yield refused("an empty format chunk", riff(b"", AUDIO), INCOMPLETE)
    none = "its header names no format before the audio"
    yield refused("no channels", riff(header(1, 16, channels=0), AUDIO), none)
    yield refused("0 Hz", riff(header(1, 16, rate=0), AUDIO), none)
    yield refused("audio before the format", b"RIFF\0\0\0\0WAVE" + chunk(b"data", AUDIO), none)
    for rate, way in ((1, 16_000), (3_999, 16_000), (384_001, 192_000)):
        allowed = f"its rate is {rate} Hz, not 4000 to 192000 Hz, or a multiple up to 768000 Hz"
        hint = f"this makes it so: ffmpeg -i in.wav -ar {way} in-converted.wav"
        yield refused(f"{rate} Hz", riff(header(1, 16, rate=rate), AUDIO), f"{allowed}; {hint}")


def odd_samples() -> Iterator[Odd]:
    beyond = np.array([0, 1.5, -1.5, 0.5] * 1000, "<f4")
    yield wav("floats beyond full scale", riff(header(3, 32), beyond.tobytes()), clipped=2000)
    yield wav("not-a-numbers", riff(header(3, 32), np.full(4000, np.nan, "<f4").tobytes()))
    yield wav("full scale", riff(header(1, 16), np.array([32_767, -32_768] * 2000, "<i2").tobytes()))


def no_recordings() -> Iterator[Odd]:
    yield refused("an empty file", b"", "it is empty")
    yield refused("four bytes of RIFF", b"RIFF", NO_RECORDING)
    yield refused("text", b"This is a note, and no recording.\n" * 20, NO_RECORDING, name="notes.txt")
    yield refused("zeros", bytes(5_000), NO_RECORDING)
    yield refused("random bytes", random.Random(0).randbytes(5_000), NO_RECORDING)
    yield refused(
        "a playlist", b"#EXTM3U\n#EXTINF:9,\n/etc/hostname\n#EXT-X-ENDLIST\n", NO_RECORDING, name="a.m3u8"
    )
    yield refused("a list of files", b"ffconcat version 1.0\nfile in.wav\n", NO_RECORDING)
    yield refused("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100), NO_RECORDING, name="a.png")


def recordings() -> Iterator[Odd]:
    for name, container, codec, rate in (
        ("in.mp3", "mp3", "libmp3lame", 16_000),
        ("in.flac", "flac", "flac", 16_000),
        ("in.opus", "ogg", "libopus", 48_000),
        ("in.ogg", "ogg", "libvorbis", 16_000),
        ("in.aiff", "aiff", "pcm_s16be", 16_000),
        ("in.webm", "webm", "libopus", 48_000),
        ("in.m4a", "ipod", "aac", 16_000),
    ):
        frames = round(rate * SECONDS)
        exact = codec in ("flac", "pcm_s16be")
        yield Odd(codec, recorder(container, codec, rate), name, frames, rate, exact)
    adpcm = "its coding (format 17, 4 bits) is not supported, and a pipe cannot be read twice; give a file"
    yield Odd(
        "ADPCM in WAV", recorder("wav", "adpcm_ima_wav"), frames=4_000, exact=False, piped_refusal=adpcm
    )
    yield Odd("another extension", recorder("flac", "flac"), "in.wav", 4_000)
    yield Odd("half an M4A", halved(recorder("ipod", "aac")), "in.m4a", refusal=NO_RECORDING)


def recorder(container: str, codec: str, rate: int = 16_000) -> Callable[[Path], object]:
    def record(path: Path) -> None:
        av: Any = importlib.import_module("av")
        with av.open(str(path), "w", format=container) as out:
            stream = out.add_stream(codec, rate=rate, layout="mono")
            frame = av.AudioFrame.from_ndarray(
                np.frombuffer(coded("s16", rate), "<i2")[None], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = rate, 0
            resampler = av.AudioResampler(
                format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size or None
            )
            for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
                out.mux(stream.encode(piece))

    return record


def halved(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def cut(path: Path) -> None:
        make(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return cut


def names() -> Iterator[Odd]:
    for id, name in (
        ("a name with blanks", "my  call.wav"),
        ("a name with a quote", "it's $HOME.wav"),
        ("a name in another script", "Gespräch 会話 🎧.wav"),
        ("a name with a dash in front", "-call.wav"),
        ("a dash for a name", "./-"),
        ("a name of two lines", "two\nlines.wav"),
        ("a name that a terminal would obey", "\x1b[2Jcall.wav"),
        ("a name that is no text", os.fsdecode(b"\xff.wav")),
        ("a long name", "x" * 250 + ".wav"),
        ("no extension", "call"),
    ):
        yield Odd(id, file(PLAIN), name, 4_000)
        yield Odd(f"{id}, no recording", file(b"no recording" * 9), name, refusal=NO_RECORDING)


def no_files() -> Iterator[Odd]:
    def about(id: str, make: Callable[[Path], object], why: str, name: str = "in.wav") -> Odd:
        return Odd(id, make, name, refusal=why, piped_refusal="")

    yield about("a folder", Path.mkdir, "Is a directory")
    yield about("a missing file", lambda path: None, "No such file or directory")
    yield about("a missing folder", lambda path: None, "No such file or directory", "nowhere/in.wav")
    yield about("a link to nothing", lambda path: path.symlink_to("nothing"), "No such file or directory")
    yield about("a link to itself", lambda path: path.symlink_to(path), "Too many levels of symbolic links")
    yield about("a socket", listening_socket, "No such device or address")
    yield about("a name that is too long", lambda path: None, "File name too long", "x" * 300)
    yield about("an empty device", lambda path: None, "it is empty", "/dev/null")
    yield about("a file in a file", lambda path: None, "Not a directory", "plain/in.wav")
    if os.geteuid():
        yield about("no permission", locked, "Permission denied")
    yield Odd("a link to a file", linked, frames=4_000, piped_refusal="")


def locked(path: Path) -> None:
    path.write_bytes(PLAIN)
    path.chmod(0)


def linked(path: Path) -> None:
    Path("elsewhere.wav").write_bytes(PLAIN)
    path.symlink_to("elsewhere.wav")


def listening_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def takes_any_rate() -> bool:
    try:
        PcmPipeline(44_101, 16_000)
    except InvalidArgument:
        return False
    return True


ODD = [*wav_files(), *wrong_headers(), *odd_samples(), *no_recordings(), *names(), *no_files()]
if HAS_PYAV:
    ODD += recordings()
