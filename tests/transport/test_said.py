"""What a peer says, as far as it may be shown."""

from __future__ import annotations

import pytest

from speechwire.transport import CloseEvent, ConnectRequest
from speechwire.transport._client import refused, shown, told
from speechwire.transport._secret import Redactor, Secret

NOTHING = Redactor([])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\nlines", "two  lines"),
        ("a\0b\x1b[1m", "a b [1m"),
        ("x" * 299 + "yz", "x" * 299 + "y"),
    ],
)
def test_it_is_one_line_and_not_too_long(text: str, line: str) -> None:
    assert shown(text, NOTHING) == line


@pytest.mark.parametrize(
    ("status", "body", "location", "said"),
    [
        (503, b" Caf\xe9 \n", None, "Caf\ufffd"),
        (503, b"x" * 5000, None, "x" * 4096),
        (503, b"busy", "wss://there/v1", "busy"),
        (302, b"", "wss://there:1/v1?a=b", "a redirect to wss://there:1, and redirects are not followed"),
        (302, b"", "wss://[there", "a redirect to an invalid URL, and redirects are not followed"),
    ],
)
def test_a_refusal(status: int, body: bytes, location: str | None, said: str) -> None:
    headers = {} if location is None else {"Location": location}
    assert refused(ConnectRequest("ws://here"), status, headers, body, NOTHING).body == said


def test_a_secret_within_another_is_hidden_with_it() -> None:
    redact = Redactor([Secret("inner-1234"), Secret("around-inner-1234")])
    assert redact("said around-inner-1234 and inner-1234") == "said (hidden) and (hidden)"


@pytest.mark.parametrize(
    ("secret", "is_hidden"), [("abcde12", False), ("abcdef12", True), ("a" * 15, False), ("a" * 16, True)]
)
def test_from_which_length_on_it_is_hidden(secret: str, is_hidden: bool) -> None:
    assert Redactor([Secret(secret)])(secret) == ("(hidden)" if is_hidden else secret)


def test_only_answers_that_point_elsewhere_are_redirects() -> None:
    headers = {"Location": "wss://there/v1"}
    statuses = [
        status
        for status in range(200, 600)
        if refused(ConnectRequest("ws://here"), status, headers, b"", NOTHING).body
    ]
    assert statuses == [301, 302, 303, 307, 308]


def test_only_codes_that_a_close_frame_may_hold_are_believed() -> None:
    legal = [code for code in range(6000) if told(code, "why", NOTHING) == CloseEvent(code, "why")]
    assert legal == [1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)]
    assert told(1006, "why", NOTHING) == CloseEvent(1006, "the peer closed with the illegal code 1006")
    assert told(None, "why", NOTHING) == CloseEvent(1005)
