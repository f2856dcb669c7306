"""A timeline, and what is handed to its connection."""

from __future__ import annotations

from dataclasses import dataclass

from speechwire.session._timeline import Timeline

__all__ = ["FedTimeline"]


@dataclass
class _Sent:
    connection_frames: int = 0


class FedTimeline(Timeline):
    """Audio and silence by their lengths, in frames."""

    def __init__(self, frame_rate: int, offset_s: float = 0.0) -> None:
        self._handed = _Sent()
        super().__init__(self._handed, frame_rate, offset_s)

    def send(self, caller: int, frames: int) -> None:
        """Send audio from the caller's position ``caller``."""
        self.audio(self._handed.connection_frames, caller)
        self._handed.connection_frames += frames

    def put_in(self, caller: int, frames: int) -> None:
        """Put in silence after the caller's position ``caller``."""
        self.silence(self._handed.connection_frames, caller)
        self._handed.connection_frames += frames
