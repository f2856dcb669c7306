"""Computes ``playback_offset`` of ``Interrupt``: how much of a Flux TTS connection's audio was heard."""

from __future__ import annotations

from speechwire.protocol import speak_v2_events as speak

__all__ = ["PlaybackOffset"]


class PlaybackOffset:
    """The position of the active turn in its connection's audio.

    A complete turn counts with all its audio. An interrupted turn counts up to the offset that the service
    reports as played. Offsets never decrease from one interruption to the next.

    Args:
        bytes_per_s: Bytes of audio per second.
    """

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_ms = bytes_per_s / 1000
        self._begins_ms = 0.0  # the active turn
        self._turn_bytes = 0
        self._last_ms = 0

    def read(self, event: speak.Event) -> None:
        """Take an event of the connection."""
        match event:
            case speak.Audio():
                self._turn_bytes += len(event.data)
            case speak.SpeechMetadata(repeated=False):
                self._next(None)
            case speak.SpeechInterrupted():
                self._turn_bytes += event.discarded_bytes
                self._next(event.audio_played_ms)

    def at_ms(self, heard_s: float) -> int | None:
        """The offset in ms after `heard_s` of the active turn; ``None`` if it is not above the last one."""
        heard_ms = min(1000 * heard_s, self._turn_bytes / self._bytes_per_ms)
        offset_ms = int(self._begins_ms + heard_ms)
        if offset_ms <= self._last_ms:
            return None
        self._last_ms = offset_ms
        return offset_ms

    def _next(self, played_ms: float | None) -> None:
        heard_ms = self._turn_bytes / self._bytes_per_ms
        self._begins_ms = self._begins_ms + heard_ms if played_ms is None else played_ms
        self._turn_bytes = 0
