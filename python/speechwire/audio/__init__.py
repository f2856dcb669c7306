"""PCM bytes in, chunks of mono PCM at the rate a service wants out: ``PcmPipeline``."""

from typing import TYPE_CHECKING

from speechwire.audio._chunker import make_chunker
from speechwire.audio._rings import make_ring
from speechwire.audio._select import engine_name
from speechwire.audio.ring import AudioRing

if TYPE_CHECKING:
    from speechwire.audio._pipeline import PcmPipeline
else:

    def __getattr__(name: str) -> object:
        """Import numpy with `PcmPipeline`: sessions, which use the rest of this package, do without it."""
        if name != "PcmPipeline":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from speechwire.audio._pipeline import PcmPipeline  # noqa: PLC0415

        return globals().setdefault(name, PcmPipeline)


__all__ = ["AudioRing", "PcmPipeline", "engine_name", "make_chunker", "make_ring"]
