"""``/v2/speak``: turns with their ends, ``Interrupt``."""

from __future__ import annotations

from speechwire.protocol import SpeakV2, SpeakV2Options
from speechwire.protocol import speak_v2_events as speak
from speechwire.session._playback_offset import PlaybackOffset
from speechwire.session._speak_rules import Finished, Meaning, StopRefused

__all__ = ["SpeakV2Rules"]


class SpeakV2Rules:
    """The rules of ``/v2/speak``: a batch is a turn. Its audio ends with ``SpeechMetadata``.

    The next turn's text waits for that end and, after an interruption, for the answer to ``Interrupt``. The
    documentation does not say what the service does with waiting turns when the active one is interrupted.
    """

    audio_needs_flush = False
    next_waits_for_stop = True

    def __init__(self, options: SpeakV2Options) -> None:
        self.protocol = SpeakV2(options)
        self._flushing = False  # the turn's flush was sent and its end has not come
        self._offset = PlaybackOffset(options.output_rate * (2 if options.encoding == "linear16" else 1))

    @property
    def stopping(self) -> bool:
        """Whether ``Interrupt`` waits for its answer."""
        return self.protocol.interrupting

    def stop(self, heard_s: float | None) -> str:
        """Make ``Interrupt``, with the position up to which the connection's audio was heard, if known."""
        self._flushing = False
        return self.protocol.interrupt(None if heard_s is None else self._offset.at_ms(heard_s))

    def flush(self, now: float) -> str:
        """``Flush``."""
        self._flushing = True
        return self.protocol.flush()

    def read(self, event: speak.Event, now: float) -> Meaning:
        """Interpret an event."""
        self._offset.read(event)
        match event:
            case speak.Audio():
                return event.data
            case speak.Warning(code="INVALID_INTERRUPT_OFFSET"):
                return StopRefused()
            case speak.SpeechMetadata(repeated=False) | speak.Warning(refuses_flush=True) if self._flushing:
                self._flushing = False
                return Finished()
        return None

    def text_wait_s(self, now: float, characters: int) -> float:
        """No limit is documented."""
        return 0.0

    def add_text(self, now: float, characters: int) -> None:
        """Do nothing: no limit is documented."""

    def flush_wait_s(self, now: float) -> float:
        """No limit is documented."""
        return 0.0

    def used_up(self, now: float) -> bool:
        """Return false: no limit is documented."""
        return False
