"""An input played into a listening session."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from speechwire.cli._audio import AudioReader
from speechwire.cli._display import Bar
from speechwire.cli._feed import Feed
from speechwire.cli._patience import AHEAD_OF_RESULTS_S
from speechwire.cli._segments import Hearing, Segment
from speechwire.cli._transcript import Transcript
from speechwire.errors import SessionClosed
from speechwire.session import ListenV1Session, ListenV2Session, Reconnecting, SessionEnded

__all__ = ["SERVICE_RATE", "Playing", "Session"]

SERVICE_RATE = 16_000
"""What is declared to the service; Deepgram advises it."""

_BLOCK_S = 0.1
# The session paces its audio. Push only little ahead, since the session drops audio beyond its bound.
_AHEAD_S = 5.0
# A service that sends no results for silence must not stop the file.
_STUCK_S = 60.0
_NEARLY_DONE_S = 3.0
_LOOK_S = 0.05
_LEAVE_S = 0.2

Session = ListenV1Session | ListenV2Session


class Playing:
    """Plays an input into a session, and collects the results.

    Args:
        feed: An open input.
        session: A new session.
        channels: The number of channels that the session is sent.
        hearing: Collects the results of the session's endpoint.
        bar: Shows the progress.
        live: Whether to send at real time; else as fast as the session paces it.
        tell: Called with segments as they become final, and with the others at the end or when interrupted.

    Attributes:
        transcript: The transcript so far.
    """

    def __init__(
        self,
        feed: Feed,
        session: Session,
        channels: int,
        hearing: Hearing,
        bar: Bar,
        *,
        live: bool,
        tell: Callable[[Sequence[Segment]], None],
    ) -> None:
        self.transcript = Transcript(feed.audio.name)
        self._feed = feed
        self._session = session
        self._bytes_per_s = 2 * SERVICE_RATE * channels
        self._hearing = hearing
        self._bar = bar
        self._live = live
        self._tell = tell
        self._heard_s = 0.0
        self._heard_at = 0.0

    async def run(self) -> None:
        """Play it to its end.

        Raises:
            SpeechwireError: The session failed for good.
            InputError: The input cannot be read to its end.
        """
        playing = asyncio.create_task(self._play())
        try:
            async for event in self._session:
                self._take(event)
            await playing
        finally:
            self._add(self._hearing.close())
            self.transcript.duration_s = self._audio.read_s
            playing.cancel()
            await asyncio.wait({playing})
            await _leave(self._session)

    @property
    def _audio(self) -> AudioReader:
        return self._feed.audio

    def _take(self, event: object) -> None:
        self._add(self._hearing.receive(event))
        self._bar.reach(self._sent_s())
        if isinstance(event, Reconnecting):
            self._bar.caption(f"trying again: {event.error}")
        else:
            segments = self.transcript.segments
            self._bar.caption(self._hearing.partial or (segments[-1].text if segments else ""))
        if isinstance(event, SessionEnded):
            self.transcript.complete = event.complete
            self.transcript.lost_s = event.dropped_s

    def _add(self, segments: list[Segment]) -> None:
        self.transcript.segments += segments
        if segments:
            self._tell(segments)

    async def _play(self) -> None:
        """Push the whole input, never far ahead of what has been sent, and close the session."""
        began = asyncio.get_running_loop().time()
        try:
            async for block in self._feed.blocks(_BLOCK_S):
                self._session.push(block)
                await self._wait_while(self._is_ahead, began)
            await self._wait_while(self._is_unanswered, began)
        except SessionClosed:
            return  # the reader of the events gets the reason
        except Exception:
            await _leave(self._session)  # else the reader of the events would wait for ever
            raise
        await self._session.aclose()

    async def _wait_while(self, waiting: Callable[[float, float], bool], began: float) -> None:
        """Look again and again, until the session has ended."""
        loop = asyncio.get_running_loop()
        while True:
            if self._session.closed or not waiting(loop.time(), began):
                return
            await asyncio.sleep(_LOOK_S)

    def _is_ahead(self, now: float, began: float) -> bool:
        """Whether the next piece has to wait: for the connection, for the recogniser, or for its time."""
        pushed_s = self._audio.read_s
        return (
            pushed_s - self._sent_s() >= _AHEAD_S
            or self._behind_s(now) >= AHEAD_OF_RESULTS_S
            or (self._live and pushed_s > now - began + _BLOCK_S)
        )

    def _is_unanswered(self, now: float, began: float) -> bool:
        """Whether a slow recogniser still has much to do before it can be asked for its last results."""
        return self._behind_s(now) >= _NEARLY_DONE_S

    def _behind_s(self, now: float) -> float:
        """Seconds of audio without results; 0 if the service has sent no results for long."""
        heard_s = self._hearing.heard_s
        if heard_s > self._heard_s or not self._heard_at:
            self._heard_s, self._heard_at = heard_s, now
        return 0.0 if now - self._heard_at >= _STUCK_S else self._audio.read_s - heard_s

    def _sent_s(self) -> float:
        """Seconds of the input that have been sent, each counted once."""
        stats = self._session.stats()
        return max(0.0, (stats.sent_bytes - stats.replayed_bytes - stats.silence_bytes) / self._bytes_per_s)


async def _leave(session: Session) -> None:
    """Close without waiting for results; do nothing if the session has ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_S):
            await session.aclose()
