"""The format of a stream is found out from that stream, and from nobody else's."""

from __future__ import annotations

import contextvars
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from videosdk.agents import audio_format, global_event_emitter
from videosdk.agents.job import _enter_session_scope
from videosdk.plugins.deepgram._input import InputFormat, InputWatch


def announce(rate: int, samples: int) -> None:
    global_event_emitter.emit("ON_SPEECH_IN", {"frame": SimpleNamespace(sample_rate=rate, samples=samples)})


def watch(sample_rate: int | None = None, channels: int | None = None) -> InputWatch:
    made = InputWatch(sample_rate, channels)
    made.attach()
    return made


def test_nothing_known_is_the_documented_default() -> None:
    assert watch().format(3840) == InputFormat(48_000, 2)


def test_the_process_wide_format_counts_where_nothing_is_announced_and_then_stays() -> None:
    audio_format.publish(8_000, 1)
    stream = watch()
    assert stream.format(320) == InputFormat(8_000, 1)
    audio_format.publish(48_000, 2)  # another call's
    assert stream.format(320) == InputFormat(8_000, 1)


def test_what_is_announced_on_this_bus_counts_most() -> None:
    audio_format.publish(8_000, 1)
    stream = watch()
    announce(48_000, 960)
    assert stream.format(3840) == InputFormat(48_000, 2)
    assert stream.format(1920) == InputFormat(48_000, 1)
    announce(16_000, 320)
    assert stream.format(640) == InputFormat(16_000, 1)


def test_another_sessions_frames_are_not_heard() -> None:
    stream = watch()
    announce(16_000, 320)

    def elsewhere() -> None:
        _enter_session_scope()
        announce(8_000, 160)

    contextvars.copy_context().run(elsewhere)
    assert stream.format(640) == InputFormat(16_000, 1)


def test_an_odd_sized_piece_does_not_change_the_format() -> None:
    stream = watch()
    announce(48_000, 960)
    assert stream.format(3840) == InputFormat(48_000, 2)
    assert stream.format(3842) == InputFormat(48_000, 2)
    assert stream.format(1) == InputFormat(48_000, 2)


def test_what_is_pinned_is_pinned() -> None:
    stream = watch(24_000, 1)
    announce(48_000, 960)
    assert stream.format(3840) == InputFormat(24_000, 1)


def test_nothing_is_heard_after_detaching() -> None:
    stream = watch()
    announce(16_000, 320)
    stream.detach()
    announce(8_000, 160)
    assert stream.format(640) == InputFormat(16_000, 1)


@given(st.lists(st.tuples(st.integers(-1, 200_000), st.integers(-1, 10_000), st.integers(0, 100_000))))
def test_no_announcement_makes_an_impossible_format(steps: list[tuple[int, int, int]]) -> None:
    stream = InputWatch(None, None)
    for rate, samples, byte_count in steps:
        stream._on_frame({"frame": SimpleNamespace(sample_rate=rate, samples=samples)})
        found = stream.format(byte_count)
        assert found.sample_rate > 0
        assert 1 <= found.channels <= 32


@pytest.mark.parametrize("data", [{}, {"frame": None}, {"frame": object()}])
def test_a_frame_that_says_nothing_is_passed_over(data: dict[str, object]) -> None:
    stream = watch()
    global_event_emitter.emit("ON_SPEECH_IN", data)
    assert stream.format(3840) == InputFormat(48_000, 2)
