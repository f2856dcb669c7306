"""What is printed when many inputs are ended together: all that waited for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from speechwire.cli import _transcribing
from speechwire.cli._service import Access
from speechwire.cli._transcribing import Order, transcribe_all


class Service:
    """One that is there."""

    emulator = False

    @asynccontextmanager
    async def access(self) -> AsyncIterator[Access]:
        yield Access("k", "wss://127.0.0.1:1")


class Work:
    """In place of the real work: notes in which order it is told what."""

    told: list[str] = []
    error: BaseException | None = None

    def __init__(self, order: Order, pool: object, display: object, *, emulated: bool) -> None:
        assert not emulated
        self.told.clear()

    async def one(self, place: int) -> None:
        try:
            await asyncio.sleep(0 if place == 1 else 3600.0)
            self.told.append(f"{place} done")
        except asyncio.CancelledError:
            self.told.append(f"{place} ended")
            raise

    async def report(self, tasks: Sequence[asyncio.Task[None]]) -> int:
        await asyncio.wait({tasks[1]})
        if self.error is not None:
            raise self.error
        return 7

    def print_rest(self) -> None:
        self.told.append("rest printed")


@pytest.mark.parametrize("error", [None, BrokenPipeError(), asyncio.CancelledError()])
def test_the_rest_is_printed_when_all_have_ended(
    error: BaseException | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transcribing, "_Work", Work)
    monkeypatch.setattr(Work, "error", error)
    order = Order([Path(name) for name in "abc"], cast(Any, None), [{}, {}, {}], 3, None)
    work = transcribe_all(order, cast(Any, Service()), cast(Any, None))
    if error is None:
        assert asyncio.run(work) == 7
    else:
        with pytest.raises(type(error)):
            asyncio.run(work)
    assert Work.told == ["1 done", "0 ended", "2 ended", "rest printed"]
