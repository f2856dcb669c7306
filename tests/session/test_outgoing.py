"""A session's audio by itself: its bounds, its unit, and what is said of what is lost."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from speechwire.session import AudioDropped, ListenSettings, ListenStats
from speechwire.session._outgoing import OutgoingAudio
from speechwire.session._rules import ByteRate
from speechwire.session.converter import ChunkedPassthrough, Passthrough

RATE = ByteRate(4, 400)  # 100 frames of 4 bytes a second
COMPRESSED = ByteRate(1, 0)


class Account:
    """The audio of one session, and what it says."""

    def __init__(self, rate: ByteRate = RATE, converter: Any = None, **settings: Any) -> None:
        self.events: list[Any] = []
        self.audio = OutgoingAudio(rate, ListenSettings(**settings), converter, self.events.append)

    def push(self, frames: int) -> None:
        self.audio.ring.push(bytes(frames * RATE.frame_bytes), 0.0)

    def send(self, frames: int) -> None:
        """Push and send as one message."""
        self.push(frames)
        self.audio.ring.take(0.0)

    @property
    def lost_bytes(self) -> int:
        return self.audio.stats.lost_bytes


def connected(account: Account) -> Account:
    account.audio.ring.open(None, 0.0)
    return account


@pytest.mark.parametrize(("buffer_s", "kept"), [(2.0, 200), (0.019, 1), (0.001, 1)])
def test_what_waits_is_bounded_in_whole_frames_and_one_at_least(buffer_s: float, kept: int) -> None:
    account = Account(buffer_s=buffer_s)
    account.push(300)
    assert account.audio.ring.queued_frames == kept


@pytest.mark.parametrize(("replay_s", "kept"), [(1.0, 100), (0.0, 0)])
def test_what_is_kept_is_bounded(replay_s: float, kept: int) -> None:
    account = connected(Account(replay_s=replay_s))
    for _ in range(30):
        account.send(10)
    assert account.audio.ring.kept_frames == kept


def test_compressed_audio_is_bounded_in_bytes_and_not_kept() -> None:
    account = connected(Account(COMPRESSED, buffer_s=0.001))
    account.audio.ring.push(bytes((1 << 20) + 7), 0.0)
    assert account.audio.ring.queued_frames == 1 << 20
    account.audio.ring.take(0.0)
    assert account.audio.ring.kept_frames == 0
    assert account.audio.seconds(1000) == 0.0


def test_what_finds_no_room_is_counted_each_time_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    account = Account(buffer_s=1.0)
    account.audio.report_dropped()
    assert (account.events, account.lost_bytes) == ([], 0)
    with caplog.at_level(logging.WARNING, "speechwire.session"):
        for frames in (150, 20):
            account.push(frames)
            account.audio.report_dropped()
    said = AudioDropped(seconds=0.5, reason="buffer full")
    assert account.events == [said]
    assert caplog.record_tuples == [("speechwire.session", logging.WARNING, str(said))]
    assert account.lost_bytes == 70 * RATE.frame_bytes


@pytest.mark.parametrize("exchange", [False, True])
def test_what_is_left_in_a_converter_is_queued_and_counted_if_it_finds_no_room(exchange: bool) -> None:
    account = Account(converter=ChunkedPassthrough(RATE.frame_bytes, 100, 10_000), buffer_s=1.0)
    account.push(130)
    assert account.audio.ring.queued_frames == 0
    if exchange:
        account.audio.exchange(Passthrough(RATE.frame_bytes))
    else:
        account.audio.flush_converter()
    assert account.events == [AudioDropped(seconds=0.3, reason="buffer full")]
    assert account.audio.ring.queued_frames == 100
    account.push(1)
    assert account.audio.ring.end == (131 if exchange else 130), "what follows is converted, or no more"


def test_what_is_sent_again_is_told_in_seconds_and_what_is_not_kept_is_lost() -> None:
    account = connected(Account(replay_s=0.5))
    for _ in range(8):
        account.send(10)
    account.push(40)
    assert account.audio.rewind() == 0.5
    assert account.events == [AudioDropped(seconds=0.3, reason="replay limit")]
    assert account.lost_bytes == 30 * RATE.frame_bytes
    assert account.audio.ring.queued_frames == 90


def repeated(account: Account, times: int, *, replaced: bool = False) -> None:
    """Send everything that waits, and have it sent again, so many times."""
    for _ in range(times):
        while account.audio.ring.waiting:
            account.audio.ring.take(0.0)
        account.audio.rewind(**({"replaced": True} if replaced else {}))


@pytest.mark.parametrize("replaced", [False, True])
def test_what_was_sent_again_too_often_is_given_up(replaced: bool) -> None:
    account = connected(Account())
    account.push(100)
    repeated(account, 3, replaced=replaced)
    account.audio.bound_repeats()
    assert (account.events, account.audio.overdraft_s()) == ([], 0.0)
    repeated(account, 1, replaced=replaced)
    if replaced:
        assert account.audio.overdraft_s() == 0.0, "a replacement is not its fault"
        return
    assert account.audio.overdraft_s() == 0.34, "a third of it, in whole frames, makes room"
    account.audio.bound_repeats()
    assert account.events == [AudioDropped(seconds=1.0, reason="replay limit")]
    assert account.audio.ring.waiting == 0


def test_repeats_are_given_up_to_a_point() -> None:
    account = connected(Account())
    for _ in range(3):
        account.send(10)
    account.audio.rewind()
    account.audio.give_up_repeats(20)
    assert account.events == [AudioDropped(seconds=0.2, reason="replay limit")]
    account.audio.give_up_repeats()
    assert account.events[1:] == [AudioDropped(seconds=0.1, reason="replay limit")]


@pytest.mark.parametrize(("frames", "reason"), [(0, "closed"), (5, "")])
def test_nothing_is_said_of_nothing_or_without_a_reason(frames: int, reason: str) -> None:
    account = Account()
    account.audio.lose(frames, reason)
    assert account.events == []
    assert account.lost_bytes == frames * RATE.frame_bytes


def test_everything_is_counted_in_bytes() -> None:
    account = connected(Account())
    assert [account.audio.has_sent] == [False]
    account.send(10)
    assert [account.audio.has_sent] == [True]
    account.send(5)
    account.audio.rewind()
    account.audio.ring.take(0.0)
    account.audio.ring.put_in_silence(3)
    account.audio.lose(2, "")
    account.audio.stats.stalls = 7
    counted = account.audio.counters()
    assert counted == ListenStats(
        chunks=4, sent_bytes=112, replayed_bytes=40, silence_bytes=12, lost_bytes=8, stalls=7
    )
    counted.chunks = 99
    assert account.audio.counters().chunks == 4, "a copy"


def test_a_copy_goes_its_own_way_until_its_counts_are_added() -> None:
    account = connected(Account(replay_s=0.1))
    for _ in range(3):
        account.send(10)
    account.audio.lose(1, "")
    other = account.audio.fork()
    assert other.counters() == ListenStats()
    other.rewind()
    other.ring.open(None, 0.0)
    other.ring.take(0.0)
    assert other.counters() == ListenStats(chunks=1, sent_bytes=40, replayed_bytes=40, lost_bytes=80)
    assert account.events == [], "it says nothing"
    assert (account.audio.ring.kept_frames, account.audio.ring.waiting) == (10, 0)
    assert account.audio.counters() == ListenStats(chunks=3, sent_bytes=120, lost_bytes=4)
    account.audio.absorb(other)
    assert account.audio.counters() == ListenStats(chunks=4, sent_bytes=160, replayed_bytes=40, lost_bytes=84)
