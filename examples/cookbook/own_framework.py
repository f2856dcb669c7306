"""An adapter for a framework: frames in, callbacks out; ``python -m examples.cookbook.own_framework``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from speechwire.audio import PcmPipeline
from speechwire.emulator import Emulator, KnownWords
from speechwire.errors import SpeechwireError
from speechwire.protocol import DEFAULT_BASE_URL
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ListenV2Session


class SpeechToText:
    """A recogniser for one call."""

    on_text: Callable[[str, bool], None]  # with a text, and whether it is final
    on_speech: Callable[[], None]  # when the caller begins to speak: the moment to stop a reply
    on_error: Callable[[SpeechwireError], None]  # once, if the session has ended by itself

    def __init__(self, api_key: str, rate: int, channels: int, base_url: str = DEFAULT_BASE_URL) -> None:
        pipeline = PcmPipeline(rate, 16_000, channels, chunk_ms=80)
        self._session = ListenV2Session(api_key, converter=pipeline, base_url=base_url)
        self.push = self._session.push  # audio of any length; returns at once, also without a connection
        self.aclose = self._session.aclose  # sends what is left; then `run` delivers the rest and returns

    async def run(self) -> None:
        """Deliver events until the call has ended: make a task of it."""
        try:
            async for event in self._session:
                if isinstance(event, TurnInfo) and event.event == "StartOfTurn":
                    self.on_speech()
                elif isinstance(event, TurnInfo):
                    self.on_text(event.transcript, event.event == "EndOfTurn")
        except SpeechwireError as error:
            self.on_error(error)


async def main() -> None:
    """Drive it as a framework would, against the emulator."""
    words = KnownWords()
    async with Emulator(words) as emulator:
        stt = SpeechToText("any key", 48_000, 2, emulator.base_url)
        stt.on_text = lambda text, final: print("caller:", text) if final else None
        stt.on_speech = lambda: print("the caller speaks")
        stt.on_error = lambda error: print("failed:", error)
        running = asyncio.create_task(stt.run())
        stt.push(words.say("Two tickets to Oslo.", rate=48_000, channels=2) + bytes(192_000))
        await stt.aclose()
        await running


if __name__ == "__main__":
    asyncio.run(main())
