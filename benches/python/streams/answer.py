"""Whether what arrived at either end is what was sent from the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benches.python.streams.audio import FRAME_S
from benches.python.streams.contenders.catalog import Contender
from benches.python.streams.figures import Schedule
from benches.python.streams.service import Heard
from benches.python.streams.sink import Sink

__all__ = ["faults"]

# What may be on its way when the ticker stops: a chunk of 100 ms, and a filter's delay.
_IN_FLIGHT_S = 0.14
_EPSILON_S = 1e-6


def faults(
    contender: Contender,
    count: int,
    schedule: Schedule,
    given: Callable[[int], int],
    heard: dict[int, Heard],
    sink: Sink,
) -> list[str]:
    """What is wrong, in words.

    Args:
        contender: Whose answer it is.
        count: Of the streams.
        schedule: By which audio was pushed.
        given: How many frames the ticker gave to a stream.
        heard: The server's side.
        sink: The caller's side.
    """
    found = [f"{len(sink.errors)} errors, such as: {sink.errors[0]}"] if sink.errors else []
    if len(heard) != count:
        found.append(f"{count} streams were due, {len(heard)} arrived")
    again = sum(one.connections > 1 for one in heard.values())
    if again:
        found.append(f"{again} streams connected more than once")
    if contender.speaks:
        return [*found, *_unheard(heard, sink)]
    return [*found, *_missing(schedule, given, heard), *_undelivered(contender, heard, sink)]


def _missing(schedule: Schedule, given: Callable[[int], int], heard: dict[int, Heard]) -> Iterator[str]:
    """Streams whose audio is not what was pushed."""
    missing_s = [
        schedule.before_s(stream, one) + given(stream) * FRAME_S - one.received_bytes / schedule.bytes_per_s
        for stream, one in heard.items()
    ]
    strange_s = [gap for gap in missing_s if not -_EPSILON_S <= gap <= _IN_FLIGHT_S]
    if strange_s:
        worst_s = max(strange_s, key=abs)
        yield f"audio of {len(strange_s)} streams is not what was pushed: of one {worst_s:.2f} s are missing"


def _undelivered(contender: Contender, heard: dict[int, Heard], sink: Sink) -> Iterator[str]:
    due = sum(one.sent.get(kind, 0) for one in heard.values() for kind in contender.delivers)
    if due != sink.count:
        yield f"{due} results were sent, {sink.count} delivered"


def _unheard(heard: dict[int, Heard], sink: Sink) -> Iterator[str]:
    spoken_bytes = sum(one.spoken_bytes for one in heard.values())
    if spoken_bytes != sink.heard_bytes:
        yield f"{spoken_bytes} bytes of speech were sent, {sink.heard_bytes} played"
