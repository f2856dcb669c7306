"""Reading the head of an HTTP answer, and the part of its body that has come."""

from __future__ import annotations

import pytest

from speechwire.transport._http import is_informational, parsed_answer

CHUNKED = "Transfer-Encoding: Chunked"


@pytest.mark.parametrize(
    ("head", "body", "own"),
    [
        ("", b"all of it", b"all of it"),
        ("Content-Length: 3", b"one, and what is another's", b"one"),
        (CHUNKED, b"1\r\na\r\n0\r\n\r\n", b"a"),
        (CHUNKED, b"10\r\n0123456789abcdef\r\n1\r\n!\r\n0\r\n\r\n", b"0123456789abcdef!"),
        (CHUNKED, b"3;name=value\r\none\r\n", b"one"),
        (CHUNKED, b"3\r\none\r\n6\r\nhal", b"onehal"),
        (CHUNKED, b"3\r\none\r\n0\r\n\r\n3\r\ntwo\r\n", b"one"),
        (CHUNKED, b"3\r\none\r\nno size\r\ntwo\r\n", b"one"),
        (CHUNKED, b"3\r\none\r\n-3\r\ntwo\r\n", b"one"),
    ],
)
def test_the_body_is_what_belongs_to_the_answer(head: str, body: bytes, own: bytes) -> None:
    answer = parsed_answer(f"HTTP/1.1 503 Busy\r\n{head}".encode(), body)
    assert answer is not None
    assert (answer.status, answer.phrase, answer.body) == (503, "Busy", own)


@pytest.mark.parametrize(
    ("head", "phrase"), [(b"HTTP/1.1 522", ""), (b"HTTP/1.0 522 ", ""), (b"HTTP/1.1 522 \xe9", "\xe9")]
)
def test_the_phrase_may_be_missing_or_odd(head: bytes, phrase: str) -> None:
    answer = parsed_answer(head, None)
    assert answer is not None
    assert (answer.phrase, answer.body) == (phrase, b"")


@pytest.mark.parametrize("head", [None, b"", b"HTTP/1.1 52", b"HTTP/2.0 200 OK", b"SSH-2.0-OpenSSH_9"])
def test_what_is_no_http(head: bytes | None) -> None:
    assert parsed_answer(head, b"") is None


def test_which_answers_only_announce_another() -> None:
    assert [status for status in range(90, 210) if is_informational(status)] == [100, *range(102, 200)]
