"""Who may come in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.server.serving import Serving, serving

from speechwire.server import signatures
from speechwire.server.tokens import Tokens

pytestmark = pytest.mark.usefixtures("each_socket")

SECRET = "0123456789abcdef" * 4
SHARED = "the back end's own"
PUBLIC = "https://voice.example.com"
CLOSED: dict[str, Any] = {"auth": "required", "token_secret": SECRET, "shared_secret": SHARED}


async def attempt(
    where: Serving, path: str = "/call", *, protocols: tuple[str, ...] = (), **headers: str
) -> tuple[int, str | None]:
    """101 and the subprotocol, 4401 where the socket was closed with it, else the status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(where.socket_url + path, protocols=protocols, headers=named) as ws:
                if protocols and protocols[0].startswith("access_token."):
                    await ws.send_str("{")
                    await ws.receive(timeout=10)
                    if ws.close_code == 4401:
                        return 4401, ws.protocol
                return 101, ws.protocol
        except aiohttp.WSServerHandshakeError as error:
            return error.status, None


async def test_loopback_needs_nothing() -> None:
    async with serving() as where:
        assert await attempt(where) == (101, None)


@pytest.mark.parametrize("settings", [{"auth": "required"}, {"public_url": PUBLIC}])
async def test_beyond_it_a_caller_without_anything_is_refused(settings: dict[str, Any]) -> None:
    async with serving(**settings) as where:
        assert (await attempt(where))[0] == 401
        assert where.server.counters.refused == {"unauthorized": 1}
        assert where.server.admission.taken == 0


async def test_a_token_lets_in_as_header_and_as_subprotocol() -> None:
    token = Tokens(SECRET).make()
    async with serving(**CLOSED) as where:
        assert await attempt(where, Authorization=f"Bearer {token}") == (101, None)
        wanted = f"access_token.{token}"
        assert await attempt(where, protocols=(wanted,)) == (101, wanted)


@pytest.mark.parametrize("protocol", ["speechwire.v1", "audio.jambonz.org"])
async def test_the_answer_names_the_protocol_rather_than_the_token(protocol: str) -> None:
    token = f"access_token.{Tokens(SECRET).make()}"
    async with serving(**CLOSED) as where:
        for offered in ((protocol, token), (token, protocol)):
            assert await attempt(where, protocols=offered) == (101, protocol)


def forged() -> Mapping[str, str]:
    now = int(time.time())
    good = {"sub": "x", "aud": "speechwire", "iat": now, "exp": now + 60}
    head, body, signature = jwt.encode(good, SECRET, algorithm="HS256").split(".")

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return {
        "empty": "",
        "junk": "junk",
        "dots": "..",
        "another secret": jwt.encode(good, "f" * 32, algorithm="HS256"),
        "no algorithm": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "another algorithm": jwt.encode(good, SECRET, algorithm="HS384"),
        "no signature": f"{head}.{body}.",
        "another body": f"{head}.{part({**good, 'exp': now + 10**6})}.{signature}",
        "expired": jwt.encode({**good, "exp": now - 1}, SECRET, algorithm="HS256"),
        "no end": jwt.encode({"aud": "speechwire"}, SECRET, algorithm="HS256"),
        "another audience": jwt.encode({**good, "aud": "bank"}, SECRET, algorithm="HS256"),
        "an end that is no number": jwt.encode({**good, "exp": "soon"}, SECRET, algorithm="HS256"),
        "very long": "a" * 7000,
        "the secret itself": SECRET,
    }


@pytest.mark.parametrize("name", list(forged()))
async def test_forged_tokens_do_not(name: str) -> None:
    token = forged()[name]
    assert not Tokens(SECRET).is_valid(token)
    async with serving(**CLOSED) as where:
        assert (await attempt(where, Authorization=f"Bearer {token}"))[0] == 401
        if token and len(token) < 4000 and "." in token:
            wanted = f"access_token.{token}"
            assert await attempt(where, protocols=(wanted,)) == (4401, wanted)


async def test_the_back_ends_secret_lets_in_as_bearer_and_as_password() -> None:
    async with serving(**CLOSED) as where:
        assert (await attempt(where, Authorization=f"Bearer {SHARED}"))[0] == 101
        for user in ("", "pbx", "a:b"):
            pair = base64.b64encode(f"{user}:{SHARED}".encode()).decode()
            wanted = 101 if ":" not in user else 401
            assert (await attempt(where, Authorization=f"Basic {pair}"))[0] == wanted
        for wrong in ("Bearer", "Bearer x", "Basic !!!", "Basic eDp5", f"Digest {SHARED}", f"basic {SHARED}"):
            assert (await attempt(where, Authorization=wrong))[0] == 401


async def test_an_empty_secret_is_no_secret() -> None:
    async with serving(auth="required") as where:
        for value in ("Bearer ", "Bearer", "Basic Og==", "Basic "):
            assert (await attempt(where, Authorization=value))[0] == 401


async def post_token(where: Serving, **headers: str) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(where.url + "/token", headers=headers) as response,
    ):
        return response.status, await response.json()


async def test_a_token_is_made_for_the_back_end_and_lets_in() -> None:
    async with serving(**CLOSED) as where:
        assert (await post_token(where))[0] == 401
        status, body = await post_token(where, Authorization=f"Bearer {SHARED}")
        assert status == 200 and body["expires_in"] == 120.0
        assert (await attempt(where, Authorization=f"Bearer {body['access_token']}"))[0] == 101


async def test_visitors_of_a_public_page_get_tokens_but_not_without_end() -> None:
    async with serving(auth="required", public_page=True) as where:
        statuses = [(await post_token(where))[0] for _ in range(40)]
        assert statuses[:30] == [200] * 30 and set(statuses[30:]) == {429}


@pytest.mark.parametrize(
    ("origin", "settings", "status"),
    [
        ("http://127.0.0.1:{port}", {}, 101),
        ("https://evil.example", {}, 403),
        ("null", {}, 403),
        ("http://127.0.0.1:{port}.evil.example", {}, 403),
        ("http://localhost", {}, 403),
        ("https://app.example.com", {"allowed_origins": ("https://app.example.com",)}, 101),
        ("https://app.example.com.evil.example", {"allowed_origins": ("https://app.example.com",)}, 403),
        ("https://evil.example", {"allowed_origins": ("*",)}, 101),
    ],
)
async def test_pages_of_other_sites_are_kept_out_even_of_loopback(
    origin: str, settings: dict[str, Any], status: int
) -> None:
    async with serving(**settings) as where:
        port = where.url.rpartition(":")[2]
        assert (await attempt(where, Origin=origin.format(port=port)))[0] == status
        wanted = 200 if status == 101 else 403
        assert (await post_token(where, Origin=origin.format(port=port)))[0] == wanted


async def test_another_name_for_loopback_is_not_believed() -> None:
    async with serving() as where:
        assert (await attempt(where, Host="evil.example"))[0] == 403
        assert (await attempt(where, Host="evil.example", Origin="http://evil.example"))[0] == 403
        assert (await attempt(where, Host="localhost:80"))[0] == 101


async def test_a_valid_token_does_not_excuse_a_foreign_page() -> None:
    async with serving(**CLOSED) as where:
        token = Tokens(SECRET).make()
        assert (await attempt(where, Origin="https://evil.example", Authorization=f"Bearer {token}"))[
            0
        ] == 403


# Signatures

TWILIO_TOKEN = "12345"


def twilio_signature(url: str, token: str = TWILIO_TOKEN) -> str:
    return base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest()).decode()


async def test_twilio_comes_in_by_its_signature_over_the_public_url() -> None:
    async with serving(public_url=PUBLIC, twilio_auth_token=TWILIO_TOKEN) as where:
        good = twilio_signature("wss://voice.example.com/call/twilio")
        assert (await attempt(where, "/call/twilio", X_Twilio_Signature=good))[0] == 101
        for bad in (
            "",
            "x",
            good[:-2],
            good.lower(),
            twilio_signature("wss://voice.example.com/call", "54321"),
        ):
            assert (await attempt(where, "/call/twilio", X_Twilio_Signature=bad))[0] == 401
        assert (await attempt(where, "/call/telnyx", X_Twilio_Signature=good))[0] == 401
        assert (await attempt(where, "/call/twilio?x=1", X_Twilio_Signature=good))[0] == 401


URLS = [
    "https://voice.example.com/call/twilio",
    "https://voice.example.com:443/call",
    "https://voice.example.com:8443/call?a=b&c=d%20e",
    "wss://voice.example.com/call/twilio",
    "https://voice.example.com/call/%C3%BC",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("token", [TWILIO_TOKEN, "another"])
def test_the_vendors_own_validator_agrees(url: str, token: str) -> None:
    validator_module = pytest.importorskip("twilio.request_validator", reason="twilio is not installed")
    validator = validator_module.RequestValidator(TWILIO_TOKEN)
    given = twilio_signature(url, token)
    ours = signatures.is_from_twilio({"x-twilio-signature": given}, url, TWILIO_TOKEN)
    assert ours == validator.validate(url, {}, given) == (token == TWILIO_TOKEN)
    assert signatures.is_from_twilio(
        {"x-twilio-signature": validator.compute_signature(url, {})}, url, TWILIO_TOKEN
    )
    assert not signatures.is_from_twilio({"x-twilio-signature": given}, url + "x", TWILIO_TOKEN)


def test_telnyx_by_its_key() -> None:
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    headers = {
        "telnyx-timestamp": "1000",
        "telnyx-signature-ed25519": base64.b64encode(private.sign(b"1000|")).decode(),
    }

    def check(changed: Mapping[str, str] = {}, key: str = public, now: float = 1010.0) -> bool:
        return signatures.is_from_telnyx({**headers, **changed}, key, clock=lambda: now)

    assert check()
    assert not check(now=1400.0) and not check(now=600.0), "it is too old, or from the future"
    assert not check({"telnyx-timestamp": "1001"})
    assert not check({"telnyx-timestamp": "\u0661000"}) and not check({"telnyx-timestamp": ""})
    for bad in ("", "x", base64.b64encode(bytes(64)).decode(), "!" * 88):
        assert not check({"telnyx-signature-ed25519": bad})
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not check(key=base64.b64encode(other).decode())
    assert not check(key="no key")


async def test_telnyx_by_the_token_of_the_stream() -> None:
    async with serving(auth="required", telnyx_stream_token="of the stream") as where:
        good = await attempt(where, "/call/telnyx", x_telnyx_streaming_auth_token="of the stream")
        assert good[0] == 101
        assert (await attempt(where, "/call/telnyx", x_telnyx_streaming_auth_token="other"))[0] == 401


def test_plivo_by_url_and_nonce() -> None:
    url = "https://voice.example.com/call/plivo?b=2&a=1"
    signed = "https://voice.example.com/call/plivo?a=1&b=2.77"
    made = base64.b64encode(hmac.new(b"token", signed.encode(), hashlib.sha256).digest()).decode()
    headers = {"x-plivo-signature-v3": f"other, {made}", "x-plivo-signature-v3-nonce": "77"}
    assert signatures.is_from_plivo(headers, url, "token")
    assert not signatures.is_from_plivo(headers, url, "other")
    assert not signatures.is_from_plivo({**headers, "x-plivo-signature-v3-nonce": "78"}, url, "token")
    assert not signatures.is_from_plivo({"x-plivo-signature-v3": made}, url, "token")
    assert not signatures.is_from_plivo(headers, url + "3", "token")


def test_vonage_by_its_token() -> None:
    claims = {"iss": "Vonage", "iat": 1000, "jti": "1", "api_key": "k"}

    def check(claims: Mapping[str, Any], secret: str = SECRET, now: float = 1010.0) -> bool:
        token = jwt.encode(dict(claims), secret, algorithm="HS256")
        return signatures.is_from_vonage({"authorization": f"Bearer {token}"}, SECRET, clock=lambda: now)

    assert check(claims)
    assert not check(claims, secret="f" * 32)
    assert not check(claims, now=2000.0)
    assert not check({**claims, "iss": "Me"})
    assert not check({"iss": "Vonage"})
    assert not signatures.is_from_vonage({}, SECRET)
    assert not signatures.is_from_vonage({"authorization": "Bearer x.y.z"}, SECRET)
