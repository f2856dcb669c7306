"""Nova and older models (``/v1/listen``) over several connections: one sequence of finals per channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from speechwire.protocol import ListenV1, ListenV1Options
from speechwire.protocol import listen_v1_events as nova
from speechwire.protocol.listen_v1_events import Results
from speechwire.session._strategy import AudioFormat, audio_format
from speechwire.session._timeline import Timeline

__all__ = ["NovaStrategy"]

# Audio with an empty interim result needs no replay, but for the last bit, in which a word may have begun.
_ONSET_S = 2.0
# Times are 32-bit floats on the wire.
_TOLERANCE_S = 0.01


class NovaStrategy:
    """Every final is delivered once per channel; interim results never go back in time."""

    probes = True
    keeps_alive = True

    def __init__(self, options: ListenV1Options) -> None:
        self.options = options
        # Interim results come about once a second; without them only the end of an utterance shows progress.
        self.patience = 1.0 if options.interim_results else 5.0
        self._final_s: dict[int, float] = {}
        self._reported_s = 0.0
        self._repeated_until_s = 0.0
        self._utterance_end_s = -1.0
        self._quiet_s = 0.0
        self.begin()

    def url(self, base_url: str) -> str:
        return self.options.url(base_url)

    def format(self) -> AudioFormat:
        options = self.options
        return audio_format(options.encoding, options.sample_rate, options.channels or 1)

    def resumable(self) -> bool:
        return self.options.encoding is not None

    def begin(self) -> None:
        self.protocol = ListenV1(self.options)
        self._repeated_until_s = self._reported_s
        self._quiet_s = 0.0

    def deliver(self, event: nova.Event, timeline: Timeline) -> list[nova.Event]:
        if isinstance(event, Results):
            self._note_quiet(event)
            return self._results(_shifted(event, timeline))
        if isinstance(event, nova.SpeechStarted):
            started = replace(event, timestamp=timeline.start_s(event.timestamp))
            return (
                [started] if started.timestamp > self._repeated_until_s or not self._repeated_until_s else []
            )
        if isinstance(event, nova.UtteranceEnd):
            return self._utterance_end(event, timeline)
        return [event]

    def covered_s(self) -> float:
        return max(self.protocol.final_s, self._quiet_s)

    def wants_silence(self) -> bool:
        return False

    def is_interim(self, event: object) -> bool:
        return isinstance(event, Results) and not event.is_final

    def flush(self) -> list[str]:
        return [self.protocol.finalize()]

    def finish(self) -> list[str]:
        return [self.protocol.close_stream()]

    def keep_alive(self) -> str | None:
        return self.protocol.keep_alive()

    def check_configure(self, changes: Mapping[str, Any]) -> None:
        ListenV1(self.options).configure(**changes)

    def configure(self, changes: Mapping[str, Any]) -> list[str]:
        return [self.protocol.configure(**changes)]

    def adopt(self, changes: Mapping[str, Any]) -> None:
        known = self.options.__struct_fields__
        named = {name: on for name, on in (changes.get("features") or {}).items() if name in known}
        if changes.get("keyterms") is not None:
            named["keyterm"] = changes["keyterms"]
        self.options = replace(self.options, **named)

    def billed_s(self, event: nova.Event) -> float:
        return event.duration if isinstance(event, nova.Metadata) else 0.0

    def _results(self, event: Results) -> list[nova.Event]:
        channel = event.channel_index[0] if event.channel_index else 0
        end_s, done_s = event.end, self._final_s.get(channel, 0.0)
        if event.is_final:
            if self._repeated_until_s and end_s <= done_s + _TOLERANCE_S and not event.from_finalize:
                return []
            if self._repeated_until_s and event.start < done_s - _TOLERANCE_S:
                event = _without_before(event, done_s)
            self._final_s[channel] = max(done_s, end_s)
        elif end_s <= max(self._repeated_until_s, done_s if self._repeated_until_s else 0.0):
            return []
        self._reported_s = max(self._reported_s, end_s)
        return [event]

    def _utterance_end(self, event: nova.UtteranceEnd, timeline: Timeline) -> list[nova.Event]:
        if event.last_word_end < 0:
            return [event]
        ended = replace(event, last_word_end=timeline.end_s(event.last_word_end))
        if self._repeated_until_s and ended.last_word_end <= self._utterance_end_s + _TOLERANCE_S:
            return []
        self._utterance_end_s = ended.last_word_end
        return [ended]

    def _note_quiet(self, event: Results) -> None:
        if not event.transcript and len(event.channel_index) == 2 and event.channel_index[1] == 1:
            self._quiet_s = max(self._quiet_s, event.end - _ONSET_S)


def _shifted(event: Results, timeline: Timeline) -> Results:
    if timeline.identical:
        return event
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


def _without_before(event: Results, done_s: float) -> Results:
    """What a final adds after ``done_s``: with several channels, a replay begins where the slowest was."""
    alternatives = tuple(_alternative_from(alternative, done_s) for alternative in event.channel.alternatives)
    channel = replace(event.channel, alternatives=alternatives)
    return replace(event, start=done_s, duration=event.end - done_s, channel=channel)


def _alternative_from(alternative: nova.Alternative, done_s: float) -> nova.Alternative:
    words = tuple(word for word in alternative.words if (word.start + word.end) / 2 >= done_s)
    text = " ".join(word.punctuated_word or word.word for word in words)
    return replace(alternative, words=words, transcript=text)
