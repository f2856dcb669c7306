"""The public face of the audio engines."""

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

    The arithmetic is integer and fully specified: both engines, on every machine, give the same bytes,
    however the input was cut. ``N`` input frames and a ``flush`` give ``ceil(N * out_rate / in_rate)``
    samples, output ``j`` at the input's time ``j * in_rate / out_rate``: exactly, for every pair of rates, so
    that no stream drifts however long it lasts.

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
        InvalidArgument: An argument is out of its range.
        InvalidArgumentType: An argument has the wrong type.
        EngineUnavailable: The engine asked for cannot be loaded.

    The constructor returns an instance of the engine chosen, so that ``push`` enters it directly. A pipeline
    may be used from several threads; their calls are taken one after the other. It cannot be copied or
    pickled, because it is in the middle of one stream. The class cannot be subclassed: wrap an instance.
    """

    engine: str
    """The engine at work: ``"native"`` or ``"numpy"``."""
    kernel: str
    """The code path at work: ``"scalar"``, ``"avx2"``, ``"avx512"``, ``"neon"`` or ``"numpy"``."""
    interpolated: bool
    """True if the rates' ratio is one of large numbers (44101 to 16000), with more phases than a table holds.

    Then every output is interpolated between the two nearest of at least 512 phases per sample of the lower
    rate. Length and time are exact all the same, and quality is the preset's. A push takes up to twice as
    long with the native engine, up to four times with numpy."""
    latency: float
    """The filter's group delay in seconds; zero for equal rates."""
    chunk_bytes: int
    """Bytes of one chunk."""
    partial_bytes: int
    """Bytes of an incomplete input frame that wait for their rest."""

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
        """Take any number of bytes, return the chunks that are now complete: zero or more.

        The native engine allocates nothing but what it returns, and releases the interpreter only for input
        of 256 KiB and more (1.4 s of 48 kHz stereo), which takes longer than getting it back.

        Args:
            pcm: Any C-contiguous bytes-like object, read as raw bytes. It may end anywhere, even inside a
                sample.

        Raises:
            InvalidArgumentType: ``pcm`` is not such an object.
        """
        raise NotImplementedError

    def flush(self) -> list[bytes]:
        """Return the rest: whole chunks, and a last one that may be shorter. The pipeline is then as new.

        An incomplete input frame (see ``partial_bytes``) is no audio and is forgotten.
        """
        raise NotImplementedError

    def flush_whole(self) -> list[bytes]:
        """As `flush`, but an incomplete input frame stays: for a stream that goes on with its other bytes."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything; the pipeline is then as new."""
        raise NotImplementedError
