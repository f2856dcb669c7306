"""Opens a TCP connection to a host, directly or through a proxy's tunnel."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

import aiohappyeyeballs
from aiohappyeyeballs import AddrInfoType

from speechwire.errors import HandshakeRefused
from speechwire.transport._client import failed, shown, words
from speechwire.transport._http import parsed_answer, without_informational
from speechwire.transport._proxy import Proxy, bracketed
from speechwire.transport._secret import Redactor
from speechwire.transport.base import ConnectRequest

__all__ = ["dial"]

_NEXT_ADDRESS_S: Final = 0.25  # aiohttp's, too
_ANSWER_BYTES: Final = 16 * 1024
_NO_SOCKS: Final = "a SOCKS proxy needs the package python-socks, which comes with the extra 'fast'"


async def dial(request: ConnectRequest, host: str, port: int, proxy: Proxy | None) -> socket.socket:
    """Connect; the caller must close the socket.

    Raises:
        ConnectFailed: The proxy cannot be reached, or refuses to connect.
        OSError: The host cannot be reached.
    """
    if proxy is None:
        return await _tcp(host, port)
    redact = Redactor(proxy.secrets)
    tunnel = _through_http if proxy.scheme == "http" else _through_socks
    try:
        return await tunnel(request, host, port, proxy)
    except OSError as error:
        cause = words(error, redact)
    raise failed(request, f"the proxy {proxy.place} cannot be reached: {cause}")


async def _through_http(request: ConnectRequest, host: str, port: int, proxy: Proxy) -> socket.socket:
    sock = await _tcp(proxy.host, proxy.port)
    try:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, _connect_message(f"{bracketed(host)}:{port}", proxy))
        _check_answer(request, proxy, await _answer(sock))
    except BaseException:
        sock.close()
        raise
    return sock


def _connect_message(target: str, proxy: Proxy) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", "User-Agent: speechwire"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    return "\r\n".join([*lines, "", ""]).encode()


async def _answer(sock: socket.socket) -> bytes:
    """Read the head of the response, or as much as comes; skip informational responses."""
    loop = asyncio.get_running_loop()
    answer, came = b"", 0
    while b"\r\n\r\n" not in answer and came < _ANSWER_BYTES:
        piece = await loop.sock_recv(sock, _ANSWER_BYTES)
        if not piece:
            break
        came += len(piece)
        answer = without_informational(answer + piece)
    return answer


def _check_answer(request: ConnectRequest, proxy: Proxy, answer: bytes) -> None:
    head, end, _ = answer.partition(b"\r\n\r\n")
    said = parsed_answer(head, b"") if end else None
    if said is None:
        raise failed(request, f"the proxy {proxy.place} gave no answer that can be understood")
    if not 200 <= said.status < 300:
        why = shown(f"HTTP {said.status} {said.phrase}".strip(), Redactor(proxy.secrets))
        retryable = HandshakeRefused(said.status).retryable
        raise failed(request, f"the proxy {proxy.place} refused: {why}", retryable=retryable)


async def _through_socks(request: ConnectRequest, host: str, port: int, proxy: Proxy) -> socket.socket:
    try:
        from python_socks import ProxyError, ProxyType  # noqa: PLC0415  # an optional dependency
        from python_socks.async_.asyncio import Proxy as SocksProxy  # noqa: PLC0415
    except ImportError:
        raise failed(request, _NO_SOCKS, retryable=False) from None
    user, _, password = proxy.user.reveal().partition(":") if proxy.user else ("", "", "")
    socks = SocksProxy(
        ProxyType.SOCKS5 if proxy.scheme == "socks5" else ProxyType.SOCKS4,
        proxy.host,
        proxy.port,
        username=user,
        password=password,
        rdns=True,
    )
    try:
        return await socks.connect(host, port, timeout=request.connect_timeout_s)
    except ProxyError as error:
        said = shown(str(error), Redactor(proxy.secrets))
    raise failed(request, f"the proxy {proxy.place} refused: {said}")


async def _tcp(host: str, port: int) -> socket.socket:
    """A connected socket: the first of the host's addresses to answer (RFC 8305)."""
    loop = asyncio.get_running_loop()
    addresses = _literal(host, port) or await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(
        addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1
    )


def _literal(host: str, port: int) -> list[AddrInfoType]:
    """The address of a host that is an IP address, without the resolver, which would need a thread."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return []
    family, place = (socket.AF_INET, (host, port)) if version == 4 else (socket.AF_INET6, (host, port, 0, 0))
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place)]
