"""A span for each call, where OpenTelemetry is installed; else nothing."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["begin", "end"]


def begin(call_id: str, dialect: str) -> object | None:
    """Start the span of a call."""
    try:
        api: Any = importlib.import_module("opentelemetry.trace")
    except ModuleNotFoundError:
        return None
    attributes = {"speechwire.call_id": call_id, "speechwire.dialect": dialect}
    span: object = api.get_tracer("speechwire").start_span("speechwire.call", attributes=attributes)
    return span


def end(span: Any, ending: str, audio_s: float) -> None:
    """End the span, with why the call ended and the seconds of audio."""
    if span is not None:
        span.set_attribute("speechwire.ending", ending)
        span.set_attribute("speechwire.audio_s", round(audio_s, 3))
        span.end()
