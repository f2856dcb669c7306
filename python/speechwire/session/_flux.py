"""Flux (``/v2/listen``) over several connections: one sequence of turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from speechwire.protocol import ListenV2, ListenV2Options
from speechwire.protocol import listen_v2_events as flux
from speechwire.protocol.listen_v2_events import TurnEvent, TurnInfo
from speechwire.session._strategy import AudioFormat, audio_format
from speechwire.session._timeline import Timeline

__all__ = ["FluxStrategy"]

# Flux reports empty updates while nobody speaks and ends no turn: such audio needs no replay, but for the
# last bit, in which a word may have begun.
_ONSET_S = 2.0
# Names of Configure's arguments that differ from the options'.
_OPTION_OF = {"keyterms": "keyterm", "language_hints": "language_hint"}
_NO_ACTIVE_TURN = "FORCE_END_TURN_NO_ACTIVE_TURN"


class FluxStrategy:
    """Turns keep their numbers and happen once, whatever connections they span.

    After a reconnect the service hears an open turn again from its beginning. What it then repeats is left
    out: a second ``StartOfTurn``, and every update about audio already reported. What would break the order
    Flux guarantees is mended: a pending ``EagerEndOfTurn`` whose text has changed is followed by
    ``TurnResumed``.
    """

    patience = 1.0  # an Update comes about every 0.25 s of audio
    probes = False
    keeps_alive = False

    def __init__(self, options: ListenV2Options, *, force_end_turn: bool) -> None:
        self.options = options
        self._force_end_turn = force_end_turn
        self._finishing = False
        self._turn_offset = 0
        self._next_turn = 0
        self._started = False
        self._eager_text: str | None = None
        self._reported_s = 0.0
        self._repeated_until_s = 0.0
        self._quiet_s = 0.0
        self.begin()

    def url(self, base_url: str) -> str:
        return self.options.url(base_url)

    def format(self) -> AudioFormat:
        return audio_format(self.options.encoding, self.options.sample_rate)

    def resumable(self) -> bool:
        return self.options.encoding is not None

    def begin(self) -> None:
        self.protocol = ListenV2(self.options)
        self._turn_offset = self._next_turn
        self._repeated_until_s = self._reported_s
        self._quiet_s = 0.0

    def deliver(self, event: flux.Event, timeline: Timeline) -> Sequence[flux.Event]:
        if isinstance(event, TurnInfo):
            return self._turn(_shifted(event, timeline, self._turn_offset), event.audio_window_end)
        if self._finishing and isinstance(event, flux.Warning) and event.code == _NO_ACTIVE_TURN:
            return []
        return [event]

    def covered_s(self) -> float:
        return max(self.protocol.final_s, self._quiet_s)

    def wants_silence(self) -> bool:
        return self._started

    def is_interim(self, event: object) -> bool:
        return isinstance(event, TurnInfo) and event.event == TurnEvent.UPDATE

    def flush(self) -> list[str]:
        return [self.protocol.force_end_turn()]

    def finish(self) -> list[str]:
        self._finishing = True
        end_turn = [self.protocol.force_end_turn()] if self._force_end_turn else []
        return [*end_turn, self.protocol.close_stream()]

    def keep_alive(self) -> str | None:
        return None

    def check_configure(self, changes: Mapping[str, Any]) -> None:
        ListenV2(self.options).configure(**changes)

    def configure(self, changes: Mapping[str, Any]) -> list[str]:
        return [self.protocol.configure(**changes)]

    def adopt(self, changes: Mapping[str, Any]) -> None:
        named = {_OPTION_OF.get(name, name): value for name, value in changes.items() if value is not None}
        self.options = replace(self.options, **named)

    def billed_s(self, event: flux.Event) -> float:
        return 0.0

    def _turn(self, event: TurnInfo, window_end_s: float) -> list[TurnInfo]:
        repeated = event.audio_window_end <= self._repeated_until_s
        self._reported_s = max(self._reported_s, event.audio_window_end)
        if event.event == TurnEvent.END_OF_TURN:
            return self._ended(event)
        if event.event == TurnEvent.START_OF_TURN and not self._started:
            self._started = True
            return [event]
        if not self._started and not event.transcript:
            self._quiet_s = max(self._quiet_s, window_end_s - _ONSET_S)
        return [] if repeated else self._continued(event)

    def _continued(self, event: TurnInfo) -> list[TurnInfo]:
        """An event within a turn."""
        if event.event == TurnEvent.START_OF_TURN:
            event = replace(event, event=str(TurnEvent.UPDATE))
        if event.event == TurnEvent.TURN_RESUMED:
            return self._resumed(event)
        if event.event == TurnEvent.EAGER_END_OF_TURN:
            mended = self._mended(event)
            self._eager_text = event.transcript
            return [*mended, event]
        mended = self._mended(event)
        return mended or [event]

    def _resumed(self, event: TurnInfo) -> list[TurnInfo]:
        if self._eager_text is None and self._spans_connections():
            return [replace(event, event=str(TurnEvent.UPDATE))]
        self._eager_text = None
        return [event]

    def _ended(self, event: TurnInfo) -> list[TurnInfo]:
        mended = self._mended(event)
        self._next_turn = event.turn_index + 1
        self._started = False
        self._eager_text = None
        self._quiet_s = 0.0
        return [*mended, event]

    def _mended(self, event: TurnInfo) -> list[TurnInfo]:
        """``TurnResumed`` in place of the one that a lost connection swallowed."""
        if self._eager_text in (None, event.transcript) or not self._spans_connections():
            return []
        self._eager_text = None
        return [replace(event, event=str(TurnEvent.TURN_RESUMED), trigger=None)]

    def _spans_connections(self) -> bool:
        """Whether the open turn began on an earlier connection."""
        return self._repeated_until_s > 0 and self._next_turn == self._turn_offset


def _shifted(event: TurnInfo, timeline: Timeline, turn_offset: int) -> TurnInfo:
    if timeline.identical:
        return replace(event, turn_index=event.turn_index + turn_offset) if turn_offset else event
    return replace(
        event,
        turn_index=event.turn_index + turn_offset,
        audio_window_start=timeline.start_s(event.audio_window_start),
        audio_window_end=timeline.end_s(event.audio_window_end),
        words=tuple(_shifted_word(word, timeline) for word in event.words),
    )


def _shifted_word(word: flux.Word, timeline: Timeline) -> flux.Word:
    start = None if word.start is None else timeline.start_s(word.start)
    end = None if word.end is None else timeline.end_s(word.end)
    return replace(word, start=start, end=end)
