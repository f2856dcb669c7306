"""``/v2/listen`` over several connections: one sequence of turns."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from speechwire.errors import ServiceError
from speechwire.protocol import ListenV2, ListenV2Options
from speechwire.protocol import listen_v2_events as v2
from speechwire.protocol.listen_v2 import NO_ACTIVE_TURN
from speechwire.protocol.listen_v2_events import TurnEvent, TurnInfo
from speechwire.session._repeats import RUN_UP_S, LastWord
from speechwire.session._rules import ONSET_S, ByteRate, byte_rate
from speechwire.session._timeline import Timeline

__all__ = ["ListenV2Rules"]

# Names of Configure's arguments that differ from the options'.
_OPTION_OF: Final = {"keyterms": "keyterm", "language_hints": "language_hint"}
_KINDS: Final = frozenset(TurnEvent)
# Looking up an enumeration's member takes as long as a call (CPython 3.11), and these are used often.
_UPDATE: Final = TurnEvent.UPDATE
_START_OF_TURN: Final = TurnEvent.START_OF_TURN
_EAGER_END_OF_TURN: Final = TurnEvent.EAGER_END_OF_TURN
_TURN_RESUMED: Final = TurnEvent.TURN_RESUMED
_END_OF_TURN: Final = TurnEvent.END_OF_TURN
_MANUAL: Final = "manual"
_EOT_TIMEOUT_MS: Final = 5000  # the service's default
_LATE_S: Final = 5.0
_MOST_TURNS_AHEAD: Final = 100


class ListenV2Rules:
    """Each turn keeps its number and is delivered once, even if it spans connections.

    After a reconnect the service is sent an open turn again from its beginning. Its repetitions are left out:
    a second ``StartOfTurn``, and updates about audio that was reported before. The order that Flux guarantees
    is restored: a pending ``EagerEndOfTurn`` whose text has changed is followed by ``TurnResumed``, and a
    turn's first event with text is ``StartOfTurn``.
    """

    probes: ClassVar[bool] = False
    needs_silence: ClassVar[bool] = True
    keep_alive_message: ClassVar[bool] = False

    def __init__(self, options: ListenV2Options, *, force_end_turn: bool) -> None:
        self.protocol = ListenV2(options)
        self.open_text = False  # a turn has started and not ended
        self.reported_s = 0.0
        self._ended_s = 0.0  # where the last turn ended, for the caller
        self._force_end_turn = self.closes_text = force_end_turn
        self._finishing = False
        self._turn_index = 0  # of the turn that is open or comes next, for the caller
        self._service_index = 0  # of the same turn, on this connection
        self._eager_text: str | None = None
        self._spans_connections = False  # the open turn began on an earlier one
        self._repeated_until_s = 0.0
        self._last_word = LastWord()
        self._quiet_s = 0.0
        self._forced_s = -1.0
        self._run_up_s = 0.0

    def patience(self, options: ListenV2Options) -> float:
        return 1.0  # an Update comes about every 0.25 s of audio

    def longest_turn_end_s(self, options: ListenV2Options) -> float:
        timeout_ms = options.eot_timeout_ms or _EOT_TIMEOUT_MS
        return timeout_ms / 1000 + _LATE_S

    def byte_rate(self, options: ListenV2Options) -> ByteRate:
        return byte_rate(options.encoding, options.sample_rate)

    def resumable(self, options: ListenV2Options) -> bool:
        return options.encoding is not None

    def fork(self) -> ListenV2Rules:
        other = copy.copy(self)
        other._last_word = copy.copy(self._last_word)
        return other

    def begin(self, options: ListenV2Options) -> None:
        self.protocol = ListenV2(options)
        self._finishing = False
        self.closes_text = self._force_end_turn
        self._service_index = 0
        self._spans_connections = self.open_text
        self._repeated_until_s = self.reported_s
        self._quiet_s = 0.0
        self._forced_s = -1.0
        self._run_up_s = 0.0

    def deliver(self, event: v2.Event, timeline: Timeline) -> Sequence[v2.Event]:
        if isinstance(event, TurnInfo):
            if event.event not in _KINDS:
                return (self._placed(event, timeline, event.turn_index - self._service_index),)
            if event.turn_index < self._service_index:
                return ()  # the service has ended that turn before
            return self._turn(event, timeline)
        if self._finishing and isinstance(event, v2.Warning) and event.code == NO_ACTIVE_TURN:
            self.closes_text = False  # another connection would not hear what began the turn either
            return ()
        return (event,)

    def acknowledged(self) -> tuple[float, float]:
        final_s = self.protocol.final_s
        if self._quiet_s > final_s:
            return self._quiet_s, 0.0
        return final_s, self._run_up_s if self._forced_s >= final_s else 0.0

    def is_interim(self, event: object) -> bool:
        return isinstance(event, TurnInfo) and event.event == _UPDATE

    def flush(self) -> list[str]:
        return [self.protocol.force_end_turn()]

    def finish(self) -> list[str]:
        self._finishing = True
        end_turn = [self.protocol.force_end_turn()] if self.closes_text else []
        return [*end_turn, self.protocol.close_stream()]

    def keep_alive(self) -> str:
        raise AssertionError("Flux has no message that keeps a connection alive")

    def checked(self, options: ListenV2Options, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        ListenV2(options).configure(**changes)
        return {name: value for name, value in changes.items() if value is not None}

    def configure(self, changes: Mapping[str, Any]) -> str:
        return self.protocol.configure(**changes)

    def merged(self, first: Mapping[str, Any], then: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**first, **then}

    def apply(self, options: ListenV2Options, changes: Mapping[str, Any]) -> ListenV2Options:
        return replace(options, **{_OPTION_OF.get(name, name): value for name, value in changes.items()})

    def outcome(self, event: v2.Event) -> ServiceError | bool:
        match event:
            case v2.ConfigureSuccess():
                return True
            case v2.ConfigureFailure():
                return ServiceError(event.code, event.description, request_id=event.request_id)
        return False

    def billed_s(self, event: v2.Event) -> float:
        return 0.0

    def _turn(self, event: TurnInfo, timeline: Timeline) -> Sequence[TurnInfo]:
        ended = event.event == _END_OF_TURN
        if event.transcript:
            self.closes_text = self._force_end_turn
        window_end_s = event.audio_window_end
        service_index = event.turn_index
        if ended:
            self._note_forced(event, timeline)
        event = self._placed(event, timeline)
        caller_end_s = event.audio_window_end
        repeated = caller_end_s <= self._repeated_until_s
        if caller_end_s > self.reported_s:
            self.reported_s = caller_end_s
        if ended:
            delivered = self._ended(event)
            if delivered:
                self._note_index(service_index)
            return delivered
        if not event.transcript and not self.open_text:
            self._quiet_s = max(self._quiet_s, window_end_s - ONSET_S)
            return () if repeated else (_as_update(event),)
        if not self.open_text:
            self.open_text = True
            return (_as(_START_OF_TURN, event),)
        return () if repeated else self._continued(event)

    def _note_forced(self, event: TurnInfo, timeline: Timeline) -> None:
        """Record a turn that was ended by force or by inserted silence, on the connection's clock."""
        end_s = event.audio_window_end
        if end_s < self._forced_s or any(word.end is None for word in event.words):
            return
        if event.trigger == _MANUAL:
            self._forced_s, self._run_up_s = end_s, RUN_UP_S
        elif event.words and timeline.is_silence(end_s):
            # The caller may have stopped within a word, and may go on with the rest of it.
            unheard_s = timeline.end_s(end_s) - timeline.end_s(event.words[-1].end or 0.0)
            self._forced_s, self._run_up_s = end_s, min(unheard_s, RUN_UP_S)

    def _note_index(self, service_index: int) -> None:
        """Record that the service has ended this turn: later events about it are repetitions."""
        # Ignore a number that is far too high: every later event would seem to belong to a past turn.
        is_next = service_index - self._service_index <= _MOST_TURNS_AHEAD
        self._service_index = service_index + 1 if is_next else self._service_index + 1

    def _placed(self, event: TurnInfo, timeline: Timeline, turns_on: int = 0) -> TurnInfo:
        """The event on the caller's clock, in the caller's turn, without words of turns that have ended."""
        if not timeline.identical:
            end_s = timeline.end_s(event.audio_window_end)
            event = replace(
                event,
                # A window without length, where audio was dropped, would begin behind its end.
                audio_window_start=min(timeline.start_s(event.audio_window_start), end_s),
                audio_window_end=end_s,
                words=tuple(_shifted(word, timeline) for word in event.words),
            )
        if event.turn_index != self._turn_index + turns_on:
            event = replace(event, turn_index=self._turn_index + turns_on)
        if self._repeated_until_s and event.words:
            words = self._last_word.new(event.words, _times)
            if words is not event.words:
                text = " ".join(word.word for word in words)
                event = replace(event, words=tuple(words), transcript=text)
        return event

    def _continued(self, event: TurnInfo) -> Sequence[TurnInfo]:
        """An event within a turn."""
        kind = event.event
        if kind == _START_OF_TURN:
            event = _as_update(event)
        elif kind == _TURN_RESUMED:
            return (self._resumed(event),)
        mended = self._mended(event)
        if kind == _EAGER_END_OF_TURN:
            self._eager_text = event.transcript
            return (*mended, event)
        return mended or (event,)

    def _resumed(self, event: TurnInfo) -> TurnInfo:
        if self._eager_text is None and self._spans_connections:
            return _as_update(event)
        self._eager_text = None
        return event

    def _ended(self, event: TurnInfo) -> Sequence[TurnInfo]:
        if not event.transcript and (not self.open_text or event.audio_window_end <= self._ended_s):
            return ()  # it adds nothing
        self._ended_s = max(self._ended_s, event.audio_window_end)
        started = () if self.open_text else (_as(_START_OF_TURN, event),)
        mended = self._mended(event)
        self.open_text = self._spans_connections = False
        self._turn_index += 1
        self._eager_text = None
        self._quiet_s = 0.0
        for word in event.words:
            if word.start is not None and word.end is not None:
                self._last_word.deliver(word.start, word.end)
        return (*started, *mended, event)

    def _mended(self, event: TurnInfo) -> tuple[TurnInfo, ...]:
        """Insert the ``TurnResumed`` that was lost with a connection."""
        if self._eager_text in (None, event.transcript) or not self._spans_connections:
            return ()
        self._eager_text = None
        return (_as(_TURN_RESUMED, event),)


def _as(kind: TurnEvent, event: TurnInfo) -> TurnInfo:
    return event if event.event == kind else replace(event, event=str(kind), trigger=None)


def _as_update(event: TurnInfo) -> TurnInfo:
    return _as(_UPDATE, event)


def _times(word: v2.Word) -> tuple[float, float]:
    """When a word was said; one without times counts as new."""
    return (float("inf"), float("inf")) if word.start is None or word.end is None else (word.start, word.end)


def _shifted(word: v2.Word, timeline: Timeline) -> v2.Word:
    start = None if word.start is None else timeline.start_s(word.start)
    end = None if word.end is None else timeline.end_s(word.end)
    return replace(word, start=start, end=end)
