"""One plugin object and several event loops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.plugin.virtual.driving import FRAME_SAMPLES, Serve, Service, of, service_of, speak, words
from tests.session.counted import counted
from tests.virtual_time import VirtualTimeLoop

from speechwire.errors import LocalProtocolError
from speechwire.session import SessionEnded

Serving = Callable[[Serve], Service]

MOVED = "it is used in another event loop than before: what was under way there is lost"


def run(main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run` does it: what is left is cancelled, and the loop closed."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main)


def test_a_second_run_without_a_close_is_heard(service: Serving, endpoint: str) -> None:
    fake = service_of(endpoint, [(1.0, 2.0), (4.0, 5.0), (7.0, 8.0)])
    stt, listener = service(fake).listen()
    run(speak(stt, 3.0))
    run(speak(stt, 3.0, start_s=3.0))

    async def the_rest() -> None:
        await speak(stt, 3.0, start_s=6.0)
        await stt.aclose()

    run(the_rest())
    assert words(listener) == fake.words
    assert listener.errors == [MOVED] * 2
    assert len(fake.heard) == 3


CLOSED_LOOP = """
import asyncio, sys
import pytest
from tests.plugin.virtual.driving import Service, service_of, speak, words
from tests.virtual_time import VirtualTimeLoop

endpoint = sys.argv[1]
fake = service_of(endpoint, [(1.0, 2.0), (4.0, 5.0)])
stt, listener = Service(endpoint, fake, pytest.MonkeyPatch()).listen()
first = VirtualTimeLoop()
first.run_until_complete(speak(stt, 3.0))
first.close()  # with everything that runs in it

async def the_rest():
    await speak(stt, 3.0, start_s=3.0)
    await stt.aclose()

with asyncio.Runner(loop_factory=VirtualTimeLoop) as second:
    second.run(the_rest())
print(words(listener) == fake.words, listener.errors)
"""


def test_a_loop_that_was_closed_with_everything_in_it_is_left(endpoint: str) -> None:
    """In another process, as asyncio has much to say about what such a loop leaves behind."""
    root = Path(__file__).resolve().parents[3]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-c", CLOSED_LOOP, endpoint],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = ran.stdout.splitlines()
    assert told == ["True ['" + MOVED + "']"], ran.stderr


def test_closing_in_another_loop_after_the_first_has_ended_returns_at_once(
    service: Serving, endpoint: str
) -> None:
    stt, _ = service(service_of(endpoint, ())).listen()
    run(speak(stt, 1.0))

    async def close() -> None:
        await stt.aclose()
        await stt.aclose()
        assert asyncio.get_running_loop().time() == 0.0
        await speak(stt, 0.1)

    run(close())


def test_closing_in_another_loop_while_the_first_exists_says_what_to_do(
    service: Serving, endpoint: str
) -> None:
    stt, listener = service(service_of(endpoint, [(1.0, 2.0)])).listen()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(speak(stt, 2.0))

        async def close_elsewhere() -> None:
            with pytest.raises(LocalProtocolError, match="close it there"):
                await stt.aclose()
            await stt.flush()  # harmless

        run(close_elsewhere())
        first.run(stt.aclose())
    assert words(listener) == [4, 5, 6, 7]
    assert listener.errors == []


def test_audio_from_the_loop_of_another_thread_moves_the_plugin_there(
    service: Serving, endpoint: str
) -> None:
    """What was under way is closed in its own loop; nothing waits, nothing is left."""
    fake = service_of(endpoint, [(1.0, 2.0)])
    stt, listener = service(fake).listen()
    begun, moved = threading.Event(), threading.Event()
    left: list[bool] = []

    async def first() -> None:
        await stt.process_audio(bytes(640))
        (stream,) = stt._streams()
        begun.set()
        while not (moved.is_set() and stream.session.over):  # set in another thread
            await asyncio.sleep(0.01)
        assert stream.delivery is not None
        await asyncio.wait({stream.delivery}, timeout=10)
        left.append(not stream.delivery.done())

    async def second() -> None:
        await speak(stt, 3.0)
        await stt.aclose()

    thread = threading.Thread(target=asyncio.run, args=(first(),))
    thread.start()
    assert begun.wait(10)
    run(second())
    moved.set()
    thread.join(20)
    assert left == [False]
    assert words(listener) == [4, 5, 6, 7]
    assert listener.errors == [MOVED]
    assert len(of(SessionEnded, listener)) == 2


def test_without_an_event_loop_nothing_is_taken(service: Serving, endpoint: str) -> None:
    """It raises, and a retry does not double the audio."""
    fake = service_of(endpoint, [(0.25, 1.0)])
    stt, listener = service(fake).listen()
    frame = counted(0, FRAME_SAMPLES)
    for _ in range(2):
        step = stt.process_audio(frame)
        with pytest.raises(RuntimeError, match="no running event loop"):
            step.send(None)

    async def retry() -> None:
        await speak(stt, 2.0)
        await stt.aclose()

    run(retry())
    assert words(listener) == fake.words
    assert fake.counts() == dict.fromkeys(range(2000), 1)
    assert listener.errors == []
