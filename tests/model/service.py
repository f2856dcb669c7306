"""A recognition service that ends, stalls, refuses and babbles as its story says, and hears tagged audio.

It is written from the service's documentation, not from the client. Its two ways of talking are in
``voice_v1`` and ``voice_v2``, what they share in ``conversation``.
"""

from __future__ import annotations

import asyncio

from tests.model.conversation import Caller, Conversation
from tests.model.story import Fate, Story

from speechwire.errors import ConnectFailed, HandshakeRefused
from speechwire.transport import MemoryPeer

__all__ = ["Service"]


class Service:
    """All connections of a story.

    Args:
        story: What happens.
        caller: Who calls.
        voice: How the endpoint talks.
    """

    def __init__(self, story: Story, caller: Caller, voice: type[Conversation]) -> None:
        self.story, self.caller, self.voice = story, caller, voice
        self.spoken = {number for begin, end in story.turns for number in range(begin, end)}
        self.joined_late: set[int] = set()
        self.cut_by_final: set[int] = set()
        self.finals: list[tuple[int, float, Conversation]] = []
        self.attempts: list[tuple[float, str]] = []
        self.conversations: list[Conversation] = []
        self.endings: list[str] = []
        self.crashed: set[int] = set()

    async def __call__(self, peer: MemoryPeer) -> None:
        fate = self.story.fate(peer.number)
        now_s = asyncio.get_running_loop().time()
        upgrade = "unreachable" if self.out(now_s) else fate.upgrade
        self.attempts.append((now_s, upgrade))
        self.caller.note(f"service {peer.number}", f"upgrade: {upgrade}; {fate}")
        if upgrade == "silent":
            await asyncio.Event().wait()
        await asyncio.sleep(fate.upgrade_s)
        if upgrade == "accept":
            peer.accept()
            await self.converse(peer, fate)
        else:
            self.endings.append(upgrade)
            peer.refuse(_refusal(upgrade))

    def out(self, now_s: float) -> bool:
        return any(begin <= now_s < end for begin, end in self.story.outages)

    async def converse(self, peer: MemoryPeer, fate: Fate) -> None:
        conversation = self.voice(self, peer, fate)
        self.conversations.append(conversation)
        await conversation.run()


def _refusal(upgrade: str) -> ConnectFailed | HandshakeRefused:
    if upgrade.isdecimal():
        return HandshakeRefused(int(upgrade), '{"err_code": "AS_TOLD"}', dg_error="as told")
    return ConnectFailed("wss://service.test/", "connection refused")
