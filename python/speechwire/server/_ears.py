"""A call's hearing: a listening session, and its events as captions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from speechwire.protocol import ListenV1Options, Utterance, Utterances
from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol import listen_v2_events as v2
from speechwire.server._hearing import upstream_of
from speechwire.server._pacing import AudioPace
from speechwire.server.codec import Acknowledged, AudioFormat, Caption, Notice, Started, Word
from speechwire.session import (
    AudioDropped,
    ListenSettings,
    ListenV1Session,
    ListenV2Session,
    OutageBegan,
    OutageEnded,
    Reconnected,
    Reconnecting,
    SessionEnded,
    SessionPool,
)

__all__ = ["Ears", "Listener"]

_ONSET_S: Final = 2.0
"""Nobody speaks, say the results up to here; a word may have begun in this much before it."""


class Listener(Protocol):
    """The receiver of captions and notices."""

    def on_caption(self, caption: Caption) -> None:
        """A turn has a new state."""

    def on_acknowledged(self, acknowledged: Acknowledged) -> None:
        """Audio is covered by captions."""

    def on_notice(self, notice: Notice) -> None:
        """Something happened on the way to the service."""


class Ears:
    """Audio of one call in, captions out.

    Args:
        pool: Makes the session.
        started: The call's format, and where it goes on.
        settings: Options for listening.
        listener: Told what was heard.
        session_settings: Limits and deadlines of the session.
        pace: Has counted the audio that was taken.

    Attributes:
        message_s: See :attr:`Upstream.message_s`.
        push: Takes audio. Raises `SessionClosed` once the session has failed or was closed.
        is_complete: Whether the session has ended, and results have shown that everything was heard.

    Raises:
        InvalidArgument: The service would refuse the options.
    """

    def __init__(
        self,
        pool: SessionPool,
        started: Started,
        settings: Mapping[str, Any],
        listener: Listener,
        *,
        session_settings: ListenSettings,
        pace: AudioPace,
    ) -> None:
        upstream = upstream_of(started.format, settings, may_change=started.may_change_format)
        options = upstream.options(settings)
        converter = upstream.converter(started.format)
        self._listener = listener
        self._upstream = upstream
        self._start_s = started.position_s
        self._turn_base = started.turn_index
        self._acknowledged_s = 0.0
        self._open_turns: set[int] = set()
        self._turns = 0
        self._utterances = Utterances()
        self._turn_of: dict[int, int] = {}
        self._pace = pace
        self.is_complete = False
        self._fault: Exception | None = None
        self.session: ListenV1Session | ListenV2Session = (
            pool.listen_v1(options, converter=converter, settings=session_settings)
            if isinstance(options, ListenV1Options)
            else pool.listen_v2(options, converter=converter, settings=session_settings)
        )
        self.push = self.session.push
        self.message_s = upstream.message_s(started.format)

    def queued_s(self) -> float:
        """Seconds of the pushed audio that messages to the service hold."""
        return self.session.queued_s

    def change_format(self, form: AudioFormat) -> None:
        """Audio from here on is in another format.

        Raises:
            InvalidArgument: It cannot be converted.
        """
        self.session.exchange(self._upstream.converter(form))

    def end_turn(self) -> None:
        """Ask for the results of what was pushed so far."""
        self.session.flush()

    async def listen(self) -> None:
        """Tell the listener everything, until the session ends.

        Raises:
            SpeechwireError: The session failed for good.
        """
        await self.session.receive_each(self._take)
        if self._fault is not None:
            raise self._fault
        for utterance in self._utterances.close():
            self._on_utterance(utterance)

    async def aclose(self) -> None:
        """Send what is left and wait for the last results; :meth:`listen` then ends."""
        await self.session.aclose()

    async def abandon(self) -> None:
        """End at once: another connection will hear what has no result yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self.session.aclose()

    def _take(self, event: object) -> bool:
        """Tell the listener, in the event loop's read: a task switch for each event would cost more."""
        try:
            if type(event) is v2.TurnInfo:
                self._on_turn(event)
            elif isinstance(event, v1.Results | v1.UtteranceEnd):
                self._on_v1(event)
            else:
                self._on_other(event)
        except Exception as fault:
            self._fault = fault
            return False
        return True

    def _on_turn(self, event: v2.TurnInfo) -> None:
        index, end_s = event.turn_index, event.audio_window_end
        if event.event == "EndOfTurn":
            self._open_turns.discard(index)
            end_s = self._understood_s(end_s, event.words)
        elif event.transcript:
            self._open_turns.add(index)
        if event.transcript or event.event != "Update":
            final = event.event == "EndOfTurn"
            self._listener.on_caption(
                Caption(
                    event=event.event,
                    turn_index=self._turn_base + index,
                    transcript=event.transcript,
                    words=_words(event.words, self._start_s) if final else (),
                    start_s=self._start_s + event.audio_window_start,
                    end_s=self._start_s + end_s,
                    confidence=event.end_of_turn_confidence,
                    lag_s=max(0.0, self._pace.audio_s - end_s),
                )
            )
        self._acknowledge(end_s if event.event == "EndOfTurn" else end_s - _ONSET_S)

    def _on_v1(self, event: v1.Results | v1.UtteranceEnd) -> None:
        for utterance in self._utterances.receive(event):
            self._on_utterance(utterance)
        if isinstance(event, v1.Results) and event.is_final:
            self._acknowledge(self._understood_s(event.end, event.channel.alternatives[0].words))

    def _on_utterance(self, utterance: Utterance) -> None:
        channel = utterance.channel
        is_new = channel not in self._turn_of
        if is_new:
            self._turn_of[channel] = self._turns
            self._turns += 1
        index = self._turn_of[channel]
        if utterance.ended_by:
            del self._turn_of[channel]
            self._open_turns.discard(index)
        else:
            self._open_turns.add(index)
        if is_new:
            self._tell("StartOfTurn", index, utterance)
        if utterance.ended_by:
            self._tell("EndOfTurn", index, utterance)
        elif not is_new:
            self._tell("Update", index, utterance)

    def _tell(self, event: str, index: int, utterance: Utterance) -> None:
        final = event == "EndOfTurn"
        self._listener.on_caption(
            Caption(
                event=event,
                turn_index=self._turn_base + index,
                transcript=utterance.transcript,
                words=_words(utterance.words, self._start_s) if final else (),
                start_s=self._start_s + utterance.start,
                end_s=self._start_s + utterance.end,
                confidence=utterance.confidence,
                channel=utterance.channel,
                lag_s=max(0.0, self._pace.audio_s - utterance.end),
            )
        )

    def _understood_s(self, end_s: float, words: Sequence[v1.Word | v2.Word]) -> float:
        """Up to where a final result has understood the audio.

        Where it was forced the cut may lie inside a word that is not part of it: it ends with its last word.
        """
        needed_s = self.session.replay_from_s
        if needed_s >= end_s:
            return end_s
        last_s = words[-1].end if words else None
        return min(end_s, max(needed_s, last_s or 0.0))

    def _acknowledge(self, position_s: float) -> None:
        """Up to here, unless a turn is open, whose words a new session could not add to."""
        if self._open_turns:
            return
        position_s = min(position_s, self.session.covered_s)
        if position_s > self._acknowledged_s:
            self._acknowledged_s = position_s
            self._listener.on_acknowledged(Acknowledged(position_s=self._start_s + position_s))

    def _on_other(self, event: object) -> None:
        if isinstance(event, SessionEnded):
            self.is_complete = event.complete
        notice = _notice(event)
        if notice is not None:
            self._listener.on_notice(notice)


def _words(words: tuple[v1.Word, ...] | tuple[v2.Word, ...], offset_s: float) -> tuple[Word, ...]:
    return tuple(
        Word(
            word=getattr(word, "punctuated_word", None) or word.word,
            start_s=None if word.start is None else word.start + offset_s,
            end_s=None if word.end is None else word.end + offset_s,
            confidence=word.confidence,
        )
        for word in words
    )


def _notice(event: object) -> Notice | None:
    match event:
        case Reconnecting():
            return Notice(code="reconnecting", description="the service was lost; trying again")
        case Reconnected():
            words = "the service is back; what it had not answered is sent again"
            return Notice(code="reconnected", description=words, seconds=event.replayed_s)
        case OutageBegan():
            return Notice(code="outage_began", description="the service cannot be reached for now")
        case OutageEnded():
            return Notice(
                code="outage_ended", description="the service answers again", seconds=event.lasted_s
            )
        case AudioDropped():
            words = f"audio will have no caption ({event.reason})"
            return Notice(code="audio_dropped", description=words, seconds=event.seconds)
    return None
