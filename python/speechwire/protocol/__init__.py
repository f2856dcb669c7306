"""Deepgram's four streaming protocols, without I/O: frames in, events out, and the other way round.

Each protocol object is one connection::

    flux = ListenV2(ListenV2Options(eager_eot_threshold=0.5))
    flux.options.url()             # where to connect
    flux.send_audio(pcm)           # the frame to send
    flux.receive(frame)            # what a frame means: a list of events
    flux.receive_close(1005)       # what the end means: success, or how to go on

The events of each endpoint are in a module of their own, named as Deepgram names its messages. A call that
the connection's state forbids raises `LocalProtocolError`; nothing a service sends raises anything.
"""

from speechwire.protocol import listen_v1_events, listen_v2_events, speak_v1_events, speak_v2_events
from speechwire.protocol._endpoint import Endpoint, State
from speechwire.protocol._options import DEFAULT_BASE_URL, Options
from speechwire.protocol.events import Closed, EndKind, MalformedMessage, SequenceGap, UnknownMessage
from speechwire.protocol.limits import RollingLimit, character_limit, flush_limit
from speechwire.protocol.listen_v1 import ListenV1
from speechwire.protocol.listen_v2 import ListenV2
from speechwire.protocol.listen_v2_events import TurnEvent
from speechwire.protocol.options_listen_v1 import ListenV1Options
from speechwire.protocol.options_listen_v2 import ListenV2Options
from speechwire.protocol.options_speak import SpeakV1Options, SpeakV2Options
from speechwire.protocol.speak_v1 import EXCESSIVE_FLUSH, SPEAK_CHARACTERS, SpeakV1
from speechwire.protocol.speak_v2 import SpeakV2
from speechwire.protocol.splitting import split_text
from speechwire.protocol.utterances import EndedBy, Utterance, Utterances

__all__ = [
    "DEFAULT_BASE_URL",
    "EXCESSIVE_FLUSH",
    "SPEAK_CHARACTERS",
    "Closed",
    "EndKind",
    "EndedBy",
    "Endpoint",
    "ListenV1",
    "ListenV1Options",
    "ListenV2",
    "ListenV2Options",
    "MalformedMessage",
    "Options",
    "RollingLimit",
    "SequenceGap",
    "SpeakV1",
    "SpeakV1Options",
    "SpeakV2",
    "SpeakV2Options",
    "State",
    "TurnEvent",
    "UnknownMessage",
    "Utterance",
    "Utterances",
    "character_limit",
    "flush_limit",
    "listen_v1_events",
    "listen_v2_events",
    "speak_v1_events",
    "speak_v2_events",
    "split_text",
]
