"""One caller's line: its codec, its hearing and speech, the application, and the policy over them.

Without I/O: a host gives it messages (:meth:`Line.receive`), takes messages (:attr:`Line.outbox`), and runs
:meth:`Line.run` beside, which ends when the call is over and the last word has been put into the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextlib import suppress
from typing import Any

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server import _spans as spans
from speechwire.server._ears import Ears
from speechwire.server._ending import Ending
from speechwire.server._mouth import Mouth, Said
from speechwire.server._outbox import Outbox, Weight
from speechwire.server._pacing import AudioPace, CallTimers
from speechwire.server._shared import Shared
from speechwire.server._speaking import Speaking
from speechwire.server.admission import Place
from speechwire.server.call import BargeIn, Call, CallEnded, CallLogger, Turn
from speechwire.server.codec import (
    Accepted,
    Acknowledged,
    Audio,
    Caption,
    Codec,
    Digit,
    EndTurn,
    FormatChanged,
    Incoming,
    Malformed,
    Notice,
    Outgoing,
    PeerError,
    Queued,
    Reply,
    Speech,
    Started,
    Stopped,
    Text,
)

__all__ = ["Line"]


class Line:
    """One caller.

    Args:
        codec: Of this connection.
        place: In the quota, perhaps still to be waited for. It is given back at the end.
        shared: What all lines are made with.
        call_id: Ours.
        log: For this call.

    Attributes:
        outbox: What is to be sent.
        call: For the application, once the caller has said who it is.
        end: Why the call ended.
        pace: How much audio came.
    """

    def __init__(self, codec: Codec, place: Place, shared: Shared, *, call_id: str, log: CallLogger) -> None:
        loop = asyncio.get_running_loop()
        limits = shared.limits
        self._clock = loop.time
        self._heard_at_s = self._clock()
        self.outbox = Outbox(limit_bytes=limits.outbox_bytes, limit_s=limits.slow_reader_s, clock=self._clock)
        self.call: Call | None = None
        self.call_id = call_id
        self.end: Ending | None = None
        self.pace = AudioPace(limits, self._heard_at_s)
        self._codec = codec
        self._place = place
        self._shared = shared
        self._limits = limits
        self._counters = shared.counters
        self._log = log
        self._over: asyncio.Future[Ending] = loop.create_future()
        self._started: asyncio.Future[Started] = loop.create_future()
        self._ears: Ears | None = None
        self._speech = Speaking(None, self, most_texts=limits.texts)
        self._malformed = 0
        self._early_s = 0.0
        self._early: list[Text | Digit] = []  # before the call was on
        self._seconds_per_byte = 0.0
        self._is_deaf = False
        self._span: object | None = None

    @property
    def dialect(self) -> str:
        """The codec's name."""
        return self._codec.name

    @property
    def ending(self) -> str:
        """Why the call is over, in words; empty before."""
        return self._over.result().words if self._over.done() else ""

    @property
    def speaking(self) -> bool:
        """Whether something is being said."""
        return self._speech.active

    # From the host

    def receive(self, message: str | bytes) -> float:
        """Take a message.

        Returns:
            Seconds to wait before the next is read: 0, or more where audio comes faster than it may.
        """
        if self._over.done():
            return 0.0
        self._heard_at_s = self._clock()
        delay_s = 0.0
        for incoming in self._codec.receive(message):
            if type(incoming) is Audio:
                delay_s = self._on_audio(incoming.data)
            else:
                self._on(incoming)
        return delay_s

    def disconnected(self) -> None:
        """The connection is gone; nothing can be sent any more."""
        self.finish(endings.DISCONNECTED)
        self.outbox.close()

    def finish(self, ending: Ending) -> None:
        """End the call; the first reason counts."""
        if not self._over.done():
            self._over.set_result(ending)

    async def run(self) -> Ending:
        """Live from the first message to the last; returns why the call ended. Never raises for a caller."""
        try:
            ending = await self._live()
        except asyncio.CancelledError:
            raise
        except SpeechwireError as error:
            self._log.error("the call could not be served: %s", error)
            ending = endings.service("the speech service cannot be used")
        except Exception:
            self._log.exception("the call ended by a fault of the server")
            ending = endings.INTERNAL
        finally:
            try:
                await self._let_go()
            finally:
                self._place.release()
        self._say_goodbye(ending)
        return ending

    # From the application

    async def say(self, text: str | AsyncIterable[str]) -> Said:
        """See :meth:`Call.say`."""
        return await self._speech.say(text)

    def interrupt(self) -> None:
        """See :meth:`Call.interrupt`."""
        self._speech.interrupt()

    def hang_up(self, reason: str = "") -> None:
        """See :meth:`Call.hang_up`."""
        self.finish(Ending("done", reason))

    # For ears and speech

    def send(self, outgoing: Outgoing, weight: Weight = Weight.KEPT) -> bool:
        """Say something to the caller; whether its protocol has words for it."""
        messages = self._codec.send(outgoing)
        if messages and not self.outbox.put(weight, messages) and self.outbox.overflowed:
            self.finish(endings.SLOW_READER)
        if type(outgoing) is Speech:
            self._counters.speech_bytes += len(outgoing.data)
        return bool(messages)

    def clear_speech(self) -> None:
        """Forget speech that has not left yet."""
        self.outbox.drop_speech()

    async def room(self) -> None:
        """Wait until the caller has taken what waits."""
        await self.outbox.room()

    def on_caption(self, caption: Caption) -> None:
        """A turn has a new state."""
        self._counters.captions += 1
        if caption.is_interim:
            self.send(caption, Weight.INTERIM)
            return
        if caption.event == "StartOfTurn" and caption.transcript:
            self._speech.barge_in()
        self.send(caption)
        if self.call is not None:
            self.call.put(caption)
            if caption.is_final and caption.transcript:
                self.call.put(_turn(caption))
        if caption.is_final:
            self._counters.turns += 1

    def on_acknowledged(self, acknowledged: Acknowledged) -> None:
        """Audio is covered by captions."""
        self.send(acknowledged)

    def on_notice(self, notice: Notice) -> None:
        """Something happened on the way to the service."""
        self._log.warning("%s: %s", notice.code, notice.description)
        self._counters.notices[notice.code] += 1
        self.send(notice)
        if self.call is not None:
            self.call.put(notice)

    def on_barge_in(self, barge_in: BargeIn) -> None:
        """The caller has cut speech short."""
        self._counters.barge_ins += 1
        if self.call is not None:
            self.call.put(barge_in)

    # What comes in

    def _on_audio(self, data: bytes) -> float:
        seconds = len(data) * self._seconds_per_byte
        if self._ears is None:
            self._early_s += seconds
            return 0.0
        if not self._is_deaf:
            try:
                self._ears.push(data)
            except SpeechwireError:  # listening has failed or ended; who waits for it says why
                self._is_deaf = True
        return self.pace.add(seconds, self._heard_at_s)

    def _on(self, incoming: Incoming) -> None:
        match incoming:
            case Reply():
                self.outbox.put(Weight.KEPT, [incoming.message])
            case Malformed():
                self._on_malformed(incoming.reason)
            case Started() if not self._started.done():
                self._on_started(incoming)
            case Stopped():
                self.finish(endings.HUNG_UP)
            case Text() | Digit() if self.call is None:
                self._early = [*self._early, incoming][: self._limits.texts]
            case Digit():
                self._on_digit(incoming)
            case PeerError():
                self._log.warning("the caller's side reports: %s", incoming.description)
            case FormatChanged():
                self._on_format(incoming)
            case EndTurn() if self._ears is not None:
                with suppress(SpeechwireError):
                    self._ears.end_turn()
            case _:
                self._speech.receive(incoming)

    def _on_started(self, started: Started) -> None:
        """Listen from the first sample on, where there is a place already."""
        self._started.set_result(started)
        self._seconds_per_byte = 1 / started.format.bytes_per_s
        if self._place.is_taken:
            self._ready(started)

    def _on_digit(self, digit: Digit) -> None:
        self._counters.digits += 1
        if self.call is not None:
            self.call.put(digit)

    def _on_malformed(self, reason: str) -> None:
        self._malformed += 1
        self._counters.malformed += 1
        if self._malformed >= self._limits.malformed or not self._started.done():
            self.finish(endings.malformed(reason))

    def _on_format(self, changed: FormatChanged) -> None:
        self._seconds_per_byte = 1 / changed.format.bytes_per_s
        if self._ears is not None:
            try:
                self._ears.change_format(changed.format)
            except SpeechwireError as error:
                self.finish(endings.malformed(str(error)))

    # The course of the call

    async def _live(self) -> Ending:
        started = await self._wait_for_start()
        if started is None:
            return self._over.result()
        if not self._place.is_taken and not await self._wait_for_place():
            return self._over.result()
        if self.call is None:  # listening could not begin
            self.finish(endings.INTERNAL)
            return self._over.result()
        timers = CallTimers(self._limits, self._quiet_s, self.finish)
        listening = asyncio.create_task(self._hear())
        answering = asyncio.create_task(self._run_application()) if self._shared.answer else None
        try:
            ending = await asyncio.shield(self._over)
            await self._close(listening, answering)
        finally:
            timers.cancel()
            for task in (listening, answering):
                if task is not None and not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
        is_heard = self._ears is None or self._ears.is_complete or not started.may_resume
        return ending if is_heard or ending != endings.HUNG_UP else endings.UNFINISHED

    async def _wait_for_start(self) -> Started | None:
        if not self._started.done():
            both: set[asyncio.Future[Any]] = {self._started, self._over}
            await asyncio.wait(both, timeout=self._limits.start_s, return_when=asyncio.FIRST_COMPLETED)
        if self._started.done() and not (self._over.done() and self._over.result().is_failure):
            return self._started.result()
        self.finish(endings.NO_START)
        return None

    async def _wait_for_place(self) -> bool:
        position, timeout_s = self._place.queued
        self.send(Queued(position=position, timeout_s=timeout_s))
        waiting = asyncio.ensure_future(self._place.wait())
        both: set[asyncio.Future[Any]] = {waiting, self._over}
        try:
            await asyncio.wait(both, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        if self._over.done() or not self._place.is_taken:
            self.finish(endings.BUSY)
            return False
        self._ready(self._started.result())
        if self._early_s:
            words = "audio came before there was a place for the call"
            self.on_notice(Notice(code="audio_dropped", description=words, seconds=self._early_s))
        return not self._over.done()

    def _ready(self, started: Started) -> None:
        """The call is on."""
        shared = self._shared
        try:
            self._ears = Ears(
                shared.pool, started, shared.listen, self, session_settings=shared.session_settings
            )
            self._speech = Speaking(self._mouth(started), self, most_texts=self._limits.texts)
        except SpeechwireError as error:
            self._log.error("the call cannot begin: %s", error)
            self.finish(endings.service("the server's options are refused"))
            return
        self._log = CallLogger(self._log.logger, {"call_id": self.call_id, "dialect": self.dialect})
        self.call = self._make_call(started)
        self.send(Accepted(call_id=self.call_id, speech=self._speech.format))
        self._log.info("the call began", extra={"provider_id": started.call_id, "resumed": started.resumed})
        self._span = spans.begin(self.call_id, self.dialect)
        early, self._early = self._early, []
        for incoming in early:
            self._on(incoming)

    def _mouth(self, started: Started) -> Mouth | None:
        if started.speech is None:
            return None
        ahead_s = self._limits.speech_ahead_s
        shared = self._shared
        return Mouth(shared.pool, started.speech, shared.speak, self, ahead_s=ahead_s, clock=self._clock)

    def _make_call(self, started: Started) -> Call:
        return Call(
            self,
            call_id=self.call_id,
            provider_id=started.call_id,
            dialect=self.dialect,
            parameters=started.parameters,
            format=started.format,
            log=self._log,
            event_limit=self._limits.events if self._shared.answer else 0,
            resumed=started.resumed,
        )

    def _quiet_s(self) -> float:
        """For how long nothing has come; no time at all while something is being said."""
        return 0.0 if self.speaking else self._clock() - self._heard_at_s

    async def _hear(self) -> None:
        if self._ears is None:
            return
        try:
            await self._ears.listen()
        except SpeechwireError as error:
            self._log.error("listening failed: %s", error)
            self.finish(endings.service("the speech service cannot be used"))

    async def _run_application(self) -> None:
        answer = self._shared.answer
        assert answer is not None and self.call is not None
        try:
            await answer(self.call)
        except CallEnded:
            pass
        except Exception:
            self._log.exception("the application failed")
            self._counters.application_failures += 1
            self.finish(endings.APPLICATION)
        self.finish(endings.DONE)

    async def _close(self, listening: asyncio.Task[None], answering: asyncio.Task[None] | None) -> None:
        """Take the last results, and let the application finish."""
        ending = self._over.result()
        assert self.call is not None
        self.call.end()
        self._speech.interrupt()
        if self._ears is not None:
            await self._ears.aclose()
            await asyncio.wait({listening}, timeout=self._limits.hangup_s)
        self.call.complete()
        if answering is not None and ending not in (endings.APPLICATION,):
            await asyncio.wait({answering}, timeout=self._limits.hangup_s)

    async def _let_go(self) -> None:
        if self._ears is not None:
            self._counters.audio_s += self._ears.pushed_s
            await self._ears.aclose()
        await self._speech.aclose()

    def _say_goodbye(self, ending: Ending) -> None:
        self.end = ending
        if ending.is_failure:
            self.send(ending.failure)
        self.send(ending.goodbye)
        self.outbox.close()
        self._counters.interims_dropped += self.outbox.interims_dropped
        self._counters.ended[ending.code] += 1
        spans.end(self._span, ending.code, self.pace.audio_s)
        self._log.info(
            "the call ended",
            extra={"ending": ending.code, "audio_s": round(self.pace.audio_s, 3), "words": ending.words},
        )


def _turn(caption: Caption) -> Turn:
    return Turn(
        index=caption.turn_index,
        text=caption.transcript,
        words=caption.words,
        start_s=caption.start_s,
        end_s=caption.end_s,
        channel=caption.channel,
    )
