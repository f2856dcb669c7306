"""One session, and the conversion of what comes in to the format that the session declared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from videosdk.agents import STTResponse

from speechwire.session import ListenV1Session, ListenV2Session
from speechwire.session.converter import Converter

from ._adapt import logger
from ._input import InputFormat

__all__ = ["Session", "Stream", "Translate", "drop"]

# Formats that take turns are those of several participants: each is converted to the one declared. Only a
# format that stays is worth another connection.
_LASTING_S = 5.0
_MOST_CONVERTERS = 8

Session = ListenV1Session | ListenV2Session
Translate = Callable[[object], Iterable[STTResponse]]


class Stream:
    """A session of the running event loop, with what belongs to it.

    Args:
        session: New.
        format: What comes in to begin with.
        converter: The session's, for that format.
        convert: Makes the converter from another format to what the session declared.
        translate: Says what an event of the service means to the framework.
        follows: Whether a format that stays should be declared, by another session.

    Attributes:
        first: The format it began with.
        loop: The event loop it belongs to.
        configuration: What the session was made from, options that were changed since included.
        delivery: The task that reads the session's events.
        worked: Whether it has brought any transcript.
        outage: Whether the service has been unreachable for so long that it was said.
        stale: Whether what an outage left over is of no use any more.
        reported: Whether its end has been said.
    """

    def __init__(
        self,
        session: Session,
        format: InputFormat,
        converter: Converter,
        convert: Callable[[InputFormat], Converter],
        translate: Translate,
        *,
        follows: bool,
    ) -> None:
        self.session = session
        self.loop = asyncio.get_running_loop()
        self.configuration: dict[str, Any] = {}
        self.delivery: asyncio.Task[None] | None = None
        self.worked = self.outage = self.stale = self.reported = False
        self.first = self._format = format
        self._converters = {format: converter}
        self._convert = convert
        self._translate = translate
        self._follows = follows
        self._lasted_s = 0.0

    def push(self, audio: bytes, format: InputFormat) -> None:
        """Take audio of ``format``.

        Raises:
            SessionClosed: The session has ended.
            LocalProtocolError: The session belongs to another event loop.
        """
        if format != self._format:
            self.session.exchange(self._converter(format))
            self._format = format
            self._lasted_s = 0.0
        self.session.push(audio)
        self._lasted_s += format.seconds(len(audio))

    @property
    def is_steady(self) -> bool:
        """Whether nothing is to be noted about audio that goes on like the last."""
        return not self.outage and not (self._follows and self._format != self.first)

    def is_outlasted(self, format: InputFormat) -> bool:
        """Whether ``format`` has stayed so long that a session should declare it."""
        return (
            self._follows
            and format == self._format != self.first
            and self._lasted_s >= _LASTING_S
            and self.session.connected
        )

    def responses(self, event: object) -> tuple[STTResponse, ...]:
        """Return what an event means to the framework."""
        try:
            return tuple(self._translate(event))
        except Exception:
            logger.exception("an event could not be translated: %s", type(event).__name__)
            return ()

    def _converter(self, format: InputFormat) -> Converter:
        converter = self._converters.get(format)
        if converter is None:
            logger.info("the input changed from %s to %s", self._format, format)
            converter = self._convert(format)
            if len(self._converters) >= _MOST_CONVERTERS:
                self._converters.clear()
            self._converters[format] = converter
        return converter


async def drop(session: Session) -> None:
    """Close a session without waiting for any result; what it had is counted as dropped."""
    closing = asyncio.ensure_future(session.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
