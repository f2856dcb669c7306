"""The outgoing audio of a stream, in Python: equal to ``rust/pcm/src/outgoing.rs`` and its binding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Final, NoReturn, SupportsIndex

from speechwire.audio import _arguments
from speechwire.audio._bytes import as_bytes, byte_size
from speechwire.audio._ring_log import RingLog
from speechwire.audio.ring import Converter

__all__ = ["PythonRing"]

_LONGEST_GAP_S: Final = 2.0  # a longer gap between pushes is a pause of the caller
_NO_COPY: Final = "a ring holds the audio of one stream: it can be neither copied nor pickled"


class PythonRing:
    """``AudioRing`` in Python. See there for what each method does."""

    engine: ClassVar[str] = "python"

    def __init__(
        self,
        frame_bytes: int,
        frame_rate: int,
        queue_frames: int,
        replay_frames: int,
        converter: Converter | None = None,
    ) -> None:
        self.last_push_at = self.piece_s = 0.0
        self.pushes = self.connection_frames = 0
        self.free_at = -math.inf
        self._log = RingLog(frame_bytes, queue_frames, replay_frames)
        self._frame_bytes = frame_bytes
        self._rate = frame_rate
        self._longest_bytes = frame_rate * frame_bytes
        self._converter = converter
        self._rest = b""
        self._is_open = self._is_resting = self._is_overflowing = False
        self._speed = self._full_s = 0.0
        self._counts = (0, 0, 0, 0)
        self._follows: int | None = None  # where audio would continue what was sent last
        self._fresh = self._fresh_dropped = self._since_chunk = 0
        self._dropped = (0, False)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(_NO_COPY)

    # Audio in

    def push(self, pcm: bytes, now: float, /) -> bytes | list[bytes] | None:
        now = _arguments.instant("now", now)
        if self._converter is None:
            pcm = pcm if type(pcm) is bytes else as_bytes(pcm)
            size, chunks = len(pcm), [pcm] if pcm else []
        else:
            size, chunks = byte_size(pcm), self._converter.push(pcm)
        live = [message for chunk in chunks if (message := self._cut(chunk)) and self._offer(message, now)]
        if not size:
            return None
        self._pushed(now)
        if not self._is_open or self._log.waiting:
            return live
        return live if len(live) > 1 else live[0] if live else None

    def flush_converter(self, *, at_end: bool = False) -> None:
        at_end = _arguments.flag("at_end", at_end)
        for chunk in [] if self._converter is None else _flusher(self._converter, at_end)():
            self._append(self._cut(chunk))
        if at_end and self._rest:
            rest, self._rest = self._rest, b""
            self._append(rest.ljust(self._frame_bytes, b"\0"))
        self._appended()

    def exchange(self, converter: Converter | None) -> None:
        _arguments.converter("converter", converter)
        self.flush_converter(at_end=True)
        self._converter = converter

    def mark_flush(self) -> None:
        self._log.mark_flush()

    def take_dropped(self) -> tuple[int, bool]:
        dropped, self._dropped = self._dropped, (0, False)
        return dropped

    def _cut(self, pcm: bytes) -> bytes:
        """Return the whole frames; keep an incomplete one."""
        if type(pcm) is bytes and not self._rest and len(pcm) % self._frame_bytes == 0:
            return pcm
        pcm = self._rest + as_bytes(pcm)
        whole = len(pcm) - len(pcm) % self._frame_bytes
        self._rest = pcm[whole:]
        return pcm[:whole]

    def _offer(self, message: bytes, now: float) -> bool:
        log, frames = self._log, len(message) // self._frame_bytes
        self._fresh += frames
        if (
            not self._is_resting
            or log.waiting
            or self._is_long(message)
            or now < self.free_at
            or self._follows != log.end
        ):
            self._append(message)
            return False
        log.pass_on(message)
        self._account(frames, log.end, now)
        self._is_overflowing = False
        return True

    def _is_long(self, message: bytes) -> bool:
        return 0 < self._longest_bytes < len(message)

    def _append(self, message: bytes) -> None:
        size = self._longest_bytes if self._is_long(message) else len(message)
        for start in range(0, len(message), size or 1):
            self._fresh_dropped += self._log.append(message[start : start + size])

    def _pushed(self, now: float) -> None:
        audio_s = self._seconds(self._fresh)
        self.last_push_at = now
        self.pushes += 1
        self._since_chunk += 1
        if audio_s:
            self.piece_s = min(_LONGEST_GAP_S, audio_s / self._since_chunk)
            self._since_chunk = 0
        self._appended()

    def _appended(self) -> None:
        dropped, self._fresh_dropped, self._fresh = self._fresh_dropped, 0, 0
        if dropped:
            frames, has_begun = self._dropped
            self._dropped = (frames + dropped, has_begun or not self._is_overflowing)
            self._is_overflowing = True
        elif self._log.is_half_empty:
            self._is_overflowing = False

    # Audio out

    def take(self, now: float, /) -> tuple[bytes, int, int] | None:
        now = _arguments.instant("now", now)
        if not self._log.waiting:
            return None
        begin, item = self.connection_frames, self._log.take()
        if item.is_flush:
            return None
        self._account(item.frames, item.end, now, repeated=item.frames if item.is_repeat else 0)
        return item.data, begin, item.start

    def put_in_silence(self, frames: int, /) -> int:
        begin, frames = self.connection_frames, _arguments.frames("frames", frames)
        self.connection_frames += frames
        self._follows = None
        self._count(frames, silence=frames)
        return begin

    def open(self, speed: float | None, burst_s: float) -> None:
        self.pace(speed, burst_s)
        self._is_open, self._is_resting = True, False
        self.connection_frames = 0
        self._follows = None

    def pace(self, speed: float | None, burst_s: float) -> None:
        speed, burst_s = _arguments.speed("speed", speed), _arguments.duration("burst_s", burst_s)
        self.free_at = -math.inf
        self._speed = speed or 0.0
        self._full_s = burst_s / speed if speed else 0.0

    def close(self) -> None:
        self._is_open = self._is_resting = False

    def rest(self, is_resting: bool, /) -> None:
        self._is_resting = _arguments.flag("is_resting", is_resting) and self._is_open

    def counts(self) -> tuple[int, int, int, int]:
        return self._counts

    def _account(self, frames: int, end: int, now: float, repeated: int = 0) -> None:
        """Update the counters and the pacer for frames that are sent now, up to a position."""
        self.connection_frames += frames
        self._follows = end
        self._count(frames, repeated=repeated)
        if self._speed:
            self.free_at = max(self.free_at, now - self._full_s) + self._seconds(frames) / self._speed
        if not self._rate:
            self._log.acknowledge(end, 0)

    def _count(self, frames: int, *, repeated: int = 0, silence: int = 0) -> None:
        messages, sent, before, put_in = self._counts
        self._counts = messages + 1, sent + frames, before + repeated, put_in + silence

    def _seconds(self, frames: int) -> float:
        return frames / self._rate if self._rate else 0.0

    # What is held

    def acknowledge(self, position: int, run_up: int = 0) -> None:
        self._log.acknowledge(_arguments.frames("position", position), _arguments.frames("run_up", run_up))

    def rewind(self, *, replaced: bool = False) -> int:
        return self._log.rewind(_arguments.flag("replaced", replaced))

    def give_up_repeats(self, until: int | None = None) -> int:
        until = self._log.end if until is None else _arguments.frames("until", until)
        return self._log.give_up_repeats(until)

    def overdrawn_frames(self) -> int:
        return self._log.overdrawn()

    def unanswered_frames(self) -> int:
        return self._log.unanswered_frames()

    def fork(self) -> PythonRing:
        other = object.__new__(PythonRing)
        vars(other).update(vars(self), _log=self._log.fork(), _counts=(0, 0, 0, 0), _converter=None)
        other.close()
        return other

    @property
    def end(self) -> int:
        return self._log.end

    @property
    def acknowledged(self) -> int:
        return self._log.acknowledged

    @property
    def next_position(self) -> int:
        return self._log.next_position

    @property
    def waiting(self) -> int:
        return len(self._log.waiting)

    @property
    def queued_frames(self) -> int:
        return self._log.queued

    @property
    def kept_frames(self) -> int:
        return self._log.kept

    @property
    def is_unanswered(self) -> bool:
        return self._log.is_unanswered


def _flusher(converter: Converter, at_end: bool) -> Callable[[], list[bytes]]:
    """The method to flush a converter with: before the end `flush_whole`, if it has one."""
    flush: Callable[[], list[bytes]] = (
        converter.flush if at_end else getattr(converter, "flush_whole", converter.flush)
    )
    return flush
