"""Real recognition by pocketsphinx and real synthesis by espeak-ng, with no key and no network.

Needs the extra: ``pip install "videosdk-plugins-deepgram[emulator]"``.
"""

from speechwire.emulator.offline._espeak import Voice, synthesize
from speechwire.emulator.offline.engine import OfflineEngine

__all__ = ["OfflineEngine", "Voice", "synthesize"]
