"""Audio that comes while the caller waits for a place."""

from __future__ import annotations

from typing import Final

from speechwire.server.codec import AudioFormat

__all__ = ["EarlyAudio"]

_MOST_BYTES: Final = 2 << 20
_ENTRY_BYTES: Final = 100  # what an entry takes beside its audio
_WAIT_S: Final = 0.5


class EarlyAudio:
    """Keeps audio, and where its format changes, in order; at most `most_s` seconds and 2 MiB.

    Beyond that, a caller who can wait is read later, and what others send is dropped.

    Attributes:
        can_wait: Whether the caller keeps what is not read.
        dropped_s: Seconds of audio that were dropped.
    """

    __slots__ = ("_bytes", "_kept", "_most_s", "_seconds", "can_wait", "dropped_s")

    def __init__(self, most_s: float) -> None:
        self.can_wait = False
        self.dropped_s = 0.0
        self._most_s = most_s
        self._kept: list[bytes | AudioFormat] = []
        self._seconds = 0.0
        self._bytes = 0

    @property
    def delay_s(self) -> float:
        """For how many seconds to stop reading."""
        return _WAIT_S if self.can_wait and self._is_full else 0.0

    @property
    def has_audio(self) -> bool:
        """Whether audio is kept."""
        return any(isinstance(entry, bytes) for entry in self._kept)

    def add(self, data: bytes, seconds: float) -> float:
        """Keep audio, if there is room for it; return for how many seconds to stop reading."""
        if self._is_full and not self.can_wait:
            self.dropped_s += seconds
        else:
            self._keep(data, len(data), seconds)
        return self.delay_s

    def change_format(self, form: AudioFormat) -> None:
        """The audio from here on is in another format."""
        self._keep(form, 0, 0.0)

    def release(self) -> list[bytes | AudioFormat]:
        """Return what was kept, and forget it."""
        kept, self._kept = self._kept, []
        return kept

    @property
    def _is_full(self) -> bool:
        return self._seconds >= self._most_s or self._bytes >= _MOST_BYTES

    def _keep(self, entry: bytes | AudioFormat, size: int, seconds: float) -> None:
        self._kept.append(entry)
        self._seconds += seconds
        self._bytes += size + _ENTRY_BYTES
