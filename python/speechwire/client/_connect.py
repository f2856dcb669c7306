"""How a call is made: its arguments, checked."""

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
    """A call to the server, to be entered with ``async with``.

    ::

        async with connect("ws://127.0.0.1:8080/socket", format=AudioFormat(sample_rate=16000)) as call:
            call.push(pcm)
            call.finish()
            async for event in call:
                ...

    A connection that dies is replaced, and the call goes on where it was, on whatever worker: audio that the
    server has not acknowledged is sent again, and no final word comes twice.

    Args:
        url: Of the server's socket, ``ws://`` or ``wss://``, ending in ``/socket``.
        format: Of the audio that is pushed; by default s16le, 16 kHz, mono.
        speech: The format in which speech is wanted back; ``None`` for no speech.
        token: What the server wants to be shown, if anything.
        parameters: For the server's application.
        buffer_s: Bound of the audio kept until it is acknowledged, at least 1 s.
        connect_timeout_s: For DNS, TCP, TLS and the upgrade together.
        heartbeat_s: Silence of the server after which it is sent a ping.
        event_limit: Bound of the events that wait to be taken. Beyond it the connection is not read, so one
            who takes none for long loses the connection, and the call goes on with another.
        drain_timeout_s: How long :meth:`Call.aclose` waits for the last events.
        policy: When to try again. Before the server has answered once, ``max_attempts`` bounds it;
            afterwards a call tries for as long as it is open, at most ``cap_s`` apart.
        transport: Default: one of the call's own. A given one is not closed.

    Raises:
        InvalidArgument: The URL is none, or a number is out of its range.
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
