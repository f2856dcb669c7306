"""Calls of the framework's own code, whatever that code raises."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from videosdk.agents import STTResponse

from speechwire.errors import SpeechwireError

from ._adapt import NEVER_SWALLOWED, logger
from ._in_place import for_each
from ._stream import Stream

__all__ = ["Deliveries", "hand_over"]

_DELIVERY_TIMEOUT_S = 2.0
_CANCELLATION_TIMEOUT_S = 1.0


async def hand_over(callback: Callable[[STTResponse], Any] | None, response: STTResponse) -> None:
    """Give a response to a transcript callback, plain or async; what it raises is logged.

    A `CancelledError` of the callback's own, because something it awaited was cancelled, counts as a failure
    like any other.

    Raises:
        CancelledError: This very task is being cancelled.
    """
    if callback is None:
        return
    try:
        answer = callback(response)
        if inspect.isawaitable(answer):
            await answer
    except NEVER_SWALLOWED:
        raise
    except BaseException as failure:
        if not _is_being_cancelled():
            # The framework's handler failed, not the stream: the next response is still to be delivered.
            logger.error("the transcript callback failed", exc_info=failure)
    if _is_being_cancelled():
        raise asyncio.CancelledError


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Deliveries:
    """A task for each session, which hands its responses to the framework; one session after the other.

    Args:
        responses: Returns what an event of a session means to the framework.
        callback: Returns who is given the responses now.
        failed: Called when a session has failed for good.
        ended: Called when a delivery has ended, by itself or because something has cancelled it.
    """

    def __init__(
        self,
        responses: Callable[[Stream, object], Iterable[STTResponse]],
        callback: Callable[[], Callable[[STTResponse], Any] | None],
        failed: Callable[[Stream, SpeechwireError], None],
        ended: Callable[[], None],
    ) -> None:
        self._responses = responses
        self._callback = callback
        self._failed = failed
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()

    def ensure(self, stream: Stream) -> None:
        """Deliver what a session of this event loop says, after what is being delivered already.

        Where the delivery is under way nothing happens; one that something has cancelled is taken up again.
        """
        if stream.delivery is None or stream.delivery.done():
            task = stream.delivery = asyncio.create_task(self._run(stream, self._here()))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def finish(self) -> None:
        """Let all end by themselves; a callback that hangs is cancelled, and then left."""
        pending = self._here() - {asyncio.current_task()}
        if pending:
            _, pending = await asyncio.wait(pending, timeout=_DELIVERY_TIMEOUT_S)
        if pending:
            logger.error("a transcript callback has not returned: the responses behind it are not delivered")
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=_CANCELLATION_TIMEOUT_S)

    async def _run(self, stream: Stream, before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        try:
            await for_each(stream.session.receive_each, partial(self._deliver, stream))
        except SpeechwireError as error:
            self._failed(stream, error)

    async def _deliver(self, stream: Stream, event: object) -> None:
        for response in self._responses(stream, event):
            await hand_over(self._callback(), response)

    def _here(self) -> set[asyncio.Task[None]]:
        loop = asyncio.get_running_loop()
        return {task for task in self._tasks if task.get_loop() is loop}

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended()
