"""Makes a call, after checking the arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from speechwire.client._call import Call
from speechwire.client._conversation import Conversation
from speechwire.errors import InvalidArgument
from speechwire.server.own_socket.messages import MAX_MESSAGE_BYTES, AudioFormat
from speechwire.session.backoff import BackoffPolicy
from speechwire.transport import ConnectRequest, Transport

__all__ = ["connect"]

_SLACK_BYTES: Final = 1024
_MIN_BUFFER_S: Final = 1.0


def connect(
    url: str,
    *,
    format: AudioFormat | None = None,
    speech: AudioFormat | None = None,
    token: str | None = None,
    parameters: Mapping[str, str] | None = None,
    buffer_s: float = 60.0,
    connect_timeout_s: float = 10.0,
    heartbeat_s: float = 10.0,
    event_limit: int = 1000,
    drain_timeout_s: float = 10.0,
    policy: BackoffPolicy | None = None,
    transport: Transport | None = None,
) -> Call:
    """Make a call to the server; enter it with ``async with``. Opens no connection yet.

    ::

        async with connect("ws://127.0.0.1:8080/socket", format=AudioFormat(sample_rate=16000)) as call:
            call.push(pcm)
            call.finish()
            async for event in call:
                ...

    A lost connection is replaced, and the call continues on any worker. Audio that the server has not
    acknowledged is sent again, and no final word comes twice.

    Args:
        url: The URL of the server's socket, ``ws://`` or ``wss://``, ending in ``/socket``.
        format: The format of the pushed audio; by default s16le, 16 kHz, mono.
        speech: The format in which to receive speech; ``None`` for no speech.
        token: The token or secret that the server requires; ``None`` for none.
        parameters: Parameters for the server's application.
        buffer_s: The most audio kept until it is acknowledged, at least 1 s.
        connect_timeout_s: The longest time for DNS, TCP, TLS and the upgrade together, in seconds.
        heartbeat_s: A ping is sent after this many seconds without data from the server.
        event_limit: The most events that wait to be read. Beyond it the connection is not read. If that lasts
            long, the connection is lost and the call continues with another.
        drain_timeout_s: How long :meth:`Call.aclose` waits for the last events, in seconds.
        policy: When to try again. Before the server's first answer at most ``max_attempts`` are made.
            Afterwards attempts continue while the call is open, at most ``cap_s`` apart.
        transport: By default a new one that the call closes. A given one is not closed.

    Raises:
        InvalidArgument: The URL is not valid, or a number is out of range.
    """
    if buffer_s < _MIN_BUFFER_S:
        raise InvalidArgument("buffer_s", buffer_s, f"at least {_MIN_BUFFER_S} s")
    if event_limit < 1:
        raise InvalidArgument("event_limit", event_limit, "at least 1")
    request = ConnectRequest(
        url,
        {"Authorization": f"Bearer {token}"} if token else {},
        connect_timeout_s=connect_timeout_s,
        heartbeat_s=heartbeat_s,
        max_message_bytes=MAX_MESSAGE_BYTES + _SLACK_BYTES,
    )
    conversation = Conversation(format or AudioFormat(sample_rate=16000), speech, parameters or {}, buffer_s)
    return Call(
        conversation,
        request,
        transport,
        policy=policy or BackoffPolicy(),
        event_limit=event_limit,
        drain_timeout_s=drain_timeout_s,
    )
