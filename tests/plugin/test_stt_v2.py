"""`DeepgramSTTV2` against the emulator over real sockets, inside the framework's own session scope."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator

import pytest
from videosdk.agents import STTResponse, audio_format, global_event_emitter
from videosdk.agents.job import _enter_session_scope
from videosdk.plugins.deepgram import DeepgramSTTV2

from speechwire.emulator import CloseWith, Emulator, Phrase, RefuseUpgrade, Script
from speechwire.session import Reconnected

from .conftest import KEY, Figure, Listener, speak, until

TICKETS = Phrase(0.5, "Two tickets to Oslo, please.", 2.0)
TRAIN = Phrase(4.0, "When does the train leave?", 5.0)


def plugin(emulator: Emulator, **arguments: object) -> DeepgramSTTV2:
    return DeepgramSTTV2(api_key=KEY, base_url=f"{emulator.base_url}/v2/listen", **arguments)  # type: ignore[arg-type]


async def test_a_turn_is_interims_and_one_final_and_then_nothing() -> None:
    async with Emulator(script=Script(TICKETS, TRAIN)) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 7.0)
        await stt.aclose()
    kinds = [kind for kind, _ in listener.said]
    assert listener.finals == ["Two tickets to Oslo, please.", "When does the train leave?"]
    first_final = kinds.index("FINAL")
    assert set(kinds[:first_final]) == {"INTERIM"}
    # After a FINAL nothing is said until new speech: any response would keep the user from being answered.
    assert listener.said[first_final + 1] == ("INTERIM", "When")
    assert all(text.strip() for _, text in listener.said)


async def test_unchanged_updates_are_said_again(figure: Figure) -> None:
    # The framework closes a turn by itself 2 s after the last INTERIM.
    async with Emulator(script=Script(Phrase(0.5, "Two tickets", 1.0, end_of_turn=0.1))) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 4.0)
        await stt.aclose()
    repeated = listener.said.count(("INTERIM", "Two tickets"))
    assert repeated >= 10
    figure("S7", f"every Update in a turn is an INTERIM, {repeated} unchanged ones included")


async def test_the_response_has_the_seeds_shape_and_more(figure: Figure) -> None:
    async with Emulator(script=Script(TICKETS)) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 4.0)
        await stt.aclose()
        request_id = emulator.connections[0].request_id
    final = listener.responses[-1]
    assert final.data.text == "Two tickets to Oslo, please."
    assert final.data.confidence == pytest.approx(0.99)
    assert final.data.start_time == 0.0
    assert final.data.end_time == pytest.approx(final.data.duration)
    assert final.metadata is not None
    assert final.metadata["model"] == "flux-general-en"
    assert final.metadata["request_id"] == request_id
    assert final.metadata["trigger"] == "model"
    assert [word["word"] for word in final.metadata["words"]] == ["Two", "tickets", "to", "Oslo,", "please."]
    assert "turn_resumed" not in final.metadata
    figure(
        "S10", f"confidence {final.data.confidence:.2f}, the words'; end-of-turn confidence in the metadata"
    )


async def test_speech_started_and_stopped_reach_this_session_and_no_other() -> None:
    here: list[str] = []
    elsewhere: list[str] = []

    def listen(heard: list[str]) -> None:
        global_event_emitter.on("speech_started", lambda _: heard.append("started"))
        global_event_emitter.on("speech_stopped", lambda _: heard.append("stopped"))

    def another_session() -> None:
        _enter_session_scope()
        listen(elsewhere)

    contextvars.copy_context().run(another_session)
    listen(here)
    async with Emulator(script=Script(TICKETS)) as emulator:
        stt = plugin(emulator)
        await speak(stt, 4.0)
        await stt.aclose()
    assert here == ["started", "stopped"]
    assert elsewhere == []


async def test_preemptive_generation_reports_preflight_and_resumption() -> None:
    pause = Phrase(0.5, "Two tickets to Oslo", 1.5, end_of_turn=0.65)
    async with Emulator(script=Script(pause, Phrase(2.5, "and back.", 3.0))) as emulator:
        stt = plugin(emulator, enable_preemptive_generation=True)
        listener = Listener(stt)
        await speak(stt, 6.0)
        await stt.aclose()
        query = dict(emulator.connections[0].query)
    assert query["eager_eot_threshold"] == "0.6"
    kinds = [kind for kind, _ in listener.said]
    assert kinds.index("PREFLIGHT") < kinds.index("FINAL")
    resumed = [response for response in listener.responses if (response.metadata or {}).get("turn_resumed")]
    assert [response.event_type.name for response in resumed] == ["INTERIM"]
    # The framework matches the FINAL against the last PREFLIGHT.
    preflights = [text for kind, text in listener.said if kind == "PREFLIGHT"]
    assert preflights[-1] == listener.finals[0]


async def test_without_preemptive_generation_nothing_eager_is_asked_for() -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        await speak(stt, 0.2)
        await stt.aclose()
        query = dict(emulator.connections[0].query)
    assert query == {
        "model": "flux-general-en",
        "encoding": "linear16",
        "sample_rate": "16000",
        "eot_threshold": "0.8",
        "eot_timeout_ms": "7000",
    }


@pytest.mark.parametrize(
    ("rate", "channels", "frame_bytes", "declared"),
    [
        (48_000, 2, 3840, "16000"),
        (48_000, 1, 1920, "16000"),
        (16_000, 1, 640, "16000"),
        (8_000, 1, 320, "8000"),
    ],
)
async def test_what_is_declared_is_true_of_what_is_sent(
    rate: int, channels: int, frame_bytes: int, declared: str
) -> None:
    audio_format.publish(rate, channels)
    async with Emulator() as emulator:
        stt = plugin(emulator)
        Listener(stt)
        await speak(stt, 3.0, frame_bytes=frame_bytes)
        await stt.aclose()
        connection = emulator.connections[0]
    assert dict(connection.query)["sample_rate"] == declared
    assert connection.audio_s == pytest.approx(3.0, abs=1e-9)


async def test_pinned_formats_win_over_the_stream() -> None:
    audio_format.publish(48_000, 2)
    async with Emulator() as emulator:
        stt = plugin(emulator, input_sample_rate=24_000, input_channels=1, target_sample_rate=24_000)
        Listener(stt)
        await speak(stt, 1.0, frame_bytes=960)
        await stt.aclose()
        connection = emulator.connections[0]
    assert dict(connection.query)["sample_rate"] == "24000"
    assert connection.audio_s == pytest.approx(1.0)


async def test_audio_of_any_length_is_taken_and_none_is_lost(figure: Figure) -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        Listener(stt)
        total = 0
        for size in (1, 3, 3839, 0, 7680, 2, 11, 96_000):
            await stt.process_audio(bytes(size))
            total += size
        await stt.aclose()
        connection = emulator.connections[0]
    frames = -(-(total // 4) // 3)  # 48 kHz stereo to 16 kHz: a third, rounded up
    assert connection.audio_bytes == 2 * frames
    assert connection.empty_frames == 0
    figure(
        "S5",
        f"{connection.audio_bytes / 32:.0f}/{frames / 16:.0f} ms arrived, tails of any length included",
    )


async def test_concurrent_callers_open_one_connection() -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        Listener(stt)
        await asyncio.gather(*(speak(stt, 0.5) for _ in range(8)))
        await stt.aclose()
        assert len(emulator.connections) == 1
        assert emulator.connections[0].audio_s == pytest.approx(4.0)


async def test_the_last_words_are_delivered_at_the_close(figure: Figure) -> None:
    async with Emulator(script=Script(Phrase(0.1, "Goodbye then.", 0.9))) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 1.0)
        await stt.aclose()
        await stt.aclose()
        await stt.process_audio(bytes(3840))
        await stt.flush()
        assert [response async for response in stt.stream_transcribe(silence())] == []
        assert len(emulator.connections) == 1
        received = list(emulator.connections[0].received)
    assert listener.finals == ["Goodbye then."]
    leftovers = asyncio.all_tasks() - {asyncio.current_task()}
    assert not {task for task in leftovers if "speechwire" in repr(task) or "videosdk" in repr(task)}
    figure("S17", "0 tasks left after aclose")
    assert received == [{"type": "ForceEndTurn"}, {"type": "CloseStream"}]


async def test_flush_ends_the_turn_only_when_asked_to() -> None:
    async with Emulator(script=Script(Phrase(0.1, "So", 0.5, end_of_turn=0.1))) as emulator:
        quiet, forcing = plugin(emulator), plugin(emulator, force_end_turn_on_flush=True)
        for stt in (quiet, forcing):
            Listener(stt)
            await speak(stt, 1.0)
            await stt.flush()
            await speak(stt, 1.0)
        await quiet.aclose()
        await forcing.aclose()
        sent = [[message["type"] for message in connection.received] for connection in emulator.connections]
    assert sent[0].count("ForceEndTurn") == 1  # the one of the close
    assert sent[1].count("ForceEndTurn") == 2


async def test_a_failing_callback_costs_one_response_and_nothing_else(
    figure: Figure,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Emulator(script=Script(TICKETS, TRAIN)) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)

        async def fail_on_finals(response: STTResponse) -> None:
            await listener.hear(response)
            raise RuntimeError("the framework's handler broke")

        stt.on_stt_transcript(fail_on_finals)
        await speak(stt, 7.0)
        await stt.aclose()
        assert len(emulator.connections) == 1
    assert len(listener.finals) == 2
    assert listener.errors == []
    assert "the transcript callback failed" in caplog.text
    failures = caplog.text.count("the transcript callback failed")
    figure("S11", f"{failures} failing callbacks, 1 connection")


async def test_a_lost_connection_is_mended_in_silence_and_no_turn_is_lost_or_doubled(figure: Figure) -> None:
    async with Emulator(
        script=Script(TICKETS), faults=[CloseWith(1011, "NET-0000", at_s=1.0, connections={0})]
    ) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 4.0)
        await until(lambda: listener.finals)
        await stt.aclose()
        assert len(emulator.connections) == 2
    assert listener.finals == ["Two tickets to Oslo, please."]
    assert listener.errors == []
    replayed_s = next(event.replayed_s for event in listener.events if isinstance(event, Reconnected))
    figure("S2", f"{replayed_s * 1000:.0f} ms replayed, 0 ms lost, no turn doubled")


async def test_a_refused_key_is_one_error_and_no_storm() -> None:
    async with Emulator(faults=[RefuseUpgrade(401)]) as emulator:
        stt = plugin(emulator)
        listener = Listener(stt)
        await speak(stt, 0.3)
        await until(lambda: listener.errors)
        await speak(stt, 2.0)
        await stt.aclose()
        assert len(emulator.connections) == 1
        request_id = emulator.connections[0].request_id
    assert len(listener.errors) == 1
    assert "HTTP 401" in listener.errors[0]
    assert str(request_id) in listener.errors[0]
    assert KEY not in listener.errors[0]


async def test_a_stream_is_transcribed_to_its_end() -> None:
    async with Emulator(script=Script(Phrase(0.1, "To the very end.", 0.9))) as emulator:
        stt = plugin(emulator)
        Listener(stt)

        async def stream() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield bytes(3840)

        finals = [
            response.data.text
            async for response in stt.stream_transcribe(stream())
            if response.event_type.name == "FINAL"
        ]
        await stt.aclose()
    assert finals == ["To the very end."]


async def test_a_microphone_that_is_muted_in_mid_turn_does_not_leave_the_turn_open() -> None:
    async with Emulator(script=Script(Phrase(0.1, "Hold on.", 0.6))) as emulator:
        stt = plugin(emulator)
        settings = stt.settings
        listener = Listener(stt)
        stt.settings = settings  # the plugin's own
        await speak(stt, 0.7)  # and then nothing: the framework stops calling
        await until(lambda: listener.finals)
        await stt.aclose()
    assert listener.finals == ["Hold on."]


async def test_the_connection_is_opened_by_the_first_frame() -> None:
    async with Emulator() as emulator:
        stt = plugin(emulator)
        Listener(stt)
        await stt.process_audio(bytes(3840))  # a fifth of a chunk
        await until(lambda: emulator.connections)
        assert len(emulator.connections) == 1
        await stt.aclose()


async def silence() -> AsyncIterator[bytes]:
    yield bytes(3840)
