"""PCM bytes in, chunks of mono PCM at the rate a service wants out: ``PcmPipeline``."""

from speechwire.audio._pipeline import PcmPipeline, push_many
from speechwire.audio._select import engine_name

__all__ = ["PcmPipeline", "engine_name", "push_many"]
