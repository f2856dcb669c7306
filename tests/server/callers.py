"""The callers' side of each telephone protocol, written from the providers' documentation and not from ours.

Twilio: twilio.com/docs/voice/media-streams/websocket-messages. Telnyx: developers.telnyx.com/api-reference/
websockets/stream-call-media-over-websocket. Plivo: plivo.com/docs/voice/audio-streaming. Exotel:
developer.exotel.com/docs/agentstream/websocket-protocol. SignalWire: cxml/voice/stream. Vonage:
developer.vonage.com/voice/voice-api/concepts/websockets. Exchanges: `callers_exchanges`.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.server.caller import Caller, Message
from tests.server.callers_exchanges import Asterisk, AsteriskJson, FreeSwitch, Jambonz

__all__ = ["CALLERS", "Caller", "Exotel", "Plivo", "SignalWire", "Telnyx", "Twilio", "Vonage"]


class Twilio(Caller):
    name = "twilio"
    account = "AC0123456789abcdef0123456789abcdef"
    media_format: dict[str, Any] = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}

    def first(self) -> list[Message]:
        start = {
            "streamSid": "MZ01",
            "accountSid": self.account,
            "callSid": "CA01",
            "tracks": ["inbound"],
            "customParameters": {"customer": "42"},
            "mediaFormat": self.media_format,
        }
        return [
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
            self._numbered("start", start=start),
        ]

    def audio(self, data: bytes) -> Message:
        self.chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self.chunk),
            "timestamp": str(self.chunk * self.frame_ms),
            "payload": base64.b64encode(data).decode(),
        }
        return self._numbered("media", media=media)

    def digit(self, digit: str) -> Message:
        return self._numbered("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def mark_played(self, name: str) -> Message | None:
        return self._numbered("mark", mark={"name": name})

    def stop(self) -> list[Message]:
        return [self._numbered("stop", stop={"accountSid": self.account, "callSid": "CA01"})]

    def take(self, message: Message) -> None:
        decoded = json.loads(message)
        match decoded["event"]:
            case "media":
                assert decoded["streamSid"] == "MZ01"
                self.heard.say(base64.b64decode(decoded["media"]["payload"], validate=True))
            case "mark":
                assert decoded["streamSid"] == "MZ01"
                self.heard.marks.append((decoded["mark"]["name"], len(self.heard.speech)))
            case "clear":
                assert decoded["streamSid"] == "MZ01"
                self.heard.clears.append(len(self.heard.speech))
            case "caption":
                self.heard.captions.append(decoded)
            case _:
                self.heard.others.append(message)

    def _numbered(self, event: str, **rest: Any) -> str:
        self.sequence += 1
        number = {"sequenceNumber": str(self.sequence)}
        return json.dumps({"event": event, **number, "streamSid": "MZ01", **rest})


class SignalWire(Twilio):
    name = "signalwire"
    encoding = "s16le"
    rate = 16000
    account = "9f3b2c1e-0000-4000-8000-000000000000"
    media_format = {"encoding": "L16@16000h", "sampleRate": 16000, "channels": 1}


class Telnyx(Caller):
    name = "telnyx"
    encoding = "alaw"

    def first(self) -> list[Message]:
        start = {
            "user_id": "u1",
            "call_control_id": "v2:T02",
            "client_state": "",
            "from": "+13122010094",
            "to": "+13122123456",
            "custom_parameters": {"customer": "42"},
            "media_format": {"encoding": "PCMA", "sample_rate": 8000, "channels": 1},
        }
        return [
            json.dumps({"event": "connected", "version": "1.0.0"}),
            json.dumps({"event": "start", "sequence_number": "1", "start": start, "stream_id": "S1"}),
        ]

    def audio(self, data: bytes) -> Message:
        self.chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self.chunk),
            "timestamp": str(self.chunk * 20),
            "payload": base64.b64encode(data).decode(),
        }
        number = str(self.chunk + 1)
        return json.dumps({"event": "media", "sequence_number": number, "media": media, "stream_id": "S1"})

    def digit(self, digit: str) -> Message:
        return json.dumps({"event": "dtmf", "stream_id": "S1", "dtmf": {"digit": digit}})

    def mark_played(self, name: str) -> Message | None:
        return json.dumps({"event": "mark", "stream_id": "S1", "mark": {"name": name}})

    def stop(self) -> list[Message]:
        stop = {"user_id": "u1", "call_control_id": "v2:T02"}
        return [json.dumps({"event": "stop", "sequence_number": "9", "stop": stop, "stream_id": "S1"})]

    def take(self, message: Message) -> None:
        decoded = json.loads(message)
        match decoded["event"]:
            case "media":
                self.heard.say(base64.b64decode(decoded["media"]["payload"], validate=True))
            case "mark":
                self.heard.marks.append((decoded["mark"]["name"], len(self.heard.speech)))
            case "clear":
                self.heard.clears.append(len(self.heard.speech))
            case _:
                self.heard.others.append(message)


class Plivo(Caller):
    name = "plivo"
    encoding = "s16le"
    rate = 16000

    def first(self) -> list[Message]:
        start = {
            "callId": "P1",
            "streamId": "S1",
            "accountId": "A1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000},
        }
        return [json.dumps({"sequenceNumber": 0, "event": "start", "start": start, "extra_headers": "{}"})]

    def audio(self, data: bytes) -> Message:
        self.chunk += 1
        media = {
            "track": "inbound",
            "timestamp": str(self.chunk * 20),
            "chunk": self.chunk,
            "payload": base64.b64encode(data).decode(),
        }
        rest = {"streamId": "S1", "media": media, "extra_headers": "{}"}
        return json.dumps({"sequenceNumber": self.chunk, "event": "media", **rest})

    def digit(self, digit: str) -> Message:
        return json.dumps({"event": "dtmf", "streamId": "S1", "dtmf": {"track": "inbound", "digit": digit}})

    def mark_played(self, name: str) -> Message | None:
        return json.dumps({"event": "playedStream", "streamId": "S1", "name": name})

    def take(self, message: Message) -> None:
        decoded = json.loads(message)
        match decoded["event"]:
            case "playAudio":
                media = decoded["media"]
                assert (media["contentType"], media["sampleRate"]) == ("audio/x-l16", 16000)
                self.heard.say(base64.b64decode(media["payload"], validate=True))
            case "checkpoint":
                self.heard.marks.append((decoded["name"], len(self.heard.speech)))
            case "clearAudio":
                assert decoded["streamId"] == "S1"
                self.heard.clears.append(len(self.heard.speech))
            case _:
                self.heard.others.append(message)


class Exotel(Caller):
    name = "exotel"
    encoding = "s16le"
    frame_ms = 100

    def first(self) -> list[Message]:
        start = {
            "stream_sid": "MZ02",
            "call_sid": "E1",
            "account_sid": "X1",
            "from": "+919876543210",
            "to": "+918047491899",
            "custom_parameters": {"customer": "42"},
            "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
        }
        return [
            json.dumps({"event": "connected"}),
            json.dumps({"event": "start", "sequence_number": "1", "stream_sid": "MZ02", "start": start}),
        ]

    def audio(self, data: bytes) -> Message:
        self.chunk += 1
        media = {
            "chunk": str(self.chunk),
            "timestamp": str(self.chunk * 100),
            "payload": base64.b64encode(data).decode(),
        }
        return json.dumps({"event": "media", "stream_sid": "MZ02", "media": media})

    def digit(self, digit: str) -> Message:
        dtmf = {"digit": digit, "duration": "100"}
        return json.dumps({"event": "dtmf", "stream_sid": "MZ02", "dtmf": dtmf})

    def mark_played(self, name: str) -> Message | None:
        return json.dumps({"event": "mark", "stream_sid": "MZ02", "mark": {"name": name}})

    def stop(self) -> list[Message]:
        stop = {"call_sid": "E1", "account_sid": "X1", "reason": "callended"}
        return [json.dumps({"event": "stop", "stream_sid": "MZ02", "stop": stop})]

    def take(self, message: Message) -> None:
        decoded = json.loads(message)
        assert decoded["stream_sid"] == "MZ02"
        match decoded["event"]:
            case "media":
                self.heard.say(base64.b64decode(decoded["media"]["payload"], validate=True))
            case "mark":
                self.heard.marks.append((decoded["mark"]["name"], len(self.heard.speech)))
            case "clear":
                self.heard.clears.append(len(self.heard.speech))
            case _:
                self.heard.others.append(message)


class Vonage(Caller):
    name = "vonage"
    encoding = "s16le"
    rate = 16000

    def first(self) -> list[Message]:
        first = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", "customer": "42"}
        return [json.dumps(first)]

    def digit(self, digit: str) -> Message:
        return json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260})

    def mark_played(self, name: str) -> Message | None:
        return json.dumps({"event": "websocket:notify", "payload": {"mark": name}})

    def take(self, message: Message) -> None:
        if isinstance(message, bytes):
            assert len(message) == 640, "each message has exactly 20 ms"
            self.heard.say(message)
            return
        decoded = json.loads(message)
        match decoded["action"]:
            case "notify":
                self.heard.marks.append((decoded["payload"]["mark"], len(self.heard.speech)))
            case "clear":
                self.heard.clears.append(len(self.heard.speech))
            case _:
                self.heard.others.append(message)


CALLERS: list[type[Caller]] = [
    Twilio,
    SignalWire,
    Telnyx,
    Plivo,
    Exotel,
    Vonage,
    Jambonz,
    FreeSwitch,
    Asterisk,
    AsteriskJson,
]
