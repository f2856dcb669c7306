"""The demo's agent: it listens, and says back what it heard. ``speechwire serve --emulator`` runs it."""

from __future__ import annotations

from speechwire.server.call import Call

__all__ = ["answer"]


async def answer(call: Call) -> None:
    """Talk with a caller."""
    await call.say("Hello. Say something, and I will repeat it.")
    async for turn in call.turns():
        await call.say(f"You said: {turn.text}")
