"""Log records as JSON lines, each with the call it is about."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

__all__ = ["JsonFormatter", "TextFormatter"]

_FIELDS: Final = (
    "call_id",
    "dialect",
    "provider_id",
    "resumed",
    "ending",
    "words",
    "audio_s",
    "calls",
)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, and the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class TextFormatter(logging.Formatter):
    """For people: time, level, message, call. What a caller sent cannot begin another line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        text = super().format(record)
        pairs = [f"{name}={getattr(record, name)}" for name in _FIELDS if getattr(record, name, "") != ""]
        return " ".join([text, *map(_printable, pairs)])

    def formatMessage(self, record: logging.LogRecord) -> str:  # the base class's name
        """The line without the traceback."""
        return _printable(super().formatMessage(record))


def _printable(text: str) -> str:
    """Write control characters as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
