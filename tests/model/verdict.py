"""What can be judged only when a story is over."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tests.model.conversation import Conversation
from tests.model.ears import QUARTER
from tests.model.hearing import missing, repeated_ms, total, union
from tests.model.judge import Judge
from tests.session.counted import RATE

__all__ = ["Verdict"]

MOST_ATTEMPTS = 10
MOST_TIMES_SENT = 4
_UPDATE_S = 0.3


class Verdict(Judge):
    """The judge of the whole."""

    def end(self, now_s: float) -> None:
        """What can only be judged when it is over."""
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
        # A lie may cover what was never heard.
        gaps = missing([*self._received, (0, self.record.lied_until)], self.record.pushed)
        lost_s = total(gaps) / RATE
        most, at_ms, again_ms = repeated_ms(
            (union(one.pieces) for one in self.service.conversations), self.record.pushed
        )
        # The bound is three times what is open; what is open is never more than what was pushed.
        # A connection that the caller had replaced has not failed, and does not count.
        replaced = min(self.record.changes, sum(one.left_s is not None for one in self.service.conversations))
        most_open_ms = self.record.pushed * 1000 // RATE + int(self.behind_deadly_s * 1000)
        bound_ms = (MOST_TIMES_SENT - 1 + replaced) * most_open_ms
        if most > MOST_TIMES_SENT + replaced and again_ms > bound_ms:
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
        open_s = (self.record.pushed - _both(union(self.covered), self._received)) / RATE
        if self.ended.dropped_s > open_s + 0.1 and not self.lax and "buffer full" not in self.reasons:
            self.find(
                "reported means lost", f"{self.ended.dropped_s:.3f} s, but only {open_s:.3f} s had no final"
            )
        if self.ended.dropped_s > 0.01 and not self.dropped_s and not self.events_dropped:
            self.find("AudioDropped", f"{self.ended.dropped_s:.3f} s dropped and no event")

    def _expected(self) -> Iterator[int]:
        """Words of which enough was pushed, and which no lie can hide."""
        for number in sorted(self.service.spoken):
            begin = number * QUARTER
            whole = begin + 3600 <= self.record.pushed and number not in self.record.torn
            if number in self.service.cut_by_final and any(one.fate.onset for one in self._all):
                continue  # whoever is sent what comes behind that final misses its beginning
            if whole and begin > self.record.lied_until:
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
        without = [word for word in self._expected() if word not in got and not self._is_hidden(word)]
        if self.changes_refused != self.record.changes_refused and not self.events_dropped:
            self.find("a refused change is said", f"{self.changes_refused} of {self.record.changes_refused}")
        if self.ended.complete:
            if without and not self.events_dropped:
                self.find("complete means complete", f"{without[:8]} were not delivered")
            if self.ended.dropped_s > 0.001:
                self.find("complete means complete", f"{self.ended.dropped_s:.3f} s dropped")
        elif self.record.given_up_s and not self.record.cut_short and "closed" in self.reasons:
            due_s = self.record.given_up_s[0]
            self.find("aclose waits for the answer", f"given up; due {due_s:.3f} s after aclose")
        elif self._all_well:
            self.find("what can be complete is", f"not complete; without {without[:8]}; {self.ended}")

    def _is_hidden(self, word: int) -> bool:
        """Whether the service ended by itself, and it looks like an answer to CloseStream: nobody can tell
        whether Flux heard what came behind its last update.
        """
        if not self._all:
            return False
        last = self._all[-1]
        alike = self.story.flux and last.close_stream_s is not None and last.fate.ending in ("1000", "1005")
        return alike and (word + 1) * QUARTER > self.record.pushed - _UPDATE_S * RATE

    @property
    def _all_well(self) -> bool:
        """Whether the last connection answered ``CloseStream`` as it should, in time."""
        conversations = self.service.conversations
        if not conversations or self.ended is None or self.lax or self.record.cut_short:
            return False
        last = conversations[-1]
        properly = (
            last.fate.closing == "proper" and last.close_stream_s is not None and last.ended_s is not None
        )
        deaf = not last.fate.finalize and self.story.flux
        in_time = properly and (last.ended_s or 0.0) < self.record.closed_s + self._drain_s - 0.01
        return in_time and not deaf and not self.may_have_failed and self.ended.dropped_s < 0.001

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
            later = [one for one in self.service.conversations if one.asked_s > since_s]
            if len(later) > 1:
                self.find("one connection after CloseStream", f"{len(later)}")
            if later and _nothing_open(told[0]):
                self.find("no connection for silence", f"{len(later)} after CloseStream")

    @property
    def _all(self) -> list[Conversation]:
        return self.service.conversations

    def _outages_lived_through(self) -> None:
        for begin_s, end_s in self.story.outages:
            times = [at_s for at_s, _ in self.service.attempts]
            hit = any(begin_s <= at_s < end_s for at_s in times)
            pushing = any(end_s <= at_s <= end_s + 2.0 for at_s in self.record.pushed_s)
            heard = any(end_s <= at_s <= end_s + 10.0 for at_s in times)
            heard = heard or any(one.opened_s < end_s < (one.ended_s or math.inf) for one in self._all)
            if hit and pushing and not heard and end_s + 10.0 < self.record.closed_s:
                self.find("heard within 10 s of the return", f"no attempt from {end_s:.1f} s on")

    def _why_it_ended(self) -> None:
        error = self.record.error
        if error is None or self.record.cancelled:
            return
        if not self.may_have_failed:
            self.find("only what no retry can mend ends it", repr(error))

    @property
    def may_have_failed(self) -> bool:
        """Whether the session was refused for good, or was not to wait out an outage."""
        attempts = self.service.attempts
        refused = any(self.story.fate(number).lasting for number in range(len(attempts)))
        return refused or (bool(attempts) and not self.story.settings.get("wait_out_outages", True))


def _both(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
    """Samples that are in both."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in some for b in others)


def _reached(at_s: float, one: Conversation) -> bool:
    """Whether the client had time to read it before it could be lost."""
    gone_s = min(one.ended_s or math.inf, one.left_s or math.inf)
    return at_s < gone_s - 0.002


def _nothing_open(one: Conversation) -> bool:
    return not one.open_at_close and one.told_all and not one.mute
