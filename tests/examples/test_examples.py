"""The examples, each as a user starts it, offline; and what each claims, where it can be counted."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import pytest
from tests.examples.conftest import Finished

from examples import agent
from examples.barge_in import EMULATED, LONG, SHORT, converse
from examples.captioner import Caption, subtitles
from examples.many_calls import listen_to
from examples.shared.playing import format_of, played
from examples.shared.service import Service, run, service_of
from speechwire.emulator import Phrase, Reset, Script
from speechwire.errors import SpeechwireError

pytestmark = pytest.mark.usefixtures("finished")  # they run beside the tests, from the first on


def quiet_call(path: Path, rate: int, seconds: float, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate)
        wav.writeframes(bytes(round(rate * seconds) * channels * width))
    return path


async def test_nothing_of_the_interrupted_reply_is_heard() -> None:
    async with service_of(engine="scripted", behaviour=EMULATED) as service:
        outcome = await converse(service, after_s=0.5)
    assert outcome.samples_of(SHORT) == len(outcome.after) // 2 > 0
    assert outcome.samples_of(LONG) == 0
    assert outcome.before


async def test_more_calls_than_the_quota_are_all_heard_and_accounted_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [quiet_call(tmp_path / f"{n}.wav", 8000 * (1 + n % 3), 4.0, 1 + n % 2) for n in range(8)]
    script = Script(Phrase(0.5, "two tickets to oslo", 1.5), Phrase(2.5, "by train", 3.0))
    faults = [Reset(at_s=3.6, connections={2})]
    async with service_of(engine="scripted", script=script, faults=faults) as service:
        calls = await listen_to(paths, service, quota=3, speed=4.0)
    assert all(call.end is not None and call.end.complete for call in calls)
    assert all(call.words == 6 for call in calls[:2])
    account = re.search(r"([\d.]+) s pushed = ([\d.]+) s sent \+ ([\d.]+) s dropped", capsys.readouterr().out)
    assert account is not None
    pushed_s, sent_s, dropped_s = map(float, account.groups())
    assert pushed_s == pytest.approx(8 * 4.0, abs=0.1)
    assert sent_s == pytest.approx(pushed_s, abs=0.011)
    assert dropped_s == 0.0


async def test_a_call_that_is_refused_is_no_other_calls_business(tmp_path: Path) -> None:
    path = quiet_call(tmp_path / "a.wav", 8000, 0.5)
    async with service_of(engine="scripted", keys=["another"]) as service:
        (call,) = await listen_to([path], service, quota=1, speed=4.0)
    assert call.end is not None
    assert not call.end.complete
    assert call.end.dropped_s == call.end.pushed_s
    assert "HTTP 401" in call.row()[1]


def test_subtitles() -> None:
    captions = [Caption(0.5, 1.25, "Two tickets."), Caption(3661.5, 3662.0, "By train.")]
    assert subtitles(captions, ".srt") == (
        "1\n00:00:00,500 --> 00:00:01,250\nTwo tickets.\n\n2\n01:01:01,500 --> 01:01:02,000\nBy train.\n"
    )
    assert subtitles(captions[:1], ".vtt") == "WEBVTT\n\n00:00:00.500 --> 00:00:01.250\nTwo tickets.\n"


async def test_a_recording_is_played_whole(tmp_path: Path) -> None:
    path = quiet_call(tmp_path / "a.wav", 44_100, 0.11, channels=2)
    assert format_of(path) == (44_100, 2)
    assert sum([len(block) async for block in played(path, speed=50.0)]) == round(44_100 * 0.11) * 4


def test_another_kind_of_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    for path in (tmp_path / "text.wav", quiet_call(tmp_path / "8bit.wav", 8000, 0.1, width=1)):
        with pytest.raises(SpeechwireError, match="no 16 bit WAV file"):
            format_of(path)


def test_live_without_a_key_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> int:
        async with service_of(live=True):
            return 0

    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    assert run(main()) == 2
    assert capsys.readouterr().err == (
        "--live needs DEEPGRAM_API_KEY in the environment; without --live no key is needed\n"
    )


def test_a_room_without_accounts_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    monkeypatch.delenv("VIDEOSDK_AUTH_TOKEN", raising=False)
    monkeypatch.setattr("sys.argv", ["agent", "--room", "abcd-efgh"])
    with pytest.raises(SystemExit, match="2"):
        agent.main()
    told = "--room needs VIDEOSDK_AUTH_TOKEN and DEEPGRAM_API_KEY in the environment\n"
    assert capsys.readouterr().err.endswith(told)


def test_a_service_shows_no_key() -> None:
    assert "secret" not in repr(Service("a service", "wss://host", "secret"))


def test_the_agent_hears_and_answers_aloud(finished: Finished) -> None:
    out = finished("agent")
    assert "caller  can i see a doctor today." in out
    assert "agent   Doctor Miller can see you at four." in out
    assert "2 turns of the caller, 3 replies" in out


def test_the_barge_in_can_be_listened_to(finished: Finished, folder: Path) -> None:
    out = finished("barge_in")
    with wave.open(str(folder / "barge_in.wav")) as wav:
        seconds = wav.getnframes() / wav.getframerate()
    told = [float(text) for text in re.findall(r"([\d.]+) s$", out, re.MULTILINE)]
    assert sum(told) == pytest.approx(seconds, abs=0.02)


def test_the_captioner_writes_what_was_said(finished: Finished, folder: Path) -> None:
    out = finished("captioner")
    assert "\x1b" not in out
    captions = (folder / "talk.srt").read_text(encoding="utf-8")
    assert captions.startswith("1\n00:00:00,800 --> 00:00:0")
    assert captions.endswith("Tomorrow will be a warm and sunny day.\n")


def test_a_folder_of_calls_is_heard_whole(finished: Finished) -> None:
    out = finished("many_calls")
    account = re.search(r"^([\d.]+) s pushed = ([\d.]+) s sent \+ 0.00 s dropped", out, re.MULTILINE)
    assert account is not None
    assert account[1] == account[2]
