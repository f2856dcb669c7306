"""Random conversations with random services: whatever breaks, each request hears its own text and no other.

After every step: what was heard of a request is the beginning of its text, nothing of it came after its
interruption, and nothing of it before the requests ahead of it were done. At the end: whoever was neither
interrupted nor failed has heard all of it, once; whoever failed did so for a reason that no retry can mend;
no task is left, and no wait was longer than the settings allow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.session.fake_service import Fault, close, reset
from tests.session.fake_voice import FakeAura, FakeFlux, FakeVoice, spoken
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import HandshakeRefused, ServiceError, SessionClosed, SpeechwireError
from speechwire.protocol import SpeakV1Options, SpeakV2Options
from speechwire.session import BackoffPolicy, SpeakRequest, SpeakSession, SpeakSettings
from speechwire.session._states import TABLE, Attempt, Ending, Happening, Operation, State, StateMachine
from speechwire.transport import MemoryPeer, MemoryTransport

HEADER = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + bytes(16) + b"data\xff\xff\xff\xff"

MENDED: dict[str, Fault] = {
    "reset": reset,
    "1000": close(1000),
    "1005": close(1005),
    "1011": close(1011, "NET-0000"),
    "receive failed": close(1011, "NET-0001"),
    "age": close(1011, "NET-0003"),
    "unused": close(1011, "NET-0004"),
    "fast": close(1008, "DATA-0001"),
    "silent": lambda peer: asyncio.Event().wait(),  # type: ignore[dict-item, return-value]
}
REJECTED: dict[str, Fault] = {
    "1003": close(1003, "MESSAGE-0000"),
    "1008": close(1008, "DATA-0000"),
    "1009": close(1009, "BIG-0001"),
}
FAULTS = MENDED | REJECTED
REFUSALS = {"503": 503, "429": 429, "401": 401}
FATAL = {*REJECTED, "401"}


@dataclass
class Service:
    """How a service behaves: ``story`` says what befalls each connection, after how many characters."""

    flux: bool
    story: list[tuple[int, str]]
    latency_s: float
    deaf_to_stops: bool
    answers_twice: bool
    answers_wiped: bool
    eager: bool
    header: bool
    refused: set[int]
    keeps_text: bool

    def voice(self) -> FakeVoice:
        faults = {
            number: (at, FAULTS[what]) for number, (at, what) in enumerate(self.story) if what in FAULTS
        }
        if self.flux:
            return FakeFlux(
                faults,
                latency_s=self.latency_s,
                answers_interrupt=not self.deaf_to_stops,
                answers_twice=self.answers_twice,
            )
        return FakeAura(
            faults,
            latency_s=self.latency_s,
            answers_clear=not self.deaf_to_stops,
            answers_twice=self.answers_twice,
            answers_wiped=self.answers_wiped,
            eager=self.eager,
            header=HEADER if self.header else b"",
            refused=self.refused,
            keeps_text=self.keeps_text or self.eager,
        )

    @property
    def is_fatal(self) -> bool:
        return any(what in FATAL for _, what in self.story)


@dataclass
class Told:
    """One request of a story, and what was heard of it."""

    request: SpeakRequest
    text: str = ""
    ended: bool = False
    heard: bytes = b""
    heard_until_interruption: int | None = None
    cancelled: bool = False
    error: SpeechwireError | None = None
    listening: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.listening = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        try:
            async for pcm in self.request:
                self.heard += pcm
        except SpeechwireError as error:
            self.error = error

    def interrupt(self) -> None:
        self.request.interrupt()
        if self.heard_until_interruption is None and self.request.interrupted:
            self.heard_until_interruption = len(self.heard)

    def check(self) -> None:
        assert spoken(self.text).startswith(self.heard)
        if self.heard_until_interruption is not None:
            assert len(self.heard) == self.heard_until_interruption

    def check_end(self, service: Service, closed: bool) -> None:
        self.check()
        if self.error is not None:
            expected = (closed and isinstance(self.error, SessionClosed)) or service.is_fatal
            assert expected or isinstance(self.error, ServiceError), self.error
        elif not self.request.interrupted and not self.cancelled:
            assert self.heard == spoken(self.text)


WORDS = st.text(alphabet="abcdefgh ", min_size=1, max_size=12).map(lambda text: f"{text}.a ")
STEPS = st.lists(
    st.tuples(
        st.floats(0, 1.5),
        st.sampled_from(
            ["request", "request", "push", "push", "push", "flush", "end", "end", "interrupt", "cancel"]
            + ["prewarm", "aclose"]
        ),
        WORDS,
        st.integers(0, 10),
    ),
    min_size=3,
    max_size=25,
)
SERVICES = st.builds(
    Service,
    flux=st.booleans(),
    story=st.lists(st.tuples(st.integers(0, 30), st.sampled_from([*FAULTS, *REFUSALS, "fine"])), max_size=5),
    latency_s=st.floats(0.001, 0.4),
    deaf_to_stops=st.booleans(),
    answers_twice=st.booleans(),
    answers_wiped=st.booleans(),
    eager=st.booleans(),
    header=st.booleans(),
    refused=st.sets(st.integers(0, 6), max_size=3),
    keeps_text=st.booleans(),
)

VISITED: set[tuple[State, Happening]] = set()


@pytest.fixture(scope="module", autouse=True)
def watch_the_table() -> Iterator[None]:
    def note(before: State, happening: Happening) -> None:
        VISITED.add((before, happening))

    StateMachine.observer = note
    yield
    StateMachine.observer = None


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, service=SERVICES)
def test_each_request_hears_its_own_text(steps: list[tuple[float, str, str, int]], service: Service) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(live_through(steps, service))


async def live_through(steps: list[tuple[float, str, str, int]], service: Service) -> None:
    voice = service.voice()

    async def serve(peer: MemoryPeer) -> None:
        _, what = service.story[peer.number] if peer.number < len(service.story) else (0, "")
        if what in REFUSALS:
            peer.refuse(HandshakeRefused(REFUSALS[what]))
            return
        while len(voice.messages) < peer.number:
            voice.messages.append([])  # those that were refused
        await voice(peer)

    transport = MemoryTransport(serve)
    session = SpeakSession(
        "k",
        SpeakV2Options() if service.flux else SpeakV1Options(),
        transport=transport,
        settings=SpeakSettings(
            backoff=BackoffPolicy(max_quick_failures=20, max_attempts=20, cap_s=2.0), max_resends=10
        ),
    )
    before = asyncio.all_tasks()
    story = Story(session)
    for pause_s, operation, text, index in steps:
        await asyncio.sleep(pause_s)
        await story.step(operation, text, index)
        story.check()
    await story.finish(service)
    await transport.aclose()
    assert asyncio.all_tasks() == before


class Story:
    """What has been told to a session."""

    def __init__(self, session: SpeakSession) -> None:
        self.session = session
        self.told: list[Told] = []
        self.closed = False
        self.prewarming: list[asyncio.Task[None]] = []

    async def step(self, operation: str, text: str, index: int) -> None:
        event(operation)
        if operation in ("request", "prewarm", "aclose"):
            await getattr(self, f"on_{operation}")()
        elif self.told:
            told = (
                self.told[-1] if operation in ("push", "flush", "end") else self.told[index % len(self.told)]
            )
            getattr(self, f"on_{operation}")(told, text)

    async def on_request(self) -> None:
        if self.closed:
            with pytest.raises(SessionClosed):
                self.session.request()
            return
        if self.told:
            self.on_end(self.told[-1], "")  # else nobody behind it is ever heard
        self.told.append(Told(self.session.request()))

    async def on_prewarm(self) -> None:
        self.prewarming.append(asyncio.create_task(self.prewarm()))

    async def prewarm(self) -> None:
        with suppress(SpeechwireError):
            await self.session.prewarm()

    async def on_aclose(self) -> None:
        self.closed = True
        began = asyncio.get_running_loop().time()
        await self.session.aclose()
        assert asyncio.get_running_loop().time() - began < 1.1

    def on_push(self, told: Told, text: str) -> None:
        if not told.ended:
            told.request.push(text)
            told.text += text

    def on_flush(self, told: Told, text: str) -> None:
        told.request.flush()

    def on_end(self, told: Told, text: str) -> None:
        told.request.end()
        told.ended = True

    def on_interrupt(self, told: Told, text: str) -> None:
        told.interrupt()

    def on_cancel(self, told: Told, text: str) -> None:
        told.listening.cancel()
        told.cancelled = told.cancelled or not told.listening.done()

    def check(self) -> None:
        for told in self.told:
            told.check()
        spoken_of = [told for told in self.told if told.request.audio_bytes]
        for told in self.told[: self.told.index(spoken_of[-1])] if spoken_of else []:
            assert told.request.done, "one request at a time"

    async def finish(self, service: Service) -> None:
        for told in self.told:
            self.on_end(told, "")
        listening = [told.listening for told in self.told]
        await asyncio.wait_for(asyncio.gather(*listening, return_exceptions=True), 900)
        for told in self.told:
            told.check_end(service, self.closed)
        await self.on_aclose()
        assert self.session.state is State.SHUTDOWN
        await asyncio.gather(*self.prewarming)


SPEAKING = {
    *((state, Operation.REQUEST) for state in State if state in TABLE[Operation.REQUEST]),
    *((state, Operation.CONNECT) for state in State if state in TABLE[Operation.CONNECT]),
    *((state, Operation.INTERRUPT) for state in State),
    *((state, Operation.CLOSE) for state in State),
    *((state, Attempt.DIAL) for state in (State.IDLE, State.TRANSIENT_FAILURE)),
    *((State.CONNECTING, attempt) for attempt in (Attempt.OPENED, Attempt.UNREACHABLE)),
    *((State.DRAINING, attempt) for attempt in (Attempt.OPENED, Attempt.UNREACHABLE)),
    *((State.DRAINING, attempt) for attempt in (Attempt.DRAINED, Attempt.DEADLINE)),
    *((State.DRAINING, ending) for ending in Ending if ending is not Ending.FAULTED),
    *((State.READY, ending) for ending in (Ending.ROTATED, Ending.UNUSED, Ending.LOST, Ending.THROTTLED)),
    (State.READY, Ending.STALLED),
}


def test_no_story_leaves_the_cells_of_a_speaking_session() -> None:
    assert set() == VISITED - SPEAKING
    assert len(VISITED) > 15
