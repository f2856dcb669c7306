"""Words are told when they are played: behind other audio, a pause, and not behind what was cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import (
    InterruptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from tests.clients.speech import RATE, SENTENCE
from tests.clients.waiting import until
from tests.pipecat.conftest import Start
from tests.pipecat.running import Passed, frames_of, running_frames
from tests.pipecat.services import aura

from pipecat_speechwire._playback import Playback, Timeline
from speechwire.emulator import ScriptedEngine


class Clock:
    """Set by the test."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_without_a_pause_a_word_is_told_where_it_stands_in_the_audio() -> None:
    playback = Playback(Timeline(Clock()))
    playback.add(1.0)
    playback.add(1.0)
    assert playback.timed([("one", 0.0), ("two", 1.5)]) == [("one", 0.0), ("two", 1.5)]


def test_audio_that_comes_late_moves_its_words() -> None:
    clock = Clock()
    playback = Playback(Timeline(clock))
    playback.add(1.0)
    clock.now_s += 4.0
    playback.add(1.0)
    assert playback.timed([("two", 1.0)]) == [("two", 4.0)]


def test_a_context_is_played_behind_the_one_before() -> None:
    timeline = Timeline(Clock())
    first, second = Playback(timeline), Playback(timeline)
    first.add(2.0)
    first.timed([("one", 0.0), ("two", 1.5)])
    second.add(2.0)
    # Pipecat counts from the word "two", whose last half second is still to be played.
    assert second.timed([("three", 0.0), ("four", 1.0)]) == [("three", 0.5), ("four", 1.5)]


def test_nothing_waits_for_what_was_interrupted() -> None:
    timeline = Timeline(Clock())
    first, second = Playback(timeline), Playback(timeline)
    first.add(20.0)
    first.timed([("one", 19.0)])
    timeline.reset()
    second.add(1.0)
    assert second.timed([("two", 0.0)]) == [("two", 0.0)]


def test_a_text_without_audio_keeps_its_times() -> None:
    assert Playback(Timeline(Clock())).timed([("one", 0.0)]) == [("one", 0.0)]


def first_words(passed: list[Passed]) -> list[Passed]:
    """The first word of each context."""
    words = [each for each in passed if isinstance(each.frame, TTSTextFrame)]
    return list({each.frame.context_id: each for each in reversed(words)}.values())[::-1]


def seconds(passed: list[Passed], context_id: str | None) -> float:
    """How much audio a context has."""
    frames = [each for each in frames_of(passed, TTSAudioRawFrame) if each.context_id == context_id]
    return sum(len(each.audio) for each in frames) / 2 / RATE


async def test_the_words_of_the_next_context_wait_for_the_audio_before_them(start: Start) -> None:
    """Each context would begin at the last word of the one before, and the difference adds up."""
    emulator = await start(ScriptedEngine())
    async with running_frames(aura(emulator)) as (worker, passed):
        for _ in range(4):
            await worker.queue_frame(TTSSpeakFrame("Unquestionably."))
        await until(lambda: len(frames_of(passed, TTSStoppedFrame)) == 4)
    words = [each.frame for each in first_words(passed)]
    played_s = sum(seconds(passed, frame.context_id) for frame in words[:-1])
    assert (words[-1].pts - words[0].pts) / 1e9 == pytest.approx(played_s, abs=0.2)


async def test_the_first_word_behind_an_interruption_is_told_at_once(start: Start) -> None:
    emulator = await start(ScriptedEngine())
    service: Any = aura(emulator)
    async with asyncio.timeout(30), running_frames(service) as (worker, passed):
        await worker.queue_frame(TTSSpeakFrame(SENTENCE * 4))
        await until(lambda: frames_of(passed, TTSStoppedFrame))
        await worker.queue_frame(InterruptionFrame())
        await worker.queue_frame(TTSSpeakFrame("Thank you."))
        await until(lambda: len(first_words(passed)) == 2)
        assert first_words(passed)[1].frame.pts <= service.get_clock().get_time()
