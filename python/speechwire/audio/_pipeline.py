"""The public class of the audio engines."""

from __future__ import annotations

from abc import ABCMeta
from typing import TYPE_CHECKING, Any, NoReturn, cast, final

from speechwire.audio._engines import make_pipeline
from speechwire.audio._settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["PcmPipeline"]


@final
class PcmPipeline(metaclass=ABCMeta):
    """Converts a stream of PCM bytes to chunks of mono ``s16le`` at another rate.

    The arithmetic is integer and fully specified: both engines give the same bytes on every machine, however
    the input was cut. ``N`` input frames and a ``flush`` give ``ceil(N * out_rate / in_rate)`` samples.
    Output ``j`` is at the input's time ``j * in_rate / out_rate``. This is exact for every pair of rates, so
    a stream of any length does not drift.

    Args:
        in_rate: Rate of the input, 4000 to 192000 Hz.
        out_rate: Rate of the output, 4000 to 192000 Hz. Equal rates are not filtered.
        channels: Interleaved input channels, 1 to 32; their mean is taken.
        chunk_ms: Length of the output's chunks, 1 to 10000 ms, rounded down to whole samples.
        quality: ``"fast"``, ``"balanced"`` or ``"best"``: how steep the low-pass is.
        engine: ``"auto"``, ``"native"`` or ``"numpy"``; see ``engine_name``.
        format: Input samples: ``"s16le"``, ``"mulaw"``, ``"alaw"`` (ITU-T G.711) or ``"f32le"`` (full scale
            1.0; rounded half up, saturated, not-a-number is silence).

    Raises:
        InvalidArgument: An argument is out of range.
        InvalidArgumentType: An argument has the wrong type.
        EngineUnavailable: The requested engine cannot be loaded.

    The constructor returns an instance of the chosen engine's class. Several threads may use a pipeline;
    their calls are serialised. It cannot be copied or pickled, because it is in the middle of one stream. The
    class cannot be subclassed: wrap an instance.
    """

    engine: str
    """The engine in use: ``"native"`` or ``"numpy"``."""
    kernel: str
    """The code path in use: ``"scalar"``, ``"avx2"``, ``"avx512"``, ``"neon"`` or ``"numpy"``."""
    interpolated: bool
    """True if the reduced ratio of the rates (44101 to 16000) has more phases than a table holds.

    Each output is then interpolated between the two nearest of at least 512 phases per sample of the lower
    rate. Length and time stay exact, and the quality is that of the preset. A push takes up to twice as long
    with the native engine, and up to four times with numpy."""
    latency: float
    """The filter's group delay in seconds; zero for equal rates."""
    chunk_bytes: int
    """Bytes of one chunk."""
    partial_bytes: int
    """Bytes kept of an incomplete input frame."""

    def __init_subclass__(cls, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{cls.__name__} cannot be a subclass of PcmPipeline, whose constructor returns an engine's own"
            " class: wrap an instance instead (a session takes any converter with its methods)"
        )

    def __new__(
        cls,
        in_rate: int = 48_000,
        out_rate: int = 16_000,
        channels: int = 2,
        chunk_ms: int = 100,
        quality: str = "balanced",
        engine: str = "auto",
        format: str = "s16le",
    ) -> PcmPipeline:
        settings = Settings.validated(in_rate, out_rate, channels, chunk_ms, quality, format)
        pipeline = make_pipeline(settings, engine)
        PcmPipeline.register(type(pipeline))
        return cast(PcmPipeline, pipeline)

    def push(self, pcm: Buffer, /) -> list[bytes]:
        """Take any number of bytes; return the chunks that are now complete, zero or more.

        The native engine allocates only the chunks that it returns. It releases the GIL only for input of
        256 KiB and more (1.4 s of 48 kHz stereo); below that, getting the GIL back would take longer.

        Args:
            pcm: Any C-contiguous bytes-like object, read as raw bytes. It may end anywhere, even inside a
                sample.

        Raises:
            InvalidArgumentType: ``pcm`` is not such an object.
        """
        raise NotImplementedError

    def flush(self) -> list[bytes]:
        """Return the remaining chunks, the last of which may be shorter. The pipeline is then as new.

        An incomplete input frame (see ``partial_bytes``) is dropped.
        """
        raise NotImplementedError

    def flush_whole(self) -> list[bytes]:
        """As `flush`, but keep an incomplete input frame: the stream continues with its other bytes."""
        raise NotImplementedError

    def reset(self) -> None:
        """Drop all state without output; the pipeline is then as new."""
        raise NotImplementedError
