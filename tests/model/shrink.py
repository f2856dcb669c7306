"""Makes a failing story as short as it can be while it fails for the same reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from tests.model.player import play
from tests.model.story import HEALTHY, Fate, Operation, Story

__all__ = ["shrunk"]

_MOST_RUNS = 600


def shrunk(story: Story, promise: str) -> Story:
    """The shortest story found that still breaks this promise first."""
    runs = 0
    smaller = True
    while smaller and runs < _MOST_RUNS:
        smaller = False
        for candidate in _simpler(story):
            runs += 1
            if runs > _MOST_RUNS:
                break
            if _breaks(candidate, promise):
                story, smaller = candidate, True
                break
    return story


def _breaks(story: Story, promise: str) -> bool:
    broken = play(story).broken
    return bool(broken) and broken[0].promise == promise


def _simpler(story: Story) -> Iterator[Story]:
    """Boldest first."""
    yield from _fewer(story, "operations")
    if story.rest != HEALTHY:
        yield replace(story, rest=HEALTHY)
    yield from _fewer(story, "outages")
    yield from _fewer(story, "fates")
    yield from _fewer(story, "turns")
    for key in story.settings:
        yield replace(story, settings=_without(story.settings, key))
    for key in story.options:
        yield replace(story, options=_without(story.options, key))
    yield from _usual(
        story, Story(seed=story.seed, endpoint=story.endpoint), ("chunk_ms", "window_bytes", "consumer_s")
    )
    yield from _simpler_fates(story)
    yield from _simpler_operations(story)


def _fewer(story: Story, name: str) -> Iterator[Story]:
    items = getattr(story, name)
    size = len(items)
    while size:
        for at in range(0, len(items), size):
            yield replace(story, **{name: items[:at] + items[at + size :]})
        size //= 2


def _without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {other: value for other, value in values.items() if other != key}


def _usual(story: Story, usual: Story, names: tuple[str, ...]) -> Iterator[Story]:
    for name in names:
        if getattr(story, name) != getattr(usual, name):
            yield replace(story, **{name: getattr(usual, name)})


def _simpler_fates(story: Story) -> Iterator[Story]:
    for at, fate in enumerate(story.fates):
        for simpler in _closer(fate, HEALTHY):
            yield replace(story, fates=(*story.fates[:at], simpler, *story.fates[at + 1 :]))
    for simpler in _closer(story.rest, HEALTHY):
        yield replace(story, rest=simpler)


def _closer(fate: Fate, usual: Fate) -> Iterator[Fate]:
    if fate != usual:
        yield usual
        for f in fields(fate):
            if getattr(fate, f.name) != getattr(usual, f.name):
                yield replace(fate, **{f.name: getattr(usual, f.name)})


def _simpler_operations(story: Story) -> Iterator[Story]:
    for at, operation in enumerate(story.operations):
        for simpler in _plainer(operation):
            yield replace(story, operations=(*story.operations[:at], simpler, *story.operations[at + 1 :]))


def _plainer(operation: Operation) -> Iterator[Operation]:
    if operation.cancel_at:
        yield replace(operation, cancel_at=0)
    if operation.odd:
        yield replace(operation, odd=False)
    if operation.frame_ms != 100 and operation.kind == "speak":
        yield replace(operation, frame_ms=100)
    for shorter in (0.25, 0.5, 1.0, 2.0, 3.0, 5.0):
        if shorter < operation.seconds:
            yield replace(operation, seconds=shorter)
