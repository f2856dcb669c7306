"""A Deepgram-compatible server for loopback: develop, test and load-test with no key and no network."""

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
from speechwire.emulator.scripted import Phrase, Script, ScriptedEngine, tag_of
from speechwire.emulator.server import Emulator
from speechwire.emulator.speak_v1 import SpeakLimits

__all__ = [
    "Behaviour",
    "CloseWith",
    "Connection",
    "Decorate",
    "Delay",
    "Delivery",
    "Emulator",
    "Engine",
    "Fault",
    "HalfOpen",
    "Heard",
    "Inject",
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
    "Word",
    "counted_audio",
    "tag_of",
]
