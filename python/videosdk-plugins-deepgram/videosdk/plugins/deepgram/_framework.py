"""What the plugin uses of VideoSDK Agents beyond its public names, each part behind one function.

``docs/private-parts.md`` lists them; ``tests/plugin/test_private_parts.py`` fails when one of them changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from videosdk.agents import STT, TTS, STTResponse

__all__ = [
    "first_audio_callback",
    "forget_first_audio_callback",
    "forget_transcript_callback",
    "transcript_callback",
]


def transcript_callback(component: STT) -> Callable[[STTResponse], Awaitable[None]] | None:
    """Who is given the responses now."""
    callback: Callable[[STTResponse], Awaitable[None]] | None = component._transcript_callback
    return callback


def forget_transcript_callback(component: STT) -> None:
    """What the base class's ``aclose`` does, without its collection of all garbage.

    That takes a quarter of a second, in which every other call of the process stands still.
    """
    component._transcript_callback = None


def first_audio_callback(component: TTS) -> Callable[[], Awaitable[None]] | None:
    """Who is told of the first audio of a synthesis."""
    callback: Callable[[], Awaitable[None]] | None = component._first_audio_callback
    return callback


def forget_first_audio_callback(component: TTS) -> None:
    """As :func:`forget_transcript_callback`, for speech."""
    component._first_audio_callback = None
