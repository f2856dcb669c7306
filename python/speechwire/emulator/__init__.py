"""A Deepgram-compatible server for loopback: develop, test and load-test with no key and no network.

``/v1/listen``, ``/v2/listen``, ``/v1/speak`` and ``/v2/speak`` keep the documented rules: authentication,
refusals, parameters, messages and their order, timers, limits, close codes. What it does not do:

* It decodes linear16, linear32, mulaw, alaw and WAV around 16-bit PCM, no codecs.
* ``numerals``, ``redact``, ``profanity_filter``, ``search``, ``dictation``, ``detect_entities``,
  ``callback``, ``extra`` and ``mip_opt_out`` are checked and have no effect; diarization knows one speaker,
  multilingual models English.
* The offline engine speaks and understands English; an end of turn is judged by silence alone.
* There are no REST endpoints but ``POST /v1/auth/grant``, and ``GET /_emulator`` for its own status; every
  other request is refused in the service's form, with the endpoints' names.
"""

from speechwire.emulator._counter import counted_audio
from speechwire.emulator._endpoints import Behaviour
from speechwire.emulator._speak import Delivery
from speechwire.emulator.engine import Engine, Heard, Recognizer, StreamInfo, Synthesizer, Word
from speechwire.emulator.faults import (
    CloseWith,
    Decorate,
    Delay,
    Fault,
    HalfOpen,
    Inject,
    LateMessage,
    Lose,
    RefuseUpgrade,
    Reset,
    SlowReader,
    SlowUpgrade,
    Stall,
)
from speechwire.emulator.journal import Connection
from speechwire.emulator.known_words import KnownWords
from speechwire.emulator.scripted import Phrase, Script, ScriptedEngine, tag_of
from speechwire.emulator.server import Emulator
from speechwire.emulator.speak_v1 import SpeakLimits
from speechwire.emulator.testing import EmulatedCall, Verdict

__all__ = [
    "Behaviour",
    "CloseWith",
    "Connection",
    "Decorate",
    "Delay",
    "Delivery",
    "EmulatedCall",
    "Emulator",
    "Engine",
    "Fault",
    "HalfOpen",
    "Heard",
    "Inject",
    "KnownWords",
    "LateMessage",
    "Lose",
    "Phrase",
    "Recognizer",
    "RefuseUpgrade",
    "Reset",
    "Script",
    "ScriptedEngine",
    "SlowReader",
    "SlowUpgrade",
    "SpeakLimits",
    "Stall",
    "StreamInfo",
    "Synthesizer",
    "Verdict",
    "Word",
    "counted_audio",
    "tag_of",
]
