"""Deepgram for LiveKit Agents, on sessions that outlive their connections.

Use it in place of ``livekit.plugins.deepgram``: classes, arguments and defaults have the same names.
"""

from livekit.agents import Plugin

from .log import logger
from .models import DeepgramLanguages, DeepgramModels, FluxTTSModels, TTSModels
from .stt import STT, SpeechStream
from .stt_v2 import SpeechStreamv2, STTv2
from .tts import TTS
from .tts_v2 import TTSv2
from .version import __version__

__all__ = [
    "STT",
    "TTS",
    "DeepgramLanguages",
    "DeepgramModels",
    "FluxTTSModels",
    "STTv2",
    "SpeechStream",
    "SpeechStreamv2",
    "TTSModels",
    "TTSv2",
    "__version__",
]


class SpeechwirePlugin(Plugin):
    """What the framework knows of this plugin."""

    def __init__(self) -> None:
        super().__init__(__name__, __version__, __package__ or __name__, logger)


Plugin.register_plugin(SpeechwirePlugin())
