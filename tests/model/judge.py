"""What was promised, compared with what was delivered and what the service heard."""

from __future__ import annotations

import math
from typing import Any

from tests.model.ears import QUARTER
from tests.model.service import Service
from tests.model.story import Story
from tests.session.counted import RATE

from speechwire.protocol.listen_v1_events import Results, SpeechStarted, UtteranceEnd
from speechwire.protocol.listen_v2_events import TurnInfo
from speechwire.session import AudioDropped, ChangeRefused, EventsDropped, SessionEnded

__all__ = ["Broken", "Judge", "Record"]

TOLERANCE_S = 0.05
_EPSILON_S = 0.002


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
        changes: How many changes of options and replacements the caller asked for.
        changes_refused: How many changes the session has said to be refused, after it had accepted them.
        closed_s: When ``aclose`` was first called.
        torn: Words that the caller paused in, for longer than a word lasts.
        disturbed_s: When the caller did something that may open a connection.
        pushed_s: When something was pushed.
        given_up_s: How long after ``aclose`` connections were about to answer that were left before.
    """

    def __init__(self) -> None:
        self.pushed = 0
        self.changes = self.changes_refused = 0
        self.closed_s = math.inf
        self.cancelled = self.aclose_cancelled = False
        self.lied_until = -1
        self.torn: set[int] = set()
        self.disturbed_s: list[float] = []
        self.pushed_s: list[float] = []
        self.given_up_s: list[float] = []
        self.error: BaseException | None = None

    @property
    def cut_short(self) -> bool:
        """Whether the caller gave up waiting for the end."""
        return self.cancelled or self.aclose_cancelled


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
        self.behind_deadly_s = 0.0  # of which the repeats are counted anew
        self.reasons: set[str] = set()
        self.events_dropped = 0
        self.outages = 0
        self.changes_refused = 0
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
            self._audio_dropped(event)
        elif isinstance(event, ChangeRefused):
            self.changes_refused += 1
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
                    self._word(word.word, word.start, word.end, event.start)
        if event.start < self._final_s - TOLERANCE_S and not self.lax:
            self.find("times", f"a result from {event.start:.3f} s after a final to {self._final_s:.3f} s")
        self._forward(event.end, final=event.is_final)
        if event.is_final:
            self.covered.append((round(event.start * RATE), round(event.end * RATE)))

    def _utterance_end(self, last_word_end: float) -> None:
        if last_word_end == -1:
            return
        self._times(last_word_end, last_word_end)
        within_s = last_word_end % (QUARTER / RATE)
        if not 0.119 - TOLERANCE_S <= within_s <= 0.225 + 0.02 and not self.lax and not self.dropped_s:
            self.find(
                "words at their own time", f"UtteranceEnd says {last_word_end:.3f} s, where no word ends"
            )

    def _turn_info(self, event: TurnInfo) -> None:
        self._times(event.audio_window_start, event.audio_window_end)
        self._forward(event.audio_window_end, final=event.event == "EndOfTurn")
        for word in event.words:
            self._times(word.start or 0.0, word.end or 0.0)
            if event.event == "EndOfTurn":
                self._word(word.word, word.start or 0.0, word.end or 0.0, event.audio_window_start)
        self._turns(event)
        if event.event == "EndOfTurn":
            self.covered.append(
                (round(event.audio_window_start * RATE), round(event.audio_window_end * RATE))
            )

    def _turns(self, event: TurnInfo) -> None:
        if self.lax:
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

    def _audio_dropped(self, event: AudioDropped) -> None:
        self.dropped_s += event.seconds
        self.reasons.add(event.reason)
        if event.reason == "replay limit":
            self.behind_deadly_s += max(0.0, self.record.pushed / RATE - self.dropped_s)

    def _times(self, start: float, end: float) -> None:
        pushed_s = self.record.pushed / RATE
        if not (math.isfinite(start) and math.isfinite(end)):
            self.find("times", f"{start} to {end}")
        elif not -_EPSILON_S <= start <= end + _EPSILON_S <= pushed_s + 2 * _EPSILON_S:
            self.find("times", f"{start:.3f} to {end:.3f} s when {pushed_s:.3f} s were pushed")

    def _forward(self, end: float, *, final: bool) -> None:
        """Results never end before the last final does; those that are not final may be taken back."""
        if end < self._final_s - TOLERANCE_S and not self.lax:
            self.find("times", f"a result to {end:.3f} s after a final to {self._final_s:.3f} s")
        if final:
            self._final_s = max(self._final_s, end)
        if end > self._furthest_s + 0.01:
            self.progress.append((self.now_s, end))
        self._furthest_s = max(self._furthest_s, end)

    def _word(self, text: str, start: float, end: float, begin: float) -> None:
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
        cut = abs(start - begin) < _EPSILON_S or number in self.service.joined_late
        wrong_start = abs(start - begin_s - 0.0125) > TOLERANCE_S and not cut
        if (not early <= end <= late or wrong_start) and not self.lax:
            self.find("words at their own time", f"{number} from {start:.3f} to {end:.3f} s")

    @property
    def lax(self) -> bool:
        """Whether the service has told lies about times, or events gave way."""
        return self.record.lied_until >= 0 or self.events_dropped > 0
