"""The service is faster than speech: all audio of a reply may have come long before it has been heard."""

from __future__ import annotations

from speechwire.emulator import Emulator
from speechwire.session import SpeakSession


async def test_an_interrupted_request_delivers_nothing_though_all_of_it_has_come() -> None:
    async with Emulator() as emulator, SpeakSession("key", base_url=emulator.base_url) as session:
        request = session.speak("A reply that nobody wants to hear to its end.")
        await request.wait()
        first = await anext(aiter(request))
        assert first
        request.interrupt()
        assert request.interrupted
        assert [audio async for audio in request] == []
        assert request.waiting_bytes == 0
        assert [audio async for audio in session.speak("Another.")]
