"""A call's speech: synthesised, converted to the caller's format, and sent as fast as it is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from speechwire.server._outbox import Weight
from speechwire.server._playback import Playback
from speechwire.server._voice import Voice
from speechwire.server.codec import AudioFormat, Clear, Mark, Outgoing, Speech, SpeechEnded, SpeechStarted
from speechwire.session import SessionPool, SpeakRequest
from speechwire.session.word_times import SpeakingRate, WordTimes

__all__ = ["Mouth", "Said", "Sink"]

_MARK_EVERY_S: Final = 1.0
_PIECE_S: Final = 0.2
# How long a missing mark is waited for after the speech must have been played: a peer may lose marks.
_MARK_GRACE_S: Final = 3.0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The result of saying something.

    Attributes:
        text: The text that was given; after an interruption, as far as it had come.
        seconds: Length of the speech that was sent, in seconds.
        heard_s: How much of the speech was heard, in seconds.
        heard_text: The words of `text` that had begun when the speech ended. All of `text` unless it was
            interrupted; else an estimate from the voice's speaking rate, a word or two off. Give this to a
            language model as what it has said.
        interrupted: Whether the caller or the application cut the speech short.
    """

    text: str
    seconds: float
    heard_s: float
    heard_text: str
    interrupted: bool


class Sink(Protocol):
    """Where speech goes."""

    def send(self, outgoing: Outgoing, weight: Weight = ...) -> bool:
        """Send, and return whether the protocol can express it."""

    def clear_speech(self) -> None:
        """Drop speech that has not been sent yet."""

    async def room(self) -> None:
        """Wait until there is room for more."""


class _Utterance:
    """One text that is being spoken."""

    def __init__(self, number: int, request: SpeakRequest) -> None:
        self.number = number
        self.request = request
        self.playback = Playback()
        self.text: list[str] = []
        self.is_in_pieces = False
        self.interrupted = False
        self.is_whole = False  # all of it has been sent
        self.heard_s = 0.0
        self.changed: asyncio.Future[None] | None = None

    def notify(self) -> None:
        changed, self.changed = self.changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def wait(self, timeout_s: float | None) -> None:
        """Wait until the utterance changes, or until the time has passed."""
        loop = asyncio.get_running_loop()
        changed = self.changed = loop.create_future()
        timer = None if timeout_s is None else loop.call_later(timeout_s, self.notify)
        try:
            await changed
        finally:
            if timer is not None:
                timer.cancel()


class Mouth:
    """Speaks texts one after the other.

    Args:
        pool: Makes the session when the first text comes.
        form: The format in which the caller wants speech.
        settings: Options for speaking: ``model`` and so on.
        sink: Takes the speech.
        ahead_s: How many seconds of speech may be sent before they are played.
        clock: Returns the time in seconds.

    Attributes:
        barge_ins: How often :meth:`interrupt` cut speech short.
    """

    def __init__(
        self,
        pool: SessionPool,
        form: AudioFormat,
        settings: Mapping[str, Any],
        sink: Sink,
        *,
        ahead_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.barge_ins = 0
        self._voice = Voice(form, settings)
        self._pool = pool
        self._sink = sink
        self._ahead_s = ahead_s
        self._clock = clock
        self._open: list[_Utterance] = []  # in the order in which they are spoken; the first is on its way
        self._count = 0
        self._free_at_s = 0.0
        self._paused = False
        self._session: Any = None
        self._rate = SpeakingRate()

    @property
    def format(self) -> AudioFormat:
        """The format of the speech that is sent."""
        return self._voice.format

    @property
    def speaking(self) -> bool:
        """Whether something is being spoken, or was sent and has not been heard to its end."""
        return bool(self._open)

    async def say(self, text: str | AsyncIterable[str], key: str = "") -> Said:
        """Speak a text after those before it; return when it has been heard or was interrupted.

        Args:
            text: The whole text, or its pieces.
            key: The caller's name for the text.

        Raises:
            SpeechwireError: The service could not speak it.
        """
        utterance = self._begin()
        feeding = None
        try:
            if isinstance(text, str):
                utterance.text.append(text)
                utterance.request.push(text)
                utterance.request.end()
            else:
                utterance.is_in_pieces = True
                feeding = asyncio.create_task(_feed(utterance, text))
            await self._speak(utterance, key)
            if feeding is not None and not utterance.interrupted:
                await feeding
        finally:
            await self._end(utterance, feeding)
        said = "".join(utterance.text)
        return Said(
            text=said,
            seconds=utterance.playback.sent_s,
            heard_s=utterance.heard_s,
            heard_text=self._heard_text(utterance, said) if utterance.interrupted else said,
            interrupted=utterance.interrupted,
        )

    def interrupt(self) -> tuple[float, int] | None:
        """Stop all speech at once, without blocking: in the outbox, at the peer, and at the service.

        Returns:
            The seconds heard of the current utterance and its number; ``None`` where nothing was spoken.
        """
        if not self._open:
            return None
        first, now_s = self._open[0], self._clock()
        self._sink.clear_speech()
        self._sink.send(Clear(), Weight.KEPT)
        for utterance in self._open:
            utterance.heard_s = utterance.playback.heard_s(now_s)
            utterance.interrupted = True
            utterance.request.interrupt(utterance.heard_s)
            utterance.notify()
        self._free_at_s = now_s
        self.barge_ins += 1
        return first.heard_s, first.number

    def marked(self, name: str) -> None:
        """The peer says that it has played up to a mark."""
        number, _, milliseconds = name.partition(":")
        if number.isascii() and number.isdigit() and milliseconds.isascii() and milliseconds.isdigit():
            self.played(int(number), int(milliseconds) / 1000)

    def played(self, number: int, position_s: float) -> None:
        """The peer says how far it has played an utterance."""
        for utterance in self._open:
            if utterance.number == number and not utterance.interrupted:
                utterance.playback.reported(position_s, self._clock())
                utterance.notify()

    def set_paused(self, paused: bool) -> None:
        """Pause sending, or go on, as the peer asks."""
        self._paused = paused
        for utterance in self._open:
            utterance.notify()

    async def aclose(self) -> None:
        """End the session. Idempotent."""
        session, self._session = self._session, None
        for utterance in self._open:
            utterance.interrupted = True
            utterance.notify()
        if session is not None:
            await session.aclose()

    def _begin(self) -> _Utterance:
        if self._session is None:
            self._session = self._pool.speak(self._voice.options)
        utterance = _Utterance(self._count, self._session.request())
        self._count += 1
        self._open.append(utterance)
        return utterance

    async def _speak(self, utterance: _Utterance, key: str) -> None:
        """Wait for the utterance's turn, send its audio as it comes, and wait until it has been heard."""
        while self._open[0] is not utterance and not utterance.interrupted:
            await utterance.wait(None)
        if utterance.interrupted:
            return
        utterance.playback = Playback(self._free_at_s)
        text = "" if utterance.is_in_pieces else "".join(utterance.text)
        self._sink.send(SpeechStarted(utterance=utterance.number, text=text, key=key), Weight.SPEECH)
        convert = self._voice.converter()
        marks = _Marks(utterance)
        async for data in utterance.request:
            for piece in convert.push(data):
                await self._send(utterance, piece, marks)
        for piece in convert.flush():
            await self._send(utterance, piece, marks)
        if not utterance.interrupted:
            utterance.is_whole = True
            self._rate.learn(len("".join(utterance.text)), utterance.playback.sent_s)
            self._sink.send(SpeechEnded(utterance=utterance.number), Weight.SPEECH)
            has_marks = marks.last(self._sink)
            await self._heard(utterance, has_marks=has_marks)

    async def _send(self, utterance: _Utterance, data: bytes, marks: _Marks) -> None:
        size = int(self.format.sample_rate * _PIECE_S) * self.format.frame_bytes
        for at in range(0, len(data), size):
            await self._turn_of(utterance)
            if utterance.interrupted:
                return
            piece = data[at : at + size]
            self._sink.send(Speech(data=piece, utterance=utterance.number), Weight.SPEECH)
            utterance.playback.sent(len(piece) / self.format.bytes_per_s, self._clock())
            marks.advance(self._sink)

    async def _turn_of(self, utterance: _Utterance) -> None:
        """Wait until more may be sent."""
        await self._sink.room()
        while not utterance.interrupted:
            excess_s = utterance.playback.ahead_s(self._clock()) - self._ahead_s
            if excess_s <= 0 and not self._paused:
                return
            await utterance.wait(None if self._paused else excess_s)

    async def _heard(self, utterance: _Utterance, *, has_marks: bool) -> None:
        """Wait until the peer has reported the end as played, or must have played it by the clock."""
        playback = utterance.playback
        grace_s = _MARK_GRACE_S if has_marks else 0.0
        while not utterance.interrupted:
            if has_marks and playback.reported_s >= playback.sent_s - 0.001:
                break
            left_s = playback.ends_s() + grace_s - self._clock()
            if left_s <= 0:
                break
            await utterance.wait(left_s)
        if not utterance.interrupted:
            utterance.heard_s = playback.sent_s

    def _heard_text(self, utterance: _Utterance, text: str) -> str:
        """The words that had begun, by the rate of this speech if it is complete, else of earlier speech."""
        sent_s = utterance.playback.sent_s
        rate = SpeakingRate(len(text) / sent_s) if utterance.is_whole and sent_s and text else self._rate
        return " ".join(word for word, _ in WordTimes(text, rate).advance(utterance.heard_s))

    async def _end(self, utterance: _Utterance, feeding: asyncio.Task[None] | None) -> None:
        if feeding is not None and not feeding.done():
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding
        if not utterance.request.done:
            utterance.request.interrupt()
        self._open.remove(utterance)
        if not utterance.interrupted:
            self._free_at_s = max(self._free_at_s, utterance.playback.ends_s())
        if utterance.interrupted:
            self._sink.send(SpeechEnded(utterance=utterance.number, interrupted=True), Weight.KEPT)
        for other in self._open[:1]:
            other.notify()


class _Marks:
    """The marks of one utterance, one for each second."""

    def __init__(self, utterance: _Utterance) -> None:
        self._utterance = utterance
        self._next_s = _MARK_EVERY_S
        self._last_ms = -1

    def advance(self, sink: Sink) -> None:
        if self._utterance.playback.sent_s >= self._next_s:
            self._next_s = self._utterance.playback.sent_s + _MARK_EVERY_S
            self._put(sink)

    def last(self, sink: Sink) -> bool:
        """Ask for a mark at the end, and return whether the protocol has marks."""
        return self._put(sink) if self._utterance.playback.sent_s else False

    def _put(self, sink: Sink) -> bool:
        self._last_ms = round(self._utterance.playback.sent_s * 1000)
        return sink.send(Mark(name=f"{self._utterance.number}:{self._last_ms}"), Weight.SPEECH)


async def _feed(utterance: _Utterance, texts: AsyncIterable[str]) -> None:
    """Push text as it comes. An exception of `texts` fails the utterance."""
    try:
        async for text in texts:
            if utterance.interrupted:
                return
            utterance.text.append(text)
            utterance.request.push(text)
        utterance.request.end()
    except BaseException:
        utterance.request.interrupt()
        raise
