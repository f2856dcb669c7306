"""Real-time speech with Deepgram, without a framework: audio, protocols, transport, sessions, an emulator."""

from speechwire._version import __version__

__all__ = ["__version__"]
