"""What only Pipecat's services do."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from tests.clients.conftest import Start
from tests.clients.pipecat_services import PIPECAT, aura, flux, flux_tts, nova, pipeline
from tests.clients.speech import AUDIO, RATE, SCRIPT, SENTENCE, TURNS, chunks, spoken_tags
from tests.clients.waiting import all_closed, until

from speechwire.emulator import Behaviour, Delivery, Phrase, Script, ScriptedEngine

CLIENT = PIPECAT


async def push(worker: Any, pcm: bytes) -> None:
    """What a transport does."""
    for chunk in chunks(pcm):
        await worker.queue_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE, num_channels=1))


class Frames(list[Frame]):
    """What passed either end of the pipeline."""

    def of(self, kind: type[Any]) -> list[Any]:
        """Those of one type."""
        return [frame for frame in self if isinstance(frame, kind)]


async def check_barge_in(emulator: Any, service: Any, request: str, answer: str) -> None:
    """After an interruption only the next text is heard, on the same socket."""
    frames = Frames()
    async with pipeline(service, frames.append) as worker:
        await worker.queue_frame(TTSSpeakFrame(SENTENCE * 4))
        await until(lambda: frames.of(TTSAudioRawFrame))
        await worker.queue_frame(InterruptionFrame())
        [connection] = emulator.connections
        await until(lambda: answer in connection.sent_types)
        del frames[:]
        await worker.queue_frame(TTSSpeakFrame("Thank you."))
        await until(lambda: frames.of(TTSStoppedFrame))
    await all_closed(emulator)
    assert heard(frames) == spoken_tags(texts(connection)[-1])
    assert request in connection.types
    assert frames.of(ErrorFrame) == []


def texts(connection: Any) -> list[str]:
    """What was asked to be spoken."""
    return [message["text"] for message in connection.received if message["type"] == "Speak"]


def heard(frames: Frames) -> bytes:
    """All audio that came."""
    return b"".join(frame.audio for frame in frames.of(TTSAudioRawFrame))


async def test_a_barge_in_clears_aura(start: Start) -> None:
    """A barge-in sends `Clear`; after `Cleared` the same socket speaks the next reply and nothing else."""
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=5.0)))
    await check_barge_in(emulator, aura(emulator), "Clear", "Cleared")


async def test_a_barge_in_interrupts_flux_tts(start: Start) -> None:
    """A barge-in sends `Interrupt`; after `SpeechInterrupted` the next reply is heard and nothing else."""
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=5.0)))
    await check_barge_in(emulator, flux_tts(emulator), "Interrupt", "SpeechInterrupted")


async def test_the_end_of_speech_finalizes(start: Start) -> None:
    """The VAD's end of speech sends `Finalize`; the final that answers it is marked as such to the user."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets to Oslo.", 2.2))))
    frames = Frames()
    async with pipeline(nova(emulator), frames.append) as worker:
        await worker.queue_frame(VADUserStartedSpeakingFrame())
        await push(worker, AUDIO[: 4 * RATE])
        await until(lambda: emulator.connections[0].audio_bytes == 4 * RATE)
        await worker.queue_frame(VADUserStoppedSpeakingFrame())
        await until(lambda: frames.of(TranscriptionFrame))
    assert {(frame.text, frame.finalized) for frame in frames.of(TranscriptionFrame)} == {
        ("Two tickets to", True)
    }
    assert "Finalize" in emulator.connections[0].types


async def test_flux_tells_the_turns(start: Start) -> None:
    """Its handlers hear the turns start, end eagerly, resume and end, in the order Flux has them."""
    emulator = await start(ScriptedEngine(SCRIPT))
    service, told = flux(emulator), []

    def listen_for(name: str) -> None:
        async def note(*arguments: Any) -> None:
            told.append(name)

        service.add_event_handler(name, note)

    for event in ("start_of_turn", "eager_end_of_turn", "turn_resumed", "end_of_turn"):
        listen_for(f"on_{event}")
    async with pipeline(service, lambda frame: None) as worker:
        await push(worker, AUDIO)
        await until(lambda: told.count("on_end_of_turn") == len(TURNS))
    first = ["on_start_of_turn", "on_eager_end_of_turn", "on_turn_resumed", "on_eager_end_of_turn"]
    assert told == [*first, "on_end_of_turn", "on_start_of_turn", "on_eager_end_of_turn", "on_end_of_turn"]


async def test_settings_change_in_band(start: Start) -> None:
    """Settings changed in mid-stream are a `Configure` on the open Flux connection, one at a time."""
    emulator = await start(ScriptedEngine(SCRIPT))
    frames = Frames()
    async with pipeline(flux(emulator), frames.append) as worker:
        for keyterm in ("Oslo", "Bergen"):
            settings = DeepgramFluxSTTService.Settings(keyterm=[keyterm], eot_threshold=0.9)
            await worker.queue_frame(STTUpdateSettingsFrame(delta=settings))
        [connection] = emulator.connections
        await until(lambda: connection.sent_types.count("ConfigureSuccess") == 2)
    assert [message["keyterms"] for message in connection.sent if "keyterms" in message] == [
        ["Oslo"],
        ["Bergen"],
    ]
    assert frames.of(ErrorFrame) == []


async def test_an_open_turn_is_fed_silence(start: Start) -> None:
    """When the audio stops in mid-turn the service sends silence, until Flux has ended the turn."""
    emulator = await start(ScriptedEngine(Script(Phrase(0.2, "Two tickets.", 1.0))))
    frames = Frames()
    async with pipeline(flux(emulator), frames.append) as worker:
        await push(worker, AUDIO[: 2 * RATE])
        await until(lambda: frames.of(TranscriptionFrame))
    [connection] = emulator.connections
    assert frames.of(TranscriptionFrame)[0].text == "Two tickets."
    assert connection.audio.startswith(AUDIO[: 2 * RATE])
    silence = connection.audio[2 * RATE :]
    assert silence == bytes(len(silence)) != b""


async def test_the_reason_of_a_refusal_reaches_the_user(start: Start, complaints: list[str]) -> None:
    """A refused upgrade is reported with the status and the text of `dg-error`."""
    emulator = await start(ScriptedEngine(), keys={"another"})
    frames = Frames()
    async with pipeline(aura(emulator), frames.append):
        await until(lambda: frames.of(ErrorFrame))
    reason = "Deepgram refused the connection (HTTP 401): Invalid credentials."
    assert frames.of(ErrorFrame)[0].error == reason
    complaints.clear()
