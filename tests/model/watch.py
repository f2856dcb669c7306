"""What a caller knows and looks at while a story runs."""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_right
from collections import Counter
from typing import Any

from tests.model.conversation import Conversation
from tests.model.judge import Record
from tests.model.loop import StoryLoop
from tests.model.service import Service
from tests.model.story import Story
from tests.model.verdict import Verdict
from tests.model.voice_v1 import VoiceV1
from tests.model.voice_v2 import VoiceV2
from tests.model.wanted import Wanted
from tests.session.counted import RATE, SAMPLE_BYTES

from speechwire.session import ChangeRefused, ListenSettings
from speechwire.transport import MemoryTransport

__all__ = ["Watch", "settings_of"]


class Watch:
    """One story's caller: its memory, and the promises that are checked at once."""

    transport: MemoryTransport
    session: Any

    def __init__(self, story: Story, loop: StoryLoop, *, trace: bool) -> None:
        self.story, self.loop, self.trace = story, loop, trace
        self.timeline: list[str] = []
        self.operations: Counter[tuple[str, str]] = Counter()
        self.record = Record()
        self.service = Service(story, self, VoiceV2 if story.flux else VoiceV1)
        self.judge = Verdict(story, self.record, self.service)
        self.settings = ListenSettings(**story.settings)
        self.wanted = Wanted(settings_of(story.options))
        self.asked: list[tuple[Any, dict[str, Any]]] = []
        self.pushes: list[tuple[float, int]] = [(-1.0, 0)]
        self.tasks: list[asyncio.Task[Any]] = []
        self.calls_under_way = 0
        self.reading = asyncio.Event()
        self.reading_anew = False
        self.consumer: asyncio.Task[None] | None = None

    @property
    def longest_burst_s(self) -> float:
        """The most that is pushed at once."""
        return max((op.seconds for op in self.story.operations if op.kind == "burst"), default=0.0)

    # What the service asks.

    def note(self, who: str, what: str) -> None:
        if self.trace:
            self.timeline.append(f"{self.loop.time():9.3f} s  {who:<12} {what}")

    def broken(self, promise: str, how: str) -> None:
        self.judge.now_s = self.loop.time()
        self.judge.find(promise, how)
        self.note("PROMISE", f"broken: {promise}: {how}")

    def before_audio(self, conversation: Conversation, start: int) -> None:
        if conversation.silent_after is not None:
            paused_s = self._pushed_s(start) - self._pushed_s(min(conversation.silent_after, start) - 1)
            conversation.silent_after = None
            if paused_s < self._pause_after_s - 0.06:
                how = (
                    f"before the audio at {start / RATE:.3f} s, pushed {paused_s:.3f} s after the one before"
                )
                self.broken("silence only where the caller paused", how)
        wrong = self.wanted.wrong(start, conversation.settings, conversation.unsure)
        if wrong:
            self.broken("settings hold", f"connection {conversation.number}: {wrong}")
            conversation.unsure |= set(conversation.settings)

    def before_silence(self, conversation: Conversation, samples: int) -> None:
        before_s = self.loop.time() - 0.011  # what was pushed just now may not have been known
        known = [(at_s, end) for at_s, end in self.pushes[-3:] if at_s < before_s]
        quiet_s = before_s - max((at_s for at_s, _ in known), default=-1.0)
        if conversation.silent_after is None:
            heard = conversation.expected
            conversation.silent_after = known[-1][1] if heard is None and known else heard or 0
        if not self.story.flux:
            self.broken("protocol", "silence on /v1/listen")
        if quiet_s < self._pause_after_s - 0.06 and not conversation.slow:
            self.broken(
                "no silence in live speech", f"{samples / RATE:.3f} s of it {quiet_s:.3f} s after a push"
            )
        if samples > 10 * RATE:
            self.broken("silence is bounded", f"{samples / RATE:.1f} s in one frame")

    def change_refused(self, event: ChangeRefused) -> None:
        """The session says so; the consumer reads it later."""
        self.note("session", f"{event!s:.200}")
        self.record.changes_refused += 1
        changes = next(changes for asked, changes in self.asked if asked == event.change)
        self.wanted.retract(self.record.pushed + RATE // 1000, changes)

    def lied(self) -> None:
        self.record.lied_until = self.record.pushed

    def _pushed_s(self, sample: int) -> float:
        """When this sample was pushed."""
        at = bisect_right(self.pushes, sample, key=lambda push: push[1])
        return self.pushes[min(at, len(self.pushes) - 1)][0]

    @property
    def _pause_after_s(self) -> float:
        return float(getattr(self.settings, "pause_after_s", None) or 0.5)

    def _count(self, kind: str) -> None:
        """Note which operation found which state."""
        self.operations[(kind, str(getattr(self.session, "state", "unknown")))] += 1

    def check_over(self, what: str) -> None:
        """The session says that it is closed: something must have ended it."""
        over = self.record.cancelled or self.record.closed_s < math.inf or self.judge.may_have_failed
        if not over:
            self.broken("only what no retry can mend ends it", f"{what} raises SessionClosed")

    def _check_mute(self, paused_s: float) -> None:
        """After a pause on a connection in good health, what was said has been delivered."""
        if not self.service.conversations or self.record.closed_s < math.inf or self.story.consumer_s:
            return
        last = self.service.conversations[-1]
        slow_s = self.longest_burst_s + last.fate.latency_s + last.fate.upgrade_s + 1.6 + self._pause_after_s
        began_s = self.loop.time() - paused_s
        slow_s += last.fate.hiccup_s
        others = self.service.conversations[:-1]
        if any(min(one.ended_s or math.inf, one.left_s or math.inf) > began_s - 1.0 for one in others):
            return
        well = last.ended_s is None and last.left_s is None and not last.mute and last.fate.finalize
        heard_all = not last.fate.reads_s and bool(last.pieces) and last.pieces[-1][1] == self.record.pushed
        if not (
            well
            and heard_all
            and paused_s > slow_s
            and last.opened_s < began_s - 1.0
            and last.last_audio_s < began_s + 0.6
        ):
            return
        if self.story.flux and not last.fate.finals or not self.reading.is_set():
            return
        got = {number for number, _, _ in self.judge.words}
        lost = sorted(last.understood - got)
        if lost and lost[-1] * RATE // 4 > self.record.lied_until and not self.judge.events_dropped:
            self.broken(
                "a mute ends what was said", f"{lost} not delivered {paused_s:.2f} s after the last push"
            )

    def _check_patience(self) -> None:
        """Note which connection was given up that was about to answer."""
        deadline_s = self.record.closed_s + self.settings.drain_timeout_s - 0.05
        for one in self.service.conversations:
            asked = one.close_stream_s is not None and one.close_stream_s >= self.record.closed_s
            left_s = one.left_s if one.left_s is not None else self.loop.time()
            due_s = min(one.answer_due_s or -1.0, deadline_s)
            if asked and one.ended_s is None and left_s < due_s:
                self.record.given_up_s.append(due_s - self.record.closed_s)

    def _check_bounds(self) -> None:
        """Whatever can be asked at any time is asked, too."""
        self.session.stats()
        _ = (self.session.connected, self.session.closed, self.session.over, self.session.error)
        limit_s = self.settings.buffer_s + self.settings.replay_s + self.longest_burst_s + 2.0
        if self.session.buffered_bytes > limit_s * RATE * SAMPLE_BYTES:
            self.broken("memory is bounded", f"{self.session.buffered_bytes} bytes for {limit_s:.1f} s")

    def unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.broken(
            "nothing reaches the loop's handler", f"{context.get('message')} {context.get('exception')!r}"
        )


def settings_of(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "keyterms": tuple(options.get("keyterm", ())),
        "numerals": bool(options.get("numerals", False)),
        "eot_timeout_ms": options.get("eot_timeout_ms"),
        "tag": tuple(options.get("tag", ())),
    }
