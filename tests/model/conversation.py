"""One connection of the service, from the upgrade to its end: its clock and its fate, for either endpoint."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from tests.model import junk
from tests.model.ears import QUARTER, Ears
from tests.model.hearing import Garbled, Span, spans
from tests.model.story import Fate
from tests.model.wire import changes_of, settings_of, short
from tests.session.counted import RATE

from speechwire.transport import MemoryPeer

if TYPE_CHECKING:
    from tests.model.service import Service

__all__ = ["Caller", "Conversation"]

_TICK_S = 1e-6


class Caller(Protocol):
    """What the service knows of the caller, to judge what it gets."""

    trace: bool

    def note(self, who: str, what: str) -> None: ...

    def broken(self, promise: str, how: str) -> None: ...

    def before_audio(self, conversation: Conversation, start: int) -> None: ...

    def before_silence(self, conversation: Conversation, samples: int) -> None: ...

    def lied(self) -> None: ...


class Conversation(Ears):
    """One connection, from the upgrade to its end."""

    accepted_texts: frozenset[str] = frozenset()

    def __init__(self, service: Service, peer: MemoryPeer, fate: Fate) -> None:
        super().__init__(service.spoken, service.joined_late, onset=fate.onset)
        self.service, self.peer, self.fate = service, peer, fate
        self.number = peer.number
        self.loop = asyncio.get_running_loop()
        self.random = random.Random(service.story.seed * 1009 + peer.number)
        self.asked_s = service.attempts[peer.number][0]
        self.opened_s = self.loop.time()
        self.last_frame_s = self.last_audio_s = self.opened_s
        self.silent_after: int | None = None
        self.settings = settings_of(peer.request.url)
        self.unsure: set[str] = set()
        self.ended_s: float | None = None
        self.left_s: float | None = None
        self.close_stream_s: float | None = None
        self.answer_due_s: float | None = None
        self.open_at_close = False
        self.told_all = False
        self.deaf = self.mute = False
        self.hiccup_due = self.fate.hiccup_s > 0
        self._last_due_s = self._covered_s = 0.0
        self._covered = 0
        self._ending_due = bool(fate.ending)

    # What the client sends.

    async def run(self) -> None:
        self.greet()
        if self._ending_due and self.fate.ending_by == "open":
            self.loop.call_later(self.fate.ending_s, self.come_to_an_end)
        self.watch()
        async for frame in self.peer:
            if self.deaf:
                await asyncio.Event().wait()
            if self.ended_s is not None:
                break  # what was under way is lost
            self.take(frame)
            if self.fate.reads_s or self.hiccup_due:
                await self.dawdle()
        if self.ended_s is None:
            self.left_s = self.loop.time()
            self.service.caller.note(f"service {self.number}", "the client has left")

    async def dawdle(self) -> None:
        """Read no further for a while."""
        if self.hiccup_due and self.position >= self.fate.hiccup_at_s * RATE:
            self.hiccup_due = False
            await asyncio.sleep(self.fate.hiccup_s)
        if self.fate.reads_s:
            await asyncio.sleep(self.fate.reads_s)

    @property
    def slow(self) -> bool:
        """Whether what it reads may have been sent long before."""
        return bool(self.fate.reads_s or self.fate.hiccup_s)

    def take(self, frame: str | bytes) -> None:
        self.last_frame_s = self.loop.time()
        if isinstance(frame, str):
            self.told(json.loads(frame))
        elif self.close_stream_s is not None:
            self.service.caller.broken("protocol", "audio after CloseStream")
        elif not frame:
            self.service.caller.broken("protocol", "an empty binary frame")
        else:
            self.hear(frame)

    def told(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        self.service.caller.note(
            f"service {self.number}", f"is told {kind} {message if kind[:2] == 'Co' else ''}"
        )
        if kind not in self.accepted_texts:
            self.service.caller.broken("protocol", f"sent {kind}, which the endpoint does not know")
        elif self.close_stream_s is not None:
            self.service.caller.broken("protocol", f"sent {kind} after CloseStream")
        elif kind == "Configure":
            self.configure(message)
        elif kind == "CloseStream":
            self.close_stream()
        elif kind != "KeepAlive" and self.fate.finalize:
            self.finalize()

    def hear(self, frame: bytes) -> None:
        try:
            pieces = spans(frame, self.expected)
        except Garbled as error:
            self.service.caller.broken("samples stay whole", str(error))
            return
        for start, left in pieces:
            if start is None:
                self.service.caller.before_silence(self, left)
            else:
                self._check_order(start)
                self.last_audio_s = self.loop.time()
                self.service.caller.before_audio(self, start)
            while left:
                step = min(left, QUARTER)
                self.listen(Span(start, step))
                self.go_on()
                start, left = None if start is None else start + step, left - step
        self._maybe_babble()
        self._maybe_end()

    def _check_order(self, start: int) -> None:
        if self.expected is not None and start < self.expected:
            behind = self.expected - start
            self.service.caller.broken("order", f"{behind} samples twice on connection {self.number}")

    # What the endpoints do differently.

    @property
    def reported_all(self) -> bool:
        """Whether a result has covered all that was heard, and had time to arrive."""
        return self._covered == self.position and self._covered_s < self.loop.time() - 0.01

    def cover(self) -> None:
        """The result just said covers all that was heard."""
        if not self.mute:
            self._covered, self._covered_s = self.position, self._last_due_s

    def greet(self) -> None: ...

    def watch(self) -> None: ...

    def go_on(self) -> None:
        raise NotImplementedError

    def finalize(self) -> None:
        raise NotImplementedError

    def last_results(self) -> None:
        raise NotImplementedError

    def end_properly(self) -> None:
        raise NotImplementedError

    def configured(self, message: dict[str, Any]) -> None:
        raise NotImplementedError

    def refused(self) -> None:
        raise NotImplementedError

    # What the service sends.

    def say(self, frame: str | bytes, *, words: tuple[int, ...] = (), delay_s: float | None = None) -> None:
        """Send it after the latency, behind all that is under way."""
        if self.mute or self.ended_s is not None:
            return
        self._schedule(self._deliver, frame, words, delay_s=delay_s)
        if self.fate.repeats and self.random.random() < self.fate.repeats:
            self._schedule(self._deliver, frame, words, delay_s=delay_s)

    def _schedule(self, call: Callable[..., None], *args: Any, delay_s: float | None = None) -> float:
        delay_s = self.fate.latency_s if delay_s is None else delay_s
        self._last_due_s = max(self._last_due_s + _TICK_S, self.loop.time() + delay_s)
        self.loop.call_at(self._last_due_s, call, *args)
        return self._last_due_s

    def _deliver(self, frame: str | bytes, words: tuple[int, ...]) -> None:
        if self.ended_s is None and self.left_s is None and self.peer._to_client.closed is None:
            self.peer.send(frame)
            if self.service.caller.trace:
                self.service.caller.note(f"service {self.number}", f"says {short(frame)}")
            for word in words:
                self.service.finals.append((word, self.loop.time(), self))

    def end(self, code: int, reason: str = "") -> None:
        """Close; what is under way is lost."""
        if self.ended_s is None:
            self.ended_s = self.loop.time()
            if code == 1006:
                self.peer.reset()
            else:
                self.peer.close(code, reason)
            self.service.caller.note(f"service {self.number}", f"ends with {code} {reason}")

    def end_behind(self, code: int, reason: str = "", *, delay_s: float = 0.0) -> float:
        return self._schedule(self.end, code, reason, delay_s=delay_s)

    # Fate.

    def _maybe_end(self) -> None:
        if not self._ending_due or self.fate.ending_by == "open":
            return
        at = self.position if self.fate.ending_by == "heard" else (self.expected or 0)
        if at >= self.fate.ending_s * RATE:
            self.come_to_an_end()

    def come_to_an_end(self) -> None:
        if not self._ending_due or self.ended_s is not None:
            return
        self._ending_due = False
        how = self.fate.ending
        self.service.endings.append(how)
        if how in ("deaf", "mute"):
            self.deaf, self.mute = self.deaf or how == "deaf", True
            self.service.caller.note(f"service {self.number}", f"is {how}")
        elif how == "crash":
            self.service.crashed.add(self.number)
            self.end(1006)
        elif how == "reset":
            self._then(1006)
        elif how.startswith("error"):
            self.fail(how.partition(" ")[2])
        else:
            code, _, reason = how.partition(" ")
            self._then(int(code), reason)

    def _then(self, code: int, reason: str = "") -> None:
        if self.fate.results_first:
            self.end_behind(code, reason)
        else:
            self.end(code, reason)

    def fail(self, code: str) -> None:
        self.end(1011, code)

    def _maybe_babble(self) -> None:
        if self.fate.junk and self.random.random() < self.fate.junk:
            self.say(junk.frame(self.random))
        if self.fate.lies and self.random.random() < self.fate.lies:
            self.service.caller.lied()
            self.say(self.lie())
            self._schedule(self.service.caller.lied)

    def lie(self) -> str:
        raise NotImplementedError

    def configure(self, message: dict[str, Any]) -> None:
        changes = changes_of(message)
        if self.fate.configure == "accept":
            self.settings |= changes
            self.service.caller.note(f"service {self.number}", f"is configured {changes}")
            self._aside(self.configured, message)
        else:
            self.unsure |= set(changes)
            if self.fate.configure == "refuse":
                self._aside(self.refused)

    def _aside(self, call: Callable[..., None], *args: Any) -> None:
        """An answer that takes its own time."""
        self.loop.call_later(self.fate.configure_s, call, *args)

    def close_stream(self) -> None:
        self.close_stream_s = self.loop.time()
        self.open_at_close = bool(self.words)
        self.told_all = self.reported_all
        how, delay_s = self.fate.closing, self.fate.closing_s
        self.service.endings.append(f"after CloseStream: {'silence' if self.mute else how}")
        if self.mute or how == "silence":
            self.mute = True
            return
        self.answer_due_s = self._schedule(self._close_so, how, delay_s=delay_s)

    def _close_so(self, how: str) -> None:
        if how in ("proper", "results"):
            self.last_results()
        if how == "proper":
            self.end_properly()
        elif how == "bare":
            self.end_behind(1005 if self.service.story.flux else 1000)
        else:
            self.end_behind(1006 if how == "results" else int(how), "DATA-0000" if how == "1008" else "")
