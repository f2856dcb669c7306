"""The client before the real server, over a network that is cut."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from tests.server.page.network import network
from tests.server.page.tone_engine import GAP_S, TONE_HZ, WORD_S, ToneEngine, tone, turns_of_tones
from tests.server.serving import serving

from speechwire.client import (
    AudioDropped,
    AudioFormat,
    Call,
    CallEvent,
    Caption,
    Disconnected,
    Ended,
    Resumed,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
    connect,
)
from speechwire.client._conversation import Conversation
from speechwire.emulator import SlowUpgrade
from speechwire.errors import (
    ConnectFailed,
    ConnectionLost,
    HandshakeRefused,
    InternalError,
    InvalidArgument,
    LocalProtocolError,
    SessionClosed,
)
from speechwire.session import BackoffPolicy

RATE = 16_000
FORMAT = AudioFormat(sample_rate=RATE)
IMPATIENT = BackoffPolicy(base_s=0.01, cap_s=0.05, max_attempts=3)


def socket_of(url: str) -> str:
    return url.replace("http", "ws", 1) + "/socket"


@asynccontextmanager
async def calling(**arguments: Any) -> AsyncIterator[Call]:
    """A call to a server of its own."""
    async with (
        serving(engine=ToneEngine()) as served,
        connect(socket_of(served.url), **{"format": FORMAT, **arguments}) as call,
    ):
        yield call


async def collect(call: Call, events: list[CallEvent]) -> None:
    async for event in call:
        events.append(event)


def finals(events: list[CallEvent]) -> list[str]:
    texts = [
        event.transcript for event in events if isinstance(event, Caption) and event.event == "EndOfTurn"
    ]
    return [word.strip(".,?!").lower() for text in texts for word in text.split()]


async def test_words_come_back_and_the_call_ends_with_the_last() -> None:
    pcm, words = turns_of_tones(2, 3, RATE)
    events: list[CallEvent] = []
    async with calling() as call:
        call.push(pcm)
        call.finish()
        await collect(call, events)
        assert call.id
        with pytest.raises(SessionClosed):
            call.push(b"\0\0")
    assert finals(events) == words
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.code, ended.dropped_s) == (1000, 0.0)
    assert ended.pushed_s == pytest.approx(len(pcm) / 2 / RATE)


async def test_push_to_talk_ends_a_turn_where_the_key_was_let_go() -> None:
    pcm, words = turns_of_tones(1, 4, RATE)
    key_up = 2 * round(2 * (WORD_S + GAP_S) * RATE)
    events: list[CallEvent] = []
    async with calling() as call:
        call.push(pcm[:key_up])
        call.end_turn()
        call.push(pcm[key_up:])  # at once: no pause tells the turns apart
        call.finish()
        await collect(call, events)
    turns = [one for one in events if isinstance(one, Caption) and one.event == "EndOfTurn"]
    assert [one.transcript for one in turns] == [" ".join(words[:2]), " ".join(words[2:])]
    assert [one.turn for one in turns] == [0, 1]


async def test_a_cut_line_and_a_dead_worker_lose_no_word() -> None:
    pcm, words = turns_of_tones(6, 4, RATE)
    pieces = [pcm[at : at + 3201] for at in range(0, len(pcm), 3201)]  # cut in the middle of samples
    events: list[CallEvent] = []
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(serving(engine=ToneEngine())) for _ in range(3)]
        between = await stack.enter_async_context(network(workers[0].url))
        call = await stack.enter_async_context(
            connect(socket_of(between.url), format=FORMAT, policy=IMPATIENT)
        )
        collecting = asyncio.create_task(collect(call, events))
        for index, piece in enumerate(pieces):
            call.push(piece)
            await asyncio.sleep(0.005)
            if index % 50 == 49:
                between.lead_to(workers[index // 50 % 3].url)
                between.cut()
        call.finish()
        await collecting
    assert finals(events) == words
    cuts = sum(isinstance(event, Disconnected) for event in events)
    assert cuts == sum(isinstance(event, Resumed) for event in events) >= 2
    assert not any(isinstance(event, AudioDropped) for event in events)
    numbers = [event.number for event in events if isinstance(event, Caption)]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("slow", [{0}, {0, 1}])
async def test_what_the_server_could_not_finish_is_asked_for_again(slow: set[int]) -> None:
    pcm, words = turns_of_tones(2, 3, RATE)
    events: list[CallEvent] = []
    faults = [SlowUpgrade(delay_s=5.0, connections=slow)]
    async with (
        serving(engine=ToneEngine(), faults=faults, hangup_s=0.5) as served,
        connect(socket_of(served.url), format=FORMAT, policy=IMPATIENT) as call,
    ):
        call.push(pcm)
        call.finish()
        await collect(call, events)
    assert finals(events) == words
    assert sum(isinstance(event, Disconnected) for event in events) >= len(slow)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.code, ended.dropped_s) == (1000, 0.0)


async def test_what_no_server_finishes_is_told_as_lost() -> None:
    pcm, _ = turns_of_tones(1, 3, RATE)
    events: list[CallEvent] = []
    async with serving(engine=ToneEngine(), faults=[SlowUpgrade(delay_s=60.0)], hangup_s=0.1) as served:
        call = connect(socket_of(served.url), format=FORMAT, policy=IMPATIENT)
        with pytest.raises(ConnectionLost):
            async with call:
                call.push(pcm)
                call.finish()
                await collect(call, events)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert ended.code != 1000
    assert ended.dropped_s == pytest.approx(len(pcm) / 2 / RATE)


async def test_speech_goes_on_at_the_sample_where_the_line_was_cut() -> None:
    events: list[CallEvent] = []
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(serving(engine=ToneEngine())) for _ in range(2)]
        between = await stack.enter_async_context(network(workers[0].url))
        call = await stack.enter_async_context(
            connect(socket_of(between.url), format=FORMAT, speech=FORMAT, policy=IMPATIENT)
        )
        said = call.say("4 seconds")
        call.say("2 more")
        async for event in call:
            events.append(event)
            is_well_begun = isinstance(event, SpeechAudio) and event.sample > RATE // 4
            if is_well_begun and between.target != workers[1].url:
                between.lead_to(workers[1].url)
                between.cut()
            if isinstance(event, SpeechEnded) and event.utterance == 1:
                break
        await call.aclose()
    starts = [event for event in events if isinstance(event, SpeechStarted)]
    assert [(event.utterance, event.text) for event in starts] == [(0, "4 seconds"), (1, "2 more")]
    assert starts[0].id == said
    assert any(isinstance(event, Resumed) for event in events)
    for utterance, seconds in ((0, 4.0), (1, 2.0)):
        pieces = [
            event for event in events if isinstance(event, SpeechAudio) and event.utterance == utterance
        ]
        heard = np.frombuffer(b"".join(piece.data for piece in pieces), np.int16)
        assert np.array_equal(heard, tone(TONE_HZ, seconds, RATE))


async def test_an_interruption_ends_the_speech_and_the_next_is_heard() -> None:
    async with calling(speech=FORMAT) as call:
        call.say("30 seconds")
        async for event in call:
            if isinstance(event, SpeechAudio):
                call.played(event.utterance, 1600)
                call.interrupt()
                call.say("1 second")
                break
        rest = 0
        async for event in call:
            rest += isinstance(event, SpeechAudio) and event.utterance == 0
            if isinstance(event, SpeechEnded) and event.utterance == 1:
                break
        assert rest == 0


async def test_a_full_buffer_is_told_and_bounded() -> None:
    events: list[CallEvent] = []
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(engine=ToneEngine()))
        between = await stack.enter_async_context(network(served.url))
        call = await stack.enter_async_context(
            connect(socket_of(between.url), format=FORMAT, buffer_s=2.0, policy=IMPATIENT)
        )
        between.is_down = True
        between.cut()
        for _ in range(100):
            call.push(bytes(RATE // 5))  # 0.1 s
            assert call.unacknowledged_s <= 2.0 + 1e-6
        between.is_down = False
        call.finish()
        await collect(call, events)
    assert call.dropped_s == pytest.approx(8.0)
    assert sum(isinstance(event, AudioDropped) for event in events) == 1


@pytest.mark.parametrize("status", ["nothing there", "no such path"])
async def test_what_cannot_be_reached_raises(status: str) -> None:
    async with serving(engine=ToneEngine()) as served:
        url = (
            "ws://127.0.0.1:9/socket"
            if status == "nothing there"
            else served.url.replace("http", "ws") + "/x"
        )
        with pytest.raises((ConnectFailed, HandshakeRefused)):
            async with connect(url, policy=IMPATIENT):
                pass


async def test_a_token_is_shown_and_a_wrong_one_refused() -> None:
    secret = "a secret of the back end, long enough"
    async with serving(engine=ToneEngine(), auth="required", shared_secret=secret) as served:
        with pytest.raises(HandshakeRefused, match="401") as refused:
            async with connect(socket_of(served.url), token="wrong"):
                pass
        assert "wrong" not in str(refused.value)
        async with connect(socket_of(served.url), token=secret) as call:
            assert call.id


async def test_the_arguments_are_checked() -> None:
    with pytest.raises(InvalidArgument, match="buffer_s"):
        connect("ws://127.0.0.1:1/socket", buffer_s=0.5)
    with pytest.raises(InvalidArgument, match="event_limit"):
        connect("ws://127.0.0.1:1/socket", event_limit=0)
    with pytest.raises(InvalidArgument, match="url"):
        connect("http://127.0.0.1:1/socket")
    async with calling(speech=FORMAT) as call:
        with pytest.raises(InvalidArgument, match="text"):
            call.say("")
        with pytest.raises(InvalidArgument, match="text"):
            call.say("x" * 10_001)
        with pytest.raises(LocalProtocolError, match="cannot say more"):
            for _ in range(101):
                call.say("x" * 600)
        call.finish()
        with pytest.raises(LocalProtocolError):
            call.push(b"\0\0")


async def test_audio_in_other_formats_is_understood() -> None:
    pcm, words = turns_of_tones(1, 3, 44_100)
    stereo = np.repeat(np.frombuffer(pcm, np.int16), 2).tobytes()
    later, more = turns_of_tones(1, 2, RATE, first=3)
    events: list[CallEvent] = []
    async with calling(format=AudioFormat(sample_rate=44_100, channels=2)) as call:
        call.push(stereo)
        call.change_format(FORMAT)
        call.push(later)
        call.finish()
        await collect(call, events)
    assert finals(events) == words + more


def test_the_client_needs_no_extra() -> None:
    """What only the server needs is not loaded by its client."""
    loaded = "[name for name in sys.modules if name in ('jwt', 'prometheus_client')]"
    code = f"import sys, speechwire.client; print({loaded})"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


async def test_a_fault_of_our_own_is_an_error_and_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[CallEvent]:
        raise ZeroDivisionError

    async with calling() as call:
        monkeypatch.setattr(Conversation, "receive", broken)
        call.push(bytes(RATE))
        call.finish()
        with pytest.raises(InternalError):
            async for _ in call:
                pass
