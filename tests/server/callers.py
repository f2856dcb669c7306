"""The callers' side of each telephone protocol, written from the providers' documentation and not from ours.

Twilio: twilio.com/docs/voice/media-streams/websocket-messages. Telnyx: developers.telnyx.com/api-reference/
websockets/stream-call-media-over-websocket. Plivo: plivo.com/docs/voice/audio-streaming. Exotel:
developer.exotel.com/docs/agentstream/websocket-protocol. SignalWire: cxml/voice/stream. Vonage:
developer.vonage.com/voice/voice-api/concepts/websockets. jambonz: docs.jambonz.org/verbs/verbs/listen.
Asterisk: docs.asterisk.org/Configuration/Channel-Drivers/WebSocket. FreeSWITCH: mod_audio_stream's README.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CALLERS", "Asterisk", "Caller", "Exotel", "Plivo", "SignalWire", "Telnyx", "Twilio", "Vonage"]

Message = str | bytes


@dataclass
class Heard:
    """What a caller was sent.

    Attributes:
        speech: Audio, in order.
        pieces: The sizes it came in.
        marks: Names, in order, with how much speech came before.
        clears: How much speech came before each.
        captions: Messages of that kind.
        others: Everything else.
    """

    speech: bytearray = field(default_factory=bytearray)
    pieces: list[int] = field(default_factory=list)
    marks: list[tuple[str, int]] = field(default_factory=list)
    clears: list[int] = field(default_factory=list)
    captions: list[dict[str, Any]] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)

    def say(self, data: bytes) -> None:
        self.speech += data
        self.pieces.append(len(data))


class Caller:
    """One call of a provider."""

    name = ""
    path = "/call"
    encoding = "mulaw"
    rate = 8000
    frame_ms = 20
    subprotocol: str | None = None

    def __init__(self) -> None:
        self.heard = Heard()
        self.sequence = 0
        self.chunk = 0

    @property
    def frame_bytes(self) -> int:
        width = 2 if self.encoding == "s16le" else 1
        return self.rate * width * self.frame_ms // 1000

    def first(self) -> list[Message]:
        raise NotImplementedError

    def audio(self, data: bytes) -> Message:
        return data

    def digit(self, digit: str) -> Message:
        raise NotImplementedError

    def mark_played(self, name: str) -> Message | None:
        return None

    def stop(self) -> list[Message]:
        return []

    def take(self, message: Message) -> None:
        raise NotImplementedError

    def frames(self, audio: bytes) -> list[bytes]:
        return [audio[at : at + self.frame_bytes] for at in range(0, len(audio), self.frame_bytes)]


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
