"""What the service of Flux TTS says."""

from __future__ import annotations

from typing import Any

from speechwire.protocol import SpeakV2


def started(speech_id: str = "A") -> Any:
    protocol: Any = SpeakV2()
    protocol.receive(speech_started(speech_id))
    return protocol


def speech_started(speech_id: str) -> str:
    return f'{{"type":"SpeechStarted","speech_id":"{speech_id}"}}'


def ended(speech_id: str) -> str:
    return f'{{"type":"SpeechMetadata","speech_id":"{speech_id}"}}'


METADATA = ended("A")
INTERRUPTED = '{"type":"SpeechInterrupted","metadata":{"speech_id":"A"}}'


def warned(code: str) -> str:
    return f'{{"type":"Warning","code":"{code}"}}'
