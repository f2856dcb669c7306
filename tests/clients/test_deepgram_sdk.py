"""The vendor's SDK: its types are the nearest there is to the service's own word on its messages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.listen.v1.types import ListenV1Configure
from deepgram.speak.v1.types import SpeakV1Text
from deepgram.speak.v2.types import SpeakV2Configure, SpeakV2Interrupt, SpeakV2Speak
from tests.clients.conftest import ROOT, Start
from tests.clients.deepgram_sdk import ASYNCHRONOUS, AURA, FLUX, FLUX_TTS, NOVA, client, environment
from tests.clients.drivers import KEY
from tests.clients.speech import AUDIO, RATE, SCRIPT, SENTENCE, chunks, spoken_tags
from tests.clients.waiting import until

from speechwire.emulator import Behaviour, Connection, Delivery, Phrase, Script, ScriptedEngine

CLIENT = ASYNCHRONOUS


class Talk:
    """An open socket and what came over it."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.messages: list[Any] = []

    @property
    def names(self) -> list[str]:
        """Types of what came, audio left out."""
        return [type(message).__name__ for message in self.messages if not isinstance(message, bytes)]

    @property
    def audio(self) -> bytes:
        """All audio that came."""
        return b"".join(message for message in self.messages if isinstance(message, bytes))

    async def until(self, name: str, count: int = 1) -> Any:
        """Wait for the count-th message of this type."""
        await until(lambda: self.names.count(name) >= count)
        return [message for message in self.messages if type(message).__name__ == name][count - 1]


async def audio_of(talk: Talk, sentences: int) -> None:
    """Wait until the sentence has been heard so often."""
    await until(lambda: len(talk.audio) == sentences * len(spoken_tags(SENTENCE)))


@asynccontextmanager
async def talk(connecting: Any) -> AsyncIterator[Talk]:
    """Read until the server has closed."""
    async with connecting as socket:
        talk = Talk(socket)
        socket.on(EventType.MESSAGE, talk.messages.append)
        reading = asyncio.create_task(socket.start_listening())
        yield talk
        await reading


def check_against_schema(connection: Connection, talk: Talk) -> None:
    """The SDK builds its objects without a check; here each message has to pass its type's."""
    parsed = [message for message in talk.messages if not isinstance(message, bytes)]
    assert len(parsed) == len(connection.sent)
    for message, sent in zip(parsed, connection.sent, strict=True):
        assert message.type == sent["type"]
        type(message).model_validate(sent)


async def test_every_message_of_nova_fits_the_schema(start: Start) -> None:
    """Every message of a Nova stream, `UtteranceEnd` among them, validates against the SDK's types."""
    emulator = await start(ScriptedEngine(SCRIPT))
    connecting = client(emulator).listen.v1.connect(**NOVA, utterance_end_ms=1000)
    async with talk(connecting) as nova:
        for chunk in chunks(AUDIO):
            await nova.socket.send_media(chunk)
        await nova.socket.send_configure(ListenV1Configure(keyterms=["Oslo"]))
        await nova.socket.send_configure(ListenV1Configure(features={"numerals": True}))
        await nova.socket.send_close_stream()
    check_against_schema(emulator.connections[0], nova)
    expected = {"Results", "Metadata", "SpeechStarted", "UtteranceEnd", "ConfigureSuccess"}
    assert {name.removeprefix("ListenV1") for name in nova.names} >= expected


async def test_every_message_of_flux_fits_the_schema(start: Start) -> None:
    """Every message of a Flux stream, answers to `Configure` and a warning among them, validates."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with talk(client(emulator).listen.v2.connect(**FLUX)) as flux:
        await flux.socket.send_force_end_turn()
        await flux.socket.send_configure({"type": "Configure", "thresholds": {"eot_threshold": 0.9}})
        await flux.socket.send_configure({"type": "Configure", "thresholds": {"eot_threshold": 2.0}})
        for chunk in chunks(AUDIO):
            await flux.socket.send_media(chunk)
        await flux.socket.send_close_stream()
    check_against_schema(emulator.connections[0], flux)
    expected = {"Connected", "TurnInfo", "ConfigureSuccess", "ConfigureFailure", "Warning"}
    assert {name.removeprefix("ListenV2") for name in flux.names} == expected


async def test_every_message_of_flux_tts_fits_the_schema(start: Start) -> None:
    """Every message of a Flux TTS session validates, answers to `Configure` and `Interrupt` among them."""
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=20.0)))
    async with talk(client(emulator).speak.v2.connect(**FLUX_TTS)) as flux:
        await flux.socket.send_flush()
        await flux.socket.send_configure(SpeakV2Configure(speed=1.1))
        await flux.socket.send_configure(SpeakV2Configure(speed=3.0))
        await flux.socket.send_speak(SpeakV2Speak(text=SENTENCE))
        await until(lambda: flux.audio)
        await flux.socket.send_interrupt(SpeakV2Interrupt())
        await flux.socket.send_speak(SpeakV2Speak(text=SENTENCE))
        await flux.socket.send_flush()
        await flux.socket.send_close()
    check_against_schema(emulator.connections[0], flux)
    answers = {"Connected", "ConfigureSuccess", "ConfigureFailure", "Warning"}
    speech = {"SpeechStarted", "SpeechInterrupted", "Flushed", "SpeechMetadata", "SessionMetadata"}
    assert {name.removeprefix("SpeakV2") for name in flux.names} == answers | speech


async def test_finalize_is_answered_at_once(start: Start) -> None:
    """`Finalize` in mid-word brings a final marked `from_finalize`; a `KeepAlive` in between is accepted."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    async with talk(client(emulator).listen.v1.connect(**NOVA)) as nova:
        await nova.socket.send_media(AUDIO[: 2 * RATE])
        await nova.socket.send_keep_alive()
        await nova.socket.send_finalize()
        await until(lambda: any(getattr(message, "from_finalize", False) for message in nova.messages))
        await nova.socket.send_close_stream()
    finals = [message for message in nova.messages if getattr(message, "is_final", False)]
    assert [final.channel.alternatives[0].transcript for final in finals] == ["Two"]


async def test_the_last_words_come_before_the_end(start: Start) -> None:
    """`CloseStream` in mid-phrase brings what was heard as a final, then `Metadata`, then the close."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    async with talk(client(emulator).listen.v1.connect(**NOVA)) as nova:
        await nova.socket.send_media(AUDIO[: 4 * RATE])
        await nova.socket.send_close_stream()
    assert nova.names[-2:] == ["ListenV1Results", "ListenV1Metadata"]
    last = nova.messages[-2]
    assert (last.is_final, last.channel.alternatives[0].transcript) == (True, "Two tickets to")


async def test_a_turn_is_ended_by_hand(start: Start) -> None:
    """`ForceEndTurn` ends the turn with the trigger `manual`."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    async with talk(client(emulator).listen.v2.connect(**FLUX)) as flux:
        await flux.socket.send_media(AUDIO[: 2 * RATE])
        await until(lambda: [message for message in flux.messages if getattr(message, "words", None)])
        await flux.socket.send_force_end_turn()
        await until(lambda: any(getattr(message, "trigger", None) for message in flux.messages))
        await flux.socket.send_close_stream()
    [ended] = [message for message in flux.messages if getattr(message, "event", "") == "EndOfTurn"]
    assert (ended.transcript, ended.trigger) == ("Two", "manual")


async def test_an_unknown_message_ends_flux(start: Start) -> None:
    """A message Flux does not know brings a fatal error the SDK has a type for, and the end."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with talk(client(emulator).listen.v2.connect(**FLUX)) as flux:
        await flux.socket.send_configure({"type": "Terminate"})
    error = flux.messages[-1]
    assert (type(error).__name__, error.code) == ("ListenV2FatalError", "UNPARSABLE_CLIENT_MESSAGE")


async def test_nothing_is_heard_after_cleared(start: Start) -> None:
    """After `Clear` and its answer only the next text is heard, on the same socket."""
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=20.0)))
    async with talk(client(emulator).speak.v1.connect(**AURA)) as aura:
        await aura.socket.send_text(SpeakV1Text(text=SENTENCE * 4))
        await aura.socket.send_flush()
        await until(lambda: aura.audio)
        await aura.socket.send_clear()
        # The SDK takes it for a SpeakV1Flushed, whose type may be either.
        await until(lambda: any(getattr(message, "type", "") == "Cleared" for message in aura.messages))
        await aura.socket.send_text(SpeakV1Text(text="Thank you."))
        await aura.socket.send_flush()
        await until(lambda: any(getattr(message, "type", "") == "Flushed" for message in aura.messages))
        await aura.socket.send_close()
    cleared = [getattr(message, "type", "") for message in aura.messages].index("Cleared")
    after = b"".join(message for message in aura.messages[cleared:] if isinstance(message, bytes))
    assert after == spoken_tags("Thank you.")
    assert len(aura.audio) < len(spoken_tags(SENTENCE * 4))


async def test_an_interruption_splits_the_text(start: Start) -> None:
    """`Interrupt` with an offset tells what was spoken and what was not, and the session goes on."""
    emulator = await start(ScriptedEngine())
    async with talk(client(emulator).speak.v2.connect(**FLUX_TTS)) as flux:
        await flux.socket.send_speak(SpeakV2Speak(text=SENTENCE))
        await audio_of(flux, 1)
        offset = {"type": "time_ms", "value": 700}
        await flux.socket.send_interrupt(SpeakV2Interrupt.model_validate({"playback_offset": offset}))
        interrupted = await flux.until("SpeakV2SpeechInterrupted")
        await flux.socket.send_close()
    assert f"{interrupted.text_spoken} {interrupted.text_remaining}" == SENTENCE
    assert interrupted.audio_played_ms == 700


async def test_interruptions_count_from_the_session(start: Start) -> None:
    """The audio played at an interruption of a second turn counts from the start of the session."""
    emulator = await start(ScriptedEngine())
    length_ms = round(len(SENTENCE) * 60)
    async with talk(client(emulator).speak.v2.connect(**FLUX_TTS)) as flux:
        for turn in (1, 2):
            await flux.socket.send_speak(SpeakV2Speak(text=SENTENCE))
            await audio_of(flux, turn)
            if turn == 1:
                await flux.socket.send_flush()
                await flux.until("SpeakV2SpeechMetadata")
        offset = {"type": "time_ms", "value": length_ms + 700}
        await flux.socket.send_interrupt(SpeakV2Interrupt.model_validate({"playback_offset": offset}))
        interrupted = await flux.until("SpeakV2SpeechInterrupted")
        await flux.socket.send_close()
    assert interrupted.audio_played_ms == length_ms + 700


async def test_interruptions_rebase_the_total(start: Start) -> None:
    """The session's total counts of an interrupted turn only what was played."""
    emulator = await start(ScriptedEngine())
    async with talk(client(emulator).speak.v2.connect(**FLUX_TTS)) as flux:
        await flux.socket.send_speak(SpeakV2Speak(text=SENTENCE))
        await audio_of(flux, 1)
        offset = {"type": "time_ms", "value": 700}
        await flux.socket.send_interrupt(SpeakV2Interrupt.model_validate({"playback_offset": offset}))
        await flux.until("SpeakV2SpeechInterrupted")
        await flux.socket.send_close()
    assert flux.messages[-1].total_audio_duration_ms == 700


async def test_a_granted_token_opens_a_stream(start: Start) -> None:
    """A temporary token from `auth.v1.tokens.grant` opens a stream, as Bearer."""
    emulator = await start(ScriptedEngine(SCRIPT), keys={KEY})
    async with httpx.AsyncClient() as http:
        keyed = AsyncDeepgramClient(api_key=KEY, environment=environment(emulator), httpx_client=http)
        grant = await keyed.auth.v1.tokens.grant()
    bearer = AsyncDeepgramClient(access_token=grant.access_token, environment=environment(emulator))
    async with talk(bearer.listen.v1.connect(**NOVA)) as nova:
        await nova.socket.send_close_stream()
    assert emulator.connections[0].auth == "bearer"


async def test_a_wrong_key_is_refused(start: Start) -> None:
    """A wrong key is refused with HTTP 401, which the SDK raises as `ApiError`."""
    emulator = await start(ScriptedEngine(), keys={"another"})
    with pytest.raises(ApiError) as refused:
        async with client(emulator).listen.v1.connect(**NOVA):
            pass
    assert refused.value.status_code == 401


async def test_compression_is_declined(start: Start) -> None:
    """The SDK offers permessage-deflate, and goes on without when the emulator has declined it."""
    emulator = await start(ScriptedEngine(SCRIPT))
    async with talk(client(emulator).listen.v1.connect(**NOVA)) as nova:
        # What was agreed is known to the library below the SDK only.
        assert nova.socket._websocket.extensions == []
        await nova.socket.send_close_stream()
    [connection] = emulator.connections
    assert "permessage-deflate" in connection.headers["Sec-WebSocket-Extensions"]


async def test_the_page_on_the_emulator_says_how_to_point_the_sdk_at_it(start: Start) -> None:
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.S)
    assert code
    emulator = await start(ScriptedEngine(SCRIPT))
    told = code[1].replace("127.0.0.1:8765", emulator.http_url.removeprefix("http://"))
    names: dict[str, Any] = {}
    exec(told, names)
    async with talk(names["client"].listen.v1.connect(**NOVA)) as nova:
        await nova.socket.send_close_stream()
    assert nova.names == ["ListenV1Metadata"]
    granted = await names["client"].auth.v1.tokens.grant()
    assert granted.expires_in == 30


async def test_transcribing_a_file_is_refused_with_words_that_help(start: Start) -> None:
    """`listen.v1.media.transcribe_file`: the SDK shows the emulator's words."""
    emulator = await start(ScriptedEngine(SCRIPT))
    with pytest.raises(ApiError) as refused:
        await client(emulator).listen.v1.media.transcribe_file(request=AUDIO, model="nova-3")
    assert refused.value.status_code == 405
    assert refused.value.body["err_code"] == "METHOD_NOT_ALLOWED"
    assert "This emulator streams only, so POST /v1/listen is not served here" in str(refused.value)
    assert emulator.base_url in refused.value.body["err_msg"]
