"""`DeepgramSTT` against the emulator over real sockets, inside the framework's own session scope."""

from __future__ import annotations

import asyncio
import gc
import json

import pytest
from videosdk.agents import STTResponse, global_event_emitter
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramTTS
from videosdk.plugins.deepgram._results import SpeechStartedFilter

from speechwire.emulator import CloseWith, Emulator, Inject, Phrase, RefuseUpgrade, Script
from speechwire.protocol.listen_v1_events import SpeechStarted

from .conftest import KEY, Figure, Listener, speak, until
from .test_framework import Microphone

TICKETS = Phrase(0.5, "Two tickets to Oslo, please.", 2.0)


def plugin(emulator: Emulator, **arguments: object) -> DeepgramSTT:
    return DeepgramSTT(api_key=KEY, base_url=f"{emulator.base_url}/v1/listen", **arguments)  # type: ignore[arg-type]


async def test_interims_and_a_final_with_words_and_times() -> None:
    async with Emulator(script=Script(TICKETS)) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 3.5)
        await stt.aclose()
        request_id = emulator.connections[0].request_id
    assert " ".join(listener.finals) == "Two tickets to Oslo, please."
    assert any(kind == "INTERIM" for kind, _ in listener.said)
    final = next(response for response in listener.responses if response.event_type.name == "FINAL")
    assert final.data.language == "en-US"
    assert final.data.start_time == pytest.approx(0.5, abs=0.01)
    assert final.data.end_time == pytest.approx(2.0, abs=0.01)
    assert final.data.duration > 0
    assert final.metadata is not None
    assert final.metadata["model"] == "nova-2"
    assert final.metadata["request_id"] == request_id
    assert final.metadata["channel"] == 0
    assert [word["word"] for word in final.metadata["words"]][-1] == "please."


async def test_the_query_is_the_seeds_and_the_truth() -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        Listener(stt)
        await speak(stt, 0.2)
        await stt.aclose()
        connection = emulator.connections[0]
    expected = {
        "model": "nova-2",
        "language": "en-US",
        "interim_results": "true",
        "punctuate": "true",
        "smart_format": "true",
        "encoding": "linear16",
        "sample_rate": "48000",
        "channels": "2",
        "endpointing": "50",
        "filler_words": "true",
        "vad_events": "true",
        "no_delay": "true",
    }
    assert expected.items() <= dict(connection.query).items()
    assert connection.audio_bytes == 10 * 3840  # passed on as it is


async def test_lists_are_repeated_parameters_and_endpointing_can_be_off(figure: Figure) -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator, tag=["a", "b"], endpointing=-1, keywords="Oslo:2", redact=["pci", "ssn"])
        Listener(stt)
        await speak(stt, 0.2)
        await stt.aclose()
        query = emulator.connections[0].query
    assert [value for name, value in query if name == "tag"] == ["a", "b"]
    assert [value for name, value in query if name == "redact"] == ["pci", "ssn"]
    assert ("endpointing", "false") in query
    assert ("keywords", "Oslo:2") in query
    figure("S9", "&".join(f"{name}={value}" for name, value in query if name == "tag"))


async def test_downmix_and_a_target_rate_cut_the_uplink_to_a_sixth(figure: Figure) -> None:
    async with Emulator(script=Script(TICKETS)) as emulator:
        stt = plugin(emulator, downmix=True, target_sample_rate=16_000)
        listener = Listener(stt)
        await speak(stt, 3.0)
        await stt.aclose()
        connection = emulator.connections[0]
    assert {"sample_rate": "16000", "channels": "1"}.items() <= dict(connection.query).items()
    assert connection.audio_bytes == 3 * 32_000
    figure(
        "S13",
        f"{connection.audio_bytes / 3000:.0f} kB/s with downmix at 16 kHz (192 as it is; V2 32)",
    )
    assert " ".join(listener.finals) == "Two tickets to Oslo, please."


async def test_flush_asks_for_the_final_behind_the_audio() -> None:
    async with Emulator(script=Script(Phrase(0.1, "Wait for it", 0.9, end_of_turn=0.0))) as emulator:
        stt = plugin(emulator, endpointing=False)
        listener = Listener(stt)
        await speak(stt, 1.0)
        await stt.flush()
        await until(lambda: listener.finals)
        await stt.aclose()
        assert emulator.connections[0].received[0] == {"type": "Finalize"}
    assert listener.finals == ["Wait for it"]


async def test_the_last_words_come_at_the_close(figure: Figure) -> None:
    async with Emulator(script=Script(Phrase(0.1, "Goodbye then.", 0.9))) as emulator:
        stt = plugin(emulator, endpointing=False)
        listener = Listener(stt)
        await speak(stt, 1.0)
        await stt.aclose()
        assert emulator.connections[0].received[-1] == {"type": "CloseStream"}
    assert listener.finals == ["Goodbye then."]
    figure("S4", f"{len(listener.finals)} of 1 tail transcript delivered")


async def test_a_codec_that_has_changed_for_good_is_declared_anew_and_no_word_is_lost(figure: Figure) -> None:
    async with Emulator(script=Script(Phrase(0.1, "Once.", 0.8))) as emulator:
        stt = plugin(emulator, endpointing=False, interim_results=False)  # the final comes with the close
        listener = Listener(stt)
        at_work: list[int] = []
        crowds: list[int] = []

        async def slowly(response: STTResponse) -> None:
            at_work.append(1)
            crowds.append(len(at_work))
            await asyncio.sleep(1.5 if len(crowds) == 1 else 0)
            await listener.hear(response)
            at_work.pop()

        stt.on_stt_transcript(slowly)
        for microphone in (Microphone(1.0), Microphone(6.5, 8_000, "mono")):
            while microphone.left:
                frame = microphone.frame()
                await asyncio.sleep(0.002)
                global_event_emitter.emit("ON_SPEECH_IN", {"frame": frame, "stream": None})
                await stt.process_audio(frame.to_ndarray()[0].tobytes())
        await stt.aclose()
        declared = [(dict(c.query)["sample_rate"], dict(c.query)["channels"]) for c in emulator.connections]
        heard_s = [connection.audio_s for connection in emulator.connections]
    assert declared == [("48000", "2"), ("8000", "1")]
    # It is converted at first: it might have changed back.
    assert heard_s == [pytest.approx(6.0, abs=0.03), pytest.approx(1.5, abs=0.03)]
    assert sum(heard_s) == pytest.approx(7.5, abs=0.001)
    assert listener.finals == ["Once.", "Once."]
    assert max(crowds) == 1  # one response at a time, the old session's before the new one's
    figure("S12", f"48000/2 to 8000/1: declared {declared}")


async def test_a_lost_connection_is_mended_in_silence() -> None:
    fault = CloseWith(1011, "NET-0000", at_s=1.0, connections={0})
    async with Emulator(script=Script(TICKETS), faults=[fault]) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 3.5)
        await until(lambda: listener.finals)
        await stt.aclose()
        assert len(emulator.connections) == 2
    assert " ".join(listener.finals) == "Two tickets to Oslo, please."
    assert listener.errors == []


def test_speech_started_counts_only_soon_after_another() -> None:
    event = SpeechStarted(timestamp=0.0)
    filter = SpeechStartedFilter()
    assert [filter.passes(event, at) for at in (10.0, 10.5, 11.6, 12.5)] == [False, True, False, True]


async def test_results_that_lack_what_they_may_lack_are_delivered(figure: Figure) -> None:
    bare = {"type": "Results", "is_final": True, "channel": {"alternatives": [{"transcript": "Bare."}]}}
    error = {"type": "Error", "description": "something odd"}
    script = Script(Inject(0.1, json.dumps(bare)), Inject(0.2, json.dumps(error)))
    async with Emulator(script=script) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 1.0)
        await until(lambda: listener.finals)
        await stt.aclose()
    assert listener.finals == ["Bare."]
    assert "something odd" in [getattr(event, "description", None) for event in listener.events]
    figure("S8", "a Results without words and times is delivered; Error reaches the listeners")


async def test_flush_is_harmless_whenever_it_comes() -> None:
    async with Emulator(faults=[RefuseUpgrade(401)]) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await stt.flush()
        await speak(stt, 0.2)
        for _ in range(100):
            await stt.flush()
            if listener.errors:
                break
            await asyncio.sleep(0.02)
        await stt.flush()
        await stt.aclose()
        await stt.flush()
    assert len(listener.errors) == 1


@pytest.mark.parametrize("make", [DeepgramSTT, DeepgramTTS])
async def test_hanging_up_does_not_stop_the_other_calls(
    make: type[DeepgramSTT | DeepgramTTS], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework's base classes collect the garbage of the whole process, for a quarter of a second."""
    collections: list[object] = []
    monkeypatch.setattr(gc, "collect", collections.append)
    await make(api_key=KEY).aclose()
    assert collections == []
