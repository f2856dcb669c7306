"""Suppresses the second report of a failed TLS handshake.

aiofastnet, which picows uses, raises the failure. If the peer ends the connection during the handshake, it
also calls the event loop's exception handler, with an exception class instead of an exception. The default
handler cannot print that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["hushed"]


class _Hush:
    """The event loop's exception handler during handshakes; it passes other reports on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.users = 0
        self._before = loop.get_exception_handler()
        loop.set_exception_handler(self)

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), type):
            return
        if self._before is None:
            loop.default_exception_handler(context)
        else:
            self._before(loop, context)

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Restore the previous handler, unless another one was set meanwhile."""
        if loop.get_exception_handler() is self:
            loop.set_exception_handler(self._before)


_hushes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hush] = WeakKeyDictionary()


@contextlib.contextmanager
def hushed(wanted: bool) -> Iterator[None]:
    """Suppress the report inside the block; do nothing unless `wanted`."""
    if not wanted:
        yield
        return
    loop = asyncio.get_running_loop()
    hush = _hushes.get(loop)
    if hush is None:
        hush = _hushes[loop] = _Hush(loop)
    hush.users += 1
    try:
        yield
    finally:
        hush.users -= 1
        if not hush.users:
            del _hushes[loop]
            hush.leave(loop)
