"""The protocol of ``/v2/listen``, Flux (Deepgram docs: flux/state, flux/configure, flux/close-stream)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from speechwire.errors import InvalidArgument, ServiceError
from speechwire.protocol._decode import MessageDecoder
from speechwire.protocol._endpoint import text_frame
from speechwire.protocol._listen import ListenEndpoint
from speechwire.protocol._paths import Path
from speechwire.protocol._within import all_within, turn_within
from speechwire.protocol.events import MalformedMessage, SequenceGap, UnknownMessage
from speechwire.protocol.listen_v2_events import (
    WIRE_MESSAGES,
    ConfigureFailure,
    ConfigureSuccess,
    Error,
    Event,
    Thresholds,
    TurnEvent,
    TurnInfo,
    Warning,
)
from speechwire.protocol.options_listen_v2 import (
    RULES_OF_CONFIGURE,
    ListenV2Options,
    check_thresholds,
    takes_language_hints,
)

__all__ = ["NO_ACTIVE_TURN", "ListenV2"]

NO_ACTIVE_TURN = "FORCE_END_TURN_NO_ACTIVE_TURN"
_END_OF_TURN = TurnEvent.END_OF_TURN
_IN_TURN = frozenset({TurnEvent.START_OF_TURN, TurnEvent.EAGER_END_OF_TURN, TurnEvent.TURN_RESUMED})


class ListenV2(ListenEndpoint[Event]):
    """One Flux connection, without the connection.

    The first event is `Connected`. There is no keep-alive message: a WebSocket ping is what counts. Turns
    end by audio time, so a caller with nothing to send has to send silence for an open turn to end.

    `final_s` is the window end of the last ``EndOfTurn``, `progress_s` that of any `TurnInfo`.
    """

    _path: ClassVar[Path] = Path.LISTEN_V2
    _tail_s: ClassVar[float] = 0.3
    _decoder: ClassVar[MessageDecoder[Any]] = MessageDecoder(WIRE_MESSAGES)

    def __init__(self, options: ListenV2Options | None = None) -> None:
        self.options = options or ListenV2Options()
        super().__init__(self.options.encoding, self.options.sample_rate, 1)
        self._thresholds = Thresholds(
            eager_eot_threshold=self.options.eager_eot_threshold, eot_threshold=self.options.eot_threshold
        )
        self._next_sequence_id: int | None = 0
        self._turn_index = 0
        self._turn_open = False
        self._end_forced = (
            False  # ForceEndTurn waits for its answer: an EndOfTurn, or the Warning that there is no turn
        )

    @property
    def turn_index(self) -> int:
        """The turn that is open or comes next, from 0."""
        return self._turn_index

    def force_end_turn(self) -> str:
        """The frame that ends the open turn now; without one the service answers with a `Warning`.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        self._require_open("send ForceEndTurn")
        self._end_forced = self._turn_open
        return text_frame(type="ForceEndTurn")

    def configure(
        self,
        *,
        eager_eot_threshold: float | None = None,
        eot_threshold: float | None = None,
        eot_timeout_ms: int | None = None,
        keyterms: Sequence[str] | None = None,
        language_hints: Sequence[str] | None = None,
        numerals: bool | None = None,
    ) -> str:
        """The frame that changes settings in mid-stream, as a whole or not at all.

        ``None`` leaves a setting as it is; a list replaces the one before, an empty list clears it. Ranges
        are those of `ListenV2Options`.

        Raises:
            InvalidArgument: A value is out of its range, or nothing is to be changed.
            LocalProtocolError: Another ``Configure`` waits for its answer, or the connection is closing or
                closed.
        """
        thresholds = _given(
            eager_eot_threshold=eager_eot_threshold,
            eot_threshold=eot_threshold,
            eot_timeout_ms=eot_timeout_ms,
        )
        self._check_thresholds(eager_eot_threshold, eot_threshold)
        if language_hints and not takes_language_hints(self.options.model):
            allowed = f"empty for the one-language model {self.options.model}"
            raise InvalidArgument("language_hints", language_hints, allowed)
        lists = _given(keyterms=keyterms, language_hints=language_hints, numerals=numerals)
        return self._configure({"thresholds": thresholds, **lists} if thresholds else lists)

    def _check_thresholds(self, eager: float | None, final: float | None) -> None:
        if eager is None and final is None:
            return
        now = self._thresholds
        check_thresholds(
            now.eager_eot_threshold if eager is None else eager, now.eot_threshold if final is None else final
        )

    def _on_message(self, message: Any) -> list[Event]:
        if type(message) is not TurnInfo:
            return self._on_other(message)
        self._learn_request_id(message.request_id)
        sequence_id = message.sequence_id
        if sequence_id is None or sequence_id != self._next_sequence_id:
            return [*self._check_sequence(message), self._on_turn_info(message)]
        self._next_sequence_id = sequence_id + 1
        return [self._on_turn_info(message)]

    def _on_other(self, message: Any) -> list[Event]:
        events = self._check_sequence(message)
        match message:
            case Error():
                self._failure = ServiceError(message.code, message.description)
            case ConfigureSuccess():
                self._configure_slot.release()
                if message.thresholds.eot_threshold is not None:
                    self._thresholds = message.thresholds
            case ConfigureFailure():
                self._configure_slot.release()
            case Warning() if message.code == NO_ACTIVE_TURN:
                self._end_forced = False
        self._learn_request_id(getattr(message, "request_id", ""))
        return [*events, message]

    def _on_turn_info(self, turn: TurnInfo) -> TurnInfo:
        latest_s, covers = self._latest_s, True
        if not (
            0 <= turn.audio_window_start <= turn.audio_window_end <= latest_s
            and turn.turn_index >= 0
            and all_within(turn.words, latest_s)
        ):
            covers = self._is_believed(turn.audio_window_end)
            turn = turn_within(self._completed(turn), latest_s)
        self._follow(turn, covers)
        return turn

    def _completed(self, turn: TurnInfo) -> TurnInfo:
        """With what the service left out: what is known without it."""
        start, end = turn.audio_window_start, turn.audio_window_end
        # An end of a turn that names neither its audio nor its words may be junk: it ends nothing.
        junk = turn.event == _END_OF_TURN and end < 0 and not turn.transcript
        return replace(
            turn,
            event=str(TurnEvent.UPDATE) if junk else turn.event,
            turn_index=turn.turn_index if turn.turn_index >= 0 else self._turn_index,
            audio_window_start=start if start >= 0 else self.final_s,
            audio_window_end=end if end >= 0 else max(start, self.progress_s),
        )

    def _follow(self, turn: TurnInfo, covers: bool) -> None:
        ended = turn.event == _END_OF_TURN
        if covers:
            self._cover(turn.audio_window_end if ended else 0.0, turn.audio_window_end)
        self._turn_index = turn.turn_index + 1 if ended else turn.turn_index
        if ended:
            self._turn_open = self._end_forced = False
        elif turn.event in _IN_TURN:
            self._turn_open = True

    def _delivered(self) -> bool | None:
        # The text of a turn whose end was asked for is in the EndOfTurn alone.
        return False if self._end_forced else self._has_heard(self.progress_s)

    def _check_sequence(self, message: Any) -> list[Event]:
        expected = self._next_sequence_id
        received = None if isinstance(message, (UnknownMessage, MalformedMessage)) else message.sequence_id
        # After a message without a readable number the count is taken up again, not checked.
        self._next_sequence_id = None if received is None else received + 1
        if received is None or expected is None or received == expected:
            return []
        return [SequenceGap(expected=expected, received=received)]


def _given(**arguments: Any) -> dict[str, Any]:
    return {
        name: RULES_OF_CONFIGURE[name](name, value) for name, value in arguments.items() if value is not None
    }
