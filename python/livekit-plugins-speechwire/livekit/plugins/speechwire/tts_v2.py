"""Text to speech with Flux TTS (``/v2/speak``): speech begins before the text is complete."""

from __future__ import annotations

from livekit.agents import tokenize
from livekit.agents.types import NOT_GIVEN, NotGivenOr

from speechwire.protocol import SpeakV2Options
from speechwire.session import SpeakSettings
from speechwire.transport import Transport

from ._arguments import ApiKey, given, or_none
from ._speaking import Access, SessionTTS
from .models import FluxTTSModels

__all__ = ["TTSv2"]


class TTSv2(SessionTTS):
    """Deepgram's Flux TTS for LiveKit Agents. After an interruption nothing of the old answer can follow.

    Arguments and defaults are those of ``livekit.plugins.deepgram.TTSv2``; ``docs/livekit.md`` says what
    became of each. Beyond them:

    Args:
        encoding: ``linear16``, ``mulaw`` or ``alaw``; the framework always gets s16le.
        bit_rate: ``None``: streamed audio is not compressed.
        word_tokenizer: Text goes out as it was written; a tokenizer given here is applied to each piece.
        api_key: A key, or a callable, plain or async, asked for one at each connect.
        http_session: Not used; a warning says so.
        transport: How connections are made; by default all of an event loop share one.
        settings: Limits and deadlines, in place of those that follow from the connect options.
        allow_insecure: Permit sending the key over ``ws://`` to another machine.

    Raises:
        ValueError: No key, or an argument out of its range; the message names it.
    """

    def __init__(
        self,
        *,
        model: FluxTTSModels | str = "flux-alexis-en",
        encoding: str = "linear16",
        sample_rate: int = 24000,
        bit_rate: int | None = None,
        speed: float | None = None,
        api_key: ApiKey | None = None,
        base_url: str = "https://api.deepgram.com/v2/speak",
        word_tokenizer: NotGivenOr[tokenize.WordTokenizer] = NOT_GIVEN,
        http_session: object | None = None,
        mip_opt_out: bool = False,
        transport: Transport | None = None,
        settings: SpeakSettings | None = None,
        allow_insecure: bool = False,
    ) -> None:
        super().__init__(
            SpeakV2Options,
            {
                "model": model,
                "encoding": encoding,
                "sample_rate": sample_rate,
                "speed": speed,
                "mip_opt_out": mip_opt_out,
            },
            Access(api_key, base_url, transport, settings, allow_insecure),
            word_tokenizer=or_none(word_tokenizer),
            http_session=http_session,
            bit_rate=bit_rate,
        )

    def update_options(
        self,
        *,
        model: NotGivenOr[FluxTTSModels | str] = NOT_GIVEN,
        encoding: NotGivenOr[str] = NOT_GIVEN,
        sample_rate: NotGivenOr[int] = NOT_GIVEN,
        bit_rate: NotGivenOr[int | None] = NOT_GIVEN,
        speed: NotGivenOr[float | None] = NOT_GIVEN,
    ) -> None:
        """Change options from the next text on; what is being spoken stays as it is.

        Raises:
            InvalidArgument: A value is out of its range; nothing changes.
        """
        self._change(
            or_none(bit_rate), given(model=model, encoding=encoding, sample_rate=sample_rate, speed=speed)
        )
