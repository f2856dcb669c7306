"""Plays a story in virtual time and says which promises were broken."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.model.judge import Broken
from tests.model.loop import CrashingTransport, StoryLoop
from tests.model.operations import OPERATIONS, Chunks, Operations
from tests.model.story import Operation, Story
from tests.session.counted import RATE

from speechwire.errors import SpeechwireError
from speechwire.protocol import ListenV2Options
from speechwire.protocol.listen_v1_events import Results
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import ChangeRefused, ListenV1Session, ListenV2Session
from speechwire.transport import MemoryTransport

__all__ = ["Outcome", "play"]

Tamper = Callable[[Any], list[Any]]


@dataclass
class Outcome:
    """What a run came to.

    Attributes:
        broken: The promises that were not kept, in order.
        timeline: What happened, if it was to be written down.
        operations: How often each was done, by the state that it found.
        endings: How connections and upgrades ended.
    """

    broken: list[Broken]
    timeline: list[str]
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    words: int = 0
    audio_s: float = 0.0
    complete: bool = False


def play(story: Story, *, trace: bool = False, tamper: Tamper | None = None) -> Outcome:
    """Run it from begin to end, in a loop of its own.

    Args:
        story: What happens.
        trace: Whether to write the timeline down.
        tamper: Puts other events in the place of each; to see that the judge notices.
    """
    state = random.getstate()
    random.seed(story.seed)
    loop = StoryLoop()
    try:
        player = Player(story, loop, trace=trace)
        player.tamper = tamper or player.tamper
        loop.set_exception_handler(player.unhandled)
        try:
            loop.run_until_complete(player.run())
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            player.judge.find("nothing raises out of a session", repr(error))
        return player.outcome()
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        random.setstate(state)


class Player(Operations):
    """The caller of one story."""

    tamper: Tamper = staticmethod(lambda event: [event])

    # The run.

    async def run(self) -> None:
        self.reading.set()
        self.transport = MemoryTransport(self.service, window_bytes=self.story.window_bytes)
        self.session = self._make_session()
        self._overhear(self.session._runner.options)
        self.consumer = self.loop.create_task(self.consume())
        for operation in self.story.operations:
            await self._do(operation)
            self._check_bounds()
            if self.judge.broken:
                break
        await self._finish()

    async def read_anew(self, operation: Operation) -> None:
        """The task that iterates is cancelled, and another goes on."""
        assert self.consumer is not None
        if not self.consumer.done():
            self.reading_anew = True
            self.consumer.cancel()
            await asyncio.wait({self.consumer})
            self.reading_anew = False
            self.consumer = self.loop.create_task(self.consume())

    def _make_session(self) -> Any:
        story = self.story
        upgrades = {number for number, fate in enumerate(story.fates) if fate.upgrade == "crash"}
        arguments: dict[str, Any] = {
            "transport": CrashingTransport(self.transport, self.service.crashed, upgrades),
            "settings": self.settings,
            "converter": Chunks(story.chunk_ms) if story.chunk_ms else None,
        }
        if story.flux:
            return ListenV2Session("key", ListenV2Options(**story.options), **arguments)
        return ListenV1Session("key", self.v1_options(), **arguments)

    def _overhear(self, options: Any) -> None:
        """A change that is refused is wanted no more from then on, not from when the consumer reads it."""
        emit = options._emit

        def overheard(event: ChangeRefused) -> None:
            self.change_refused(event)
            emit(event)

        options._emit = overheard

    async def consume(self) -> None:
        try:
            async for event in self.session:
                if self.trace:
                    self.note("delivered", _event(event))
                for seen in self.tamper(event):
                    self.judge.event(seen, self.loop.time())
                if self.story.consumer_s:
                    await asyncio.sleep(self.story.consumer_s)
                await self.reading.wait()
        except SpeechwireError as error:
            self.record.error = error
            self.note("delivered", f"raises {error!r}")
        except asyncio.CancelledError:
            if not self.record.cancelled and not self.reading_anew:
                self.broken("nothing raises out of a session", "CancelledError")
            raise
        except Exception as error:
            self.broken("nothing raises out of a session", repr(error))

    async def _do(self, operation: Operation) -> None:
        self.note("caller", str(operation))
        await OPERATIONS[operation.kind](self, operation)

    async def _finish(self) -> None:
        """Close, read to the end, and see what is left."""
        self.reading.set()
        await self._aclose(Operation(kind="aclose"))
        await self._await_calls()
        assert self.consumer is not None
        if self.consumer.cancelled():
            self.consumer = self.loop.create_task(self.consume())
        limit_s = 1.0 + 2000 * self.story.consumer_s
        done, _ = await asyncio.wait({self.consumer}, timeout=limit_s)
        if not done:
            self.broken("the iteration ends", "it goes on a second after aclose")
        await self._look_for_tasks()
        self.judge.end(self.loop.time())
        await self.transport.aclose()

    async def _await_calls(self) -> None:
        if self.tasks:
            _, pending = await asyncio.wait(self.tasks, timeout=1.0)
            for task in pending:
                self.broken("calls return or raise", f"{task.get_name()} goes on a second after aclose")
                task.cancel()

    async def _look_for_tasks(self) -> None:
        await asyncio.sleep(0.01)
        mine = {asyncio.current_task(), self.consumer, *self.tasks, *self.transport._tasks}
        left = [task for task in asyncio.all_tasks() if task not in mine]
        if left:
            self.broken("no task is left", f"{[_name(task) for task in left]}")
        gc.collect(1)

    def outcome(self) -> Outcome:
        return Outcome(
            self.judge.broken,
            self.timeline,
            self.operations,
            Counter(self.service.endings),
            len(self.service.attempts),
            len(self.judge.words),
            self.record.pushed / RATE,
            self.judge.ended is not None and self.judge.ended.complete,
        )


def _event(event: Any) -> str:
    """An event in a few words."""
    if isinstance(event, Results):
        flags = " ".join(
            flag for flag in ("is_final", "speech_final", "from_finalize") if getattr(event, flag)
        )
        return f"Results {event.start:.2f}-{event.end:.2f} {event.transcript!r} {flags}"
    if isinstance(event, TurnInfo):
        window = f"{event.audio_window_start:.2f}-{event.audio_window_end:.2f}"
        return f"{event.event} {event.turn_index}: {window} {event.transcript!r}"
    return f"{event!s:.200}"


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())
