"""The protocol of ``/v1/speak``, Aura (Deepgram docs: tts-websocket, tts-ws-flush, tts-ws-clear)."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Any, ClassVar

import msgspec

from speechwire.protocol._decode import MessageDecoder
from speechwire.protocol._endpoint import Endpoint, text_frame
from speechwire.protocol._paths import Path
from speechwire.protocol._speak import checked_text
from speechwire.protocol.limits import FLUSHES
from speechwire.protocol.options_speak import SpeakV1Options
from speechwire.protocol.speak_v1_events import (
    WIRE_MESSAGES,
    Audio,
    Cleared,
    Event,
    Flushed,
    Metadata,
    Warning,
    WireWarning,
)

__all__ = ["EXCESSIVE_FLUSH", "SPEAK_CHARACTERS", "SpeakV1"]

SPEAK_CHARACTERS = 2000
"""The most characters one ``Speak`` may carry; a longer one ends the connection (1009 BIG-0001)."""

EXCESSIVE_FLUSH = "EXCESSIVE_FLUSH"
"""The code of the `Warning` that refuses a ``Flush``."""


@dataclasses.dataclass(slots=True)
class _Flush:
    """The text between two flushes, and what has come of it."""

    index: int
    has_words: bool = False
    has_audio: bool = False


class SpeakV1(Endpoint[Event]):
    """One Aura connection, without the connection.

    The service buffers text until ``Flush``, then sends the audio and ``Flushed``. Each flush has an index,
    from 0, and gets exactly one answer, in order: `Flushed`, or the `Warning` that refuses it. Audio carries
    no mark on the wire; it belongs to the first flush that waits for its answer, or to the one to come if
    none does. An answer that repeats the number of the one before, with no audio between them, is that same
    answer once more: it belongs to no flush.

    ``Clear`` wipes everything not yet heard of. What arrives until `Cleared` is thrown away here and counted,
    so that stale audio cannot reach a listener. Neither kind of answer is bounded in time: the caller sets a
    deadline.
    """

    _path: ClassVar[Path] = Path.SPEAK_V1
    _decoder: ClassVar[MessageDecoder[Any]] = MessageDecoder(WIRE_MESSAGES)

    def __init__(self, options: SpeakV1Options | None = None) -> None:
        super().__init__()
        self.options = options or SpeakV1Options()
        self._buffered = _Flush(0)
        self._waiting: deque[_Flush] = deque()
        # For each Clear without its answer: the first flush that it does not wipe.
        self._fences: deque[int] = deque()
        # Wiped flushes whose own answer never came; it is not documented whether it still may.
        self._wiped = 0
        self._discarded_bytes = 0
        # The number of the last answer, until audio comes.
        self._last_sequence_id: int | None = None

    @property
    def next_flush_index(self) -> int:
        """The index that the text given to `speak` now, and the next `flush`, will have."""
        return self._buffered.index

    @property
    def pending_flushes(self) -> tuple[int, ...]:
        """Indices of the flushes that wait for their answer, in order."""
        return tuple(flush.index for flush in self._waiting)

    @property
    def clearing(self) -> bool:
        """Whether a ``Clear`` waits for its answer, so that audio is thrown away."""
        return bool(self._fences)

    def speak(self, text: str) -> str:
        """The frame that appends `text`, 1 to 2000 characters, to the service's buffer; see `split_text`.

        Raises:
            InvalidArgument: `text` is empty, too long or not encodable.
            LocalProtocolError: The connection is closing or closed.
        """
        checked_text(text, SPEAK_CHARACTERS)
        self._require_open("send Speak")
        self._buffered.has_words |= any(character.isalnum() for character in text)
        return text_frame(type="Speak", text=text)

    def flush(self) -> str:
        """The frame that has the buffered text synthesized; its index is `next_flush_index` as it was before.

        The service allows 20 a minute; see `SpeakAllowance`.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        self._require_open("send Flush")
        self._buffered.has_audio = False  # what came before it does not show that it is allowed
        self._waiting.append(self._buffered)
        self._buffered = _Flush(self._buffered.index + 1)
        return text_frame(type="Flush")

    def clear(self) -> str:
        """The frame that wipes text and audio not yet sent; from now on audio is thrown away until `Cleared`.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        self._require_open("send Clear")
        self._fences.append(self._buffered.index)
        self._buffered = _Flush(self._buffered.index)
        return text_frame(type="Clear")

    def close(self) -> str:
        """The frame that ends the connection; wait for the last `Flushed` before, to be sure of its audio.

        Raises:
            LocalProtocolError: The connection is closing or closed.
        """
        return self._close("Close")

    def _receive_binary(self, frame: bytes) -> list[Event]:
        if not frame:
            return []
        flush = self._waiting[0] if self._waiting else self._buffered
        flush.has_audio = True
        self._last_sequence_id = None
        # Answers come in order: audio of what followed a Clear means that all from before it have come.
        self._wiped = 0
        if self._fences:
            self._discarded_bytes += len(frame)
            return []
        return [Audio(data=frame, flush_index=flush.index)]

    def _on_message(self, message: Any) -> list[Event]:
        match message:
            case Metadata():
                self._learn_request_id(message.request_id)
            case Flushed():
                repeated = self._is_repeated(message.sequence_id)
                flush_index = None if repeated else self._answered()
                return [msgspec.structs.replace(message, flush_index=flush_index)]
            case Cleared() if not self._is_repeated(message.sequence_id):
                return [self._on_cleared(message)]
            case WireWarning():
                return [self._on_warning(message)]
        return [message]

    def _is_repeated(self, sequence_id: int | None) -> bool:
        before, self._last_sequence_id = self._last_sequence_id, sequence_id
        return sequence_id is not None and sequence_id == before

    def _answered(self) -> int | None:
        """The flush a `Flushed` belongs to."""
        if not self._waiting or self._is_late_answer(self._waiting[0]):
            self._wiped = max(0, self._wiped - 1)
            return None
        return self._waiting.popleft().index

    def _is_late_answer(self, flush: _Flush) -> bool:
        """Whether a `Flushed` cannot be for `flush`, the first that waits."""
        if self._fences and flush.index >= self._fences[0]:
            return True
        return self._wiped > 0 and flush.has_words and not flush.has_audio

    def _on_cleared(self, message: Cleared) -> Cleared:
        wiped = []
        if self._fences:
            fence = self._fences.popleft()
            while self._waiting and self._waiting[0].index < fence:
                wiped.append(self._waiting.popleft().index)
        self._wiped += len(wiped)
        discarded, self._discarded_bytes = self._discarded_bytes, 0
        return msgspec.structs.replace(message, flush_indices=tuple(wiped), discarded_bytes=discarded)

    def _on_warning(self, message: WireWarning) -> Warning:
        code = message.code or message.warn_code
        flush_index = self._refused() if code == EXCESSIVE_FLUSH else None
        description = message.description or message.warn_msg
        return Warning(code=code, description=description, flush_index=flush_index)

    def _refused(self) -> int | None:
        """The flush a refusal belongs to. Its text stays for the next one."""
        silent = [flush for flush in self._waiting if not flush.has_audio]
        if not silent:
            return None
        # Answers come in order, so it is the first; but a service that refuses at once is early, and it
        # refuses none before it has allowed so many.
        flush = next((flush for flush in silent if flush.index >= FLUSHES), silent[0])
        position = self._waiting.index(flush)
        del self._waiting[position]
        heir = self._waiting[position] if position < len(self._waiting) else self._buffered
        heir.has_words |= flush.has_words
        return flush.index

    def _delivered(self) -> bool | None:
        return True if not self._waiting and not self._buffered.has_words else None
