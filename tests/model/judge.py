"""What was promised, compared with what was delivered and what the service heard."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tests.model.ears import QUARTER
from tests.model.hearing import missing, repeated_ms, total, union
from tests.model.service import Conversation, Service
from tests.model.story import Story
from tests.session.counted import RATE

from speechwire.protocol.listen_v1_events import Results, SpeechStarted, UtteranceEnd
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import AudioDropped, EventsDropped, SessionEnded

__all__ = ["Broken", "Judge", "Record"]

TOLERANCE_S = 0.05
_EPSILON_S = 0.002
MOST_ATTEMPTS = 10
MOST_TIMES_SENT = 4


class Broken(Exception):
    """A promise was not kept.

    Args:
        promise: Which.
        how: What happened instead.
    """

    def __init__(self, promise: str, how: str, at_s: float) -> None:
        super().__init__(f"{promise}: {how} (at {at_s:.3f} s)")
        self.promise, self.how, self.at_s = promise, how, at_s


class Record:
    """What a run leaves behind, beside what the service knows.

    Attributes:
        pushed: Samples that the session took.
        closed_s: When ``aclose`` was first called.
        disturbed_s: When the caller did something that may open a connection.
    """

    def __init__(self) -> None:
        self.pushed = 0
        self.closed_s = math.inf
        self.cancelled = False
        self.lied_until = -1
        self.disturbed_s: list[float] = []
        self.error: BaseException | None = None


class Judge:
    """Looks at every event as it is delivered, and at the whole when it is over."""

    def __init__(self, story: Story, record: Record, service: Service) -> None:
        self.story, self.record, self.service = story, record, service
        self.broken: list[Broken] = []
        self.words: list[tuple[int, float, float]] = []
        self.progress: list[tuple[float, float]] = [(0.0, 0.0)]
        self.covered: list[tuple[int, int]] = []
        self.ended: SessionEnded | None = None
        self.dropped_s = 0.0
        self.events_dropped = 0
        self.outages = 0
        self.in_outage = False
        self.now_s = 0.0
        self._furthest_s = 0.0
        self._turn = 0
        self._started = False
        self._final_s = 0.0

    def find(self, promise: str, how: str) -> None:
        self.broken.append(Broken(promise, how, self.now_s))

    # While it runs.

    def event(self, event: Any, now_s: float) -> None:
        self.now_s = now_s
        if self.ended is not None:
            self.find("the end is the end", f"{type(event).__name__} after SessionEnded")
        if isinstance(event, Results):
            self._results(event)
        elif isinstance(event, TurnInfo):
            self._turn_info(event)
        elif isinstance(event, SpeechStarted):
            self._times(event.timestamp, event.timestamp)
        elif isinstance(event, UtteranceEnd):
            self._utterance_end(event.last_word_end)
        elif isinstance(event, SessionEnded):
            self.ended = event
        elif isinstance(event, AudioDropped):
            self.dropped_s += event.seconds
        elif isinstance(event, EventsDropped):
            self.events_dropped += event.count
        else:
            self._outage(type(event).__name__)

    def _outage(self, kind: str) -> None:
        if kind not in ("OutageBegan", "OutageEnded"):
            return
        if (kind == "OutageBegan") == self.in_outage:
            self.find("an outage is said once", f"{kind} twice")
        self.in_outage = kind == "OutageBegan"
        self.outages += self.in_outage

    def _results(self, event: Results) -> None:
        self._times(event.start, event.end)
        if event.channel.alternatives:
            for word in event.channel.alternatives[0].words:
                self._times(word.start, word.end)
                if event.is_final:
                    self._word(word.word, word.start, word.end)
        self._forward(event.end)
        if event.start < self._final_s - TOLERANCE_S and not self._lax:
            self.find("times", f"a result from {event.start:.3f} s after a final to {self._final_s:.3f} s")
        if event.is_final:
            self._final_s = max(self._final_s, event.end)
            self.covered.append((round(event.start * RATE), round(event.end * RATE)))

    def _utterance_end(self, last_word_end: float) -> None:
        if last_word_end == -1:
            return
        self._times(last_word_end, last_word_end)
        within_s = last_word_end % (QUARTER / RATE)
        if not 0.119 - TOLERANCE_S <= within_s <= 0.225 + 0.02 and not self._lax:
            self.find(
                "words at their own time", f"UtteranceEnd says {last_word_end:.3f} s, where no word ends"
            )

    def _turn_info(self, event: TurnInfo) -> None:
        self._times(event.audio_window_start, event.audio_window_end)
        self._forward(event.audio_window_end)
        for word in event.words:
            self._times(word.start or 0.0, word.end or 0.0)
            if event.event == "EndOfTurn":
                self._word(word.word, word.start or 0.0, word.end or 0.0)
        self._turns(event)
        if event.event == "EndOfTurn":
            self.covered.append(
                (round(event.audio_window_start * RATE), round(event.audio_window_end * RATE))
            )

    def _turns(self, event: TurnInfo) -> None:
        if self._lax:
            return
        if event.turn_index != self._turn:
            self.find("turns", f"{event.event} of turn {event.turn_index} in turn {self._turn}")
        if event.event == "StartOfTurn":
            if self._started:
                self.find("turns", f"turn {self._turn} starts twice")
            self._started = True
        elif not self._started and event.event != "Update":
            self.find("turns", f"{event.event} before StartOfTurn in turn {self._turn}")
        if event.event == "EndOfTurn":
            self._turn, self._started = event.turn_index + 1, False

    def _times(self, start: float, end: float) -> None:
        pushed_s = self.record.pushed / RATE
        if not (math.isfinite(start) and math.isfinite(end)):
            self.find("times", f"{start} to {end}")
        elif not -_EPSILON_S <= start <= end + _EPSILON_S <= pushed_s + 2 * _EPSILON_S:
            self.find("times", f"{start:.3f} to {end:.3f} s when {pushed_s:.3f} s were pushed")

    def _forward(self, end: float) -> None:
        if end < self._furthest_s - TOLERANCE_S and not self._lax:
            self.find("times", f"a result to {end:.3f} s after one to {self._furthest_s:.3f} s")
        if end > self._furthest_s + 0.01:
            self.progress.append((self.now_s, end))
        self._furthest_s = max(self._furthest_s, end)

    def _word(self, text: str, start: float, end: float) -> None:
        if not text.isdecimal():
            return
        number = int(text)
        if self.words and number <= self.words[-1][0]:
            self.find("words once and in order", f"{number} after {self.words[-1][0]}")
        if number not in self.service.spoken:
            self.find("words", f"{number} was not said")
        self.words.append((number, start, end))
        begin_s = number * QUARTER / RATE
        early, late = begin_s + 0.119 - TOLERANCE_S, begin_s + 0.225 + TOLERANCE_S
        wrong_start = abs(start - begin_s - 0.0125) > TOLERANCE_S and number not in self.service.joined_late
        if (not early <= end <= late or wrong_start) and not self._lax:
            self.find("words at their own time", f"{number} from {start:.3f} to {end:.3f} s")

    @property
    def _lax(self) -> bool:
        """Whether the service has told lies about times, or events gave way."""
        return self.record.lied_until >= 0 or self.events_dropped > 0

    # When it is over.

    def end(self, now_s: float) -> None:
        self.now_s = now_s
        self._audio()
        self._words_at_the_end()
        self._completeness()
        self._connections()
        self._outages_lived_through()
        self._why_it_ended()

    @property
    def _received(self) -> list[tuple[int, int]]:
        return union(piece for one in self.service.conversations for piece in one.pieces)

    def _audio(self) -> None:
        gaps = missing(self._received, self.record.pushed)
        lost_s = total(gaps) / RATE
        most, at_ms = repeated_ms(
            (union(one.pieces) for one in self.service.conversations), self.record.pushed
        )
        if most > MOST_TIMES_SENT:
            self.find(
                "sent again at most three times", f"the audio at {at_ms / 1000:.3f} s came {most} times"
            )
        if self.ended is None:
            if not self.record.cancelled:
                self.find("SessionEnded is last", "it did not come")
            return
        # What a converter holds back cannot be counted by a task that is no more.
        held_s = 0.6 if self.record.cancelled else 0.0
        if abs(self.ended.pushed_s - self.record.pushed / RATE) > 0.001 + held_s:
            self.find("pushed_s", f"{self.ended.pushed_s:.4f} of {self.record.pushed / RATE:.4f} s")
        if lost_s > self.ended.dropped_s + 0.01 + held_s:
            where = ", ".join(f"{begin / RATE:.2f}-{end / RATE:.2f}" for begin, end in gaps[:3])
            self.find(
                "heard or reported",
                f"{lost_s:.3f} s never came ({where}), {self.ended.dropped_s:.3f} reported",
            )
        # A lie may cover what was never heard.
        open_s = (self.record.pushed - _both(union(self.covered), self._received)) / RATE
        if self.ended.dropped_s > open_s + 0.1 and not self._lax:
            self.find(
                "reported means lost", f"{self.ended.dropped_s:.3f} s, but only {open_s:.3f} s had no final"
            )
        if self.ended.dropped_s > 0.01 and not self.dropped_s and not self.events_dropped:
            self.find("AudioDropped", f"{self.ended.dropped_s:.3f} s dropped and no event")

    def _expected(self) -> Iterator[int]:
        """Words of which enough was pushed, and which no lie can hide."""
        for number in sorted(self.service.spoken):
            begin = number * QUARTER
            if begin + 3600 <= self.record.pushed and begin > self.record.lied_until:
                yield number

    def _words_at_the_end(self) -> None:
        if self.events_dropped:
            return
        got = {number for number, _, _ in self.words}
        sent = {word: (at_s, one) for word, at_s, one in self.service.finals if _reached(at_s, one)}
        lost = [word for word in self._expected() if word in sent and word not in got]
        lost = [word for word in lost if sent[word][0] < self.record.closed_s]
        if lost and not self.record.cancelled:
            self.find("finals are delivered", f"{lost[:5]} came in a final and were not delivered")
        last = max(got, default=-1)
        gap = [word for word in self._expected() if word < last and word not in got]
        dropped_s = self.ended.dropped_s if self.ended else math.inf
        if len(gap) * 0.25 > dropped_s * 1.25 + 0.5 * (dropped_s > 0):
            self.find("no word between others is lost", f"{gap[:8]} with {dropped_s:.2f} s dropped")

    def _completeness(self) -> None:
        if self.ended is None:
            return
        got = {number for number, _, _ in self.words}
        without = [word for word in self._expected() if word not in got]
        if self.ended.complete:
            if without and not self.events_dropped:
                self.find("complete means complete", f"{without[:8]} were not delivered")
            if self.ended.dropped_s > 0.001:
                self.find("complete means complete", f"{self.ended.dropped_s:.3f} s dropped")
        elif self._all_well:
            self.find("what can be complete is", f"not complete; without {without[:8]}; {self.ended}")

    @property
    def _all_well(self) -> bool:
        """Whether the last connection answered ``CloseStream`` as it should, in time."""
        conversations = self.service.conversations
        if not conversations or self.ended is None or self._lax or self.record.cancelled:
            return False
        last = conversations[-1]
        properly = (
            last.fate.closing == "proper" and last.close_stream_s is not None and last.ended_s is not None
        )
        deaf = not last.fate.finalize and self.story.flux
        lasting = any(self.service.story.fate(number).lasting for number in range(len(self.service.attempts)))
        in_time = properly and (last.ended_s or 0.0) < self.record.closed_s + self._drain_s - 0.01
        return in_time and not deaf and not lasting and self.ended.dropped_s < 0.001

    @property
    def _drain_s(self) -> float:
        return float(self.story.settings.get("drain_timeout_s", 5.0))

    def _connections(self) -> None:
        times = [at_s for at_s, _ in self.service.attempts]
        moved = [at_s for at_s, _ in self.progress[1:]]
        for begin_s in times:
            end_s = min([begin_s + 10.0, *(at_s for at_s in moved if at_s > begin_s)])
            some = sum(begin_s <= at_s < end_s for at_s in times)
            asked = sum(begin_s - 10.0 <= at_s < end_s for at_s in self.record.disturbed_s)
            if some > MOST_ATTEMPTS + asked:
                self.find("ten connections in ten seconds", f"{some} from {begin_s:.2f} to {end_s:.2f} s")
                break
        self._after_close_stream()

    def _after_close_stream(self) -> None:
        told = [
            one for one in self.service.conversations if (one.close_stream_s or -1.0) >= self.record.closed_s
        ]
        if told:
            since_s = told[0].close_stream_s or 0.0
            later = [one for one in self.service.conversations if one.opened_s > since_s]
            if len(later) > 1:
                self.find("one connection after CloseStream", f"{len(later)}")
            if later and _nothing_open(told[0]):
                self.find("no connection for silence", f"{len(later)} after CloseStream")

    def _outages_lived_through(self) -> None:
        for begin_s, end_s in self.story.outages:
            hit = any(begin_s <= at_s < end_s for at_s, _ in self.service.attempts)
            later = [at_s for at_s, _ in self.service.attempts if end_s <= at_s <= end_s + 10.0]
            if hit and not later and self._pushing_until_s > end_s + 10.0 < self.record.closed_s:
                self.find(
                    "heard within 10 s of the return", f"no attempt from {end_s:.1f} to {end_s + 10:.1f} s"
                )

    _pushing_until_s = 0.0

    def pushing(self, now_s: float) -> None:
        self._pushing_until_s = now_s

    def _why_it_ended(self) -> None:
        error = self.record.error
        if error is None or self.record.cancelled:
            return
        lasting = [self.story.fate(number) for number in range(len(self.service.attempts))]
        if not any(fate.lasting for fate in lasting):
            self.find("only what no retry can mend ends it", repr(error))


def _both(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
    """Samples that are in both."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in some for b in others)


def _reached(at_s: float, one: Conversation) -> bool:
    """Whether the client had time to read it before it could be lost."""
    gone_s = min(one.ended_s or math.inf, one.left_s or math.inf)
    return at_s < gone_s - 0.002


def _nothing_open(one: Conversation) -> bool:
    return not one.open_at_close and one.told_all
