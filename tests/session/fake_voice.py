"""A scripted synthesis service. Its audio spells its text, so that a test can read what was heard."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from speechwire.transport import MemoryPeer

BYTES_PER_CHARACTER = 1000
Fault = Callable[[MemoryPeer], Awaitable[None] | None]


def spoken(text: str) -> bytes:
    """The audio of a text; what is beyond the basic plane sounds like U+FFFF."""
    codes = [min(ord(character), 0xFFFF) for character in text]
    return b"".join(code.to_bytes(2, "little") * (BYTES_PER_CHARACTER // 2) for code in codes)


def heard(pcm: bytes) -> str:
    """The text that audio spells; fails if a character is cut short or doubled in part."""
    assert len(pcm) % BYTES_PER_CHARACTER == 0, "a character was cut"
    characters = []
    for start in range(0, len(pcm), BYTES_PER_CHARACTER):
        cell = pcm[start : start + BYTES_PER_CHARACTER]
        assert cell == cell[:2] * (BYTES_PER_CHARACTER // 2), "characters overlap"
        characters.append(chr(int.from_bytes(cell[:2], "little")))
    return "".join(characters)


class FakeVoice:
    """What the fake services of both endpoints have in common.

    Attributes:
        messages: What came, by connection.
    """

    header = b""
    answers_twice = False

    def __init__(self, faults: Mapping[int, tuple[int, Fault]] | None, latency_s: float) -> None:
        self.faults = dict(faults or {})
        self.latency_s = latency_s
        self.messages: list[list[dict[str, Any]]] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        await self.conversation(peer).run()

    def conversation(self, peer: MemoryPeer) -> _Conversation:
        raise NotImplementedError

    def kinds(self, number: int = 0) -> list[str]:
        return [message["type"] for message in self.messages[number]]


class FakeAura(FakeVoice):
    """Speaks 20 characters a second of virtual time, in pieces of odd length.

    Args:
        faults: By connection: after how many characters of audio, what happens.
        flushes: Flushes allowed on a connection in 60 s.
        refused: Flushes of a connection, from 0, that are refused anyway.
        keeps_text: Whether the text of a refused flush stays for the next one.
        answers_clear: Whether ``Cleared`` ever comes.
        latency_s: One way; what is on its way when ``Clear`` comes still arrives.
        header: Stands in front of the audio of each flush.
        eager: Whether it speaks before the flush.
        answers_twice: Whether each answer comes twice.
        answers_wiped: Whether a flush that was wiped is answered after ``Cleared``.
    """

    def __init__(
        self,
        faults: Mapping[int, tuple[int, Fault]] | None = None,
        *,
        flushes: int = 20,
        refused: Collection[int] = (),
        keeps_text: bool = True,
        answers_clear: bool = True,
        latency_s: float = 0.05,
        header: bytes = b"",
        eager: bool = False,
        answers_twice: bool = False,
        answers_wiped: bool = False,
    ) -> None:
        super().__init__(faults, latency_s)
        self.flushes = flushes
        self.refused = refused
        self.keeps_text = keeps_text
        self.answers_clear = answers_clear
        self.header = header
        self.eager = eager
        self.answers_twice = answers_twice
        self.answers_wiped = answers_wiped

    def conversation(self, peer: MemoryPeer) -> _Conversation:
        return _AuraConversation(self, peer)


class _Conversation:
    """One connection. What is said of a service that is not true of both endpoints is in the subclasses."""

    def __init__(self, service: FakeVoice, peer: MemoryPeer) -> None:
        self.service = service
        self.peer = peer
        self.jobs: deque[_Job] = deque()
        self.work = asyncio.Event()
        self.on_the_way: asyncio.Queue[tuple[float, str | bytes]] = asyncio.Queue()
        self.characters = 0
        self.messages: list[dict[str, Any]] = []
        service.messages.append(self.messages)

    async def run(self) -> None:
        self.greet()
        tasks = [asyncio.create_task(self.speak_all()), asyncio.create_task(self.deliver_all())]
        try:
            await self.listen()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def listen(self) -> None:
        async for frame in self.peer:
            assert isinstance(frame, str), "binary is never sent to a voice"
            message = json.loads(frame)
            self.messages.append(message)
            if message["type"] == "Close":
                self.peer.close(1000)
                return
            getattr(self, f"on_{message['type'].lower()}")(message)
            self.work.set()

    async def speak_all(self) -> None:
        await self.maybe_fault()
        while True:
            while not self.jobs or not (self.jobs[0].text or self.jobs[0].flushed):
                self.work.clear()
                await self.work.wait()
            await self.speak(self.jobs[0])

    async def speak(self, job: _Job) -> None:
        while job.text or not job.flushed:
            if not job.text:
                self.work.clear()
                await self.work.wait()
                if not self.is_active(job):
                    return
                continue
            character, job.text = job.text[0], job.text[1:]
            await asyncio.sleep(0.05)
            if not self.is_active(job):
                return
            self.emit(job, character)
            self.characters += 1
            await self.maybe_fault()
        self.jobs.popleft()
        self.end(job)

    def emit(self, job: _Job, character: str) -> None:
        pcm = (b"" if job.began else self.service.header) + spoken(character)
        job.began = True
        self.later(pcm[:333])
        self.later(pcm[333:])

    def is_active(self, job: _Job) -> bool:
        return bool(self.jobs) and self.jobs[0] is job

    async def maybe_fault(self) -> None:
        at, fault = self.service.faults.get(self.peer.number, (-1, None))
        if self.characters == at and fault is not None and (waiting := fault(self.peer)) is not None:
            await waiting

    def later(self, data: bytes | None = None, /, **message: Any) -> None:
        frame = json.dumps(message) if data is None else data
        self.on_the_way.put_nowait((asyncio.get_running_loop().time() + self.service.latency_s, frame))

    def answer(self, **message: Any) -> None:
        for _ in range(2 if self.service.answers_twice else 1):
            self.later(**message)

    async def deliver_all(self) -> None:
        while True:
            due, frame = await self.on_the_way.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            self.peer.send(frame)

    def greet(self) -> None:
        raise NotImplementedError

    def end(self, job: _Job) -> None:
        raise NotImplementedError


@dataclass(eq=False)
class _Job:
    text: str = ""
    flushed: bool = False
    began: bool = False
    name: str = ""


class _AuraConversation(_Conversation):
    service: FakeAura

    def __init__(self, service: FakeAura, peer: MemoryPeer) -> None:
        super().__init__(service, peer)
        self.buffer = ""
        self.acknowledged = 0
        self.flushed_at: list[float] = []

    def greet(self) -> None:
        self.later(type="Metadata", request_id=f"t{self.peer.number}", model_name="m")

    def on_speak(self, message: dict[str, Any]) -> None:
        if not self.service.eager:
            self.buffer += message["text"]
        elif self.jobs and not self.jobs[-1].flushed:
            self.jobs[-1].text += message["text"]
        else:
            self.jobs.append(_Job(message["text"]))

    def on_flush(self, message: dict[str, Any]) -> None:
        if self.is_refused():
            if not self.service.keeps_text:
                self.buffer = ""
            self.answer(
                type="Warning", warn_code="EXCESSIVE_FLUSH", warn_msg="Rate limit exceeded for flushes."
            )
        elif self.service.eager and self.jobs and not self.jobs[-1].flushed:
            self.jobs[-1].flushed = True
        else:
            self.jobs.append(_Job(self.buffer, flushed=True))
            self.buffer = ""

    def is_refused(self) -> bool:
        now = asyncio.get_running_loop().time()
        self.flushed_at = [at for at in self.flushed_at if now - at < 60]
        ordinal = [message["type"] for message in self.messages].count("Flush") - 1
        if len(self.flushed_at) >= self.service.flushes or ordinal in self.service.refused:
            return True
        self.flushed_at.append(now)
        return False

    def on_clear(self, message: dict[str, Any]) -> None:
        wiped = sum(job.flushed for job in self.jobs)
        self.buffer = ""
        self.jobs.clear()
        if self.service.answers_clear:
            self.acknowledge("Cleared")
        for _ in range(wiped if self.service.answers_wiped else 0):
            self.acknowledge("Flushed")

    def end(self, job: _Job) -> None:
        self.acknowledge("Flushed")

    def acknowledge(self, kind: str) -> None:
        self.answer(type=kind, sequence_id=self.acknowledged)
        self.acknowledged += 1


class FakeFlux(FakeVoice):
    """Flux TTS: speaks while text still comes, one turn after the other.

    Args:
        faults: By connection: after how many characters of audio, what happens.
        answers_interrupt: Whether ``Interrupt`` is ever answered.
        latency_s: One way; what is on its way when ``Interrupt`` comes still arrives.
        answers_twice: Whether the end of each turn comes twice.
    """

    def __init__(
        self,
        faults: Mapping[int, tuple[int, Fault]] | None = None,
        *,
        answers_interrupt: bool = True,
        latency_s: float = 0.05,
        answers_twice: bool = False,
    ) -> None:
        super().__init__(faults, latency_s)
        self.answers_interrupt = answers_interrupt
        self.answers_twice = answers_twice

    def conversation(self, peer: MemoryPeer) -> _Conversation:
        return _FluxConversation(self, peer)


class _FluxConversation(_Conversation):
    service: FakeFlux

    def greet(self) -> None:
        self.turns = 0
        self.later(type="Connected", request_id=f"t{self.peer.number}")

    def on_speak(self, message: dict[str, Any]) -> None:
        if not self.jobs or self.jobs[-1].flushed:
            self.turns += 1
            self.jobs.append(_Job(name=f"turn-{self.peer.number}-{self.turns}"))
        self.jobs[-1].text += message["text"]

    def on_flush(self, message: dict[str, Any]) -> None:
        if not self.jobs or self.jobs[-1].flushed:
            self.later(type="Warning", code="NO_ACTIVE_SPEECH")
            return
        self.jobs[-1].flushed = True
        self.later(type="Flushed", speech_id=self.jobs[-1].name)

    def on_interrupt(self, message: dict[str, Any]) -> None:
        if not self.service.answers_interrupt:
            return
        if not self.jobs:
            self.later(type="Warning", code="NO_AUDIO_GENERATED")
            return
        self.later(type="SpeechInterrupted", metadata={"speech_id": self.jobs.popleft().name})

    def emit(self, job: _Job, character: str) -> None:
        if not job.began:
            self.later(type="SpeechStarted", speech_id=job.name)
        super().emit(job, character)

    def end(self, job: _Job) -> None:
        self.answer(type="SpeechMetadata", speech_id=job.name)
