"""Makes rings of the chosen engine."""

from __future__ import annotations

from typing import Any, cast

from speechwire.audio import _arguments
from speechwire.audio._ring_py import PythonRing
from speechwire.audio._select import engine_name, load_native
from speechwire.audio.ring import AudioRing, Converter

__all__ = ["make_ring"]


def make_ring(
    frame_bytes: int,
    frame_rate: int,
    queue_frames: int,
    replay_frames: int,
    converter: Converter | None = None,
    engine: str = "auto",
) -> AudioRing:
    """Return an empty ring.

    Args:
        frame_bytes: Bytes of one frame, over all channels, 1 to 65536; 1 for compressed audio.
        frame_rate: Frames per second; 0 for compressed audio, which is not kept after it was sent.
        queue_frames: The most frames that wait to be sent, at least 1.
        replay_frames: The most sent frames that are kept for a replay; 0 keeps none.
        converter: Turns pushed audio into messages; ``None`` sends it unchanged, cut between frames.
        engine: As in `engine_name`.

    Raises:
        InvalidArgument: An argument is out of range.
        InvalidArgumentType: An argument has the wrong type.
        EngineUnavailable: The requested engine cannot be loaded.
    """
    bounds = _arguments.bounds(frame_bytes, frame_rate, queue_frames, replay_frames)
    _arguments.converter("converter", converter)
    ring: Any = PythonRing if engine_name(engine) == "numpy" else load_native().NativeRing
    return cast(AudioRing, ring(*bounds, converter))
