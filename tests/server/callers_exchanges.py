"""The callers' side of exchanges that are run by their users: jambonz, FreeSWITCH, Asterisk.

jambonz: docs.jambonz.org/verbs/verbs/listen. FreeSWITCH: mod_audio_stream's README.
Asterisk: docs.asterisk.org/Configuration/Channel-Drivers/WebSocket.
"""

from __future__ import annotations

import base64
import json

from tests.server.caller import Caller, Message

__all__ = ["Asterisk", "AsteriskJson", "FreeSwitch", "Jambonz"]


class Jambonz(Caller):
    name = "jambonz"
    encoding = "s16le"
    subprotocol = "audio.jambonz.org"

    def first(self) -> list[Message]:
        first = {"callSid": "J1", "sampleRate": 8000, "mixType": "mono", "from": "1", "customer": "42"}
        return [json.dumps(first)]

    def digit(self, digit: str) -> Message:
        return json.dumps({"event": "dtmf", "dtmf": digit, "duration": "1600"})

    def mark_played(self, name: str) -> Message | None:
        return json.dumps({"type": "mark", "data": {"name": name, "event": "playout"}})

    def take(self, message: Message) -> None:
        if isinstance(message, bytes):
            self.heard.say(message)
            return
        decoded = json.loads(message)
        match decoded["type"]:
            case "mark":
                self.heard.marks.append((decoded["data"]["name"], len(self.heard.speech)))
            case "killAudio":
                self.heard.clears.append(len(self.heard.speech))
            case _:
                self.heard.others.append(message)


class FreeSwitch(Caller):
    name = "freeswitch"
    encoding = "s16le"
    rate = 16000
    path = "/call/freeswitch?sample_rate=16000"

    def first(self) -> list[Message]:
        return [json.dumps({"uuid": "F1", "customer": "42"})]

    def digit(self, digit: str) -> Message:
        raise NotImplementedError

    def take(self, message: Message) -> None:
        assert isinstance(message, str)
        decoded = json.loads(message)
        if decoded.get("type") == "streamAudio":
            data = decoded["data"]
            assert (data["audioDataType"], data["sampleRate"]) == ("raw", 16000)
            self.heard.say(base64.b64decode(data["audioData"], validate=True))
        elif decoded.get("type") == "killAudio":
            self.heard.clears.append(len(self.heard.speech))
        elif decoded.get("event") == "caption":
            self.heard.captions.append(decoded)
        else:
            self.heard.others.append(message)


class Asterisk(Caller):
    name = "asterisk"
    subprotocol = "media"

    def __init__(self) -> None:
        super().__init__()
        self.buffering = False

    def first(self) -> list[Message]:
        return [
            "MEDIA_START connection_id:e226e283 channel:WebSocket/c1 format:ulaw optimal_frame_size:160"
            " ptime:20 customer:42"
        ]

    def digit(self, digit: str) -> Message:
        return f"DTMF_END digit:{digit}"

    def mark_played(self, name: str) -> Message | None:
        return f"MEDIA_MARK_PROCESSED correlation_id:{name}"

    def take(self, message: Message) -> None:
        if isinstance(message, bytes):
            assert self.buffering, "media of any size needs START_MEDIA_BUFFERING"
            assert len(message) <= 65_500
            self.heard.say(message)
            return
        command, _, identifier = message.partition(" ")
        match command:
            case "START_MEDIA_BUFFERING":
                self.buffering = True
            case "STOP_MEDIA_BUFFERING":
                self.buffering = False
            case "FLUSH_MEDIA":
                self.buffering = False
                self.heard.clears.append(len(self.heard.speech))
            case "MARK_MEDIA":
                self.heard.marks.append((identifier, len(self.heard.speech)))
            case _:
                self.heard.others.append(message)


class AsteriskJson(Asterisk):
    name = "asterisk"

    def first(self) -> list[Message]:
        first = {
            "event": "MEDIA_START",
            "connection_id": "e226e283",
            "format": "ulaw",
            "optimal_frame_size": 160,
            "ptime": 20,
            "channel_variables": {"customer": "42"},
        }
        return [json.dumps(first)]

    def digit(self, digit: str) -> Message:
        return json.dumps({"event": "DTMF_END", "digit": digit})

    def mark_played(self, name: str) -> Message | None:
        return json.dumps({"event": "MEDIA_MARK_PROCESSED", "correlation_id": name})

    def take(self, message: Message) -> None:
        if isinstance(message, str):
            decoded = json.loads(message)
            message = f"{decoded['command']} {decoded.get('correlation_id', '')}".strip()
        super().take(message)
