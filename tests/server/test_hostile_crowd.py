"""Every kind of hostile caller at once and by number, beside calls that go on: none of those loses a word."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.server.content import ContentEngine, spoken
from tests.server.hostility import frame, upgrade
from tests.server.serving import Serving, dial, serving, until
from tests.server.test_faults import CaptionedTwilio
from tests.server.test_hostile_requests import HEADERS, PATHS

pytestmark = pytest.mark.usefixtures("each_socket")

SECRET = "the back end's secret, which is long enough to be one"
ALLOWED = f"Authorization: Bearer {SECRET}"
LIMIT_S = 30.0
TURNS = [[11, 12, 13], [21, 22], [31, 32, 33], [41, 42]]

SETTINGS: dict[str, Any] = {
    "auth": "required",
    "shared_secret": SECRET,
    "twilio_auth_token": "secret",
    "handshake_s": 1.0,
    "pending": 1024,
    "max_calls": 500,  # so that places do not bind first
}

Attack = Callable[[Serving, int], Awaitable[str]]


async def exchange(where: Serving, data: bytes, *, drip_s: float = 0.0) -> bytes:
    """Send, and read until the server closes; with a pause after each byte, if one is given."""
    host, port = where.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                for at in range(0, len(data), 1 if drip_s else len(data)):
                    if reader.at_eof():
                        break
                    writer.write(data[at : at + 1] if drip_s else data)
                    await writer.drain()
                    await asyncio.sleep(drip_s)
                return await reader.read()
        return b""
    finally:
        writer.transport.abort()


def outcome(answer: bytes) -> str:
    """What a caller got: a refusal's status, a close code, or the end of the connection."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head:
        return "cut off"
    if b" 101 " not in head[:20]:
        return f"HTTP {head.split(b' ')[1].decode()}"
    return f"closed, {close_code(rest)}"


def close_code(data: bytes) -> int | str:
    """The code of the close frame among a server's frames."""
    at = 0
    while at + 2 <= len(data):
        size, begin = data[at + 1], at + 2
        if size == 126:
            size, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
        if data[at] & 15 == 8:
            return int.from_bytes(data[begin : begin + 2], "big")
        at = begin + size
    return "without a code"


def call(*headers: str) -> bytes:
    return upgrade("/call/twilio", *headers)


async def giant(where: Serving, number: int) -> str:
    return outcome(await exchange(where, call(ALLOWED) + frame(2, bytes(1 << 20))))


async def announced(where: Serving, number: int) -> str:
    return outcome(await exchange(where, call(ALLOWED) + frame(2, b"x", length=1 << 40)))


async def endless(where: Serving, number: int) -> str:
    fragments = frame(1, b"x" * 500, final=False) + frame(0, b"x" * 500, final=False) * 4000
    return outcome(await exchange(where, call(ALLOWED) + fragments))


async def wrong_json(where: Serving, number: int) -> str:
    texts = [b"{", b"[]", b"hello", b'{"event":"media","media":{"payload":"AAAA"}}', b"\xff\xfe"]
    return outcome(await exchange(where, call(ALLOWED) + frame(1, texts[number % len(texts)]) * 20))


async def wrong_format(where: Serving, number: int) -> str:
    caller = CaptionedTwilio()
    caller.media_format = {"encoding": "audio/x-mulaw", "sampleRate": 192_001 + number}
    first = b"".join(frame(1, str(message).encode()) for message in caller.first())
    return outcome(await exchange(where, call(ALLOWED) + first))


async def half_open(where: Serving, number: int) -> str:
    return outcome(await exchange(where, b"GET"))


async def drip(where: Serving, number: int) -> str:
    return outcome(await exchange(where, call(ALLOWED, "X-Filler: " + "a" * 200)[:-2], drip_s=0.05))


async def forged_token(where: Serving, number: int) -> str:
    head = {"alg": ["none", "HS256"][number % 2], "typ": "JWT"}
    parts = [head, {"aud": "speechwire", "exp": 9_999_999_999, "iat": 1}]
    signed = ".".join(text(json.dumps(part).encode()) for part in parts)
    signature = text(hmac.digest(b"guessed", signed.encode(), hashlib.sha256)) if number % 2 else ""
    token = f"{signed}.{signature}"
    where_it_stands = "Authorization: Bearer " if number % 3 else "Sec-WebSocket-Protocol: access_token."
    return outcome(await exchange(where, call(where_it_stands + token) + frame(8, b"\x03\xe8")))


async def forged_signature(where: Serving, number: int) -> str:
    guessed = base64.b64encode(hmac.digest(b"guessed", where.url.encode(), hashlib.sha1)).decode()
    return outcome(await exchange(where, call(f"X-Twilio-Signature: {guessed}") + frame(8, b"\x03\xe8")))


async def path_trick(where: Serving, number: int) -> str:
    path = PATHS[number % len(PATHS)]
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return outcome(await exchange(where, request.encode("latin-1")))


async def header_trick(where: Serving, number: int) -> str:
    refused = [trick for trick in HEADERS if b"POST" not in trick]
    return outcome(await exchange(where, refused[number % len(refused)]))


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


REFUSED = {"HTTP 400", "HTTP 401", "HTTP 403", "HTTP 404", "HTTP 405", "HTTP 426", "cut off"}
CROWD: dict[str, tuple[Attack, int, set[str]]] = {
    "a message of 1 MiB": (giant, 20, {"closed, 1009", "cut off"}),
    "a frame that announces 2^40 bytes": (announced, 50, {"closed, 1009"}),
    "a message of endless fragments": (endless, 10, {"closed, 1009", "cut off"}),
    "wrong JSON": (wrong_json, 50, {"closed, 1008", "closed, 1007"}),
    "a format that is none": (wrong_format, 50, {"closed, 1008"}),
    "a connection that sends no request": (half_open, 300, {"cut off", "HTTP 408"}),
    "a handshake of a byte every 50 ms": (drip, 50, {"cut off", "HTTP 408"}),
    "a forged token": (forged_token, 60, {"HTTP 401", "closed, 4401"}),
    "a forged signature of Twilio": (forged_signature, 60, {"HTTP 401", "HTTP 403"}),
    "a trick with the path": (path_trick, 52, REFUSED),
    "a trick with headers": (header_trick, 48, REFUSED),
}


async def live_call(where: Serving) -> list[str]:
    """Talk at real pace; what was understood."""
    caller = CaptionedTwilio()
    async with dial(where, caller, Authorization=f"Bearer {SECRET}") as dialled:
        for turn in TURNS:
            await dialled.say(spoken(turn), pace=0.02)
        await dialled.hang_up()
    return [one["transcript"] for one in caller.heard.captions if one["type"] == "EndOfTurn"]


@pytest.mark.paced
async def test_a_crowd_of_all_kinds_does_no_harm_to_calls_that_go_on(
    figure: Callable[[str, str], None],
) -> None:
    async with serving(engine=ContentEngine(), **SETTINGS) as where:
        calls = [asyncio.create_task(live_call(where)) for _ in range(3)]
        await until(lambda: len(where.server.lines) == 3)
        attacks = [
            (name, asyncio.create_task(_outcome(attack, where, number)))
            for name, (attack, count, _) in CROWD.items()
            for number in range(count)
        ]
        found: dict[str, Counter[str]] = {name: Counter() for name in CROWD}
        for name, attack in attacks:
            found[name][await attack] += 1
        for index, (name, outcomes) in enumerate(found.items()):
            words = ", ".join(f"{what}: {count}" for what, count in outcomes.most_common())
            figure(f"hostile{index + 1}", f"{outcomes.total()} x {name}: {words}")
        expected = [" ".join(map(str, turn)) for turn in TURNS]
        assert await asyncio.gather(*calls) == [expected] * 3
        for name, outcomes in found.items():
            assert set(outcomes) <= CROWD[name][2], (name, outcomes)
        await until(lambda: not where.server.lines)
        assert where.server.admission.taken == 0
        assert await live_call(where) == expected


async def _outcome(attack: Attack, where: Serving, number: int) -> str:
    try:
        return await attack(where, number)
    except ConnectionError:
        return "cut off"
