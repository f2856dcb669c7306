"""Writes a story from a seed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from tests.model.story import HEALTHY, Fate, Operation, Story

from speechwire.session import BackoffPolicy

__all__ = ["write"]

_ENDINGS = (
    "reset",
    "reset",
    "1000",
    "1001",
    "1005",
    "1006",
    "1011 NET-0000",
    "1011 Deepgram did not provide a response message. See https://dpgr.am/net0000",
    "1011 NET-0001",
    "1011 NET-0003",
    "1011",
    "1012 service restart",
    "error INTERNAL_SERVER_ERROR",
    "error INACTIVE_CLIENT",
    "deaf",
    "mute",
    "crash",
)
_UPGRADES = ("unreachable", "unreachable", "429", "503", "500", "silent", "crash")
_LASTING_UPGRADES = ("400", "401", "402", "403")
_CLOSINGS = ("proper", "proper", "proper", "silence", "bare", "results", "1001", "1006", "1011")
_CONFIGURES = ("accept", "accept", "accept", "refuse", "never")
_DEADLY = 37  # one story in so many is about a service that no connection survives


def write(seed: int) -> Story:
    """The story of this seed; always the same."""
    author = _Author(seed)
    story = author.story()
    return author.made_deadly(story) if seed % _DEADLY == 0 else story


class _Author:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.trouble = self.random.choice((0, 1, 1, 2, 3, 5))
        self.flux = False

    def chance(self, likely: float) -> bool:
        return self.random.random() < likely

    def between(self, least: float, most: float) -> float:
        return round(self.random.uniform(least, most), 2)

    def story(self) -> Story:
        endpoint = self.random.choice(("flux", "flux", "nova", "nova", "nova finals"))
        self.flux = endpoint == "flux"
        operations = self.operations()
        audio_s = sum(op.seconds for op in operations if op.kind in ("speak", "burst"))
        rest = self.rest()
        return Story(
            seed=self.seed,
            endpoint=endpoint,
            turns=self.turns(audio_s),
            operations=operations,
            fates=tuple(self.fate(audio_s) for _ in range(self.random.choice((1, 2, 3, 5, 8)))),
            rest=rest,
            outages=self.outages(audio_s),
            settings=self.settings(),
            options=self.options(interims=endpoint == "nova"),
            chunk_ms=self.random.choice((0, 0, 0, 80, 100, 250)),
            window_bytes=self.random.choice((1 << 20, 1 << 20, 1 << 16, 1 << 14)),
            consumer_s=0.4 if self.chance(0.04) else 0.0,
        )

    def made_deadly(self, story: Story) -> Story:
        """The same, longer, where every connection dies soon: of a place in the audio, or anywhere."""
        speak = Operation(kind="speak", seconds=self.between(1.0, 20.0), frame_ms=self.frame_ms())
        by, most_s = self.random.choice((("caller", speak.seconds), ("heard", 3.0), ("open", 3.0)))
        trickle = []
        for _ in range(self.random.choice((0, 4, 8))):
            trickle.append(Operation(kind="pause", seconds=self.between(0.5, 9.0)))
            trickle.append(Operation(kind="speak", seconds=self.between(0.1, 0.5)))
        rest = Fate(
            ending=self.random.choice(_ENDINGS),
            ending_by=by,
            ending_s=self.between(0.0, most_s),
            finals=self.chance(0.5),
            interims=self.chance(0.7),
            latency_s=story.rest.latency_s,
        )
        fates = story.fates[: self.random.choice((0, 0, 1))]
        return replace(
            story, operations=(speak, *trickle, *story.operations), fates=fates, rest=rest, outages=()
        )

    def turns(self, audio_s: float) -> tuple[tuple[int, int], ...]:
        turns, at = [], self.random.randint(0, 4)
        while at < audio_s * 4:
            length = self.random.choice((1, 2, 3, 4, 6, 10, 24))
            turns.append((at, at + length))
            at += length + self.random.choice((3, 4, 6, 8, 12))
        return tuple(turns)

    def operations(self) -> tuple[Operation, ...]:
        kinds = ["speak"] * 10 + ["burst"] * 2 + ["pause"] * 4 + ["flush"] * 3 + ["configure"] * 3
        kinds += ["reopen"] * 2 + ["exchange", "connect", "pause long", "read anew"]
        if self.chance(0.08):
            kinds += ["stop reading", "read on"]
        chosen = [self.operation(self.random.choice(kinds)) for _ in range(self.random.randint(3, 12))]
        if not any(op.kind == "speak" for op in chosen):
            chosen.append(self.operation("speak"))
        if self.chance(0.02):
            chosen.insert(self.random.randint(0, len(chosen)), Operation(kind="cancel all"))
        return tuple(chosen) + self.last()

    def last(self) -> tuple[Operation, ...]:
        """Sometimes the story goes on after its end."""
        which = self.random.random()
        cancel = Operation(kind="cancel all")
        close_behind = Operation(kind="aclose", awaited=False)
        wait = Operation(kind="pause", seconds=self.between(0.0, 0.3))
        if which < 0.05:
            return (cancel, self.operation("speak"), self.operation("configure"))
        if which < 0.07:
            return (close_behind, wait, cancel)
        if which < 0.08:
            return (Operation(kind="aclose"), cancel)
        if which < 0.2:
            return (Operation(kind="aclose", cancel_at=self.random.randint(1, 5)), self.operation("speak"))
        if which < 0.26:
            return (Operation(kind="aclose"), self.operation("configure"), self.operation("reopen"))
        if which < 0.32:
            return (close_behind, wait, self.operation("speak"), self.operation("reopen"))
        return ()

    def operation(self, kind: str) -> Operation:
        cancel_at = self.random.randint(1, 6) if self.chance(0.15) else 0
        awaited = self.chance(0.5)
        if kind == "speak":
            return Operation(
                kind=kind, seconds=self.spoken_s(), frame_ms=self.frame_ms(), odd=self.chance(0.1)
            )
        if kind == "burst":
            seconds = self.random.choice(
                (0.5, 1.0, 3.0, 8.0, 8.0, 40.0) if self.chance(0.3) else (0.5, 1.0, 3.0)
            )
            return Operation(kind=kind, seconds=seconds, frame_ms=self.random.choice((100, 1000, 40000)))
        if kind == "pause":
            return Operation(kind=kind, seconds=self.between(0.01, 4.0))
        if kind == "pause long":
            seconds = self.random.choice((14.0, 75.0, 3700.0) if self.chance(0.2) else (6.0, 11.0, 14.0))
            return Operation(kind="pause", seconds=self.between(5.0, seconds))
        if kind == "configure":
            return Operation(kind=kind, value=self.changes(), awaited=awaited, cancel_at=cancel_at)
        if kind == "reopen":
            tag = self.random.choice((None, None, "b", "b", "c", "c", "wrong"))
            return Operation(kind=kind, value=tag, awaited=awaited, cancel_at=cancel_at)
        if kind == "exchange":
            return Operation(kind=kind, value=self.random.choice((80, 100, 600)))
        return Operation(kind=kind, awaited=awaited, cancel_at=cancel_at if kind == "connect" else 0)

    def spoken_s(self) -> float:
        return self.random.choice((0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, self.between(0.1, 4.0)))

    def frame_ms(self) -> int:
        return self.random.choice((20, 50, 100, 100, 100, 200, 250))

    def changes(self) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if self.chance(0.6):
            changes["keyterms"] = (self.random.choice(("Oslo", "Bergen", "Narvik")),)
        if self.flux and self.chance(0.4):
            changes["eot_timeout_ms"] = self.random.choice((3000, 4000, 6000))
        if not changes or self.chance(0.3):
            changes["numerals"] = self.chance(0.5)
        return changes

    def fate(self, audio_s: float) -> Fate:
        if not self.trouble:
            return HEALTHY
        values: dict[str, Any] = {"latency_s": self.random.choice((0.02, 0.1, 0.3, 0.6, 1.5))}
        if self.chance(0.1 * self.trouble):
            values["upgrade"] = self.random.choice(_UPGRADES)
        if self.chance(0.02):
            values["upgrade"] = self.random.choice(_LASTING_UPGRADES)
        values["upgrade_s"] = self.random.choice((0.02, 0.05, 0.05, 0.3, 2.0, 8.0))
        if self.chance(0.15 * self.trouble):
            values |= self.ending(audio_s)
        if self.chance(0.15 * self.trouble):
            values |= {"closing": self.random.choice(_CLOSINGS), "closing_s": self.between(0.0, 4.0)}
        if self.chance(0.01):
            values["closing"] = "1008"
        if self.chance(0.3):
            values |= {"configure": self.random.choice(_CONFIGURES), "configure_s": self.between(0.01, 1.0)}
        return Fate(**values, **self.manners())

    def ending(self, audio_s: float) -> dict[str, Any]:
        by = self.random.choice(("heard", "heard", "open", "caller"))
        ending = self.random.choice(_ENDINGS)
        if self.chance(0.01):
            ending = "1008 DATA-0000"
        at_s = self.between(0.0, max(1.0, audio_s if by == "caller" else 5.0))
        return {"ending": ending, "ending_by": by, "ending_s": at_s, "results_first": self.chance(0.5)}

    def manners(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if self.chance(0.05 * self.trouble):
            values["finals"] = False
        if self.chance(0.02 * self.trouble):
            values["finalize"] = False
        if self.chance(0.03 * self.trouble) and not self.flux:
            values["interims"] = False
        if self.chance(0.1):
            values["empty_finals"] = True
        if self.chance(0.1):
            values["repeats"] = 0.3
        if self.chance(0.15):
            values["junk"] = self.random.choice((0.05, 0.5))
        if self.chance(0.04):
            values["lies"] = 0.05
        if self.chance(0.2):
            values["onset"] = True
        if self.chance(0.04 * self.trouble):
            values |= {"hiccup_at_s": self.between(0.0, 4.0), "hiccup_s": self.random.choice((0.8, 2.0, 4.0))}
        if self.chance(0.01 * self.trouble):
            values["reads_s"] = self.random.choice((0.05, 0.3))
        return values

    def rest(self) -> Fate:
        """What becomes of all connections after the first: health, or the same trouble again and again."""
        which = self.random.random()
        if self.trouble < 3 or which < 0.7:
            return HEALTHY
        if which < 0.8:
            return Fate(**{**self.ending(20.0), "ending_by": "caller"})
        if which < 0.9:
            return Fate(**{**self.ending(2.0), "ending_by": "heard"})
        return Fate(upgrade=self.random.choice(_UPGRADES))

    def outages(self, audio_s: float) -> tuple[tuple[float, float], ...]:
        if not self.chance(0.08 * self.trouble):
            return ()
        begin_s = self.between(0.0, max(1.0, audio_s))
        return ((begin_s, begin_s + self.random.choice((3.0, 12.0, 40.0))),)

    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        if self.chance(0.1):
            settings["drain_timeout_s"] = self.random.choice((1.0, 2.0, 10.0))
        if self.chance(0.1):
            settings["buffer_s"] = self.random.choice((1.0, 2.0, 5.0))
        if self.chance(0.1):
            settings["replay_s"] = self.random.choice((0.0, 1.0, 5.0))
        if self.chance(0.1):
            settings["max_age_s"] = self.random.choice((4.0, 7.0))
        if self.chance(0.1):
            settings["replay_speed"] = None
        if self.chance(0.1):
            settings["configure_timeout_s"] = 1.0
        if self.chance(0.03):
            settings["event_limit"] = 8
        if self.chance(0.07):
            settings["wait_out_outages"] = False
            most = self.random.choice((1, 2, 4))
            settings["backoff"] = BackoffPolicy(max_attempts=most, max_quick_failures=most)
        return settings

    def options(self, *, interims: bool) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.chance(0.3):
            options["keyterm"] = ("Trondheim",)
        if self.flux and self.chance(0.3):
            options["eager_eot_threshold"] = 0.5
        if not self.flux and self.chance(0.3):
            options["vad_events"] = True
        if interims and self.chance(0.3):
            options["utterance_end_ms"] = 1000
        return options
