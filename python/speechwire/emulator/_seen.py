"""Reads from connections what an agent did: transcripts it got, texts it had spoken, interruptions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from speechwire.emulator.journal import Connection

__all__ = ["finals", "interruptions", "plain", "texts_to_speak"]

_STOPS = {"Clear", "Interrupt"}
_OPENS = {"StartOfTurn", "SpeechStarted"}
_ENDS = {"EndOfTurn", "UtteranceEnd"}


def plain(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[\w']+", text.lower())


def finals(connections: Sequence[Connection]) -> list[str]:
    """The final transcripts of all listening connections, in order."""
    sent = [message for one in _of(connections, "/listen") for message in one.sent]
    return [text for message in sent if (text := _final(message))]


def _final(message: Any) -> str:
    match message:
        case {"type": "TurnInfo", "event": "EndOfTurn", "transcript": str(text)}:
            return text
        case {"type": "Results", "is_final": True}:
            return _transcript(message)
    return ""


def texts_to_speak(connections: Sequence[Connection]) -> list[str]:
    """The texts that speaking connections were sent, in order; pieces of one text are joined."""
    return [text for one in _of(connections, "/speak") for text in _texts(one)]


def _texts(connection: Connection) -> Iterator[str]:
    text = ""
    for message in connection.received:
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "Speak":
            text += str(message.get("text", ""))
        elif text:
            yield text
            text = ""
    if text:
        yield text


def interruptions(connections: Sequence[Connection]) -> list[float]:
    """For each speech during which the caller began to speak: seconds until the agent stopped it."""
    begun = sorted(at_s for one in _of(connections, "/listen") for at_s in _beginnings(one))
    speeches = [speech for one in _of(connections, "/speak") for speech in _stopped(one)]
    within = [([at_s for at_s in begun if since_s < at_s <= stop_s], stop_s) for since_s, stop_s in speeches]
    return [stop_s - found[0] for found, stop_s in within if found]


def _beginnings(connection: Connection) -> Iterator[float]:
    """When the agent learned that the caller had begun to speak: by an event, or by the first words."""
    speaking = False
    for at_s, way, message in connection.timeline:
        if way != "sent" or not isinstance(message, dict):
            continue
        kinds = {message.get("type"), message.get("event")}
        if kinds & _ENDS or message.get("speech_final"):
            speaking = False
        elif not speaking and (kinds & _OPENS or ("Results" in kinds and _transcript(message))):
            speaking = True
            yield at_s


class _Speech:
    """Whether a connection has something to speak, and since when: texts up to a flush are one batch."""

    def __init__(self, endpoint: str) -> None:
        self._done = "SpeechMetadata" if endpoint.startswith("/v2") else "Flushed"
        self._open = False
        self._batches = 0
        self.since_s = 0.0

    @property
    def under_way(self) -> bool:
        return self._open or self._batches > 0

    def receive(self, kind: str, at_s: float) -> bool:
        """Take a message of the client; returns whether it stops what is under way."""
        if kind == "Speak":
            self.since_s = self.since_s if self.under_way else at_s
            self._open = True
        elif kind == "Flush" and self._open:
            self._open, self._batches = False, self._batches + 1
        elif kind in _STOPS and self.under_way:
            self._open, self._batches = False, 0
            return True
        return False

    def send(self, kind: str) -> None:
        """Take a message of the service."""
        self._batches -= kind == self._done and self._batches > 0


def _stopped(connection: Connection) -> Iterator[tuple[float, float]]:
    """When each speech that was stopped began and ended: by a message, or with the connection."""
    speech = _Speech(connection.endpoint)
    for at_s, way, message in connection.timeline:
        kind = str(message.get("type")) if isinstance(message, dict) else ""
        if way == "sent":
            speech.send(kind)
        elif speech.receive(kind, at_s):
            yield speech.since_s, at_s
    if speech.under_way and connection.closed_by == "client" and connection.ended_s is not None:
        yield speech.since_s, connection.ended_s


def _transcript(message: dict[str, Any]) -> str:
    alternatives = message.get("channel", {}).get("alternatives") or [{}]
    return str(alternatives[0].get("transcript", ""))


def _of(connections: Sequence[Connection], kind: str) -> list[Connection]:
    return [one for one in list(connections) if one.endpoint.endswith(kind)]
