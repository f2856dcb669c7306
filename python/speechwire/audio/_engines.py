"""Makes pipelines of the chosen engine; pipelines of the same rates share a filter."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from speechwire.audio._engine_np import NumpyPipeline
from speechwire.audio._filter_np import numpy_filter
from speechwire.audio._select import engine_name, load_native
from speechwire.audio._settings import Settings
from speechwire.audio._tables import SharedTables
from speechwire.audio._taps import FilterTable, filter_table

__all__ = ["make_pipeline"]


def make_pipeline(settings: Settings, engine: str, kernel: str | None = None) -> object:
    """Return a pipeline of the engine asked for; ``kernel`` picks one of the native code paths, for tests."""
    name = engine_name(engine)
    table = _shared_table(settings, name)
    if name == "numpy":
        return NumpyPipeline(settings, table)
    return load_native().NativePipeline(
        table,
        settings.in_rate,
        settings.channels,
        settings.format,
        settings.chunk_samples,
        settings.describe(name),
        kernel,
    )


_TABLES: SharedTables[Any] = SharedTables(limit_bytes=32 << 20)


def _shared_table(settings: Settings, engine: str) -> Any:
    """The filter in the engine's own form; one for all pipelines whose rates have the same ratio."""
    ratio = Fraction(settings.out_rate, settings.in_rate)
    make = numpy_filter if engine == "numpy" else _native_table
    return _TABLES.get(
        (engine, ratio, settings.quality),
        lambda: make(filter_table(settings.in_rate, settings.out_rate, settings.quality)),
    )


def _native_table(table: FilterTable) -> Any:
    taps = table.taps.tobytes()
    return load_native().FilterTable(table.up, table.down, table.phases, taps, table.center, table.shift)
