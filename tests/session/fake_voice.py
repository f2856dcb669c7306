"""A scripted synthesis service. Its audio spells its text, so that a test can read what was heard."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from speechwire.transport import MemoryPeer

BYTES_PER_CHARACTER = 1000
Fault = Callable[[MemoryPeer], Awaitable[None] | None]


def spoken(text: str) -> bytes:
    return b"".join(ord(character).to_bytes(2, "little") * (BYTES_PER_CHARACTER // 2) for character in text)


def heard(pcm: bytes) -> str:
    """The text that audio spells; fails if a character is cut short or doubled in part."""
    assert len(pcm) % BYTES_PER_CHARACTER == 0, "a character was cut"
    characters = []
    for start in range(0, len(pcm), BYTES_PER_CHARACTER):
        cell = pcm[start : start + BYTES_PER_CHARACTER]
        assert cell == cell[:2] * (BYTES_PER_CHARACTER // 2), "characters overlap"
        characters.append(chr(int.from_bytes(cell[:2], "little")))
    return "".join(characters)


class FakeAura:
    """Speaks 20 characters a second of virtual time, in pieces of odd length.

    Args:
        faults: By connection: after how many characters of audio, what happens.
        flushes: Flushes allowed on a connection in 60 s.
        refused: Flushes of a connection, from 0, that are refused anyway.
        keeps_text: Whether the text of a refused flush stays for the next one.
        answers_clear: Whether ``Cleared`` ever comes.
        latency_s: One way; what is on its way when ``Clear`` comes still arrives.
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
    ) -> None:
        self.faults = dict(faults or {})
        self.flushes = flushes
        self.refused = refused
        self.keeps_text = keeps_text
        self.answers_clear = answers_clear
        self.latency_s = latency_s
        self.messages: list[list[dict[str, Any]]] = []

    async def __call__(self, peer: MemoryPeer) -> None:
        await _Conversation(self, peer).run()

    def kinds(self, number: int = 0) -> list[str]:
        return [message["type"] for message in self.messages[number]]


class _Conversation:
    def __init__(self, service: FakeAura, peer: MemoryPeer) -> None:
        self.service = service
        self.peer = peer
        self.buffer = ""
        self.jobs: deque[str] = deque()
        self.work = asyncio.Event()
        self.on_the_way: asyncio.Queue[tuple[float, str | bytes]] = asyncio.Queue()
        self.acknowledged = 0
        self.characters = 0
        self.flushed_at: list[float] = []
        self.messages: list[dict[str, Any]] = []
        service.messages.append(self.messages)

    async def run(self) -> None:
        self.later(type="Metadata", request_id=f"t{self.peer.number}", model_name="m")
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
            match message["type"]:
                case "Speak":
                    self.buffer += message["text"]
                case "Flush":
                    self.flush()
                case "Clear":
                    self.buffer = ""
                    self.jobs.clear()
                    if self.service.answers_clear:
                        self.acknowledge("Cleared")
                case "Close":
                    self.peer.close(1000)
                    return

    def flush(self) -> None:
        now = asyncio.get_running_loop().time()
        self.flushed_at = [at for at in self.flushed_at if now - at < 60]
        ordinal = [message["type"] for message in self.messages].count("Flush") - 1
        if len(self.flushed_at) >= self.service.flushes or ordinal in self.service.refused:
            if not self.service.keeps_text:
                self.buffer = ""
            self.later(
                type="Warning", warn_code="EXCESSIVE_FLUSH", warn_msg="Rate limit exceeded for flushes."
            )
            return
        self.flushed_at.append(now)
        self.jobs.append(self.buffer)
        self.buffer = ""
        self.work.set()

    async def speak_all(self) -> None:
        at, fault = self.service.faults.get(self.peer.number, (-1, None))
        if at == 0 and fault is not None and (waiting := fault(self.peer)) is not None:
            await waiting
        while True:
            while not self.jobs:
                self.work.clear()
                await self.work.wait()
            job = self.jobs[0]
            for character in job:
                await asyncio.sleep(0.05)
                if not self.jobs or self.jobs[0] is not job:
                    break
                pcm = spoken(character)
                self.later(pcm[:333])
                self.later(pcm[333:])
                self.characters += 1
                if self.characters == at and fault is not None and (waiting := fault(self.peer)) is not None:
                    await waiting
            else:
                self.jobs.popleft()
                self.acknowledge("Flushed")

    def acknowledge(self, kind: str) -> None:
        self.later(type=kind, sequence_id=self.acknowledged)
        self.acknowledged += 1

    def later(self, data: bytes | None = None, /, **message: Any) -> None:
        frame = json.dumps(message) if data is None else data
        self.on_the_way.put_nowait((asyncio.get_running_loop().time() + self.service.latency_s, frame))

    async def deliver_all(self) -> None:
        while True:
            due, frame = await self.on_the_way.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            self.peer.send(frame)
