"""What the real framework does to the plugin: its start-up, its barge-in, several sessions in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import av
import numpy as np
import pytest
from videosdk.agents import (
    LLM,
    Agent,
    AgentSession,
    CustomAudioStreamTrack,
    EOUConfig,
    LLMResponse,
    Pipeline,
    STTResponse,
    global_event_emitter,
)
from videosdk.agents.job import _enter_session_scope
from videosdk.agents.llm.chat_context import ChatRole
from videosdk.agents.room._input_stream import InputStreamManager
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2, DeepgramTTS
from vsaiortc.mediastreams import MediaStreamError

from speechwire.emulator import Behaviour, Delivery, Emulator, HalfOpen, Phrase, RefuseUpgrade, Script
from speechwire.session import ListenSettings

from .conftest import KEY, Figure, Listener, speak

pytestmark = pytest.mark.paced  # after 2 s without a final result the framework makes one itself

LONG_ANSWER = "This is an answer of many words that takes its time to be spoken. " * 5


class Parrot(LLM):
    """Answers at once, and counts."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []

    async def chat(self, messages: Any, *_: Any, **__: Any) -> AsyncIterator[LLMResponse]:
        content = messages.items[-1].content
        self.asked.append(content if isinstance(content, str) else " ".join(map(str, content)))
        yield LLMResponse(content=self.answer, role=ChatRole.ASSISTANT)

    async def cancel_current_generation(self) -> None:
        pass


class Silent(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Answer.")

    async def on_enter(self) -> None:
        pass

    async def on_exit(self) -> None:
        pass


class Microphone:
    """A remote track of silence: 20 ms frames, at real pace; then nothing for a while, and the end."""

    def __init__(
        self, seconds: float, rate: int = 48_000, layout: str = "stereo", *, muted_s: float = 0.0
    ) -> None:
        self.left = round(seconds * 50)
        self.muted_s = muted_s
        self.rate, self.layout = rate, layout

    @property
    def track(self) -> Microphone:
        return self

    async def recv(self) -> av.AudioFrame:
        if self.left == 0:
            await asyncio.sleep(self.muted_s)
            raise MediaStreamError
        await asyncio.sleep(0.02)
        return self.frame()

    def frame(self) -> av.AudioFrame:
        """The next frame, at once."""
        self.left -= 1
        channels = 2 if self.layout == "stereo" else 1
        samples = np.zeros((1, self.rate // 50 * channels), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=self.layout)
        frame.sample_rate = self.rate
        return frame


class Call:
    """One hosted agent: the framework's pipeline and session around the plugin."""

    def __init__(
        self, emulator: Emulator, answer: str = "All right.", stt: DeepgramSTT | None = None
    ) -> None:
        flux_url = f"{emulator.base_url}/v2/listen"
        self.stt = stt or DeepgramSTTV2(api_key=KEY, base_url=flux_url, eot_threshold=0.7)
        self.tts = DeepgramTTS(api_key=KEY, base_url=f"{emulator.base_url}/v1/speak")
        self.llm = Parrot(answer)
        loop = asyncio.get_running_loop()
        self.track = CustomAudioStreamTrack(loop)
        patience = EOUConfig(min_max_speech_wait_timeout=(0.1, 0.1))
        self.pipeline = Pipeline(stt=self.stt, llm=self.llm, tts=self.tts, eou_config=patience)
        self.pipeline._set_loop_and_audio_track(loop, self.track)
        self.session = AgentSession(agent=Silent(), pipeline=self.pipeline)
        self.heard: list[np.ndarray] = []

    async def run(self, microphone: Microphone, *, start_after_s: float = 0.0) -> None:
        """Play the microphone into the agent; the audio may flow before the session is started."""
        listening = asyncio.create_task(self._listen())
        audio = asyncio.create_task(InputStreamManager(self.pipeline).add_audio_listener(microphone))
        await asyncio.sleep(start_after_s)
        starting = asyncio.create_task(self.session.start())
        await audio
        await starting
        await self.session.close()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            frame = await self.track.recv()
            self.heard.append(frame.to_ndarray()[0])


async def test_audio_before_the_session_starts_opens_one_connection(figure: Figure) -> None:
    async with Emulator(script=Script(Phrase(1.0, "Hello there.", 1.6))) as emulator:
        call = Call(emulator)
        await call.run(Microphone(3.5), start_after_s=0.4)
        listening = [record for record in emulator.connections if record.endpoint == "/v2/listen"]
        assert len(listening) == 1
        # Frames that reach a closed component during the shutdown open nothing.
        assert listening[0].audio_s == pytest.approx(3.5, abs=0.2)
        figure("S16", f"{len(listening)} connection when audio precedes the session's start")
        figure("S6", f"{len(listening)} connection after audio during the shutdown")
    assert call.llm.asked == ["Hello there."]


async def test_one_turn_is_answered_once_however_late_its_end_comes() -> None:
    # Flux keeps the turn open for longer than the framework's own 2 s; the updates hold it.
    script = Script(Phrase(0.5, "Book a table", 1.0, end_of_turn=0.1), Phrase(4.0, "for two.", 4.4))
    async with Emulator(script=script) as emulator:
        call = Call(emulator)
        await call.run(Microphone(6.5))
    assert call.llm.asked == ["Book a table for two."]


@pytest.mark.parametrize("plugin", ["nova", "flux"])
async def test_a_caller_who_mutes_the_microphone_is_answered_once(plugin: str) -> None:
    """Neither twice, by the framework's own 2 s and then by a late final, nor a second time at the unmute."""
    script = Script(Phrase(0.4, "Book a table for two.", 1.4), Phrase(10.0, "Never said.", 11.0))
    async with Emulator(script=script) as emulator:
        nova = DeepgramSTT(api_key=KEY, base_url=f"{emulator.base_url}/v1/listen")
        call = Call(emulator, stt=nova if plugin == "nova" else None)
        finals: list[str] = []
        call.stt.on("event", lambda event: finals.extend(_final_texts(event)))
        await call.run(Microphone(1.5, muted_s=4.5))
    assert finals == ["Book a table for two."]
    assert call.llm.asked == ["Book a table for two."]


def _final_texts(event: object) -> list[str]:
    """The transcript of an event that is final and has any."""
    is_final = getattr(event, "is_final", False) or getattr(event, "event", "") == "EndOfTurn"
    return [text] if is_final and (text := getattr(event, "transcript", "")) else []


async def test_a_barge_in_reaches_the_service_and_silences_the_agent() -> None:
    script = Script(Phrase(0.3, "Tell me more.", 0.8), Phrase(2.5, "Please stop it now.", 3.3))
    async with Emulator(script=script, behaviour=Behaviour(delivery=Delivery(pace=2.0))) as emulator:
        call = Call(emulator, LONG_ANSWER)
        await call.run(Microphone(4.2))
        speaking = [record for record in emulator.connections if record.endpoint == "/v1/speak"]
        assert "Clear" in [message["type"] for message in speaking[0].received]
    assert call.llm.asked[0] == "Tell me more."


async def test_two_calls_with_different_codecs_do_not_disturb_each_other(figure: Figure) -> None:
    phrase = Phrase(0.5, "Hello there.", 1.2)
    async with Emulator(script=Script(phrase)) as emulator:

        async def one(microphone: Microphone) -> list[str]:
            _enter_session_scope()
            call = Call(emulator)
            await call.run(microphone)
            return call.llm.asked

        rooms = [Microphone(3.0), Microphone(3.0, 8_000, "mono"), Microphone(3.0, 16_000, "mono")]
        asked = await asyncio.gather(*(asyncio.create_task(one(room)) for room in rooms))
        records = [record for record in emulator.connections if record.endpoint == "/v2/listen"]
        declared = sorted(dict(record.query)["sample_rate"] for record in records)
        assert declared == ["16000", "16000", "8000"]
        assert all(record.audio_s == pytest.approx(3.0, abs=0.2) for record in records)
    assert asked == [["Hello there."]] * 3
    figure(
        "S15",
        f"three calls of different codecs at once: {[round(r.audio_s, 2) for r in records]} s of 3 s each",
    )


async def test_a_peer_that_stops_reading_never_holds_the_caller_and_is_replaced(figure: Figure) -> None:
    script = Script(Phrase(2.0, "Still here.", 2.6))
    async with Emulator(script=script, faults=[HalfOpen(at_s=0.5, connections={0})]) as emulator:
        stt = DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen", eot_threshold=0.7)
        listener = Listener(stt)
        stt.settings = ListenSettings(progress_timeout_s=0.5, replay_speed=None)
        for _ in range(200):
            await asyncio.wait_for(stt.process_audio(bytes(3840)), 0.1)
            await asyncio.sleep(0.02)
        await stt.aclose()
        assert len(emulator.connections) == 2
    assert listener.finals == ["Still here."]
    assert listener.errors == []
    figure("S1", "noticed within the progress deadline, replaced, 0 ms lost; process_audio never waited")


async def test_an_overloaded_service_is_not_stormed(figure: Figure) -> None:
    async with Emulator(faults=[RefuseUpgrade(503)]) as emulator:
        stt = DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen")
        Listener(stt)
        for _ in range(100):
            await stt.process_audio(bytes(3840))
            await asyncio.sleep(0.02)
        await stt.aclose()
        # The incumbent makes one attempt per 20 ms frame: a hundred here.
        assert 1 <= len(emulator.connections) <= 10
        figure("S3", f"{len(emulator.connections)} attempts in 2 s and the 5 s of closing")


async def test_a_changed_codec_is_followed_without_a_new_connection() -> None:
    async with Emulator() as emulator:
        stt = DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen")
        Listener(stt)
        for microphone in (Microphone(1.0), Microphone(1.0, 8_000, "mono"), Microphone(1.0, 48_000, "mono")):
            while microphone.left:
                frame = await microphone.recv()
                global_event_emitter.emit("ON_SPEECH_IN", {"frame": frame, "stream": None})
                await stt.process_audio(frame.to_ndarray()[0].tobytes())
        await stt.aclose()
        assert len(emulator.connections) == 1
        # Each change rounds one partial sample up.
        assert emulator.connections[0].audio_s == pytest.approx(3.0, abs=0.001)


async def test_the_callback_may_be_plain() -> None:
    async with Emulator(script=Script(Phrase(0.1, "Plain.", 0.5))) as emulator:
        stt = DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen", eot_threshold=0.7)
        texts: list[str] = []

        def plain(response: STTResponse) -> None:
            texts.append(response.data.text)

        stt.on_stt_transcript(plain)  # type: ignore[arg-type]
        await speak(stt, 0.9)
        await stt.aclose()
    assert texts[-1] == "Plain."
