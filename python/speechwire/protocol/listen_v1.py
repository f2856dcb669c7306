"""The protocol of ``/v1/listen``: Nova and older models.

Deepgram docs: audio-keep-alive, finalize, close-stream, configure, multichannel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.protocol._decode import MessageDecoder
from speechwire.protocol._endpoint import State, text_frame
from speechwire.protocol._listen import ListenEndpoint
from speechwire.protocol._paths import Path
from speechwire.protocol._rules import flag, integer, text, texts
from speechwire.protocol._within import all_within, results_within
from speechwire.protocol.listen_v1_events import (
    WIRE_MESSAGES,
    ConfigureFailure,
    ConfigureSuccess,
    Error,
    Event,
    Metadata,
    Results,
    SpeechStarted,
    UtteranceEnd,
)
from speechwire.protocol.options_listen_v1 import ListenV1Options, check_keyterm_tokens

__all__ = ["ListenV1"]


class ListenV1(ListenEndpoint[Event]):
    """One ``/v1/listen`` connection, without the connection.

    The service says nothing until audio has been processed, and closes a connection that brings neither
    audio nor `keep_alive` for 10 seconds. `Utterances` turns the results into whole utterances.

    `final_s` is the end of the last final result, of the slowest channel if there are several; `progress_s`
    that of any result.
    """

    _path: ClassVar[Path] = Path.LISTEN_V1
    _tail_s: ClassVar[float] = 0.1
    _decoder: ClassVar[MessageDecoder[Any]] = MessageDecoder(WIRE_MESSAGES, essential=["Alternative"])

    def __init__(self, options: ListenV1Options | None = None) -> None:
        self.options = options or ListenV1Options()
        super().__init__(self.options.encoding, self.options.sample_rate, self.options.channels)
        self._final_by_channel: dict[int, float] = {}
        self._summarized = False

    def keep_alive(self) -> str:
        """The frame that keeps the connection open while no audio flows; send one every 3 to 5 seconds.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        self._require_open("send KeepAlive")
        return text_frame(type="KeepAlive")

    def finalize(self, channel: int | None = None) -> str:
        """The frame that has everything buffered transcribed now, of all channels or of one, from 0.

        The results have ``from_finalize`` set. They usually come, but are not promised: wait with a deadline.

        Raises:
            InvalidArgument: There is no such channel.
            LocalProtocolError: The connection is closing or closed.
        """
        if channel is not None:
            integer(0, self.options.channels - 1)("channel", channel)
        self._require_open("send Finalize")
        return (
            text_frame(type="Finalize") if channel is None else text_frame(type="Finalize", channel=channel)
        )

    def configure(
        self, *, keyterms: Sequence[str] | None = None, features: Mapping[str, bool] | None = None
    ) -> str:
        """The frame that changes settings in mid-stream.

        Args:
            keyterms: Replaces all keyterms; an empty list clears them; ``None`` keeps them. Nova-3 only.
            features: Features to switch on or off, by name: ``{"numerals": True}``.

        The answer is `ConfigureSuccess` or `ConfigureFailure`; wait with a deadline, then
        `give_up_configure`.

        Raises:
            InvalidArgument: The model has no keyterms, they are too long, or nothing is to be changed.
            LocalProtocolError: Another ``Configure`` waits for its answer, or the connection is closing or
                closed.
        """
        parts: dict[str, object] = {}
        if keyterms is not None:
            parts["keyterms"] = self._checked_keyterms(keyterms)
        if features is not None:
            parts["features"] = _checked_features(features)
        return self._configure(parts)

    def _checked_keyterms(self, keyterms: Sequence[str]) -> tuple[str, ...]:
        checked: tuple[str, ...] = texts()("keyterms", keyterms)
        if not self.options.takes_keyterms:
            raise InvalidArgument(
                "keyterms",
                f"{len(checked)} terms",
                f"None for {self.options.model}; only Nova-3 has keyterms",
            )
        check_keyterm_tokens("keyterms", checked)
        return checked

    def _on_message(self, message: Any) -> list[Event]:
        return [self._on_results(message) if type(message) is Results else self._on_other(message)]

    def _on_salvaged(self, message: Any) -> list[Event]:
        summarized = self._summarized
        events = self._on_message(message)
        self._summarized = summarized  # a fragment is no summary
        return events

    def _on_other(self, message: Any) -> Event:
        match message:
            case SpeechStarted() | UtteranceEnd():
                message = self._at_a_time(message)
            case Metadata():
                self._learn_request_id(message.request_id)
                self._summarized = self._state is State.CLOSING
                message = replace(message, duration=min(message.duration, self._latest_s))
            case ConfigureSuccess() | ConfigureFailure():
                self._learn_request_id(message.request_id)
                self._configure_slot.release()
            case Error() if _is_about_configure(message):
                self._configure_slot.release()
        event: Event = message
        return event

    def _on_results(self, results: Results) -> Results:
        if not results.duration:
            results = _with_duration(results)
        latest_s, claimed_s = self._latest_s, results.start + results.duration
        within = claimed_s <= latest_s
        for alternative in results.channel.alternatives:
            within = within and all_within(alternative.words, latest_s)
        if self.request_id is None:
            self._learn_request_id(results.metadata.request_id)
        if not within:
            results = results_within(results, latest_s)
            if not self._is_believed(claimed_s):
                return results
        end_s = results.start + results.duration
        self._cover(self._final_of_all(results, end_s) if results.is_final else 0.0, end_s)
        return results

    def _final_of_all(self, results: Results, end_s: float) -> float:
        """Up to where the results of all channels are final, now that these are."""
        channel, channels = _position(results.channel_index)
        known = self._final_by_channel
        known[channel] = max(known.get(channel, 0.0), end_s)
        return min(known.values()) if len(known) >= channels else 0.0

    def _at_a_time(self, message: SpeechStarted | UtteranceEnd) -> SpeechStarted | UtteranceEnd:
        latest_s = self._latest_s
        if isinstance(message, SpeechStarted):
            at_s = self.progress_s if message.timestamp < 0 else message.timestamp
            return replace(message, timestamp=min(at_s, latest_s))
        end_s = message.last_word_end
        return replace(message, last_word_end=-1.0 if end_s < 0 else min(end_s, latest_s))

    def _delivered(self) -> bool | None:
        return True if self._summarized else self._has_heard(self.final_s)


def _with_duration(results: Results) -> Results:
    """Up to the end of its last word, where the service does not say how long it is."""
    ends = (word.end for alternative in results.channel.alternatives for word in alternative.words)
    return replace(results, duration=max(0.0, max(ends, default=0.0) - results.start))


def _position(channel_index: tuple[int, ...]) -> tuple[int, int]:
    """This channel and the number of channels; one channel if the service does not say."""
    return (channel_index[0], channel_index[1]) if len(channel_index) >= 2 else (0, 1)


def _checked_features(features: Mapping[str, bool]) -> dict[str, bool]:
    if not isinstance(features, Mapping):
        raise InvalidArgumentType("features", features, "a mapping of names to bool")
    return {text("features", name): flag(f"features[{name!r}]", value) for name, value in features.items()}


def _is_about_configure(error: Error) -> bool:
    # Services from before October 2026 refuse a Configure with an Error that repeats the text sent.
    return "Configure" in error.variant or '"Configure"' in error.message
