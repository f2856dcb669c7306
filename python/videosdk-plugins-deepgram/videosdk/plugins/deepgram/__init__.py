"""Deepgram for VideoSDK Agents: speech to text, turn-aware speech to text with Flux, and text to speech."""

from .stt import DeepgramSTT
from .stt_v2 import DeepgramSTTV2
from .tts import DeepgramTTS
from .version import __version__

__all__ = ["DeepgramSTT", "DeepgramSTTV2", "DeepgramTTS", "__version__"]
