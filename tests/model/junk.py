"""What no service should send and some do."""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["dump", "frame", "span"]

_TIMES: tuple[Any, ...] = (
    1e308,
    -1e308,
    -5.0,
    1000.0,
    1e18,
    float("inf"),
    float("nan"),
    "inf",
    "nan",
    "12",
    None,
    [],
    True,
    2**63,
)

_FRAMES: tuple[str | bytes, ...] = (
    "",
    "null",
    "[]",
    "{}",
    "true",
    "{",
    "\x00",
    "not JSON at all",
    "[" * 5000,
    '{"type": null}',
    '{"type": 7}',
    '{"type": ["Results"]}',
    '{"type": "Weather", "sky": "blue"}',
    '{"type": "Results"}',
    '{"type": "Results", "channel": null}',
    '{"type": "Results", "channel": {"alternatives": null}, "start": null}',
    '{"type": "TurnInfo"}',
    '{"type": "TurnInfo", "event": null, "turn_index": "x"}',
    '{"type": "TurnInfo", "event": "EndOfTurn", "turn_index": 1e400}',
    '{"type": "Metadata", "duration": "long", "channels": {}}',
    '{"type": "SpeechStarted", "timestamp": "now"}',
    '{"type": "UtteranceEnd", "last_word_end": null}',
    '{"type": "UtteranceEnd", "last_word_end": -1, "channel": [0, 1]}',
    '{"type": "Connected", "sequence_id": "first"}',
    '{"type": "Warning", "code": null}',
    b"",
    b"\x00\x01\x02",
    bytes(4000),
    b"RIFF$\x00\x00\x00WAVEfmt ",
    '{"type": "Weather", "text": "\\ud800"}',
)


def frame(chance: random.Random) -> str | bytes:
    """A frame that means nothing."""
    return chance.choice(_FRAMES)


def span(chance: random.Random) -> tuple[Any, Any]:
    """Two times, of which at least one cannot be."""
    times = [chance.choice(_TIMES), chance.choice((*_TIMES, 0.0, 1.0, 2.5))]
    chance.shuffle(times)
    return times[0], times[1]


def dump(message: dict[str, Any]) -> str:
    return json.dumps(message)
