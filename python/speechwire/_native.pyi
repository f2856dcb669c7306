"""The native audio engine. Private: ``speechwire.audio`` chooses it."""

from collections.abc import Sequence
from typing import ClassVar, NoReturn, SupportsIndex, final

from typing_extensions import Buffer

__all__ = ["FilterTable", "NativePipeline", "kernels", "push_many"]

@final
class FilterTable:
    def __new__(
        cls, up: int, down: int, phases: int, taps: bytes, center: int, shift: int
    ) -> FilterTable: ...
    @property
    def nbytes(self) -> int: ...

@final
class NativePipeline:
    def __new__(
        cls,
        table: FilterTable,
        in_rate: int,
        channels: int,
        format: str,
        chunk_samples: int,
        label: str,
        kernel: str | None = None,
    ) -> NativePipeline: ...
    engine: ClassVar[str]
    @property
    def kernel(self) -> str: ...
    @property
    def interpolated(self) -> bool: ...
    @property
    def latency(self) -> float: ...
    @property
    def chunk_bytes(self) -> int: ...
    @property
    def partial_bytes(self) -> int: ...
    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn: ...
    def push(self, pcm: Buffer, /) -> list[bytes]: ...
    def flush(self) -> list[bytes]: ...
    def reset(self) -> None: ...

def push_many(pipelines: Sequence[object], frames: Sequence[Buffer]) -> list[list[bytes]] | None: ...
def kernels() -> list[str]: ...
