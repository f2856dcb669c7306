"""The demo's agent: it listens, and says back what it heard. ``speechwire serve --emulator`` runs it."""

from __future__ import annotations

from speechwire.server.call import Call

__all__ = ["answer"]


async def answer(call: Call) -> None:
    """Talk with a caller, unless it wants captions only: that is the page's switch."""
    if call.parameters.get("agent") == "off":
        async for _ in call.turns():
            pass
        return
    if not call.resumed:
        await call.say("Hello. Say something, and I will repeat it.")
    async for turn in call.turns():
        await call.say(f"You said: {turn.text}")
