"""Filters that pipelines share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

__all__ = ["SharedTables"]


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


_Table = TypeVar("_Table", bound=_Sized)


class SharedTables(Generic[_Table]):
    """Tables by name. One in use is never made twice; those used last are kept, up to a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._in_use: WeakValueDictionary[Hashable, _Table] = WeakValueDictionary()
        self._kept: OrderedDict[Hashable, _Table] = OrderedDict()
        self._lock = RLock()  # a garbage collection within may run any code, even one that makes a pipeline

    @property
    def kept_bytes(self) -> int:
        """Bytes of the tables that are kept, in use or not."""
        with self._lock:
            return sum(table.nbytes for table in self._kept.values())

    def get(self, name: Hashable, make: Callable[[], _Table]) -> _Table:
        """Return the table of this name, made by ``make`` if there is none."""
        table = self._in_use.get(name)
        if table is None:
            # Without the lock, because it takes milliseconds. A second one, made meanwhile, is dropped.
            table = make()
        with self._lock:
            table = self._in_use.setdefault(name, table)
            self._kept[name] = table
            self._kept.move_to_end(name)
            while self.kept_bytes > self._limit_bytes:
                self._kept.popitem(last=False)
        return table
