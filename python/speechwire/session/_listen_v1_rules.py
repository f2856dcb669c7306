"""``/v1/listen`` over several connections: one sequence of finals per channel."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from speechwire.errors import ServiceError
from speechwire.protocol import ListenV1, ListenV1Options
from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol.listen_v1_events import Results
from speechwire.session._repeats import RUN_UP_S, LastWord
from speechwire.session._rules import ONSET_S, ByteRate, byte_rate
from speechwire.session._timeline import Timeline

__all__ = ["ListenV1Rules"]

# Times are 32-bit floats on the wire.
_TOLERANCE_S: Final = 0.01
# A final may end this much before the interim text that it replaces without leaving words open.
_REMAINDER_S: Final = 0.1


class _Channel:
    """What has been delivered of one channel, on the caller's clock."""

    def __init__(self) -> None:
        self.final_s = 0.0
        self.flagged_s = -1.0  # the end of the last final that ended an utterance
        self.open_until_s = 0.0
        self.last_word = LastWord()

    def knows(self, event: Results) -> bool:
        """Whether the result adds nothing: its span is final already, and it ends no utterance."""
        flagged = event.from_finalize or event.speech_final
        return not event.transcript and (not flagged or event.end <= self.flagged_s + _TOLERANCE_S)


class ListenV1Rules:
    """Every final is delivered once per channel; interim results never go back in time."""

    probes: ClassVar[bool] = True
    needs_silence: ClassVar[bool] = False
    keep_alive_message: ClassVar[bool] = True

    def __init__(self, options: ListenV1Options) -> None:
        self.protocol = ListenV1(options)
        self.closes_text = True
        self.reported_s = 0.0
        self._channels: dict[int, _Channel] = {}
        self._repeated_until_s = 0.0
        self._utterance_end_s = -1.0
        self._quiet_s = 0.0
        self._forced_s = -1.0

    @property
    def open_text(self) -> bool:
        return any(channel.open_until_s > 0 for channel in self._channels.values())

    def patience(self, options: ListenV1Options) -> float:
        # Interim results come about once a second. Without them, only ends of utterances show progress.
        return 1.0 if options.interim_results else 5.0

    def longest_turn_end_s(self, options: ListenV1Options) -> float:
        return 0.0  # a flush ends the utterance

    def byte_rate(self, options: ListenV1Options) -> ByteRate:
        return byte_rate(options.encoding, options.sample_rate, options.channels or 1)

    def resumable(self, options: ListenV1Options) -> bool:
        return options.encoding is not None

    def fork(self) -> ListenV1Rules:
        other = copy.copy(self)
        other._channels = copy.deepcopy(self._channels)
        return other

    def begin(self, options: ListenV1Options) -> None:
        self.protocol = ListenV1(options)
        self._repeated_until_s = self.reported_s
        self._quiet_s = 0.0
        self._forced_s = -1.0

    def deliver(self, event: v1.Event, timeline: Timeline) -> list[v1.Event]:
        if type(event) is Results:
            self._note_coverage(event)
            return self._results(event if timeline.identical else _shifted(event, timeline))
        if isinstance(event, v1.SpeechStarted):
            started = replace(event, timestamp=timeline.start_s(event.timestamp))
            return [started] if started.timestamp >= self._repeated_until_s else []
        if isinstance(event, v1.UtteranceEnd):
            return self._utterance_end(event, timeline)
        return [event]

    def acknowledged(self) -> tuple[float, float]:
        final_s = self.protocol.final_s
        if self._quiet_s > final_s:
            return self._quiet_s, 0.0
        return final_s, RUN_UP_S if self._forced_s >= final_s - _TOLERANCE_S else 0.0

    def is_interim(self, event: object) -> bool:
        return isinstance(event, Results) and not event.is_final

    def flush(self) -> list[str]:
        return [self.protocol.finalize()]

    def finish(self) -> list[str]:
        return [self.protocol.close_stream()]

    def keep_alive(self) -> str:
        return self.protocol.keep_alive()

    def checked(self, options: ListenV1Options, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        ListenV1(options).configure(**changes)
        return {name: value for name, value in changes.items() if value is not None}

    def configure(self, changes: Mapping[str, Any]) -> str:
        return self.protocol.configure(**changes)

    def merged(self, first: Mapping[str, Any], then: Mapping[str, Any]) -> Mapping[str, Any]:
        features = {**first.get("features", {}), **then.get("features", {})}
        return {**first, **then, **({"features": features} if features else {})}

    def apply(self, options: ListenV1Options, changes: Mapping[str, Any]) -> ListenV1Options:
        known = options.__struct_fields__
        named = {name: on for name, on in changes.get("features", {}).items() if name in known}
        if "keyterms" in changes:
            named["keyterm"] = changes["keyterms"]
        return replace(options, **named)

    def outcome(self, event: v1.Event) -> ServiceError | bool:
        match event:
            case v1.ConfigureSuccess():
                return True
            case v1.ConfigureFailure():
                return ServiceError(event.code, event.description, request_id=event.request_id)
            case v1.Error():
                return ServiceError(str(event.code or event.variant), event.description)
        return False

    def billed_s(self, event: v1.Event) -> float:
        return event.duration if isinstance(event, v1.Metadata) else 0.0

    def _results(self, event: Results) -> list[v1.Event]:
        index = event.channel_index[0] if event.channel_index else 0
        channel = self._channels.get(index)
        if channel is None:
            channel = self._channels[index] = _Channel()
        event_end_s = event.end
        if event.start < channel.final_s - _TOLERANCE_S:
            event = _without_repeats(event, channel)
            if event_end_s <= channel.final_s + _TOLERANCE_S and channel.knows(event):
                return []
        if event.is_final:
            self._note_final(event, event_end_s, channel)
        elif event_end_s <= max(self._repeated_until_s, channel.final_s):
            return []
        else:
            channel.open_until_s = event_end_s if event.transcript else 0.0
        self.reported_s = max(self.reported_s, event_end_s)
        return [event]

    def _note_final(self, event: Results, end_s: float, channel: _Channel) -> None:
        channel.final_s = max(channel.final_s, end_s)
        if event.from_finalize or event.speech_final:
            channel.flagged_s = max(channel.flagged_s, end_s)
        if end_s >= channel.open_until_s - _REMAINDER_S:
            channel.open_until_s = 0.0
        for word in event.channel.alternatives[0].words if event.channel.alternatives else ():
            channel.last_word.deliver(word.start, word.end)

    def _utterance_end(self, event: v1.UtteranceEnd, timeline: Timeline) -> list[v1.Event]:
        if event.last_word_end < 0:
            return [event]
        ended = replace(event, last_word_end=timeline.end_s(event.last_word_end))
        if self._repeated_until_s and ended.last_word_end <= self._utterance_end_s + _TOLERANCE_S:
            return []
        self._utterance_end_s = ended.last_word_end
        return [ended]

    def _note_coverage(self, event: Results) -> None:
        """Record how far this result makes a replay unnecessary, on the connection's clock."""
        if event.from_finalize:
            self._forced_s = max(self._forced_s, event.end)
        single = len(event.channel_index) < 2 or event.channel_index[1] == 1
        if single and not event.transcript:
            self._quiet_s = max(self._quiet_s, event.end - ONSET_S)


def _shifted(event: Results, timeline: Timeline) -> Results:
    start_s, end_s = timeline.start_s(event.start), timeline.end_s(event.end)
    alternatives = tuple(
        replace(
            alternative,
            words=tuple(
                replace(word, start=timeline.start_s(word.start), end=timeline.end_s(word.end))
                for word in alternative.words
            ),
        )
        for alternative in event.channel.alternatives
    )
    channel = replace(event.channel, alternatives=alternatives)
    return replace(event, start=start_s, duration=max(0.0, end_s - start_s), channel=channel)


def _without_repeats(event: Results, channel: _Channel) -> Results:
    """Remove words that are final already. A replay begins earlier, or where the slowest channel was."""
    if event.end <= channel.final_s + _TOLERANCE_S and not any(
        alternative.words for alternative in event.channel.alternatives
    ):
        return replace(event, channel=v1.Channel(alternatives=(v1.Alternative(transcript=""),)))
    before = event.channel.alternatives[0].words if event.channel.alternatives else ()
    alternatives = tuple(_new_of(each, channel.last_word) for each in event.channel.alternatives)
    skipped = len(before) - len(alternatives[0].words) if alternatives else 0
    start_s = min(max(event.start, channel.final_s), event.end)
    return replace(
        event,
        start=start_s,
        duration=event.end - start_s,
        channel=replace(event.channel, alternatives=alternatives),
        entities=tuple(
            replace(each, start_word=each.start_word - skipped, end_word=each.end_word - skipped)
            for each in event.entities
            if each.start_word >= skipped
        ),
    )


def _new_of(alternative: v1.Alternative, last_word: LastWord) -> v1.Alternative:
    words = last_word.new(alternative.words, lambda word: (word.start, word.end))
    if words is alternative.words:
        return alternative
    text = " ".join(word.punctuated_word or word.word for word in words)
    return replace(alternative, words=tuple(words), transcript=text)
