"""Coded audio in, FLAC out, through PyAV: ffmpeg's libraries in this process (the extra ``media``)."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from speechwire.cli._audio import AudioReader
from speechwire.cli._failures import InputError, printable
from speechwire.cli._files import ByteSink

__all__ = ["CONTAINERS", "imported", "read", "write_flac"]

CONTAINERS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,mp3,mpeg,mpegts,ogg,rf64,tta,voc,"
    "w64,wav,wv"
)
"""The containers that may be opened. Playlists are excluded, as they would open other files and URLs."""

# In other containers the length is an estimate.
_EXACT_LENGTHS = frozenset({"aiff", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "w64", "wav"})
_NARROW, _WIDE = "s16", "flt"
_FORMATS = {_NARROW: "s16le", _WIDE: "f32le"}


def imported() -> ModuleType | None:
    """PyAV, where it is installed."""
    try:
        return importlib.import_module("av")
    except ImportError:
        return None


class _Pipe:
    """The bytes already read of a pipe, then the others. Without ``seek``, so PyAV knows it cannot seek."""

    def __init__(self, beginning: bytes, file: BinaryIO) -> None:
        self._beginning = io.BytesIO(beginning)
        self._file = file

    def read(self, size: int) -> bytes:
        return self._beginning.read(size) or self._file.read(size)


@contextmanager
def read(name: str, beginning: bytes, file: BinaryIO, *, regular: bool) -> Iterator[AudioReader]:
    """Open a recording and decode its first audio track.

    Args:
        name: As it is shown.
        beginning: Read already.
        file: Behind that.
        regular: Whether it is a regular file, in which decoders can seek.

    Raises:
        InputError: It is none, or none that can be decoded.
    """
    av: Any = imported()
    source: object = _Pipe(beginning, file)
    if regular:
        file.seek(0)
        source = file
    try:
        container = av.open(
            source, metadata_errors="replace", options={"format_whitelist": CONTAINERS}, buffer_size=1 << 16
        )
    except av.error.FFmpegError as error:
        raise InputError(f"{name}: it is no recording that can be read here") from error
    with container:
        if not container.streams.audio:
            raise InputError(f"{name}: it has no audio")
        yield _reader(av, name, container)


def _reader(av: Any, name: str, container: Any) -> AudioReader:
    stream = container.streams.audio[0]
    codec = stream.codec_context
    if codec is None:
        raise InputError(f"{name}: its coding is not known here")
    if not codec.sample_rate or not codec.layout.nb_channels:
        raise InputError(f"{name}: its audio has no rate or no channels")
    narrow = codec.format is not None and codec.format.name in (_NARROW, _NARROW + "p")
    sample = _NARROW if narrow else _WIDE
    reader = AudioReader(
        name=name,
        kind=f"{codec.name}, {codec.sample_rate} Hz, {codec.layout.nb_channels} channels, through PyAV",
        rate=codec.sample_rate,
        channels=codec.layout.nb_channels,
        format=_FORMATS[sample],
        frames=_length(container, stream),
        read=lambda frames: _blocks(av, reader, container, sample, frames * reader.frame_bytes),
    )
    return reader


def _length(container: Any, stream: Any) -> int | None:
    if container.format.name not in _EXACT_LENGTHS or not stream.duration:
        return None
    duration_s = float(stream.duration * stream.time_base)
    return round(duration_s * int(stream.codec_context.sample_rate))


def _blocks(av: Any, reader: AudioReader, container: Any, sample: str, block_bytes: int) -> Iterator[bytes]:
    """Put decoded frames together to blocks of at least this size."""
    taken = bytearray()
    for pcm in _decoded(av, reader, container, sample):
        taken += pcm
        if len(taken) >= block_bytes:
            yield bytes(taken)
            taken.clear()
    if taken:
        yield bytes(taken)


def _decoded(av: Any, reader: AudioReader, container: Any, sample: str) -> Iterator[bytes]:
    resampler = av.AudioResampler(format=sample, rate=reader.rate)
    try:
        for packet in container.demux(container.streams.audio[0]):
            for frame in _frames(av, reader, packet):
                yield from map(_interleaved, resampler.resample(frame))
        yield from map(_interleaved, resampler.resample(None))
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(
            f"{reader.name}: it cannot be decoded to its end: {printable(str(error))}"
        ) from error


def _frames(av: Any, reader: AudioReader, packet: Any) -> list[Any]:
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        reader.damaged += 1
        return []


def _interleaved(frame: Any) -> bytes:
    return bytes(frame.to_ndarray().tobytes())


class _Output:
    """Passes on what PyAV writes; an error waits until it can be raised, since PyAV would not pass it on."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            if self._error is None:
                self._put(bytes(data))
        except OSError as error:
            self._error = error
        return len(data)

    def check(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error

    def _put(self, data: bytes) -> None:
        self._sink.write(data)


class _SeekableOutput(_Output):
    """The length and the checksum are put into the header in the end."""

    _position = _end = 0

    def _put(self, data: bytes) -> None:
        if self._position == self._end:
            self._sink.write(data)
        else:
            self._sink.overwrite(self._position, data)
        self._position += len(data)
        self._end = max(self._end, self._position)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position


@contextmanager
def write_flac(sink: ByteSink, rate: int) -> Iterator[Callable[[bytes], None]]:
    """Write mono 16 bit FLAC.

    Yields:
        A function that appends samples.

    Raises:
        OSError: It cannot be written.
    """
    av: Any = imported()
    output = _SeekableOutput(sink) if sink.seekable else _Output(sink)
    position = 0
    with av.open(output, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        stream.codec_context.format = _NARROW

        def append(pcm: bytes) -> None:
            nonlocal position
            if pcm:
                samples = np.frombuffer(pcm, "<i2")[None]
                frame = av.AudioFrame.from_ndarray(samples, format=_NARROW, layout="mono")
                frame.sample_rate, frame.pts = rate, position
                position += samples.size
                container.mux(stream.encode(frame))
                output.check()

        yield append
        container.mux(stream.encode(None))
    output.check()
