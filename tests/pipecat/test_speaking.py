"""Aura in a pipeline: audio, contexts, barge-ins, and what was really spoken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    InterruptionFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData, TTSUsageMetricsData
from tests.clients.speech import RATE, SENTENCE, spoken_tags
from tests.clients.waiting import until
from tests.pipecat.conftest import Start
from tests.pipecat.running import endings, frames_of, heard, reply, running_frames
from tests.pipecat.services import aura

from pipecat_speechwire import SpeechwireTTSService
from pipecat_speechwire._utterance import FlushBudget
from speechwire.emulator import Behaviour, Delivery, ScriptedEngine

SENTENCES = ["Hello, this is the cafe. ", "We are open. ", "How can I help you? "]


def texts(connection: Any) -> list[str]:
    """What was asked to be spoken, flush by flush."""
    spoken, text = [], ""
    for message in connection.received:
        if message["type"] == "Speak":
            text += message["text"]
        elif message["type"] == "Flush":
            spoken.append(text)
            text = ""
    return spoken


async def stopped(passed: list[Any], count: int = 1) -> None:
    await until(lambda: len(frames_of(passed, TTSStoppedFrame)) == count)


async def test_a_reply_is_heard_whole(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    async with running_frames(aura(emulator)) as (worker, passed):
        await reply(worker, *SENTENCES)
        await stopped(passed)
    assert heard(passed) == spoken_tags(*texts(emulator.connections[0]))
    assert "".join(texts(emulator.connections[0])).split() == "".join(SENTENCES).split()
    assert endings(passed)[2] == []
    [context] = {frame.context_id for frame in frames_of(passed, TTSAudioRawFrame, TTSStartedFrame)}
    assert frames_of(passed, TTSStoppedFrame)[0].context_id == context


async def test_the_first_sentence_is_spoken_before_the_reply_is_complete(start: Start) -> None:
    """Pipecat's own service flushes at the end of the reply, and Aura speaks at a flush."""
    emulator = await start(ScriptedEngine())
    async with running_frames(aura(emulator)) as (worker, passed):
        await worker.queue_frame(LLMFullResponseStartFrame())
        await worker.queue_frame(LLMTextFrame(SENTENCES[0] + "And "))
        await until(lambda: heard(passed))
    assert heard(passed)[:1000] == spoken_tags(texts(emulator.connections[0])[0])[:1000]


async def test_after_a_barge_in_only_the_next_reply_is_heard(start: Start) -> None:
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=5.0)))
    async with running_frames(aura(emulator)) as (worker, passed):
        await worker.queue_frame(TTSSpeakFrame(SENTENCE * 4))
        await until(lambda: heard(passed))
        await worker.queue_frame(InterruptionFrame())
        await until(lambda: frames_of(passed, InterruptionFrame))
        await worker.queue_frame(TTSSpeakFrame("Thank you."))
        await until(lambda: "Thank you. " in texts(emulator.connections[0]))
        await stopped(passed)
        [connection] = emulator.connections
    # The last of them stands behind the service: in front of it, audio is still on its way.
    after = max(i for i, each in enumerate(passed) if isinstance(each.frame, InterruptionFrame))
    started = next(i for i, each in enumerate(passed[after:], after) if is_(each, TTSStartedFrame))
    assert heard(passed[after:started]) == b""
    assert heard(passed[started:]) == spoken_tags("Thank you. ")
    assert "Clear" in connection.types
    assert frames_of(passed, ErrorFrame) == []


def is_(each: Any, kind: Any) -> bool:
    return isinstance(each.frame, kind)


async def test_contexts_are_spoken_one_after_the_other(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    async with running_frames(aura(emulator)) as (worker, passed):
        for text in ("One.", "Two two.", "Three three three."):
            await worker.queue_frame(TTSSpeakFrame(text))
        await stopped(passed, 3)
    assert heard(passed) == spoken_tags("One. ", "Two two. ", "Three three three. ")
    order = [type(each.frame).__name__ for each in passed if is_(each, (TTSStartedFrame, TTSStoppedFrame))]
    assert order == ["TTSStartedFrame", "TTSStoppedFrame"] * 3


async def test_words_are_told_in_order_with_their_times(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    async with running_frames(aura(emulator)) as (worker, passed):
        await reply(worker, *SENTENCES)
        await stopped(passed)
    words = frames_of(passed, TTSTextFrame)
    assert [frame.text for frame in words] == "".join(SENTENCES).split()
    times = [frame.pts / 1e9 for frame in words]
    assert times == sorted(times)
    assert times[-1] - times[0] < len(heard(passed)) / 2 / RATE


async def test_a_whole_sentence_is_told_where_that_is_asked_for(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    async with running_frames(aura(emulator, push_text_frames=True)) as (worker, passed):
        await reply(worker, *SENTENCES)
        await stopped(passed)
    assert [frame.text.strip() for frame in frames_of(passed, TTSTextFrame)] == [
        each.strip() for each in SENTENCES
    ]


async def test_metrics(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    service = aura(emulator)
    async with running_frames(service, enable_metrics=True, enable_usage_metrics=True) as (worker, passed):
        await reply(worker, *SENTENCES)
        await stopped(passed)
    data = [each for frame in frames_of(passed, MetricsFrame) for each in frame.data]
    characters = [each.value for each in data if isinstance(each, TTSUsageMetricsData)]
    assert sum(characters) == service.stats().characters
    times = [each for each in data if isinstance(each, TTFBMetricsData) and each.value > 0]
    assert [(each.processor, each.model) for each in times] == [(service.name, "aura-2-andromeda-en")]


async def test_another_voice_from_the_next_reply_on(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    service = aura(emulator)
    async with running_frames(service) as (worker, passed):
        await reply(worker, "One one one.")
        delta = SpeechwireTTSService.Settings(voice="aura-2-thalia-en")
        await worker.queue_frame(TTSUpdateSettingsFrame(delta=delta))
        await reply(worker, "Two.")
        await stopped(passed, 2)
        await until(lambda: not emulator.connections[0].is_open)
    first, second = emulator.connections
    assert [dict(each.query)["model"] for each in (first, second)] == [
        "aura-2-andromeda-en",
        "aura-2-thalia-en",
    ]
    assert heard(passed) == spoken_tags("One one one. ", "Two. ")
    assert service.settings.model == "aura-2-thalia-en"


async def test_settings_out_of_range_are_refused(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    service = aura(emulator)
    async with running_frames(service, enable_metrics=True, enable_usage_metrics=True) as (worker, passed):
        delta = SpeechwireTTSService.Settings(voice="aura-2-thalia-en", speed=9.0)
        await worker.queue_frame(TTSUpdateSettingsFrame(delta=delta))
        await reply(worker, "One.")
        await stopped(passed)
    assert (service.settings.speed, service.settings.voice) == (None, "aura-2-andromeda-en")
    assert service.is_usable
    assert heard(passed) == spoken_tags("One. ")
    usage = [data for frame in frames_of(passed, MetricsFrame) for data in frame.data]
    assert {each.model for each in usage if isinstance(each, TTSUsageMetricsData)} == {"aura-2-andromeda-en"}


@pytest.mark.parametrize(("encoding", "rate"), [("mulaw", 8_000), ("alaw", 16_000), ("linear16", 22_050)])
async def test_frames_are_16_bit_pcm_at_the_pipelines_rate(start: Start, encoding: str, rate: int) -> None:
    """Pipecat's own service puts μ-law bytes into frames of 16 bit PCM."""
    emulator = await start(ScriptedEngine())
    service = aura(emulator, encoding=encoding, sample_rate=rate)
    async with running_frames(service) as (worker, passed):
        await reply(worker, SENTENCE)
        await stopped(passed)
    frames = frames_of(passed, TTSAudioRawFrame)
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(rate, 1)}
    assert len(heard(passed)) / 2 / rate == pytest.approx((len(SENTENCE) + 1) * 0.06, abs=0.02)


async def test_the_reply_is_heard_to_its_end_when_the_call_ends(start: Start) -> None:
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=3.0)))
    async with running_frames(aura(emulator)) as (worker, passed):
        await reply(worker, *SENTENCES)
    assert heard(passed) == spoken_tags(*texts(emulator.connections[0]))
    assert emulator.connections[0].close_code == 1000


async def test_a_call_that_ends_in_the_middle_of_a_reply_ends(start: Start) -> None:
    """The language model has not said that its reply is complete."""
    emulator = await start(ScriptedEngine())
    async with asyncio.timeout(30) as limit, running_frames(aura(emulator)) as (worker, passed):
        await worker.queue_frame(LLMFullResponseStartFrame())
        await worker.queue_frame(LLMTextFrame(SENTENCES[0] + "And "))
        await until(lambda: heard(passed))
    assert not limit.expired()
    assert heard(passed).startswith(spoken_tags(texts(emulator.connections[0])[0]))


async def test_a_cancelled_pipeline_waits_for_nothing(start: Start) -> None:
    emulator = await start(ScriptedEngine(), behaviour=Behaviour(delivery=Delivery(pace=1.0)))
    async with running_frames(aura(emulator), end=False) as (worker, passed):
        await reply(worker, SENTENCE * 20)
        await until(lambda: heard(passed))
    await until(lambda: not emulator.connections[0].is_open)


def test_early_flushes_leave_some_for_the_ends_of_replies() -> None:
    now = [0.0]
    budget = FlushBudget(lambda: now[0])
    taken = 0
    while budget.take(needed=False):
        taken += 1
    assert 10 <= taken <= 15
    assert budget.take(needed=True)
    assert not budget.take(needed=False)
    now[0] = 60.0
    assert budget.take(needed=False)
