"""The demo's agent: it repeats what the caller says. ``speechwire serve --emulator`` runs it."""

from __future__ import annotations

from speechwire.server.call import Call

__all__ = ["answer"]


async def answer(call: Call) -> None:
    """Repeat what the caller says. With the parameter ``agent=off``, which the page can set, say nothing."""
    if call.parameters.get("agent") == "off":
        async for _ in call.turns():
            pass
        return
    if not call.resumed:
        await call.say("Hello. Say something, and I will repeat it.")
    async for turn in call.turns():
        await call.say(f"You said: {turn.text}")
