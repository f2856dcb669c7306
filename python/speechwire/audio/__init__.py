"""PCM bytes in, chunks of mono PCM at the rate a service wants out: ``PcmPipeline``."""

from speechwire.audio._pipeline import PcmPipeline
from speechwire.audio._select import engine_name, make_ring
from speechwire.audio.ring import AudioRing

__all__ = ["AudioRing", "PcmPipeline", "engine_name", "make_ring"]
