"""Whatever comes over HTTP is answered as the service answers: no traceback, no 500, words that help."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speechwire.emulator import Emulator

from .raw import UPGRADE, Answer, check_refusal, exchange, nothing_logged, request

pytest_plugins = ["speechwire.emulator.pytest_plugin"]

NOVA = "/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000"
STREAMS = ["/v1/listen", "/v2/listen", "/v1/speak", "/v2/speak"]
PLAIN = {"Host": "localhost", "Authorization": "Token an-api-key"}

# One emulator serves every example of a property: what one leaves behind the next one meets.
bounded = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def answered(emulator: Emulator, data: bytes) -> Answer:
    answer = exchange(emulator, data)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *[("POST", path, 405) for path in STREAMS],
        ("PUT", "/v1/listen", 405),
        ("DELETE", "/v2/speak", 405),
        ("OPTIONS", "/v1/listen", 405),
        ("POST", "/v1/read", 404),
        ("GET", "/v1/projects", 404),
        ("GET", "/v1/models", 404),
        ("GET", "/v1/auth/token", 404),
        ("GET", "/v1/auth/grant", 404),
        ("GET", "/v1/agent/converse", 404),
        ("POST", "/v3/listen", 404),
        ("POST", "/_emulator", 404),
        ("GET", "/", 404),
        ("GET", "//v1/listen", 404),
        ("GET", "/v1/listen/", 404),
    ],
)
def test_what_is_no_stream_is_told_where_the_streams_are(
    deepgram_emulator: Emulator, method: str, path: str, status: int
) -> None:
    headers = PLAIN | {"Content-Type": "audio/wav", "Content-Length": "44"}
    with nothing_logged():
        answer = answered(deepgram_emulator, request(method, f"{path}?model=nova-3", headers, bytes(44)))
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}[status]
    text = (
        f"This emulator streams only, so {method} {path} is not served here. Its endpoints are the "
        f"WebSockets /v1/listen, /v2/listen, /v1/speak and /v2/speak at {deepgram_emulator.base_url}, and "
        "POST /v1/auth/grant."
    )
    request_id = answer.headers["dg-request-id"]
    assert answer.status == status
    assert answer.json == {"err_code": code, "err_msg": text, "request_id": request_id}
    assert answer.headers["dg-error"] == text
    assert answer.headers.get("allow") == ("GET" if status == 405 else None)


def test_a_request_that_is_no_stream_counts_as_no_connection(deepgram_emulator: Emulator) -> None:
    answered(deepgram_emulator, request("POST", "/v1/listen", PLAIN))
    assert deepgram_emulator.connections == []


@pytest.mark.parametrize(
    ("target", "headers", "status", "words"),
    [
        (NOVA + "&%00=1", {}, 101, ""),
        (NOVA + "&model=%00", {}, 403, "does not have access"),
        (NOVA + "&interim_results=%0d%0aSet-Cookie:x", {}, 400, "Failed to deserialize"),
        ("/v2/listen?model=flux-general-en&%00=1", {}, 400, "unknown field `\x00`"),
        ("/v2/listen?model=flux-general-en&%0A=1", {}, 400, "unknown field `\n`"),
        ("/v2/listen?model=flux-general-en&%f0%9f%98%80=1", {}, 400, "unknown field `\U0001f600`"),
        ("/v2/listen?model=flux-general-en&%ff=1", {}, 400, "unknown field"),
        ("/v2/speak?" + "x" * 40_000, {}, 400, "unknown field `xxx"),
        ("/v1/listen?" + "x" * 70_000, {}, 400, "could not be read"),
        (NOVA, {"X": "x" * 70_000}, 400, "could not be read"),
        (NOVA, {"X Y": "z"}, 400, "could not be read"),
        (NOVA, {"Content-Length": "-1"}, 400, "could not be read"),
        (NOVA, {"Authorization": ""}, 401, "Invalid credentials."),
        (NOVA, {"Authorization": "Token \udcff"}, 101, ""),
        (NOVA, {"Upgrade": "h2c"}, 400, "This endpoint is served over WebSocket only."),
        (NOVA, {"Upgrade": "WebSocket"}, 101, ""),
        (NOVA, {"Connection": "keep-alive"}, 400, "`Connection` must be `Upgrade`"),
        (NOVA, {"Connection": "keep-alive, Upgrade"}, 101, ""),
        (NOVA, {"Sec-WebSocket-Version": "12"}, 400, "`Sec-WebSocket-Version` must be 13"),
        (NOVA, {"Sec-WebSocket-Version": ""}, 400, "`Sec-WebSocket-Version` must be 13"),
        (NOVA, {"Sec-WebSocket-Key": ""}, 400, "`Sec-WebSocket-Key` must be 16 bytes in base64"),
        (NOVA, {"Sec-WebSocket-Key": "c2hvcnQ="}, 400, "`Sec-WebSocket-Key` must be 16 bytes in base64"),
        (NOVA, {"Sec-WebSocket-Key": "é" * 24}, 400, "`Sec-WebSocket-Key` must be 16 bytes in base64"),
    ],
    ids=repr,
)
def test_handshakes_out_of_order(
    deepgram_emulator: Emulator, target: str, headers: dict[str, str], status: int, words: str
) -> None:
    with nothing_logged():
        answer = answered(deepgram_emulator, request("GET", target, UPGRADE | headers))
    if status == 101:
        assert answer.status == 101
    elif words.startswith("`"):
        assert check_refusal(answer, status) == f"This endpoint is served over WebSocket only. {words}."
    else:
        assert words in check_refusal(answer, status)


def test_what_came_in_the_query_comes_back_in_the_header_escaped_and_cut(deepgram_emulator: Emulator) -> None:
    target = "/v2/listen?model=flux-general-en&%00%0a%c3%a9=1"
    short = answered(deepgram_emulator, request("GET", target, UPGRADE))
    long = answered(deepgram_emulator, request("GET", "/v2/speak?" + "x" * 5000, UPGRADE))
    head = "Failed to deserialize query parameters: unknown field `"
    assert short.headers["dg-error"] == head + "\\x00\\n\\xe9`"
    assert short.json["message"] == head + "\x00\né`"
    assert long.headers["dg-error"] == (head + "x" * 5000)[:512] + "..."


GRANT = "/v1/auth/grant"


def grant(emulator: Emulator, body: bytes, **headers: str) -> Answer:
    head = PLAIN | {"Content-Length": str(len(body))} | headers
    return answered(emulator, request("POST", GRANT, head, body))


@pytest.mark.parametrize(
    ("body", "expires_in"),
    [(b"", 30), (b"  ", 30), (b"{}", 30), (b'{"ttl_seconds": null}', 30), (b'{"ttl_seconds": 3600}', 3600)],
)
def test_grants(deepgram_emulator: Emulator, body: bytes, expires_in: int) -> None:
    answer = grant(deepgram_emulator, body)
    assert answer.status == 200
    assert answer.json["expires_in"] == expires_in
    assert answer.json["access_token"].count(".") == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "it is not a JSON object"),
        (b"1", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b"{", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b'{"a":' * 50_000, "it is not JSON"),
        (b'{"ttl_seconds": ' + b"9" * 5000 + b"}", "it is not JSON"),
        (b'{"ttl_seconds": 1e999}', "it is not JSON"),
        (b'{"ttl_seconds": NaN}', "it is not JSON"),
        (b'{"ttl_seconds": "30"}', "`ttl_seconds` is not a number"),
        (b'{"ttl_seconds": true}', "`ttl_seconds` is not a number"),
        (b'{"ttl_seconds": [30]}', "`ttl_seconds` is not a number"),
        (b'{"ttl_seconds": 0}', "`ttl_seconds` is not above 0 and at most 3600"),
        (b'{"ttl_seconds": -1}', "`ttl_seconds` is not above 0 and at most 3600"),
        (b'{"ttl_seconds": 3601}', "`ttl_seconds` is not above 0 and at most 3600"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else None,
)
def test_grants_that_are_refused(deepgram_emulator: Emulator, body: bytes, words: str) -> None:
    with nothing_logged():
        sentence = check_refusal(grant(deepgram_emulator, body), 400)
    assert sentence == f"The request body could not be read: {words}."


def test_bodies_that_are_not_what_their_headers_say(deepgram_emulator: Emulator) -> None:
    packed = gzip.compress(b"{}")
    with nothing_logged():
        check_refusal(grant(deepgram_emulator, b"no gzip", **{"Content-Encoding": "gzip"}), 400)
        check_refusal(grant(deepgram_emulator, packed, **{"Content-Encoding": "gzip"}), 400)
        chunks = request("POST", GRANT, PLAIN | {"Transfer-Encoding": "chunked"}, b"zz\r\n{}\r\n0\r\n\r\n")
        check_refusal(answered(deepgram_emulator, chunks), 400)
        check_refusal(grant(deepgram_emulator, b" " * 2_000_000), 413)
        assert (
            grant(deepgram_emulator, b"{}", **{"Content-Type": "text/plain; charset=klingon"}).status == 200
        )
        unsigned = request("POST", GRANT, {"Host": "localhost", "Content-Length": "2"}, b"{}")
        check_refusal(answered(deepgram_emulator, unsigned), 401)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("ttl_seconds"), inner),
    max_leaves=8,
)


@bounded
@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_of_a_grant(deepgram_emulator: Emulator, body: bytes) -> None:
    with nothing_logged():
        answer = grant(deepgram_emulator, body)
    if answer.status == 200:
        assert set(answer.json) == {"access_token", "expires_in"}
    else:
        check_refusal(answer, 400)


# What may stand in a request line or a header without ending it.
visible = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)
octets = st.text("0123456789abcdefABCDEF", min_size=2, max_size=2)
queries = st.lists(st.tuples(st.just("%"), octets).map("".join) | st.sampled_from("&=;+?#/%ax"), max_size=30)
names = st.sampled_from([*UPGRADE, "Content-Length", "Transfer-Encoding", "Expect", "Cookie", "X-Y"])


@bounded
@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "TRACE", "get", ""]),
    st.sampled_from([*STREAMS, NOVA, GRANT, "/_emulator", "*", "http://x/v1/listen", "/%00", "/%ff"]),
    queries.map("".join),
    st.dictionaries(names, visible | st.sampled_from(["1", "websocket", "chunked", "token, x"]), max_size=4),
    st.binary(max_size=50),
)
@example("GET", "/v1/listen", "%00=1", {}, b"")
@example("GET", "/v1/listen", "", {"Sec-WebSocket-Protocol": "token"}, b"")
def test_any_request(
    deepgram_emulator: Emulator,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    with nothing_logged():
        data = request(method, f"{path}?{query}", UPGRADE | headers, body)
        answer = exchange(deepgram_emulator, data, patience_s=0.2)
    if answer is None or answer.status in (101, 200):
        return
    if method == "HEAD":
        assert 400 <= answer.status < 500
    else:
        check_refusal(answer)


@bounded
@given(st.binary(max_size=300))
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the first bytes of TLS
@example(b"GET /v1/listen HTTP/9.9\r\n\r\n")
@example(b"GET /v1/listen\r\n\r\n")
@example(b"\r\n" * 100)
def test_anything_at_all(deepgram_emulator: Emulator, data: bytes) -> None:
    with nothing_logged():
        answer = exchange(deepgram_emulator, data + b"\r\n\r\n", patience_s=0.2)
    if answer is not None:
        check_refusal(answer)


def test_it_still_serves_after_all_that(
    make_deepgram_emulator: Callable[..., Emulator], deepgram_emulator: Emulator
) -> None:
    for data in (
        b"\0" * 1000,
        request("GET", "/v2/listen?%00", UPGRADE),
        request("POST", GRANT, PLAIN, b"[" * 9),
    ):
        exchange(deepgram_emulator, data)
    with urlopen(Request(deepgram_emulator.http_url + "/_emulator")) as response:
        status: dict[str, Any] = json.load(response)
    assert status["open"] == 0
