"""A server for telephone calls and browsers: many callers in, one key out. Needs the extra ``server``.

An application is a coroutine function that gets a :class:`Call`; ``speechwire serve mybot:answer`` serves it.
To serve calls from a program of your own, make a :class:`Server` and give it a host,
:class:`speechwire.server.aiohttp_host.AiohttpHost`.
"""

from __future__ import annotations

from speechwire.server.call import Answer, BargeIn, Call, CallEnded, CallEvent, Said, Turn
from speechwire.server.codec import AudioFormat, Caption, Digit, Notice, Word
from speechwire.server.config import Config
from speechwire.server.server import Phase, Server

__all__ = [
    "Answer",
    "AudioFormat",
    "BargeIn",
    "Call",
    "CallEnded",
    "CallEvent",
    "Caption",
    "Config",
    "Digit",
    "Notice",
    "Phase",
    "Said",
    "Server",
    "Turn",
    "Word",
]
