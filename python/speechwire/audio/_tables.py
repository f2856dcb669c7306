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
    """Tables by name. A table in use is not made again; recently used ones are kept, up to a size limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._in_use: WeakValueDictionary[Hashable, _Table] = WeakValueDictionary()
        self._kept: OrderedDict[Hashable, _Table] = OrderedDict()
        self._lock = RLock()  # reentrant: garbage collection may run code here that makes a pipeline

    @property
    def kept_bytes(self) -> int:
        """Bytes of the tables that are kept, in use or not."""
        with self._lock:
            return sum(table.nbytes for table in self._kept.values())

    def get(self, name: Hashable, make: Callable[[], _Table]) -> _Table:
        """Return the table of this name, made by ``make`` if there is none."""
        table = self._in_use.get(name)
        if table is None:
            # Without the lock, as it takes milliseconds. If another thread made one, this one is dropped.
            table = make()
        with self._lock:
            table = self._in_use.setdefault(name, table)
            self._kept[name] = table
            self._kept.move_to_end(name)
            while self.kept_bytes > self._limit_bytes:
                self._kept.popitem(last=False)
        return table
