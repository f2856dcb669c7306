"""What may be asked of a transport: no URL and no header goes out that would not arrive as it was meant."""

from __future__ import annotations

import pytest

from speechwire.errors import InvalidArgument
from speechwire.transport import ConnectRequest

WHERE = "a ws:// or wss:// URL with a host"


@pytest.mark.parametrize(
    ("url", "value", "allowed"),
    [
        ("http://host.test/", "http://host.test", WHERE),
        ("wss:///v1/listen", "wss://", WHERE),
        ("wss://user:s3cret@host.test/", "a user or a fragment", "free of a user and of a fragment"),
        ("wss://host.test/#s3cret", "a user or a fragment", "free of a user and of a fragment"),
        *(
            (url, "other characters", "printable ASCII without blanks; encode the rest")
            for url in ("wss://host.test/a b", "wss://host.test/\x7f", "wss://bücher.test/")
        ),
    ],
)
def test_what_is_no_url(url: str, value: str, allowed: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        ConnectRequest(url)
    assert (refused.value.argument, refused.value.value) == ("url", value)
    assert refused.value.allowed == allowed


@pytest.mark.parametrize(("name", "value"), [("X-Name", "two\nlines"), ("X\r\nName", "value")])
def test_a_header_is_of_one_line(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        ConnectRequest("wss://host.test/", {name: value})
    assert refused.value.argument == f"headers[{name!r}]"
    assert refused.value.allowed == "printable characters"
    assert value not in str(refused.value)


def test_what_holds_unless_something_else_is_asked_for() -> None:
    request = ConnectRequest("wss://host.test/")
    assert request.revealed() == {}
    assert (request.connect_timeout_s, request.heartbeat_s) == (10.0, 20.0)
    assert request.max_message_bytes == 4 << 20
