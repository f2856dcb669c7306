"""Nova: the state machine of ``/v1/listen``, without sockets or clocks.

Results, endpointing, ``UtteranceEnd`` and ``SpeechStarted`` as in "Deepgram docs:
understand-endpointing-interim-results", endpointing, utterance-end and speech-started; ``Finalize``,
``CloseStream``, ``KeepAlive`` and ``Configure`` as in the pages of these names. Unlike Flux, nothing a
client says in text is fatal.
"""

from __future__ import annotations

from collections.abc import Callable

from speechwire.emulator._channel_v1 import Channel
from speechwire.emulator._messages import Close, Message, Output, Send, Unparsable, parse_message, type_of
from speechwire.emulator._parameters_listen import MAX_KEYTERM_TOKENS
from speechwire.emulator._settings_v1 import MODEL_UUID, ListenV1Settings, keyterm_tokens
from speechwire.emulator.engine import Heard

__all__ = ["ListenV1"]

_ACCEPTED = ("CloseStream", "Configure", "Sync", "KeepAlive", "Finalize")
_CONFIGURABLE = ("features", "processors", "keyterms", "language_hints")
_NO_AUDIO = (
    "Deepgram did not receive audio data or a text message within the timeout window. "
    "See https://dpgr.am/net0001"
)
_NO_RESPONSE = (
    "Deepgram did not provide a response message within the timeout window. See https://dpgr.am/net0000"
)


class ListenV1:
    """One Nova connection: recognizer reports and client texts in, messages out.

    Args:
        request_id: Repeated in every result.
        settings: From the query string.
        created: When the connection was opened, ISO 8601.
        digest: The SHA-256 of the audio so far, asked for at the end.
    """

    def __init__(
        self, request_id: str, settings: ListenV1Settings, *, created: str, digest: Callable[[], str]
    ) -> None:
        self._request_id = request_id
        self._settings = settings
        self._created = created
        self._digest = digest
        self._channels: list[Channel] = []
        self._keyterms = settings.keyterms
        self._pending: Message | None = None
        self._closed = False

    @property
    def keyterms(self) -> tuple[str, ...]:
        """The terms favoured now."""
        return self._keyterms

    def open(self) -> list[Output]:
        """Nothing: the service is silent until it has heard something."""
        return []

    def hear(self, heard: Heard, channel: int = 0, channels: int = 1) -> list[Output]:
        """Advance one channel by one report."""
        if self._closed:
            return []
        while len(self._channels) < channels:
            self._channels.append(Channel(self._settings, self._request_id, len(self._channels), channels))
        return [*self.quiet(), *map(Send, self._channels[channel].hear(heard))]

    def must_settle(self, frame: str | bytes) -> bool:
        """These are answered with all that was heard."""
        return isinstance(frame, bytes) or type_of(frame) in ("Finalize", "CloseStream")

    def receive(self, frame: str | bytes) -> list[Output]:
        """Take one text message, or the empty binary frame that means ``CloseStream``."""
        if self._closed:
            return []
        if isinstance(frame, bytes):
            return self._finish()
        try:
            return self._dispatch(parse_message(frame, _ACCEPTED))
        except Unparsable as error:
            schema_error = {"type": "Error", "variant": "SchemaError", "description": str(error)}
            return [Send(schema_error | {"message": frame})]

    def quiet(self) -> list[Output]:
        """Nothing else is waiting: answer the pending ``Configure``."""
        answer, self._pending = self._pending, None
        return [Send(answer)] if answer else []

    def idle(self) -> list[Output]:
        """Neither audio nor text came for 10 s; no result is made of what was heard."""
        self._closed = True
        return [Send(self._metadata()), Close(1011, _NO_AUDIO)]

    def broken(self) -> list[Output]:
        """The engine has failed."""
        self._closed = True
        return [Close(1011, _NO_RESPONSE)]

    def undecodable(self) -> list[Output]:
        """The audio does not fit its declared format."""
        self._closed = True
        return [Close(1008, "DATA-0000")]

    def _dispatch(self, message: Message) -> list[Output]:
        match message["type"]:
            case "Finalize":
                return self._finalize(message.get("channel"))
            case "CloseStream":
                return self._finish()
            case "Configure":
                return self._configure(message)
            case _:
                return []

    def _finalize(self, chosen: object) -> list[Output]:
        channels = [channel for channel in self._channels if chosen is None or channel.index == chosen]
        return [Send(channel.finalize()) for channel in channels]

    def _finish(self) -> list[Output]:
        self._closed = True
        results = [message for channel in self._channels for message in channel.finish()]
        return [*self.quiet(), *map(Send, results), Send(self._metadata()), Close(1000)]

    def _metadata(self) -> Message:
        heard_s = max((channel.heard_s for channel in self._channels), default=0.0)
        metadata: Message = {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._request_id,
            "sha256": self._digest(),
            "created": self._created,
            "duration": round(heard_s, 6),
            "channels": len(self._channels),
        }
        if self._channels:
            metadata |= {"models": [MODEL_UUID], "model_info": {MODEL_UUID: self._settings.model_info}}
        return metadata

    def _configure(self, message: Message) -> list[Output]:
        unknown = next((name for name in message if name not in ("type", *_CONFIGURABLE)), None)
        if unknown is not None:
            names = ", ".join(f"`{name}`" for name in _CONFIGURABLE)
            text = (
                f"Could not deserialize last text message: unknown field `{unknown}`, expected one of {names}"
            )
            raise Unparsable(text)
        if self._pending is not None:
            return [Send(self._failure("CONFIGURE_ALREADY_PENDING", "A Configure is still being processed."))]
        self._pending = self._apply(message.get("keyterms"))
        return []

    def _apply(self, keyterms: object) -> Message:
        if keyterms is None:
            return {"type": "ConfigureSuccess", "request_id": self._request_id}
        if not isinstance(keyterms, list) or not all(isinstance(term, str) for term in keyterms):
            raise Unparsable("Could not deserialize last text message: `keyterms` must be a list of strings")
        if not self._settings.model.startswith("nova-3"):
            return self._failure("CONFIGURE_KEYTERMS_NOT_SUPPORTED", "Keyterms need a Nova-3 model.")
        if keyterm_tokens(keyterms) > MAX_KEYTERM_TOKENS:
            return self._failure("CONFIGURE_KEYTERM_LIMIT_EXCEEDED", "Keyterm limit exceeded.")
        self._keyterms = tuple(keyterms)
        return {"type": "ConfigureSuccess", "request_id": self._request_id, "keyterms": keyterms}

    def _failure(self, code: str, description: str) -> Message:
        head = {"type": "ConfigureFailure", "request_id": self._request_id}
        return head | {"code": code, "description": description}
