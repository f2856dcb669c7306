"""Real recognition by pocketsphinx and real synthesis by espeak-ng, with no key and no network.

Needs the extra: ``pip install "speechwire[emulator]"``.
"""

from speechwire.emulator.offline._espeak import NATIVE_RATE, Voice, synthesize
from speechwire.emulator.offline.engine import OfflineEngine

__all__ = ["NATIVE_RATE", "OfflineEngine", "Voice", "synthesize"]
