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


def announce(rate: int, samples: int, channels: int | None = None) -> None:
    """As the framework announces a frame; an audio frame says its layout as well."""
    frame = SimpleNamespace(sample_rate=rate, samples=samples)
    if channels is not None:
        frame.layout = SimpleNamespace(channels=("C",) * channels)
    global_event_emitter.emit("ON_SPEECH_IN", {"frame": frame})


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
    stream.attach()
    announce(8_000, 160)
    assert stream.format(320) == InputFormat(8_000, 1), "and again after attaching"


def test_the_bus_of_an_earlier_session_is_left() -> None:
    """One object serves one call after the other: the call before must not set this one's format."""
    stream = watch()
    announce(16_000, 320)
    earlier = contextvars.copy_context()

    def next_session() -> None:
        _enter_session_scope()
        stream.attach()
        stream.attach()  # costs nothing and changes nothing
        announce(48_000, 960)
        earlier.run(announce, 8_000, 160)
        assert stream.format(3840) == InputFormat(48_000, 2)
        assert stream.steady_bytes == 3840

    contextvars.copy_context().run(next_session)
    earlier.run(announce, 8_000, 160)
    assert stream.format(3840) == InputFormat(48_000, 2)
    stream.detach()
    stream.detach()


def test_frames_of_two_participants_are_told_by_their_size_however_late_they_come() -> None:
    """Frames wait in queues, so the last announcement need not be that of the frame that comes."""
    stream = watch()
    announce(48_000, 960, 2)
    announce(16_000, 320, 1)
    assert stream.format(3840) == InputFormat(48_000, 2)  # not six channels of 16 kHz
    assert stream.format(640) == InputFormat(16_000, 1)
    announce(48_000, 960, 2)
    assert stream.format(640) == InputFormat(16_000, 1)
    assert stream.format(3840) == InputFormat(48_000, 2)


def test_a_size_that_two_formats_share_is_the_last_ones() -> None:
    stream = watch()
    announce(48_000, 960, 1)
    assert stream.format(1920) == InputFormat(48_000, 1)
    announce(24_000, 480, 2)
    assert stream.format(1920) == InputFormat(24_000, 2)


def test_channels_that_the_layout_does_not_tell_are_told_by_the_size() -> None:
    stream = watch()
    announce(48_000, 960, 2)
    assert stream.format(1920) == InputFormat(48_000, 1)  # one plane of two


def test_a_change_is_told_and_a_repetition_is_not() -> None:
    stream = watch()
    told: list[int] = []
    stream.changed = lambda: told.append(stream.steady_bytes)
    for _ in range(3):
        announce(48_000, 960, 2)
    stream.format(3840)
    assert stream.steady_bytes == 3840
    announce(16_000, 320, 1)
    assert told == [0, 0]
    assert stream.steady_bytes == 0


@pytest.mark.parametrize("rate", [0, 100, 3_999, 192_001, 10**9])
def test_an_impossible_rate_is_no_announcement(rate: int) -> None:
    stream = watch()
    announce(16_000, 320)
    announce(rate, 320)
    assert stream.format(640) == InputFormat(16_000, 1)
    audio_format.publish(rate, 1)
    assert watch().format(640).sample_rate == 48_000


@pytest.mark.parametrize("rate", [4_000, 192_000])
def test_a_rate_at_the_edge_is_one(rate: int) -> None:
    stream = watch()
    announce(rate, 320)
    assert stream.format(640) == InputFormat(rate, 1)
    audio_format.publish(rate, 1)
    assert watch().format(640) == InputFormat(rate, 1)


@pytest.mark.parametrize("samples", [0, -1])
def test_a_frame_without_samples_is_no_announcement(samples: int) -> None:
    stream = watch()
    announce(16_000, 320)
    announce(8_000, samples)
    assert stream.format(640) == InputFormat(16_000, 1)


def test_there_are_up_to_32_channels() -> None:
    stream = watch()
    announce(48_000, 960)
    assert stream.format(960 * 2 * 32) == InputFormat(48_000, 32)
    assert watch().format(960 * 2 * 33) == InputFormat(48_000, 2), "33 are none"
    announce(16_000, 320, 32)
    announce(8_000, 100, 33)
    assert stream.format(320 * 2 * 32) == InputFormat(16_000, 32)
    assert stream.format(100 * 2 * 33) == InputFormat(16_000, 32), "the last that could be"
    for channels, known in ((32, 32), (33, 2)):
        audio_format.publish(48_000, channels)
        assert watch().format(1) == InputFormat(48_000, known)


def test_few_sizes_are_kept() -> None:
    stream = watch()
    for size in range(64):
        assert stream.format(size) == InputFormat(48_000, 2)
    assert len(stream._known) == 64
    stream.format(64)
    assert (len(stream._known), stream.steady_bytes) == (1, 64)


def test_few_announcements_are_kept() -> None:
    stream = watch()
    for samples in range(100, 1000):
        announce(48_000, samples, 2)
    assert len(stream._sizes) == 4
    assert stream.format(999 * 4) == InputFormat(48_000, 2)


@given(st.lists(st.tuples(st.integers(-1, 200_000), st.integers(-1, 10_000), st.integers(0, 100_000))))
def test_no_announcement_makes_an_impossible_format(steps: list[tuple[int, int, int]]) -> None:
    stream = InputWatch(None, None)
    for rate, samples, byte_count in steps:
        stream._on_frame({"frame": SimpleNamespace(sample_rate=rate, samples=samples)})
        found = stream.format(byte_count)
        assert 4_000 <= found.sample_rate <= 192_000
        assert 1 <= found.channels <= 32


@pytest.mark.parametrize("data", [{}, {"frame": None}, {"frame": object()}])
def test_a_frame_that_says_nothing_is_passed_over(data: dict[str, object]) -> None:
    stream = watch()
    global_event_emitter.emit("ON_SPEECH_IN", data)
    assert stream.format(3840) == InputFormat(48_000, 2)
