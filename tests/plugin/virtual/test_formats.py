"""The input's format changes: what takes turns is converted, what stays is declared, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.plugin.conftest import KEY, Listener
from tests.plugin.virtual.driving import FRAME_S, Plugin, Service, of
from tests.virtual_time import VirtualTimeLoop
from videosdk.agents import audio_format, global_event_emitter
from videosdk.agents.job import _enter_session_scope
from videosdk.plugins.deepgram import DeepgramSTT, DeepgramSTTV2
from videosdk.plugins.deepgram._input import InputFormat

from speechwire.session import AudioDropped, ListenSettings, SessionEnded
from speechwire.transport import MemoryPeer

ROOM, WIDE, PHONE, MUSIC = (
    InputFormat(48_000, 2),
    InputFormat(16_000, 1),
    InputFormat(8_000, 1),
    InputFormat(44_100, 2),
)
LASTS_S = 5.0


class Counting:
    """A service that says nothing and adds up what it is sent."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.declared: list[InputFormat] = []
        self.began_at: list[float] = []
        self.heard_s: list[float] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        query = dict(parse_qsl(urlsplit(peer.request.url).query))
        declared = InputFormat(int(query["sample_rate"]), int(query.get("channels", 1)))
        number = len(self.declared)
        self.declared.append(declared)
        self.began_at.append(asyncio.get_running_loop().time())
        self.heard_s.append(0.0)
        if self.endpoint == "flux":
            peer.send('{"type": "Connected", "request_id": "r", "sequence_id": 0}')
        async for frame in peer:
            if isinstance(frame, bytes):
                assert len(frame) % declared.frame_bytes == 0
                self.heard_s[number] += declared.seconds(len(frame))
            elif "CloseStream" in frame:
                self.end(peer, self.heard_s[number])
                return

    def end(self, peer: MemoryPeer, heard_s: float) -> None:
        """Show that everything was heard, and close."""
        if self.endpoint == "nova":
            peer.send(json.dumps({"type": "Metadata", "request_id": "r", "duration": heard_s, "channels": 1}))
            peer.close(1000)
        else:
            window = {"audio_window_start": 0.0, "audio_window_end": heard_s, "transcript": "", "words": []}
            turn = {"event": "Update", "turn_index": 0, "end_of_turn_confidence": 0.1}
            peer.send(json.dumps({"type": "TurnInfo", "sequence_id": 1, **turn, **window}))
            peer.close(1005)


def announce(format: InputFormat) -> None:
    frame = SimpleNamespace(
        sample_rate=format.sample_rate,
        samples=format.sample_rate // 50,
        layout=SimpleNamespace(channels=("C",) * format.channels),
    )
    global_event_emitter.emit("ON_SPEECH_IN", {"frame": frame, "stream": None})


async def call(stt: Plugin, runs: Sequence[tuple[InputFormat, int]], lag: int) -> None:
    """Push runs of frames at real pace, each announced ``lag`` frames before it comes."""
    formats = [format for format, count in runs for _ in range(count)]
    for format in formats[:lag]:
        announce(format)
    for number, format in enumerate(formats):
        if number + lag < len(formats):
            announce(formats[number + lag])
        await stt.process_audio(bytes(format.sample_rate // 50 * format.frame_bytes))
        await asyncio.sleep(FRAME_S)
    await stt.aclose()


def heard(
    endpoint: str, runs: Sequence[tuple[InputFormat, int]], *, lag: int = 0, **arguments: Any
) -> tuple[Counting, Listener]:
    """One call in virtual time."""
    service = Counting(endpoint)

    async def main() -> Listener:
        _enter_session_scope()
        audio_format.reset()
        stt: Plugin = (DeepgramSTT if endpoint == "nova" else DeepgramSTTV2)(api_key=KEY, **arguments)
        listener = Listener(stt)
        stt.settings = ListenSettings(progress_timeout_s=None)
        await call(stt, runs, lag)
        return listener

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        Service(endpoint, service, patch)
        return service, runner.run(main())


def changes(runs: Sequence[tuple[InputFormat, int]]) -> int:
    return sum(one[0] != other[0] for one, other in zip(runs, runs[1:], strict=False))


RUNS = st.lists(
    st.tuples(st.sampled_from([ROOM, WIDE, PHONE, MUSIC]), st.one_of(st.integers(1, 5), st.integers(1, 400))),
    min_size=1,
    max_size=40,
).filter(lambda runs: sum(count for _, count in runs) <= 2500)


@pytest.mark.parametrize("endpoint", ["nova", "flux"])
@given(runs=RUNS, lag=st.integers(0, 3))
@example(runs=[(ROOM, 1), (WIDE, 1)] * 50, lag=0)
@example(runs=[(ROOM, 1), (WIDE, 1)] * 50, lag=1)
@example(runs=[(ROOM, 300), (WIDE, 300)] * 4, lag=0)
@settings(max_examples=25)
def test_whatever_takes_turns_connections_are_few_and_nothing_is_lost(
    endpoint: str, runs: list[tuple[InputFormat, int]], lag: int
) -> None:
    service, listener = heard(endpoint, runs, lag=lag)
    for begin in service.began_at:
        assert sum(begin <= at < begin + 2 * LASTS_S - 0.01 for at in service.began_at) <= 2
    pushed_s = sum(count for _, count in runs) * FRAME_S
    # Each change of the format rounds one sample up, and one more for each connection.
    slack_s = (changes(runs) + len(service.began_at)) / 8_000
    assert pushed_s - 1e-6 <= sum(service.heard_s) <= pushed_s + slack_s
    assert of(AudioDropped, listener) == []
    assert listener.errors == []


def test_two_participants_in_turns_share_one_connection() -> None:
    service, listener = heard("nova", [(ROOM, 1), (WIDE, 1)] * 50)
    assert service.declared == [ROOM]
    assert service.heard_s == [pytest.approx(2.0, abs=0.01)]
    (ended,) = of(SessionEnded, listener)
    assert ended.pushed_s == pytest.approx(service.heard_s[0])


def test_a_format_that_changes_back_within_seconds_is_converted() -> None:
    service, _ = heard("nova", [(ROOM, 100), (PHONE, 200), (ROOM, 100), (PHONE, 240), (ROOM, 10)])
    assert service.declared == [ROOM]


def test_a_format_that_stays_is_declared() -> None:
    service, _ = heard("nova", [(PHONE, 100), (ROOM, 500)])
    assert service.declared == [PHONE, ROOM]
    assert service.heard_s == [pytest.approx(2.0 + LASTS_S, abs=0.03), pytest.approx(5.0, abs=0.03)]
    assert sum(service.heard_s) == pytest.approx(12.0, abs=0.001)


def test_flux_and_converted_audio_never_need_another_connection() -> None:
    for endpoint, arguments in (
        ("flux", {}),
        ("nova", {"downmix": True}),
        ("nova", {"target_sample_rate": 16_000}),
    ):
        service, _ = heard(endpoint, [(ROOM, 300), (PHONE, 600), (MUSIC, 600)], **arguments)
        assert len(service.declared) == 1
        assert service.heard_s == [pytest.approx(30.0, abs=0.001)]


def test_the_log_names_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "videosdk.plugins.deepgram")
    heard("flux", [(ROOM, 1), (WIDE, 1)] * 50)
    told = [record.getMessage() for record in caplog.records]
    assert told.count(f"the input changed from {ROOM} to {WIDE}") == 1
    assert sum("the input changed" in message for message in told) == 1
