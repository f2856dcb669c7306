"""An option whose value is empty, as from a variable that is not set, is refused and not left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run, header, riff

EMPTY = "Invalid value for '--base-url': it is empty"

pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture(autouse=True)
def recording() -> None:
    Path("in.wav").write_bytes(riff(header(1, 16), bytes(3_200)))


@pytest.mark.parametrize(
    "arguments",
    [
        ("transcribe", "in.wav"),
        ("speak", "Hello.", "-o", "out.wav"),
        ("serve", "--port", "0"),
        ("transcribe", "in.wav", "--emulator"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_an_empty_url_does_not_lead_to_deepgram(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "--base-url", "")
    assert (done.code, done.out, done.err) == (2, "", f"speechwire {arguments[0]}: {EMPTY}\n")
    assert [path.name for path in Path().iterdir()] == ["in.wav"]


def test_nor_is_it_checked_there(run: Run) -> None:
    done = run("doctor", "--base-url", "")
    assert (done.code, done.err) == (2, f"speechwire doctor: {EMPTY}\n")


@pytest.mark.parametrize("option", ["--model", "--language", "--keyterm", "--redact"])
def test_an_empty_option_is_refused(run: Run, option: str) -> None:
    done = run("transcribe", "in.wav", option, "", "--base-url", "ws://127.0.0.1:1")
    words = f"speechwire transcribe: {option} must be a non-empty string, got ''\n"
    assert (done.code, done.out, done.err) == (2, "", words)


def test_so_is_an_empty_model_of_flux(run: Run) -> None:
    done = run("transcribe", "in.wav", "--flux", "--model", "", "--base-url", "ws://127.0.0.1:1")
    assert (done.code, done.err) == (2, "speechwire transcribe: --model must be a non-empty string, got ''\n")


def test_settings_that_cannot_be_read_are_an_input(run: Run) -> None:
    done = run("serve", "--config", "none.toml")
    assert (done.code, done.err) == (2, "speechwire serve: none.toml: No such file or directory\n")
