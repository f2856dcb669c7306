"""pytest-benchmark over both engines: ``pytest benches/python/audio --benchmark-only``.

Every benchmark also asserts that the bytes are right; none asserts a time.
"""

from __future__ import annotations

from typing import Any

import pytest
from benches.python.audio.contenders import FRAME_BYTES
from benches.python.audio.speed import noise

from speechwire.audio import PcmPipeline, engine_name

ENGINES = ["numpy"] if engine_name() == "numpy" else ["numpy", "native"]
FRAME = noise(FRAME_BYTES)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
def test_frame(benchmark: Any, quality: str, engine: str) -> None:
    pipeline = PcmPipeline(quality=quality, engine=engine, chunk_ms=20)
    benchmark(pipeline.push, FRAME)
    pipeline.reset()
    reference = PcmPipeline(quality=quality, engine="numpy", chunk_ms=20)
    assert pipeline.push(FRAME) + pipeline.push(FRAME) == reference.push(FRAME) + reference.push(FRAME)
