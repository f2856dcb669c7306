"""Closing a connection from our side, and the last message of those that have one."""

from __future__ import annotations

from typing import Any

SUMMARY = {"ListenV1": '{"type":"Metadata"}', "SpeakV2": '{"type":"SessionMetadata"}'}


def ask_to_end(protocol: Any) -> Any:
    return protocol.close_stream() if hasattr(protocol, "close_stream") else protocol.close()
