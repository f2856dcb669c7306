"""Deepgram for VideoSDK Agents: speech to text, turn-aware speech to text with Flux, and text to speech."""

from .stt_v2 import DeepgramSTTV2
from .version import __version__

__all__ = ["DeepgramSTTV2", "__version__"]
