"""A recognition process: requests on standard input, answers on standard output, until the input ends."""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from speechwire.emulator.engine import Heard
from speechwire.emulator.offline._recognition import DecoderPool, SphinxStream
from speechwire.emulator.offline._wire import HEADER, Answer, Request, pack, unpack

__all__ = ["main"]


class _Worker:
    def __init__(self) -> None:
        self._pool = DecoderPool()
        self._streams: dict[int, SphinxStream] = {}

    def answer(self, request: Request) -> Answer:
        try:
            return Answer(self._do(request))
        except Exception as error:
            # It belongs to the stream, not to this process: the engine raises it there.
            return Answer(error=f"{type(error).__name__}: {error}")

    def _do(self, request: Request) -> list[Heard]:
        match request.op:
            case "warm":
                self._pool.give_back(self._pool.take())
            case "open":
                self._streams[request.stream] = stream = SphinxStream(self._pool)
                stream.set_keyterms(request.keyterms)
            case "feed":
                return self._streams[request.stream].feed(request.pcm)
            case "settle":
                return self._streams[request.stream].settle()
            case "keyterms":
                self._streams[request.stream].set_keyterms(request.keyterms)
            case "close":
                self._streams.pop(request.stream).close()
        return []


def _read(source: BinaryIO) -> Request | None:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    request: Request = unpack(source.read(HEADER.unpack(header)[0]))
    return request


def main() -> None:
    """Serve until the engine closes the pipe."""
    # Ctrl-C in a shell reaches this process too; the engine is the one to end it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = _Worker()
    while (request := _read(sys.stdin.buffer)) is not None:
        answers.write(pack(worker.answer(request)))
        answers.flush()


if __name__ == "__main__":
    main()
