"""What is read from a client's requests and messages, and how a service's messages are shown."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.session.counted import RATE

__all__ = ["changes_of", "seconds", "settings_of", "short"]


def settings_of(url: str) -> dict[str, Any]:
    """What the query of a handshake asks for."""
    query = parse_qs(urlsplit(url).query)
    timeout = query.get("eot_timeout_ms")
    return {
        "keyterms": tuple(query.get("keyterm", ())),
        "numerals": query.get("numerals") == ["true"],
        "eot_timeout_ms": int(timeout[0]) if timeout else None,
        "tag": tuple(query.get("tag", ())),
    }


def changes_of(message: dict[str, Any]) -> dict[str, Any]:
    """What a ``Configure`` asks for, under the same names."""
    changes: dict[str, Any] = {}
    if message.get("keyterms") is not None:
        changes["keyterms"] = tuple(message["keyterms"])
    numerals = message.get("numerals", message.get("features", {}).get("numerals"))
    if numerals is not None:
        changes["numerals"] = numerals
    timeout = message.get("thresholds", {}).get("eot_timeout_ms")
    if timeout is not None:
        changes["eot_timeout_ms"] = timeout
    return changes


def short(frame: str | bytes) -> str:
    """A message in a few words."""
    try:
        body = json.loads(frame)
        if body["type"] == "Results":
            flags = " ".join(flag for flag in ("is_final", "speech_final", "from_finalize") if body.get(flag))
            text = body["channel"]["alternatives"][0]["transcript"]
            return f"Results {body['start']:.2f}+{body['duration']:.2f} {text!r} {flags}"
        if body["type"] == "TurnInfo":
            window = f"{body['audio_window_start']:.2f}-{body['audio_window_end']:.2f}"
            return f"{body['event']} {body['turn_index']}: {window} {body['transcript']!r}"
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return f"{frame!r:.160}"


def seconds(samples: int) -> float:
    """As the service prints times: 32-bit floats in full are not needed, six digits are."""
    return round(samples / RATE, 6)
