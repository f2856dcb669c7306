"""The offline engine's worker by itself: one answer to each request, also to one that fails."""

from __future__ import annotations

import io
import os
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from speechwire.emulator import Heard, StreamInfo
from speechwire.emulator.offline import Voice, _process, _synthesis, _worker, engine, synthesize
from speechwire.emulator.offline._process import RecognitionProcess
from speechwire.emulator.offline._synthesis import EspeakSynthesizer, voice_for
from speechwire.emulator.offline._wire import Answer, Request, pack
from speechwire.emulator.offline._worker import _read, _Worker
from speechwire.emulator.offline.engine import OfflineEngine
from speechwire.errors import EngineUnavailable, SpeechwireError

Asked = tuple[Any, ...]


class Stream:
    """In place of one that recognises: notes what it is asked."""

    def __init__(self, pool: Pool) -> None:
        self.asked: list[Asked] = []
        pool.streams.append(self)

    def set_keyterms(self, keyterms: tuple[str, ...]) -> None:
        self.asked.append(("keyterms", keyterms))

    def feed(self, pcm: bytes) -> list[Heard]:
        self.asked.append(("feed", pcm))
        return [Heard(1.0)]

    def settle(self) -> list[Heard]:
        return [Heard(2.0, settled=True)]

    def close(self) -> None:
        self.asked.append(("close",))


class Pool:
    """In place of the decoders."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.loaded: list[object] = []

    def take(self) -> str:
        return "a decoder"

    def give_back(self, decoder: object) -> None:
        self.loaded.append(decoder)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> _Worker:
    monkeypatch.setattr(_worker, "SphinxStream", Stream)
    monkeypatch.setattr(_worker, "DecoderPool", Pool)
    return _Worker()


def test_each_stream_is_asked_what_is_asked_of_it(worker: _Worker) -> None:
    pool: Any = worker._pool
    assert worker.answer(Request("warm")) == Answer([])
    assert pool.loaded == ["a decoder"]
    for number in (1, 2):
        assert worker.answer(Request("open", number, keyterms=(f"of {number}",))) == Answer([])
    assert worker.answer(Request("feed", 2, b"pcm")) == Answer([Heard(1.0)])
    assert worker.answer(Request("settle", 1)) == Answer([Heard(2.0, settled=True)])
    assert worker.answer(Request("keyterms", 1, keyterms=("new",))) == Answer([])
    assert worker.answer(Request("close", 2)) == Answer([])
    first, second = pool.streams
    assert first.asked == [("keyterms", ("of 1",)), ("keyterms", ("new",))]
    assert second.asked == [("keyterms", ("of 2",)), ("feed", b"pcm"), ("close",)]


def test_a_request_that_fails_is_answered_and_the_next_one_is_too(worker: _Worker) -> None:
    worker.answer(Request("open", 1))
    worker.answer(Request("close", 1))
    assert worker.answer(Request("feed", 1, b"pcm")) == Answer(error="KeyError: 1")
    assert worker.answer(Request("open", 1)) == Answer([])


def test_requests_are_read_up_to_the_end() -> None:
    requests = [Request("open", 1, keyterms=("a",)), Request("feed", 1, b"x" * 10_000)]
    pipe = io.BytesIO(b"".join(map(pack, requests)))
    assert [_read(pipe), _read(pipe), _read(pipe)] == [*requests, None]
    assert _read(io.BytesIO(b"\0\0")) is None, "it broke off"


# The engine


class Process:
    """In place of a process: notes what it is asked, and is dead if it is told so."""

    def __init__(self) -> None:
        self.streams = 0
        self.alive = True
        self.asked: list[Request | str] = []

    async def start(self) -> None:
        self.asked.append("start")

    async def aclose(self) -> None:
        self.asked.append("close")
        self.alive = False

    async def ask(self, request: Request) -> Sequence[Heard]:
        if not self.alive:
            raise SpeechwireError("the recognition process has ended")
        self.asked.append(request)
        return [Heard(len(request.pcm) / 32_000)]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    made: list[Process] = []

    def make() -> Process:
        made.append(Process())
        return made[-1]

    monkeypatch.setattr(engine, "RecognitionProcess", make)
    monkeypatch.setattr(engine, "synthesize", lambda text: b"")
    return made


STREAM = StreamInfo(0, "/v2/listen", 16_000, keyterms=("a",))


async def test_streams_are_spread_over_processes_that_are_started_as_needed(processes: list[Process]) -> None:
    offline = OfflineEngine(2)
    await offline.start()
    assert [process.asked for process in processes] == [["start"]]
    ears = [await offline.recognizer(STREAM) for _ in range(4)]
    assert [process.streams for process in processes] == [2, 2]
    opened = [[each for each in process.asked if isinstance(each, Request)] for process in processes]
    assert opened == [
        [Request("open", 1, keyterms=("a",)), Request("open", 3, keyterms=("a",))],
        [Request("open", 2, keyterms=("a",)), Request("open", 4, keyterms=("a",))],
    ]
    for each in (ears[0], ears[0], ears[2]):
        await each.aclose()
    assert [process.streams for process in processes] == [0, 2]
    assert processes[0].asked[-2:] == [Request("close", 1), Request("close", 3)], "each once"
    await offline.recognizer(STREAM)
    assert [process.streams for process in processes] == [1, 2]
    await offline.aclose()
    assert [process.asked[-1] for process in processes] == ["close"] * 2


async def test_a_process_that_has_died_is_replaced_and_its_streams_can_be_closed(
    processes: list[Process],
) -> None:
    offline = OfflineEngine(1)
    await offline.start()
    ears = await offline.recognizer(STREAM)
    processes[0].alive = False
    await offline.recognizer(STREAM)
    assert [process.streams for process in processes] == [1, 1]
    assert processes[0].asked[-1] == "close"
    await ears.aclose()
    assert processes[0].streams == 0
    await offline.aclose()
    assert [process.asked.count("close") for process in processes] == [1, 1]


async def test_audio_goes_in_turns_of_200_ms(processes: list[Process]) -> None:
    offline = OfflineEngine(1)
    await offline.start()
    ears = await offline.recognizer(STREAM)
    heard = await ears.feed(bytes(32_000 // 2 + 100))
    assert [report.time_s for report in heard] == pytest.approx([0.2, 0.2, 0.1])
    assert (await ears.feed(b""), await ears.settle()) == ([], [Heard(0.0)])
    await ears.set_keyterms(("b",))
    assert processes[0].asked[-2:] == [Request("settle", 1), Request("keyterms", 1, keyterms=("b",))]
    await offline.aclose()


async def test_before_its_start_and_after_its_end_an_engine_does_not_speak(processes: list[Process]) -> None:
    offline = OfflineEngine()
    assert 1 <= offline._limit <= 4
    words = "^the offline engine has to be started before it speaks: use it through Emulator$"
    await offline.aclose()
    with pytest.raises(RuntimeError, match=words):
        await offline.synthesizer(STREAM)
    await offline.start()
    await offline.synthesizer(STREAM)
    speaker = offline._speaker
    assert speaker is not None
    await offline.aclose()
    with pytest.raises(RuntimeError, match=words):
        await offline.synthesizer(STREAM)
    with pytest.raises(RuntimeError, match="after shutdown"):
        speaker.submit(print)


async def test_what_still_waits_to_be_spoken_at_the_end_is_not_spoken(processes: list[Process]) -> None:
    offline = OfflineEngine()
    await offline.start()
    assert offline._speaker is not None
    gate = threading.Event()
    spoken, waiting = offline._speaker.submit(gate.wait, 20.0), offline._speaker.submit(print)
    threading.Timer(0.1, gate.set).start()
    await offline.aclose()
    assert (spoken.done(), waiting.cancelled()) == (True, True)


async def test_a_process_that_does_not_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "sys", SimpleNamespace(executable="/bin/false"))
    process = RecognitionProcess()
    assert not process.alive
    with pytest.raises(SpeechwireError, match="its own message is on standard error$"):
        await process.ask(Request("warm"))
    ended = "^recognition failed: the recognition process has ended$"
    with pytest.raises(EngineUnavailable, match=ended):
        await process.start()
    assert not process.alive
    with pytest.raises(SpeechwireError, match="^the recognition process has ended; its own message"):
        await process.ask(Request("warm"))
    await process.aclose()
    await process.aclose()


def test_a_process_finds_the_package_where_this_one_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    own, *others = _process._environment()["PYTHONPATH"].split(os.pathsep)
    assert os.path.isfile(os.path.join(own, "speechwire", "emulator", "cli.py"))
    assert others == ["elsewhere"]
    monkeypatch.delenv("PYTHONPATH")
    assert _process._environment() == os.environ | {"PYTHONPATH": own}


# Voices


def test_a_model_has_one_of_eight_voices_always_the_same() -> None:
    named = {f"aura-2-{n}-en": voice_for(f"aura-2-{n}-en", 1.0) for n in range(64)}
    assert {voice.name for voice in named.values()} == {
        *("en-us", "en-us+f1", "en-us+f2", "en-us+f3", "en-us+f5", "en-us+m1", "en-us+m3", "en-us+m7")
    }
    for model, voice in named.items():
        assert voice.name == _synthesis._VARIANTS[zlib.crc32(model.encode()) % 8]
        assert voice.words_per_minute == 165
    assert voice_for("aura-2-thalia-en", 2.0) == Voice("en-us+klatt3", 330)


def test_each_voice_exists_and_is_another() -> None:
    spoken = {name: synthesize("hello", Voice(name)) for name in (*_synthesis._VARIANTS, "en-us+klatt3")}
    assert len(set(spoken.values())) == 9


def test_a_faster_voice_takes_less_time() -> None:
    slow, fast = (len(synthesize("hello there", Voice("en-us", rate))) for rate in (120, 300))
    assert fast < 0.6 * slow
    as_given = len(synthesize("hello there", Voice("en-us", 160)))
    assert len(synthesize("hello there")) == pytest.approx(as_given, rel=0.02)


async def test_a_new_voice_speaks_at_the_speed_of_its_stream() -> None:
    with ThreadPoolExecutor(1) as executor:
        lengths = []
        for speed in (1.0, 2.0):
            voice = EspeakSynthesizer(StreamInfo(0, "/v1/speak", 16_000, speed=speed), executor)
            lengths.append(sum([len(piece) async for piece in voice.speak("One. Two three four.")]))
    assert lengths[1] < 0.7 * lengths[0]
