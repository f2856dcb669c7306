"""Pipecat's serializers against our codecs: what a provider sends, both read alike, and what is sent to it,
both write alike.

Neither was written by the provider; where two who did not know of each other agree, the documentation was
probably understood.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
)
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer
from tests.server.callers import Caller, Exotel, Plivo, Telnyx, Twilio, Vonage

from speechwire.audio import PcmPipeline
from speechwire.server.codec import Audio, Clear, Codec, Digit, Opening, Speech
from speechwire.server.dialects import choose

RATE = 8000


class MulawPlivo(Plivo):
    """Pipecat knows Plivo with mu-law only."""

    encoding = "mulaw"
    rate = 8000

    def first(self) -> list[str | bytes]:
        (first,) = super().first()
        decoded = json.loads(first)
        decoded["start"]["mediaFormat"] = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
        return [json.dumps(decoded)]


def twilio() -> Any:
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False, sample_rate=RATE)
    return TwilioFrameSerializer(stream_sid="MZ01", params=params)


def telnyx() -> Any:
    params = TelnyxFrameSerializer.InputParams(auto_hang_up=False, sample_rate=RATE)
    return TelnyxFrameSerializer(
        stream_id="S1", outbound_encoding="PCMA", inbound_encoding="PCMA", params=params
    )


def plivo() -> Any:
    params = PlivoFrameSerializer.InputParams(auto_hang_up=False, sample_rate=RATE)
    return PlivoFrameSerializer(stream_id="S1", params=params)


def exotel() -> Any:
    return ExotelFrameSerializer(
        stream_sid="MZ02", params=ExotelFrameSerializer.InputParams(sample_rate=RATE)
    )


def vonage() -> Any:
    params = VonageFrameSerializer.InputParams(sample_rate=16000, vonage_sample_rate=16000)
    return VonageFrameSerializer(params=params)


PAIRS = [(Twilio, twilio), (Telnyx, telnyx), (MulawPlivo, plivo), (Exotel, exotel), (Vonage, vonage)]
both = pytest.mark.parametrize(("kind", "theirs"), PAIRS, ids=[kind.__name__ for kind, _ in PAIRS])


async def ready(kind: type[Caller], make: Any) -> tuple[Caller, Codec, Any]:
    caller = kind()
    chosen = choose(f"/call/{caller.name}")
    assert chosen is not None
    codec = chosen[0](Opening())
    for message in caller.first():
        codec.receive(message)
    serializer = make()
    setup: Any = FrameProcessorSetup.__new__(FrameProcessorSetup)
    setup.audio_in_sample_rate = caller.rate
    await serializer.setup(setup)
    return caller, codec, serializer


def linear(caller: Caller, data: bytes) -> bytes:
    """As 16-bit samples, by ITU-T G.711."""
    pipeline = PcmPipeline(caller.rate, caller.rate, 1, 20, format=caller.encoding)
    return b"".join([*pipeline.push(data), *pipeline.flush()])


@both
async def test_audio_of_a_caller_is_read_alike(kind: type[Caller], theirs: Any) -> None:
    caller, codec, serializer = await ready(kind, theirs)
    every_code = bytes(range(256)) * (caller.frame_bytes * 4 // 256 + 1)
    for frame in caller.frames(every_code[: caller.frame_bytes * 4]):
        message = caller.audio(frame)
        read = await serializer.deserialize(message)
        (ours,) = codec.receive(message)
        assert isinstance(read, InputAudioRawFrame) and isinstance(ours, Audio)
        assert read.audio == linear(caller, ours.data)
        assert (read.sample_rate, read.num_channels) == (caller.rate, 1)


@both
async def test_speech_is_written_alike(kind: type[Caller], theirs: Any) -> None:
    caller, codec, serializer = await ready(kind, theirs)
    count = caller.rate * 20 // 1000
    for index in range(5):
        tone = [(index * 3001 + at * 997) % 60_000 - 30_000 for at in range(count)]
        pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in tone)
        frame = OutputAudioRawFrame(audio=pcm, sample_rate=caller.rate, num_channels=1)
        written = await serializer.serialize(frame)
        payload = written if isinstance(written, bytes) else decoded(written)["payload_bytes"]
        assert [decoded(one) for one in codec.send(Speech(data=payload, utterance=0))] == [decoded(written)]


@both
async def test_a_barge_in_is_written_alike(kind: type[Caller], theirs: Any) -> None:
    _, codec, serializer = await ready(kind, theirs)
    written = await serializer.serialize(InterruptionFrame())
    assert [decoded(one) for one in codec.send(Clear())] == [decoded(written)]


@both
@pytest.mark.parametrize("digit", ["0", "7", "*", "#"])
async def test_keys_are_read_alike(kind: type[Caller], theirs: Any, digit: str) -> None:
    caller, codec, serializer = await ready(kind, theirs)
    message = caller.digit(digit)
    read = await serializer.deserialize(message)
    assert isinstance(read, InputDTMFFrame)
    assert codec.receive(message) == [Digit(digit=read.button.value)]


def decoded(message: str | bytes) -> Any:
    """A message, with its payload as bytes; of Plivo's the content type as both write it."""
    if isinstance(message, bytes):
        return message
    value = json.loads(message)
    if "media" in value:
        value["payload_bytes"] = base64.b64decode(value["media"].pop("payload"))
    return value
