"""What a test of an agent is given: a caller's audio, faults by name, and verdicts in words."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from speechwire.emulator import (
    Behaviour,
    CloseWith,
    EmulatedCall,
    Emulator,
    HalfOpen,
    KnownWords,
    RefuseUpgrade,
    Reset,
    Stall,
)
from speechwire.emulator import testing as module
from speechwire.emulator.cli import _make, _parser, _served
from speechwire.emulator.journal import Journal
from speechwire.emulator.server import _safe_headers
from speechwire.emulator.testing import _found


def a_call() -> EmulatedCall:
    words = KnownWords()
    return EmulatedCall(Emulator(words), words)


def test_audio_is_words_with_silence_around_them() -> None:
    call = a_call()
    word, gap = call.audio("Yes.", rate=4000, before_s=0.0, after_s=0.0)[:2] * 1000, bytes(2 * 400)
    assert call.audio("Yes.", rate=4000) == bytes(2 * 800) + word + gap + bytes(2 * 4000)
    twice = call.audio("Yes. Yes.", rate=4000, before_s=0.1, after_s=0.2)
    assert twice == bytes(2 * 400) + (word + gap) * 2 + bytes(2 * 800)
    assert call.audio("", before_s=0.0, after_s=0.01) == bytes(2 * 160)
    assert len(call.audio("Yes.")) == 2 * round(16_000 * 1.55)


@pytest.mark.parametrize(
    ("method", "holds"),
    [
        ("audio", {"rate": 16_000, "channels": 1, "before_s": 0.2, "after_s": 1.0}),
        ("frames", {"rate": 16_000, "channels": 1}),
        ("play", {"rate": 16_000, "channels": 1, "speed": 1.0}),
        ("heard", {"times": None}),
        ("spoken", {"times": None}),
        ("texts_in", {"rate": 24_000}),
        ("eventually", {"within_s": 10.0}),
        ("wait_for", {"within_s": 10.0}),
    ],
)
def test_what_holds_unless_something_else_is_said(method: str, holds: dict[str, object]) -> None:
    parameters = inspect.signature(getattr(EmulatedCall, method)).parameters.values()
    assert {each.name: each.default for each in parameters if each.default is not each.empty} == holds


def test_each_channel_says_the_same() -> None:
    call = a_call()
    mono = call.audio("Yes. No.", rate=8000)
    samples = [mono[at : at + 2] for at in range(0, len(mono), 2)]
    assert call.audio("Yes. No.", rate=8000, channels=3) == b"".join(sample * 3 for sample in samples)


@pytest.mark.parametrize(
    ("rate", "channels", "size"), [(16_000, 1, 640), (48_000, 2, 3840), (11_025, 1, 440)]
)
def test_frames_have_20_ms(rate: int, channels: int, size: int) -> None:
    call = a_call()
    frames = [*call.frames("Yes.", rate=rate, channels=channels)]
    assert {len(frame) for frame in frames[:-1]} == {size}
    assert 0 < len(frames[-1]) <= size
    assert b"".join(frames) == call.audio("Yes.", rate=rate, channels=channels)
    assert [*call.frames("Yes.", after_s=0.0, before_s=0.0)] == [*call.frames("Yes.", before_s=0, after_s=0)]


@pytest.mark.parametrize(("rate", "channels"), [(4000, 1), (192_000, 1), (8000, 32)])
def test_audio_at_the_edges(rate: int, channels: int) -> None:
    assert len(a_call().audio("Yes.", rate=rate, channels=channels)) == 2 * channels * round(rate * 1.55)


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("rate", 3999, "rate must be 4000 to 192000 Hz, got 3999"),
        ("rate", 192_001, "rate must be 4000 to 192000 Hz, got 192001"),
        ("channels", 0, "channels must be 1 to 32, got 0"),
        ("channels", 33, "channels must be 1 to 32, got 33"),
    ],
)
def test_audio_beyond_them(argument: str, value: int, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        a_call().audio("Yes.", **{argument: value})


@pytest.mark.parametrize(("speed", "each_s"), [(1.0, 0.02), (4.0, 0.005)])
async def test_a_caller_speaks_at_a_pace(
    speed: float, each_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, pushed_at, waits = [100.0], [], []
    pushed: list[bytes] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    async def push(frame: bytes) -> None:
        pushed_at.append(clock[0])
        pushed.append(frame)
        clock[0] += 0.001

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    options: dict[str, Any] = {"rate": 8000, "channels": 2, "before_s": 0.0, "after_s": 0.0}
    call = a_call()
    await call.play("Yes.", push, speed=speed, **options)
    assert pushed == [*call.frames("Yes.", **options)]
    assert pushed_at == pytest.approx([100.0 + each_s * place for place in range(18)])
    assert waits == pytest.approx([each_s - 0.001] * 18), "what the agent takes is not added"


def test_common_faults_concern_the_first_listening_connection() -> None:
    call = a_call()
    journal = Journal()
    for endpoint in ("/v1/speak", "/v2/listen", "/v1/speak", "/v1/listen"):
        journal.arrive(endpoint, [], {})
    call.emulator._journal = journal
    faults = call.common_faults()
    first = call.listening(0)
    for fault in faults.values():
        assert [index for index in range(5) if index in cast(Any, fault.connections)] == [1]
    assert {name: replace(fault, connections=first) for name, fault in faults.items()} == {
        "reset": Reset(at_s=1.0, connections=first),
        "closed with 1011": CloseWith(1011, "NET-0000", at_s=1.0, connections=first),
        "silent": Stall(at_s=1.0, connections=first),
        "dead": HalfOpen(at_s=1.0, connections=first),
        "refused with 503": RefuseUpgrade(503, connections=first),
    }
    for ranks, indices in ((call.listening(0, 1), [1, 3]), (call.speaking(1), [2]), (call.speaking(2), [])):
        assert [index for index in range(5) if index in ranks] == indices


@pytest.mark.parametrize(
    ("text", "times", "holds", "words"),
    [
        ("two tickets", None, True, "heard: ['Two tickets.', 'Two, two!']"),
        ("tickets two", None, True, "heard: ['Two tickets.', 'Two, two!']"),
        ("TWO", None, True, "heard 3 times: ['Two tickets.', 'Two, two!']"),
        ("two", 3, True, "heard 3 times: ['Two tickets.', 'Two, two!']"),
        ("two", 2, False, "heard 3 times: ['Two tickets.', 'Two, two!']"),
        ("two tickets", 1, True, "heard 1 times: ['Two tickets.', 'Two, two!']"),
        ("three", None, False, "not heard: 'three', but ['Two tickets.', 'Two, two!']"),
        ("three", 0, True, "not heard: 'three', but ['Two tickets.', 'Two, two!']"),
        ("", None, False, "not heard: '', but ['Two tickets.', 'Two, two!']"),
        (
            "two tickets two two two",
            None,
            False,
            "not heard: 'two tickets two two two', but ['Two tickets.', 'Two, two!']",
        ),
    ],
)
def test_a_verdict_and_its_reason(text: str, times: int | None, holds: bool, words: str) -> None:
    verdict = _found("heard", text, ["Two tickets.", "Two, two!"], times)
    assert (bool(verdict), repr(verdict)) == (holds, f"<{words}>")


def test_what_was_not_heard_and_not_spoken() -> None:
    call = a_call()
    assert repr(call.heard("x")) == "<not heard: 'x', but []>"
    assert repr(call.spoken("x")) == "<not spoken: 'x', but []>"


def test_no_secret_is_kept_of_a_request() -> None:
    headers = {
        "Authorization": "Token k",
        "Sec-WebSocket-Protocol": "token, k",
        "Cookie": "k",
        "X-Trace": "t",
    }
    assert _safe_headers(cast(Any, SimpleNamespace(headers=headers))) == {"X-Trace": "t"}


def test_what_the_command_is_told_is_what_the_emulator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        "speechwire.emulator.cli.Emulator", lambda *given, **named: made.append((*given, named))
    )
    options = (
        "--engine tagged --host ::1 --port 7 --key a --key b --journal j --time-scale 0.5 --allow-remote"
    )
    _make(_parser().parse_args(options.split()))
    assert made == [
        (
            "tagged",
            {
                "script": None,
                "host": "::1",
                "port": 7,
                "keys": ["a", "b"],
                "journal": Path("j"),
                "behaviour": Behaviour(time_scale=0.5),
                "allow_remote": True,
            },
        )
    ]


def test_how_soon_an_agent_stopped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "interruptions", lambda connections: [0.25, 0.5])
    call = a_call()
    assert repr(call.interrupted_within(0.5)) == "<interrupted after 0.25 s, 0.50 s, allowed are 0.5 s>"
    assert [bool(call.interrupted_within(seconds)) for seconds in (0.49, 0.5)] == [False, True]


async def test_waiting_ends_as_soon_as_there_is_something() -> None:
    call, seen = a_call(), iter([0, "", "at last", "too late"])
    assert await call.eventually(lambda: next(seen)) == "at last"
    assert await call.eventually(list, within_s=0.0) == []
    assert call.wait_for(lambda: next(seen)) == "too late"
    assert call.wait_for(lambda: 0, within_s=0.0) == 0


@pytest.mark.parametrize("blocking", [True, False])
async def test_waiting_ends_when_there_was_nothing_for_long(
    blocking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, looked = [100.0], []

    def pause(seconds: float) -> None:
        clock[0] += seconds

    async def sleep(seconds: float) -> None:
        pause(seconds)

    def look() -> bool:
        looked.append(clock[0])
        return False

    monkeypatch.setattr(module, "_LOOK_S", 0.25)
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=pause))
    call = a_call()
    assert not (call.wait_for(look, 0.5) if blocking else await call.eventually(look, 0.5))
    assert looked == [100.0, 100.25, 100.5]


def test_what_is_said_of_what_cannot_be() -> None:
    call = a_call()
    with pytest.raises(TypeError) as raised:
        call.fails_with(cast(Any, "reset"))
    assert str(raised.value) == "faults must be faults, such as common_faults()['reset'], got str"
    words = "<not interrupted: no Clear, no Interrupt and no early end of a connection>"
    assert (bool(call.interrupted_within(1e9)), repr(call.interrupted_within(1e9))) == (False, words)
    assert repr(_found("heard", "a", ["A a"], None)) == "<heard 2 times: ['A a']>"


def test_another_engine_plays_no_texts() -> None:
    assert EmulatedCall(Emulator(), None).texts_in(b"\1\0" * 1000) == []


async def test_what_the_command_says_it_serves() -> None:
    async with Emulator("scripted") as emulator:
        ws, http = emulator.base_url, emulator.http_url
        lines = _served(emulator, _parser().parse_args([])).splitlines()
    assert lines[:5] == [
        ws,
        "  engine   scripted: recognises what its script says, and speaks samples of one value",
        f"  streams  {ws}/v1/listen, /v2/listen, /v1/speak, /v2/speak",
        f"  tokens   POST {http}/v1/auth/grant",
        f"  status   {http}/_emulator",
    ]
    assert lines[5] == "  keys     any that is not empty"


HELP = (
    "usage: speechwire emulator [-h]",
    "A Deepgram on your own machine.",
    "address to listen on (default: 127.0.0.1)",
    "0 for any free one (default: 8765)",
    "offline: pocketsphinx recognises and espeak-ng speaks, both English; tagged: recognises the numbers that"
    " speechwire load puts into the audio, and speaks a tone; scripted: recognises what its script says, and"
    " speaks samples of one value (default: offline)",
    "--script FILE JSON file for the scripted engine",
    "accept only this API key (repeatable; default: any)",
    "--journal FILE append what clients send to this JSON-lines file",
    "factor on idle and session limits",
    "permit a --host that other machines can reach",
)


def test_the_help_says_what_each_option_is_for() -> None:
    shown = " ".join(_parser().format_help().split())
    assert [words for words in HELP if words not in shown] == []
    assert shown.endswith("exit codes: 0 after SIGTERM, 1 could not start, 2 wrong usage, 130 interrupted")
