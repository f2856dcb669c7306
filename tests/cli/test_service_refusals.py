"""``transcribe``, ``speak`` and ``doctor``: services that refuse, keys that are no use, wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import (
    KEY,
    Outcome,
    Run,
    Serve,
)
from tests.cli.service import NOWHERE, silence


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "arguments",
    [
        ("transcribe", "in.wav", "in.wav", "--json"),
        ("transcribe", "in.wav", "--flux"),
        ("speak", "hello", "-o", "out.wav"),
    ],
)
def test_a_refusal_is_one_line_and_3(run: Run, serve: Serve, arguments: tuple[str, ...]) -> None:
    silence("in.wav")
    url = serve(keys=["another-key"]).base_url
    outcome = run(*arguments, "--base-url", url)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (3, "", 1)
    assert outcome.err.startswith(f"speechwire {arguments[0]}: ")
    assert "HTTP 401" in outcome.err
    assert KEY not in outcome.err
    assert not Path("out.wav").exists()


@pytest.mark.usefixtures("key")
def test_a_service_that_is_not_there_is_3(spawn: Run) -> None:
    outcome = spawn("speak", "hello", "-o", "out.wav", "--base-url", NOWHERE)
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert "could not connect" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("transcribe", "in.wav"), "no API key: set DEEPGRAM_API_KEY, or use --key-file, or --emulator"),
        (
            ("transcribe", "in.wav", "--key-file", KEY),
            "the file named by --key-file cannot be read: No such file or directory",
        ),
        (
            ("transcribe", "in.wav", "--emulator", "--base-url", NOWHERE),
            "--emulator runs in this process: leave out --base-url and --key-file",
        ),
        (
            ("transcribe", "in.wav", "--flux", "--language", "de"),
            "--language is for Nova, not for Flux; leave out --flux or --language",
        ),
        (("transcribe", "a.wav", "b.wav", "--srt"), "--srt of several inputs needs --output-dir"),
        (("transcribe", "a.wav", "b.wav", "-o", "x"), "-o is for one input; several need --output-dir"),
        (("transcribe", "in.wav", "--json", "--srt"), "--json and --srt together need --output-dir"),
        (("transcribe", "in.wav", "--srt", "-o", "x.json"), "x.json: --srt contradicts the extension .json"),
        (
            ("transcribe", "in.wav", "-o", "x", "--output-dir", "y"),
            "-o and --output-dir contradict each other",
        ),
        (("transcribe", "-", "-"), "standard input can be read only once"),
        (("speak", "-", "-o", "out.wav", "--key-file", "-"), "standard input can be read only once"),
        (("transcribe", "-", "--key-file", "-"), "standard input can be read only once"),
        (("transcribe", "in.wav", "--extra", "numerals"), "--extra numerals: it must be KEY=VALUE"),
        (
            ("transcribe", "in.wav", "--extra", "model=x"),
            "--extra model=x: the command sets model by itself or by an option",
        ),
        (
            ("transcribe", "in.wav", "--extra", "numerals=maybe"),
            "--extra numerals=maybe: it must be true or false",
        ),
        (
            ("transcribe", "in.wav", "--extra", "endpointing=-1"),
            "--extra endpointing=-1: it must be 0 ms or more, or False",
        ),
        (
            ("transcribe", "in.wav", "--flux", "--extra", "eot_threshold=0.1"),
            "--extra eot_threshold=0.1: it must be from 0.5 to 1",
        ),
        (
            ("transcribe", "in.wav", "--extra", "token=" + KEY),
            "--extra must be free of credentials, which belong in a header, got 'token'",
        ),
        (
            ("transcribe", "in.wav", "--flux", "--diarize"),
            "--diarize is for Nova, not for Flux; leave out --flux or --diarize",
        ),
        (
            ("transcribe", "in.wav", "--flux", "--multichannel"),
            "--multichannel is for Nova, not for Flux; leave out --flux or --multichannel",
        ),
        (
            ("transcribe", "a/x.wav", "b/x.wav", "--output-dir", "out"),
            "2 inputs would be written to the same x.txt",
        ),
        (
            ("transcribe", "in.wav", "--base-url", "ws://10.0.0.1", "--key-file", "key"),
            "--base-url must be wss:// unless the host is loopback: the key would travel in the clear, "
            "got 'ws://10.0.0.1/v1/listen'",
        ),
        (
            ("transcribe", "in.wav", "--model", "aura-2-thalia-en"),
            "--model must be a model of /v1/listen (Flux is on /v2/listen, Aura on /v1/speak), "
            "got 'aura-2-thalia-en'",
        ),
        (("speak", "...", "-o", "out.wav"), "TEXT has no words to speak"),
        (("speak", "hi", "-o", "out.wav", "--speed", "9"), "--speed must be from 0.7 to 1.5, got 9.0"),
        (
            ("speak", "hi", "-o", "out.wav", "--rate", "5"),
            "--rate must be one of 8000, 16000, 24000, 32000, 48000, got 5",
        ),
        (
            ("speak", "hi", "-o", "out.wav", "--model", "nova-3"),
            "--model must be an Aura voice (Flux voices are on /v2/speak), got 'nova-3'",
        ),
        (
            ("speak", "hi", "-o", "out.wav"),
            "no API key: set DEEPGRAM_API_KEY, or use --key-file, or --emulator",
        ),
        (
            ("speak", "hi", "-o", "out.mp3"),
            "out.mp3: cannot write .mp3 files; there are .wav, .flac and .raw",
        ),
        (("speak", "\udc97", "-o", "out.wav"), "TEXT is not UTF-8"),
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    silence("in.wav")
    Path("key").write_text("key")
    outcome = run(*arguments)
    assert outcome == Outcome(2, "", f"speechwire {arguments[0]}: {words}\n")
    assert KEY not in outcome.err
    assert sorted(path.name for path in Path().iterdir() if path.name != "out") == ["in.wav", "key"]


def test_the_key_is_no_option_and_is_not_shown(run: Run) -> None:
    outcome = run("transcribe", silence("in.wav"), "--api-key=" + KEY)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "No such option" in outcome.err
    assert KEY not in outcome.err


def test_the_key_can_come_from_a_file(run: Run, serve: Serve) -> None:
    Path("key").write_text(KEY + "\n")
    url = serve(keys=[KEY]).base_url
    assert run("doctor", "--base-url", url, "--key-file", "key").code == 0


@pytest.mark.parametrize(
    ("content", "why"), [(b" \n", "is empty"), (b"\xff\xfe", "cannot be read: it is not plain text")]
)
def test_a_useless_key_file(run: Run, content: bytes, why: str) -> None:
    Path("key").write_bytes(content)
    outcome = run("speak", "hi", "-o", "out.wav", "--key-file", "key")
    assert outcome == Outcome(2, "", f"speechwire speak: the file named by --key-file {why}\n")
