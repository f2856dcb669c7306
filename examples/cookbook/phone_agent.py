"""An agent on the telephone: ``speechwire serve examples.cookbook.phone_agent:answer``.

Point a number of Twilio, Telnyx or another provider at ``wss://your-host/call``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from speechwire.server import BargeIn, Call, CallEnded, Digit, Turn


async def think(text: str) -> AsyncIterator[str]:
    """Stand in for a language model: yield the answer in pieces as they are made."""
    yield "You said: "
    yield text


async def answer(call: Call) -> None:
    """Hold one call; the server calls this for each caller."""
    call.log.info("call %s over %s", call.provider_id, call.dialect)
    await call.say("Good morning. Say something, or press zero for a person.")
    try:
        async for event in call.events():
            match event:
                case Digit(digit="0"):
                    await call.say("One moment, please.")
                    call.hang_up("transferred")
                case Turn(text=text) if "goodbye" in text.lower():
                    await call.say("Goodbye.")
                    call.hang_up()
                case Turn(text=text):
                    await call.say(think(text))
                case BargeIn(heard_s=heard_s):
                    call.log.info("interrupted after %.1f s", heard_s)
    except CallEnded:
        call.log.info("the caller hung up in the middle of an answer")
