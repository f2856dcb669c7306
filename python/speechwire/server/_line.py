"""One caller's line: its codec, its hearing and speech, the application, and the policy over them.

Without I/O: a host gives it messages (:meth:`Line.receive`), takes messages (:attr:`Line.outbox`), and runs
:meth:`Line.run` beside, which ends when the call is over and the last word has been put into the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence

from speechwire.errors import SpeechwireError
from speechwire.server import _ending as endings
from speechwire.server import _spans as spans
from speechwire.server._answering import cancel_all, run_application
from speechwire.server._arrival import Arrival
from speechwire.server._ending import Ending
from speechwire.server._listening import Listening
from speechwire.server._mouth import Said
from speechwire.server._outbox import Outbox, Weight
from speechwire.server._pacing import AudioPace, CallTimers
from speechwire.server._reports import Reports
from speechwire.server._shared import Shared
from speechwire.server._speaking import Speaking
from speechwire.server.admission import Place
from speechwire.server.call import Answer, Call, CallLogger
from speechwire.server.codec import (
    Accepted,
    Audio,
    Codec,
    Digit,
    EndTurn,
    FormatChanged,
    Incoming,
    Malformed,
    Outgoing,
    PeerError,
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
        log: For this call.
        pace: The caller's audio.
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
        self.log = log
        self.pace = AudioPace(limits, self._heard_at_s)
        self._codec = codec
        self._place = place
        self._shared = shared
        self._limits = limits
        self._counters = shared.counters
        self._over: asyncio.Future[Ending] = loop.create_future()
        self._arrival = Arrival(place, limits, self._over, self.finish)
        self._reports = Reports(self, shared.counters)
        self._listening = Listening(None, log, self.finish)
        self._speech = Speaking(None, self._reports, most_texts=limits.texts)
        self._is_over = False
        self._malformed = 0
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
        # Each object that is looked at here is a cache miss per call and frame.
        if self._is_over:
            return 0.0
        now_s = self._heard_at_s = self._clock()
        delay_s = 0.0
        for incoming in self._codec.receive(message):
            if type(incoming) is Audio:
                delay_s = self.pace.take(incoming.data, now_s)
            else:
                self._on(incoming)
        return delay_s

    def receive_texts(self, texts: Sequence[bytes]) -> float:
        """As :meth:`receive`, of text messages that came together.

        Raises:
            UnicodeDecodeError: One is no UTF-8; those before it have been taken.
        """
        audio = self._codec.audio_in(texts)
        if audio and not self._is_over:
            now_s = self._heard_at_s = self._clock()
            return self.pace.take(audio, now_s, frames=len(texts))
        return max([self.receive(text.decode()) for text in texts])

    def disconnected(self) -> None:
        """The connection is gone; nothing can be sent any more."""
        self.finish(endings.DISCONNECTED)
        self.outbox.close()

    def finish(self, ending: Ending) -> None:
        """End the call; the first reason counts."""
        if not self._is_over:
            self._is_over = True
            self._over.set_result(ending)

    async def run(self) -> Ending:
        """Live from the first message to the last; returns why the call ended. Never raises for a caller."""
        try:
            ending = await self._live()
        except SpeechwireError as error:
            self.log.error("the call could not be served: %s", error)
            ending = endings.service("the speech service cannot be used")
        except Exception:
            self.log.exception("the call ended by a fault of the server")
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

    # For hearing and speech

    def barge_in(self) -> None:
        """Stop the speech: the caller speaks."""
        self._speech.barge_in()

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

    # What comes in

    def _on(self, incoming: Incoming) -> None:
        match incoming:
            case Reply():
                self.outbox.put(Weight.KEPT, [incoming.message])
            case Malformed():
                self._on_malformed(incoming.reason)
            case Started() if not self._arrival.has_started:
                self._on_started(incoming)
            case Stopped() if self.pace.waits:
                self._arrival.keep(incoming)
            case Stopped():
                self.finish(endings.HUNG_UP)
            case Text() | Digit() if self.call is None:
                self._arrival.keep(incoming)
            case Digit():
                self._reports.on_digit(incoming)
            case PeerError():
                self.log.warning("the caller's side reports: %s", incoming.description)
            case FormatChanged():
                self.pace.change_format(incoming.format)
                self._listening.change_format(incoming.format, self.pace.audio_s)
            case EndTurn():
                self._listening.end_turn()
            case _:
                self._speech.receive(incoming)

    def _on_started(self, started: Started) -> None:
        """Listen from the first sample on, where there is a place already."""
        self._arrival.on_started(started)
        self.pace.start(started)
        if self._place.is_taken:
            self._ready(started)

    def _on_malformed(self, reason: str) -> None:
        self._malformed += 1
        self._counters.malformed += 1
        if self._malformed >= self._limits.malformed or not self._arrival.has_started:
            self.finish(endings.malformed(reason))

    # The course of the call

    async def _live(self) -> Ending:
        started = await self._arrival.wait_for_start()
        if started is None:
            return self._over.result()
        if not self.pace.has_begun and not self._is_over:
            if not self._place.is_taken and not await self._arrival.wait_for_place(self.send):
                return self._over.result()
            self._ready(started)
            early = self.pace.take_early(started, self._listening.change_format, self._clock())
            self._reports.on_early_audio(early)
            for incoming in self._arrival.take_early():
                self._on(incoming)
        if self.call is None:  # listening could not begin
            self.finish(endings.INTERNAL)
            return self._over.result()
        timers = CallTimers(self._limits, self._quiet_s, self.finish)
        listening = asyncio.create_task(self._listening.run())
        answering = asyncio.create_task(self._answer(self._shared.answer)) if self._shared.answer else None
        try:
            ending = await asyncio.shield(self._over)
            await self._close(started, listening, answering)
        finally:
            timers.cancel()
            await cancel_all(listening, answering, within_s=self._limits.hangup_s, log=self.log)
        is_heard = self._listening.is_complete or not started.may_resume
        return ending if is_heard or ending != endings.HUNG_UP else endings.UNFINISHED

    def _ready(self, started: Started) -> None:
        """The call is on."""
        self.log = CallLogger(self.log.logger, {"call_id": self.call_id, "dialect": self.dialect})
        try:
            ears = self._shared.ears(started, self._reports, self.pace)
            self._listening = Listening(ears, self.log, self.finish)
            self.pace.begin(ears, message_s=0.0 if started.may_resume else ears.message_s)
            mouth = self._shared.mouth(started, self, self._clock)
            self._speech = Speaking(mouth, self._reports, most_texts=self._limits.texts)
        except SpeechwireError as error:
            self.log.error("the call cannot begin: %s", error)
            self.finish(endings.service("the server's options are refused"))
            return
        self.call = self._make_call(started)
        self.send(Accepted(call_id=self.call_id, speech=self._speech.format))
        self.log.info("the call began", extra={"provider_id": started.call_id, "resumed": started.resumed})
        self._span = spans.begin(self.call_id, self.dialect)

    def _make_call(self, started: Started) -> Call:
        return Call(
            self,
            call_id=self.call_id,
            provider_id=started.call_id,
            dialect=self.dialect,
            parameters=started.parameters,
            format=started.format,
            log=self.log,
            event_limit=self._limits.events if self._shared.answer else 0,
            resumed=started.resumed,
        )

    def _quiet_s(self) -> float:
        """For how long nothing has come; no time at all while something is being said."""
        return 0.0 if self.speaking else self._clock() - self._heard_at_s

    async def _answer(self, answer: Answer) -> None:
        assert self.call is not None
        try:
            self.finish(await run_application(answer, self.call, self._counters))
        finally:  # it may have been cancelled by somebody else
            self.finish(endings.APPLICATION)

    async def _close(
        self, started: Started, listening: asyncio.Task[None], answering: asyncio.Task[None] | None
    ) -> None:
        """Take the last results, and let the application finish."""
        ending = self._over.result()
        assert self.call is not None
        self.call.end()
        self._speech.interrupt()
        comes_back = ending.retry_after_s is not None and started.may_resume
        await self._listening.end(listening, comes_back=comes_back)
        await asyncio.wait({listening}, timeout=self._limits.hangup_s)
        self.call.complete()
        if answering is not None and ending not in (endings.APPLICATION,):
            await asyncio.wait({answering}, timeout=self._limits.hangup_s)

    async def _let_go(self) -> None:
        self._counters.audio_s += self.pace.audio_s
        await self._listening.aclose()
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
        audio_s = round(self.pace.audio_s, 3)
        extra = {"ending": ending.code, "audio_s": audio_s, "words": ending.words}
        self.log.info("the call ended", extra=extra)
