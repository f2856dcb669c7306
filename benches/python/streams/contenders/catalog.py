"""Who takes part, and how each one is fed. Nothing is imported here: most live in another environment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import cast

from benches.python.streams.contenders.base import Module

__all__ = ["CATALOG", "Contender"]

_TURN = frozenset({"StartOfTurn", "Update", "EndOfTurn"})
_TURN_TEXTS = frozenset({"Update", "EndOfTurn"})  # pipecat makes no transcript of a turn's start
_TURN_END = frozenset({"EndOfTurn"})
_RESULTS = frozenset({"Interim", "Final"})
_NOTHING = frozenset[str]()

_NO_CONVERSION = "downmix and resampling: fed 16 kHz mono"
_NO_PIPELINE = f"{_NO_CONVERSION}; the pipeline"
_NO_DOWNMIX = "downmix: fed 48 kHz mono, as its rooms give it"
_ENDS_ALONE = "all results but the ends of turns"


@dataclass(frozen=True)
class Contender:
    """One client in one setting.

    Attributes:
        name: On command lines.
        title: In tables.
        module: In this package.
        ours: Whether it is this project's.
        clients: Whether it lives in the environment of ``make test-clients``.
        endpoint: For people.
        transport: Of ``speechwire``, where it is ours: the fast one or the default.
        input: Rate in Hz and channels of what is pushed.
        wire: The same of what must arrive.
        delivers: The kinds of messages whose text must reach the caller.
        leaves_out: Work that the others do and this one does not, so that its figure lacks it.
    """

    name: str
    title: str
    module: str
    endpoint: str
    wire: tuple[int, int]
    delivers: frozenset[str]
    ours: bool = False
    clients: bool = False
    transport: str = ""
    input: tuple[int, int] = (48_000, 2)
    leaves_out: str = ""

    @property
    def kind(self) -> str:
        """Its name, whatever the transport."""
        return self.name.removesuffix("_aiohttp")

    @property
    def speaks(self) -> bool:
        """Whether it turns text to speech."""
        return self.endpoint == "Aura"

    def load(self) -> Module:
        """Import what makes its streams."""
        return cast(Module, import_module(f"benches.python.streams.contenders.{self.module}"))


_MONO = (16_000, 1)
_RAW = (48_000, 2)

_OWN = (
    Contender("flux_session", "speechwire ListenV2Session", "sessions", "Flux", _MONO, _TURN),
    Contender("listen_session", "speechwire ListenV1Session", "sessions", "Nova", _MONO, _RESULTS),
    Contender("stt_v2", "DeepgramSTTV2", "framework", "Flux", _MONO, _TURN),
    Contender("stt_mono", "DeepgramSTT, 16 kHz mono", "framework", "Nova", _MONO, _RESULTS),
    Contender(
        "stt", "DeepgramSTT, raw", "framework", "Nova", _RAW, _RESULTS, leaves_out="downmix and resampling"
    ),
    Contender("tts", "DeepgramTTS", "speaking", "Aura", (24_000, 1), _NOTHING),
)

_IN_PIPECAT = (
    ("pipecat_v2_pipeline", "pipecat Flux, queued", "pipecat_services", "Flux", _TURN_TEXTS),
    ("pipecat_v1_pipeline", "pipecat STT, queued", "pipecat_services", "Nova", _RESULTS),
    (
        "pipecat_speechwire_v2",
        "pipecat with SpeechwireFluxSTTService",
        "pipecat_speechwire_services",
        "Flux",
        _TURN_TEXTS,
    ),
    (
        "pipecat_speechwire_v2_pipeline",
        "pipecat with SpeechwireFluxSTTService, queued",
        "pipecat_speechwire_services",
        "Flux",
        _TURN_TEXTS,
    ),
    (
        "pipecat_speechwire_v1",
        "pipecat with SpeechwireSTTService",
        "pipecat_speechwire_services",
        "Nova",
        _RESULTS,
    ),
    (
        "pipecat_speechwire_v1_pipeline",
        "pipecat with SpeechwireSTTService, queued",
        "pipecat_speechwire_services",
        "Nova",
        _RESULTS,
    ),
)

_LISTED = (
    *(replace(own, ours=True, transport="picows") for own in _OWN),
    *(
        replace(
            own, name=f"{own.name}_aiohttp", title=f"{own.title}, aiohttp", ours=True, transport="aiohttp"
        )
        for own in _OWN
    ),
    Contender(
        "incumbent_v2_16k",
        "1.0.30 DeepgramSTTV2, 16 kHz",
        "framework",
        "Flux",
        _MONO,
        _TURN_END,
        clients=True,
        leaves_out=_ENDS_ALONE,
    ),
    Contender(
        "incumbent_v2",
        "1.0.30 DeepgramSTTV2",
        "framework",
        "Flux",
        (48_000, 1),
        _TURN_END,
        clients=True,
        leaves_out=f"resampling; {_ENDS_ALONE}",
    ),
    Contender(
        "incumbent_v1",
        "1.0.30 DeepgramSTT, raw",
        "framework",
        "Nova",
        _RAW,
        _RESULTS,
        clients=True,
        leaves_out="downmix and resampling",
    ),
    Contender(
        "first_version",
        "first version's algorithm",
        "first_version",
        "Flux",
        _MONO,
        _TURN_END,
        leaves_out=_ENDS_ALONE,
    ),
    Contender(
        "livekit_v2",
        "LiveKit STTv2",
        "livekit_plugin",
        "Flux",
        _MONO,
        _TURN,
        clients=True,
        input=(48_000, 1),
        leaves_out=_NO_DOWNMIX,
    ),
    Contender(
        "livekit_v1",
        "LiveKit STT",
        "livekit_plugin",
        "Nova",
        _MONO,
        _RESULTS,
        clients=True,
        input=(48_000, 1),
        leaves_out=_NO_DOWNMIX,
    ),
    Contender(
        "livekit_speechwire_v2",
        "LiveKit, speechwire STTv2",
        "livekit_plugin",
        "Flux",
        _MONO,
        _TURN,
        clients=True,
        input=(48_000, 1),
        leaves_out=_NO_DOWNMIX,
    ),
    Contender(
        "livekit_speechwire_v1",
        "LiveKit, speechwire STT",
        "livekit_plugin",
        "Nova",
        _MONO,
        _RESULTS,
        clients=True,
        input=(48_000, 1),
        leaves_out=_NO_DOWNMIX,
    ),
    Contender(
        "pipecat_v2",
        "pipecat Flux",
        "pipecat_services",
        "Flux",
        _MONO,
        _TURN_TEXTS,
        clients=True,
        input=_MONO,
        leaves_out=_NO_PIPELINE,
    ),
    Contender(
        "pipecat_v1",
        "pipecat STT",
        "pipecat_services",
        "Nova",
        _MONO,
        _RESULTS,
        clients=True,
        input=_MONO,
        leaves_out=_NO_PIPELINE,
    ),
    *(
        Contender(
            name,
            title,
            module,
            endpoint,
            _MONO,
            delivers,
            clients=True,
            input=_MONO,
            leaves_out=_NO_CONVERSION if name.endswith("_pipeline") else _NO_PIPELINE,
        )
        for name, title, module, endpoint, delivers in _IN_PIPECAT
    ),
    Contender(
        "sdk_v2",
        "deepgram-sdk v2",
        "deepgram_sdk",
        "Flux",
        _MONO,
        _TURN,
        clients=True,
        input=_MONO,
        leaves_out=_NO_CONVERSION,
    ),
    Contender(
        "sdk_v1",
        "deepgram-sdk v1",
        "deepgram_sdk",
        "Nova",
        _MONO,
        _RESULTS,
        clients=True,
        input=_MONO,
        leaves_out=_NO_CONVERSION,
    ),
    Contender("incumbent_tts", "1.0.30 DeepgramTTS", "speaking", "Aura", (24_000, 1), _NOTHING, clients=True),
)

CATALOG = {contender.name: contender for contender in _LISTED}
