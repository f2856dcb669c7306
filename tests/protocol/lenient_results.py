"""A result as the service sends it, to be made odd."""

from __future__ import annotations

from typing import Any


def results(**changes: Any) -> dict[str, Any]:
    words = [{"word": "two", "start": 1.0, "end": 1.5}, {"word": "tickets", "start": 1.5, "end": 2.0}]
    best = {"transcript": "two tickets", "confidence": 0.9, "words": words}
    return {"type": "Results", "start": 1.0, "duration": 1.0, "channel": {"alternatives": [best]}, **changes}
