"""Speech to text: sessions that outlive their connections."""

from __future__ import annotations

from speechwire.protocol import DEFAULT_BASE_URL, ListenV1Options, ListenV2Options
from speechwire.protocol import listen_v1_events as v1
from speechwire.protocol import listen_v2_events as v2
from speechwire.session._connector import Access
from speechwire.session._credential import ApiKey, Credential
from speechwire.session._listen_session import ListeningSession
from speechwire.session._listen_v1_rules import ListenV1Rules
from speechwire.session._listen_v2_rules import ListenV2Rules
from speechwire.session.converter import Converter
from speechwire.session.limiter import ConnectionLimiter
from speechwire.session.settings import ListenSettings
from speechwire.transport import Transport

__all__ = ["ListenV1Session", "ListenV2Session"]


class ListenV2Session(ListeningSession[v2.Event]):
    """Transcribes speech into turns with Flux (``/v2/listen``).

    ::

        converter = PcmPipeline(48000, 16000)
        async with ListenV2Session(api_key, ListenV2Options(), converter=converter) as session:
            session.push(pcm)
            async for event in session:
                ...

    Events are those of :mod:`speechwire.protocol.listen_v2_events` and :mod:`speechwire.session.events`.
    Their times and ``turn_index`` are on the caller's clock: they count the audio pushed, over all
    connections.

    Args:
        api_key: A key, or a callable (plain or async) that is called for one at each connect.
        options: The model, the audio format and the other options of the endpoint.
        converter: Converts pushed audio to the format of the options; ``None`` sends it unchanged.
        base_url: The service's URL.
        transport: By default one that all sessions of the event loop share. A given one is not closed.
        settings: Limits and deadlines.
        allow_insecure: Whether the key may be sent over ``ws://`` to another machine.
        limiter: Shared with other sessions; see :class:`SessionPool`.
        force_end_turn: Whether to send ``ForceEndTurn`` before closing, so that an open turn yields its text.
            Turn it off for self-hosted services that do not know the message.

    Raises:
        InvalidArgument: The URL would send the key in the clear, or the key is empty.
    """

    def __init__(
        self,
        api_key: ApiKey,
        options: ListenV2Options | None = None,
        *,
        converter: Converter | None = None,
        base_url: str = DEFAULT_BASE_URL,
        transport: Transport | None = None,
        settings: ListenSettings | None = None,
        allow_insecure: bool = False,
        limiter: ConnectionLimiter | None = None,
        force_end_turn: bool = True,
    ) -> None:
        options = options or ListenV2Options()
        super().__init__(
            ListenV2Rules(options, force_end_turn=force_end_turn),
            options,
            Access(Credential(api_key), transport, limiter),
            converter=converter,
            base_url=base_url,
            settings=settings,
            allow_insecure=allow_insecure,
        )


class ListenV1Session(ListeningSession[v1.Event]):
    """Transcribes speech with Nova and older models (``/v1/listen``).

    Events are those of :mod:`speechwire.protocol.listen_v1_events` and :mod:`speechwire.session.events`, with
    times on the caller's clock. The arguments are those of :class:`ListenV2Session`, except
    ``force_end_turn``.
    """

    def __init__(
        self,
        api_key: ApiKey,
        options: ListenV1Options | None = None,
        *,
        converter: Converter | None = None,
        base_url: str = DEFAULT_BASE_URL,
        transport: Transport | None = None,
        settings: ListenSettings | None = None,
        allow_insecure: bool = False,
        limiter: ConnectionLimiter | None = None,
    ) -> None:
        options = options or ListenV1Options()
        super().__init__(
            ListenV1Rules(options),
            options,
            Access(Credential(api_key), transport, limiter),
            converter=converter,
            base_url=base_url,
            settings=settings,
            allow_insecure=allow_insecure,
        )
