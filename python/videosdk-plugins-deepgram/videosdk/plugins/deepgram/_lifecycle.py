"""Which session takes the audio: when one begins, what ends it, and what comes after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any

from videosdk.agents import STT, STTResponse

from speechwire.errors import SessionClosed, SpeechwireError
from speechwire.session import ListenSettings, OutageBegan, OutageEnded

from ._adapt import ApiKey, emit_safely, logger, report, require_api_key
from ._delivery import Deliveries
from ._failures import Failures
from ._framework import transcript_callback
from ._input import InputFormat, InputWatch
from ._stream import Stream, drop

__all__ = ["SessionLifecycle"]

_MOVED = "it is used in another event loop than before: what was under way there is lost"

# What options raise that no session can be made from.
_UNUSABLE = (SpeechwireError, TypeError, ValueError)


_OUTAGE = (OutageBegan, OutageEnded)


class _EachFrame:
    """What `process_audio` looks at for each frame: slots, as looking into a large object takes longer."""

    __slots__ = ("_push_steady", "_steady_bytes")

    # Frames of so many bytes go straight there; -1 for none.
    _steady_bytes: int
    _push_steady: Callable[[bytes], None]


class SessionLifecycle(_EachFrame, STT):
    """One session after the other, for a speech-to-text component.

    Whatever ends a session is said once, as an ``error`` event and in the log, and the next audio begins
    another. Only after a refusal that no retry can change (a refused key, an option out of its range), audio
    is ignored until the key or an option is changed.

    Attributes:
        api_key: The key in use, or what is asked for one. Another one holds from the next connection on.
        interim_results: Whether the framework publishes interim transcripts to the room.
        settings: Limits and deadlines of the sessions to come.
    """

    def __init__(self, *, api_key: ApiKey | None, input: InputWatch, interim_results: bool) -> None:
        super().__init__()
        self.api_key: ApiKey = require_api_key(api_key)
        self.interim_results = interim_results
        self.settings = ListenSettings()
        self._input = input
        input.changed = self._look_again
        self._failures = Failures(type(self).__name__)
        self._deliveries = Deliveries(
            self._responses, lambda: transcript_callback(self), self._end, self._look_again
        )
        self._stream: Stream | None = None
        self._look_again()
        self._transcribing: list[Stream] = []
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def ignored_s(self) -> float:
        """Seconds of audio ignored so far, since no session was to be had."""
        return self._failures.ignored_s

    def _new_stream(self, format: InputFormat) -> Stream:
        """Make the session for a stream that begins with this format."""
        raise NotImplementedError

    def _current_key(self) -> str | Awaitable[str]:
        """The key for the connection that is being opened."""
        key = self.api_key
        return key if isinstance(key, str) else key()

    def _streams(self) -> Iterator[Stream]:
        if self._stream is not None:
            yield self._stream
        yield from self._transcribing

    # Where something may have changed: the format, the session, the event loop

    def _take(self, audio: bytes) -> None:
        self._look_again()
        if self._closed or not audio:
            return
        format = self._input.format(len(audio))
        stream = self._stream = self._current(format) or self._begin(format)
        if stream is None:
            self._failures.ignore(format.seconds(len(audio)))
            return
        stream.push(audio, format)
        if stream.is_steady:
            self._push_steady = stream.session.push
            self._steady_bytes = self._input.steady_bytes or -1

    def _current(self, format: InputFormat) -> Stream | None:
        """Return the running stream if it goes on with this audio; else end it."""
        stream = self._stream
        if stream is None:
            return None
        if stream.loop is not asyncio.get_running_loop():
            self._leave(stream)
        elif stream.session.closed:
            self._end(stream, stream.session.error)
        elif stream.outage and (stream.stale or stream.configuration != self._configuration(stream.first)):
            self._retire(drop(stream.session))
        elif stream.is_outlasted(format):
            self._retire(stream.session.aclose())
        else:
            self._deliveries.ensure(stream)
            return stream
        return None

    def _begin(self, format: InputFormat) -> Stream | None:
        """Begin a session, unless it would only end as the last one did."""
        configuration = self._configuration(format)
        if self._failures.refuses(configuration) or self._failures.wait_s():
            return None
        try:
            stream = self._open(format, configuration)
        except _UNUSABLE:
            return None
        self._deliveries.ensure(stream)
        return stream

    def _open(self, format: InputFormat, configuration: dict[str, Any]) -> Stream:
        self._input.attach()
        try:
            stream = self._new_stream(format)
        except _UNUSABLE as error:
            self._note_failure(error, configuration, worked=False)
            report(self, error)
            raise
        stream.configuration = configuration
        self._failures.stop_ignoring()
        return stream

    async def _admit(self, frames: AsyncIterator[bytes]) -> tuple[Stream, bytes] | None:
        """Begin a session at the first audio for which there may be one; what comes before is ignored.

        Raises:
            SpeechwireError: There is none: the last one failed for good, and nothing has been changed.
        """
        ignored = False
        async for audio in frames:
            if not audio:
                continue
            format = self._input.format(len(audio))
            configuration = self._configuration(format)
            refused = self._failures.refuses(configuration)
            await asyncio.sleep(0.0 if refused else self._failures.wait_s())
            if self._closed:
                return None
            if not refused:
                return self._open(format, configuration), audio
            self._failures.ignore(format.seconds(len(audio)))
            ignored = True
        if ignored and self._failures.error is not None:
            raise self._failures.error
        return None

    def _configuration(self, format: InputFormat) -> dict[str, Any]:
        """Everything that a session beginning with ``format`` is made from."""
        options = {name: _frozen(value) for name, value in vars(self).items() if not name.startswith("_")}
        key = self.api_key
        options["api_key"] = (
            hash(key) if isinstance(key, str) else id(key)
        )  # nothing that a traceback may show
        return {**options, "format": format}

    # The end of a session

    def _retire(self, closing: Coroutine[Any, Any, None]) -> None:
        """Close a session in the background; its last results are delivered before the next one's."""
        task = asyncio.get_running_loop().create_task(closing)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _leave(self, stream: Stream) -> None:
        """Go on in this event loop: the session belongs to another one."""
        if stream.loop.is_running():
            asyncio.run_coroutine_threadsafe(drop(stream.session), stream.loop)
        self._end(stream, SessionClosed(_MOVED))

    def _end(self, stream: Stream, error: BaseException | None) -> None:
        """A session has ended by itself: say so once."""
        if self._stream is stream:
            self._stream = None
            self._look_again()
        if error is None or stream.reported:
            return
        stream.reported = True
        self._note_failure(error, stream.configuration, worked=stream.worked)
        report(self, error)

    def _note_failure(self, error: BaseException, configuration: dict[str, Any], *, worked: bool) -> None:
        renewable = not isinstance(self.api_key, str)
        self._failures.failed(error, configuration, worked=worked, renewable_key=renewable)

    def _look_again(self) -> None:
        """Look at the session and the format before more audio goes in."""
        self._steady_bytes, self._push_steady = -1, self._take

    # What a session says

    def _responses(self, stream: Stream, event: object) -> Iterable[STTResponse]:
        """Tell the listeners of an event, and return what it means to the framework."""
        emit_safely(self, "event", event)
        if isinstance(event, _OUTAGE):
            self._note_outage(stream, event)
        responses = stream.responses(event)
        if responses and not stream.worked:
            stream.worked = True
            self._failures.worked()
        return responses

    def _note_outage(self, stream: Stream, event: OutageBegan | OutageEnded) -> None:
        if isinstance(event, OutageBegan):
            stream.outage = True
            self._look_again()
            report(self, event.error)
        else:
            stream.outage = stream.stale = False
            logger.warning("%s: the service answers again after %.1f s", type(self).__name__, event.lasted_s)


def _frozen(value: object) -> object:
    """A value to compare with later, whatever becomes of the one given."""
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
