"""The vendor's own SDK, asynchronous and synchronous.

The user reads messages until the server has closed, so nothing here waits for a number of texts.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from deepgram import AsyncDeepgramClient, DeepgramClient, DeepgramClientEnvironment
from deepgram.core.events import EventType
from deepgram.speak.v1.types import SpeakV1Text
from deepgram.speak.v2.types import SpeakV2Speak
from tests.clients.drivers import KEY, Client, Heard, Spoken
from tests.clients.speech import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, FLUX_VOICE, RATE, VOICE, chunks

from speechwire.emulator import Emulator

NOVA: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": RATE,
    "channels": 1,
    "interim_results": True,
    "punctuate": True,
    "vad_events": True,
}
FLUX: dict[str, Any] = {
    "model": "flux-general-en",
    "encoding": "linear16",
    "sample_rate": RATE,
    "eager_eot_threshold": EAGER_EOT_THRESHOLD,
    "eot_threshold": EOT_THRESHOLD,
}
AURA: dict[str, Any] = {"model": VOICE, "encoding": "linear16", "sample_rate": RATE}
FLUX_TTS: dict[str, Any] = {"model": FLUX_VOICE, "encoding": "linear16", "sample_rate": RATE}


def environment(emulator: Emulator) -> DeepgramClientEnvironment:
    """Where the SDK finds this emulator."""
    ws, http = emulator.base_url, emulator.http_url
    return DeepgramClientEnvironment(base=http, production=ws, agent=ws, agent_rest=http)


def client(emulator: Emulator) -> AsyncDeepgramClient:
    """The asynchronous client."""
    return AsyncDeepgramClient(api_key=KEY, environment=environment(emulator))


def sync_client(emulator: Emulator) -> DeepgramClient:
    """The synchronous client."""
    return DeepgramClient(api_key=KEY, environment=environment(emulator))


def note_nova(heard: Heard, message: Any) -> None:
    """Write down one message of ``/v1/listen``."""
    heard.events.append(type(message).__name__)
    if type(message).__name__ == "ListenV1Results" and (text := message.channel.alternatives[0].transcript):
        (heard.finals if message.is_final else heard.interims).append(text)


def note_flux(heard: Heard, message: Any) -> None:
    """Write down one message of ``/v2/listen``."""
    event = getattr(message, "event", type(message).__name__)
    heard.events.append(event)
    if event == "EndOfTurn":
        heard.finals.append(message.transcript)
    elif event == "Update" and message.transcript:
        heard.interims.append(message.transcript)


def note_speech(spoken: Spoken, message: Any) -> None:
    """Write down one message of either speaking endpoint."""
    if isinstance(message, bytes):
        spoken.audio += message
    else:
        spoken.events.append(type(message).__name__)


def watch(socket: Any, told: Heard | Spoken, note: Any) -> None:
    """Have a socket's events written down."""
    socket.on(EventType.MESSAGE, lambda message: note(told, message))
    socket.on(EventType.ERROR, lambda error: told.problems.append(repr(error)))


async def _listen(connecting: Any, note: Any, pcm: bytes) -> Heard:
    heard = Heard()
    async with connecting as socket:
        watch(socket, heard, note)
        reading = asyncio.create_task(socket.start_listening())
        for chunk in chunks(pcm):
            await socket.send_media(chunk)
        await socket.send_close_stream()
        await reading
    return heard


async def listen_v1(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Nova."""
    return await _listen(client(emulator).listen.v1.connect(**NOVA), note_nova, pcm)


async def listen_v2(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Flux."""
    return await _listen(client(emulator).listen.v2.connect(**FLUX), note_flux, pcm)


async def speak_v1(emulator: Emulator, text: str) -> Spoken:
    """Have Aura speak."""
    spoken = Spoken()
    async with client(emulator).speak.v1.connect(**AURA) as socket:
        watch(socket, spoken, note_speech)
        reading = asyncio.create_task(socket.start_listening())
        await socket.send_text(SpeakV1Text(text=text))
        await socket.send_flush()
        await socket.send_close()
        await reading
    return spoken


async def speak_v2(emulator: Emulator, text: str) -> Spoken:
    """Have Flux TTS speak."""
    spoken = Spoken()
    async with client(emulator).speak.v2.connect(**FLUX_TTS) as socket:
        watch(socket, spoken, note_speech)
        reading = asyncio.create_task(socket.start_listening())
        await socket.send_speak(SpeakV2Speak(text=text))
        await socket.send_flush()
        await socket.send_close()
        await reading
    return spoken


def _listen_blocking(connecting: Any, note: Any, pcm: bytes) -> Heard:
    heard = Heard()
    with connecting as socket:
        watch(socket, heard, note)
        reading = threading.Thread(target=socket.start_listening)
        reading.start()
        for chunk in chunks(pcm):
            socket.send_media(chunk)
        socket.send_close_stream()
        reading.join()
    return heard


async def listen_v1_blocking(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Nova from a thread."""
    connecting = sync_client(emulator).listen.v1.connect(**NOVA)
    return await asyncio.to_thread(_listen_blocking, connecting, note_nova, pcm)


async def listen_v2_blocking(emulator: Emulator, pcm: bytes, turns: int) -> Heard:
    """Stream to Flux from a thread."""
    connecting = sync_client(emulator).listen.v2.connect(**FLUX)
    return await asyncio.to_thread(_listen_blocking, connecting, note_flux, pcm)


def _speak_blocking(connecting: Any, say: str, message: Any) -> Spoken:
    spoken = Spoken()
    with connecting as socket:
        watch(socket, spoken, note_speech)
        getattr(socket, say)(message)
        socket.send_flush()
        socket.send_close()
        socket.start_listening()
    return spoken


async def speak_v1_blocking(emulator: Emulator, text: str) -> Spoken:
    """Have Aura speak to a thread."""
    connecting = sync_client(emulator).speak.v1.connect(**AURA)
    return await asyncio.to_thread(_speak_blocking, connecting, "send_text", SpeakV1Text(text=text))


async def speak_v2_blocking(emulator: Emulator, text: str) -> Spoken:
    """Have Flux TTS speak to a thread."""
    connecting = sync_client(emulator).speak.v2.connect(**FLUX_TTS)
    return await asyncio.to_thread(_speak_blocking, connecting, "send_speak", SpeakV2Speak(text=text))


ASYNCHRONOUS = Client("deepgram-sdk", "deepgram-sdk", listen_v1, listen_v2, speak_v1, speak_v2)
SYNCHRONOUS = Client(
    "deepgram-sdk (sync)",
    "deepgram-sdk",
    listen_v1_blocking,
    listen_v2_blocking,
    speak_v1_blocking,
    speak_v2_blocking,
)
