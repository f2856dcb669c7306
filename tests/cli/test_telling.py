"""What a person is told of each input: how long it will take, what is missing, what was kept."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.cli.service import written

from speechwire.cli import _transcribing
from speechwire.cli._audio import AudioReader
from speechwire.cli._failures import InputError
from speechwire.cli._segments import Segment
from speechwire.cli._transcribing import Order, _Outcome, _Work
from speechwire.cli._transcript import Transcript
from speechwire.errors import ConnectFailed, ConnectionLost, HandshakeRefused, InvalidArgument

HEARD = Segment("hello", 0.0, 1.0)


class Screen:
    """In place of a display: notes what it is to show."""

    def __init__(self, *, shows_bars: bool = False) -> None:
        self.shows_bars = shows_bars
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(f"note: {text}")

    def error(self, text: str) -> None:
        self.said.append(f"error: {text}")

    def detail(self, text: str) -> None:
        self.said.append(f"detail: {text}")

    def result(self, text: str) -> None:
        self.said.append(text)


def work(
    screen: Screen,
    *,
    speed: float | None = 1.25,
    files: int = 1,
    concurrency: int = 1,
    emulated: bool = False,
    paths: dict[str, Path] | None = None,
) -> _Work:
    names = [Path(f"{number}.wav") for number in range(files)]
    order = Order(names, cast(Any, None), [paths or {}] * files, concurrency, speed)
    return _Work(order, cast(Any, None), cast(Any, screen), emulated=emulated)


def audio(frames: int | None) -> AudioReader:
    return AudioReader("a.wav", "", 8000, 1, "s16le", frames, lambda _: iter(()))


@pytest.mark.parametrize(
    ("minutes", "speed", "shows_bars", "said"),
    [
        (60, 1.25, False, ["note: a.wav: 60 minutes at 1.25 times real time: 48 minutes to wait (--speed)"]),
        (2, 1.0, False, ["note: a.wav: 2 minutes at 1 times real time: 2 minutes to wait (--speed)"]),
        (1.9, 1.0, False, []),
        (60, 60.0, False, []),
        (60, None, False, []),
        (60, 1.25, True, []),
        (None, 1.25, False, []),
    ],
)
def test_how_long_it_takes_is_said_where_no_bar_shows_it(
    minutes: float | None, speed: float | None, shows_bars: bool, said: list[str]
) -> None:
    screen = Screen(shows_bars=shows_bars)
    work(screen, speed=speed)._announce(audio(None if minutes is None else round(minutes * 60 * 8000)))
    assert screen.said == said


def outcome(error: Exception | None = None, *, notes: tuple[str, ...] = (), **of: Any) -> _Outcome:
    transcript = Transcript("a.wav", **{"complete": True, "duration_s": 2.0, "segments": [HEARD], **of})
    return _Outcome(transcript, ["a.txt"] if error and transcript.segments else [], error, list(notes))


NO_PROGRESS = ConnectionLost(1011, "no progress for 60 s")


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        (outcome(), 0, []),
        (
            outcome(notes=("is damaged", "ends early")),
            0,
            ["note: a.wav: is damaged", "note: a.wav: ends early"],
        ),
        (outcome(segments=[]), 0, ["note: a.wav: no speech was heard"]),
        (outcome(segments=[], duration_s=0.0), 0, []),
        (outcome(lost_s=1.234), 1, ["error: a.wav: 1.23 s of the audio did not reach the service"]),
        (
            outcome(complete=False),
            1,
            [
                "error: a.wav: the service did not finish its results in time; the last words may be missing",
            ],
        ),
        (outcome(InputError("a.wav: it is empty"), segments=[]), 2, ["error: a.wav: it is empty"]),
        (
            outcome(InputError("it is odd")),
            2,
            ["error: a.wav: it is odd; what was heard until 2.0 s is in a.txt"],
        ),
    ],
)
def test_what_is_told_of_one_input(told: _Outcome, code: int, said: list[str]) -> None:
    screen = Screen()
    assert (work(screen)._tell(told), screen.said) == (code, said)


@pytest.mark.parametrize(
    ("concurrency", "emulated", "error", "is_busy"),
    [
        (1, False, NO_PROGRESS, False),
        (2, False, NO_PROGRESS, True),
        (1, True, NO_PROGRESS, True),
        (2, False, ConnectionLost(1011, "something else"), False),
        (2, False, InputError("no progress"), False),
    ],
)
def test_a_recogniser_that_is_busy_is_told_what_helps(
    concurrency: int, emulated: bool, error: Exception, is_busy: bool
) -> None:
    words = work(Screen(), concurrency=concurrency, emulated=emulated)._explained("a.wav", error)
    assert (words == "a.wav: the recogniser cannot keep up; lower --concurrency") == is_busy
    assert words.startswith("a.wav: ")


async def reported(screen: Screen, *outcomes: _Outcome) -> int:
    """What becomes of these inputs."""

    async def one(result: _Outcome) -> _Outcome:
        return result

    tasks = [asyncio.create_task(one(result)) for result in outcomes]
    try:
        return await work(screen, files=len(outcomes)).report(tasks)
    finally:
        await asyncio.wait(tasks)


async def test_the_worst_of_all_is_returned() -> None:
    screen = Screen()
    bad, lost = outcome(InputError("it is odd"), segments=[]), outcome(lost_s=1.0)
    assert await reported(screen, outcome(), bad, lost, outcome()) == 2
    assert await reported(screen, outcome(), lost) == 1
    assert await reported(screen, outcome()) == 0


@pytest.mark.parametrize(
    "error", [HandshakeRefused(401), ConnectFailed("wss://x", "no"), InvalidArgument("model", 1, "another")]
)
@pytest.mark.parametrize("kept", [True, False])
async def test_a_service_that_cannot_be_used_ends_everything(error: Exception, kept: bool) -> None:
    screen = Screen()
    told = outcome(error, segments=[HEARD] if kept else [])
    with pytest.raises(type(error)):
        await reported(screen, told, outcome(InputError("never told")))
    assert screen.said == ["error: a.wav: what was heard until 2.0 s is in a.txt"] * kept


async def test_a_reader_that_has_left_is_not_told() -> None:
    screen = Screen()
    with pytest.raises(BrokenPipeError):
        await reported(screen, outcome(BrokenPipeError()))
    assert screen.said == []


class Feed:
    """An input that is open at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aenter__(self) -> Feed:
        return self

    async def __aexit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("ends", [None, InputError("it is odd"), OSError(28, "No space left"), "cancelled"])
@pytest.mark.parametrize("heard", [True, False])
async def test_whatever_ends_an_input_what_was_heard_is_kept(
    ends: Any, heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(self: _Work, feed: Feed, outcome: _Outcome, output: Any) -> None:
        outcome.transcript.duration_s = 2.0
        if heard:
            outcome.transcript.segments.append(HEARD)
            output.tell([HEARD])
        if ends == "cancelled":
            raise asyncio.CancelledError
        if ends is not None:
            raise ends

    monkeypatch.setattr(_transcribing, "Feed", Feed)
    monkeypatch.setattr(_Work, "_play", play)
    screen = Screen()
    doing = work(screen, paths={"text": Path("out.txt")}).one(0)
    if ends == "cancelled":
        with pytest.raises(asyncio.CancelledError):
            await doing
        assert screen.said == ["error: 0.wav: what was heard until 2.0 s is in out.txt"] * heard
    else:
        result = await doing
        assert result.error is ends
        assert result.files == ["out.txt"] * (heard or ends is None)
        assert screen.said == []
    assert written("out.txt") == "hello\n" * heard


@pytest.mark.parametrize(
    ("multichannel", "channels", "speed", "live"), [(True, 2, 1.0, True), (False, 1, 1.25, False)]
)
async def test_an_input_is_played_with_what_was_asked_for(
    multichannel: bool, channels: int, speed: float, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    class Playing:
        def __init__(
            self, feed: Any, session: Any, channels: int, hearing: Any, bar: Any, **rest: Any
        ) -> None:
            seen.update(session=session, channels=channels, hearing=hearing, bar=bar, live=rest["live"])
            self.transcript = Transcript("of the input")

        async def run(self) -> None:
            seen["ran"] = True

    screen = Screen()
    stereo = AudioReader("dir/a.wav", "16 bit", 8000, 2, "s16le", 16_000, lambda _: iter(()))
    doing = work(screen, speed=speed)
    asked = SimpleNamespace(multichannel=multichannel, hearing=lambda channels: f"hears {channels}")
    monkeypatch.setattr(_transcribing, "Playing", Playing)
    monkeypatch.setattr(_Work, "_session", lambda self, *arguments: arguments)
    doing._order = Order(doing._order.files, cast(Any, asked), [{}], 1, speed)
    cast(Any, screen).bar = lambda name, total: nullcontext((name, total))
    result = _Outcome(Transcript("before"))
    feed = cast(Any, SimpleNamespace(audio=stereo, path=Path("dir/a.wav")))
    await doing._play(feed, result, cast(Any, SimpleNamespace(tell=None)))
    assert screen.said == ["detail: dir/a.wav: 16 bit"]
    assert result.transcript.file == "of the input"
    assert result.notes == ["holds no audio"]
    assert seen == {
        "session": (stereo, Path("dir/a.wav"), channels),
        "channels": channels,
        "hearing": f"hears {channels}",
        "bar": ("a.wav", 2.0),
        "live": live,
        "ran": True,
    }
