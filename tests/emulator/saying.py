"""What a state machine says and is told, as the tests of whole messages write it."""

from __future__ import annotations

import json
from typing import Any

from speechwire.emulator._messages import Output, Send

UNPARSABLE = "Could not deserialize last text message: "


def sent(*messages: dict[str, Any]) -> list[Output]:
    return [Send(message) for message in messages]


def said(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})
