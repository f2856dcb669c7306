"""Starts workers on one port, keeps them running, and replaces them without refusing a call."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from aiohttp import web

from speechwire.errors import InvalidArgument, SpeechwireError
from speechwire.server.workers._admin import admin
from speechwire.server.workers._process import StartFailed, Worker
from speechwire.server.workers._sums import counted

__all__ = ["Supervisor"]

_MOST: Final = max(64, 4 * (os.cpu_count() or 1))
_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 5.0
_STEADY_S: Final = 30.0  # a worker that ended sooner crashed at its start
_BACKLOG: Final = 1024

_logger = logging.getLogger("speechwire.server")


class Supervisor:
    """An async context manager around worker processes.

    The kernel distributes new connections among the workers' sockets (``SO_REUSEPORT``). The supervisor keeps
    all these sockets open. While a worker is being replaced, its callers wait in the socket's queue. The
    socket of a worker that crashes repeatedly is closed, so that its callers go to the other workers.

    Args:
        command: A worker's command line after the interpreter: ``("-m", "speechwire", "serve", ...)``.
        environment: The workers' environment variables.
        count: How many workers, at least 1.
        host: The address to listen on.
        port: The port to listen on; 0 takes any free one.
        admin_port: The port of the supervisor's own HTTP on loopback; 0 takes any free one.

    Attributes:
        workers: All running workers: those that take calls, and those that finish their last calls.
        restarts: How many workers were started after a crash.
        past: The counters of workers that have ended, in Prometheus's text format.

    Raises:
        InvalidArgument: `count` is below 1 or far above the cores, or the system lacks ``SO_REUSEPORT``.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        count: int,
        host: str = "127.0.0.1",
        port: int = 8080,
        admin_port: int = 0,
    ) -> None:
        if not 1 <= count <= _MOST:
            raise InvalidArgument("workers", count, f"1 to {_MOST}")
        if not hasattr(socket, "SO_REUSEPORT"):
            raise InvalidArgument("workers", count, "1 on a system without SO_REUSEPORT")
        self.workers: list[Worker] = []
        self.restarts = 0
        self.past = ""
        self._command, self._environment = command, environment
        self._address, self._count, self._admin_port = (host, port), count, admin_port
        self._sockets: list[socket.socket] = []
        self._delays_s = [0.0] * count  # by slot: the delay before the next start after a crash
        self._starting = asyncio.Semaphore(os.cpu_count() or 1)
        self._serving: list[Worker] = []  # by slot
        self._watching: set[asyncio.Task[None]] = set()
        self._rolling = asyncio.Lock()
        self._ending = False
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen, start the workers, and wait until they take calls.

        Raises:
            SpeechwireError: A worker did not start.
            OSError: The address is in use, or is not one of this machine.
        """
        try:
            self._sockets = _listening(*self._address, self._count)
            self._serving = list(await asyncio.gather(*map(self._started, range(self._count))))
            await self._start_admin()
        except StartFailed as error:
            await self.aclose()
            raise SpeechwireError(str(error)) from error
        except BaseException:
            await self.aclose()
            raise
        for slot, worker in enumerate(self._serving):
            self._watch(slot, worker)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """The URL at which calls are taken."""
        return self._serving[0].url

    @property
    def admin_url(self) -> str:
        """The base URL of ``/metrics`` and ``/workers``."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def replace_all(self) -> None:
        """Replace the workers by new ones, one after the other. No caller is refused; live calls go on.

        If a new worker does not start, its predecessor and all later workers stay.
        """
        async with self._rolling:
            for slot in range(self._count):
                if self._ending:
                    return
                try:
                    new = await self._started(slot)
                except StartFailed as error:
                    _logger.error("%s; the workers that are left stay as they are", error)
                    return
                old, self._serving[slot] = self._serving[slot], new
                self._watch(slot, new)
                self._end_late(new)
                old.retire()

    def signal(self, number: int) -> None:
        """Send each worker a signal, and start no more workers. Does not wait.

        When a worker has ended, its socket is closed, so that no caller waits there.
        """
        self._ending = True
        for worker in self.workers:
            worker.signal(number)

    async def ended(self) -> None:
        """Wait for the end of all workers, after :meth:`signal`."""
        async with self._rolling:  # a worker that is being started gets the signal afterwards
            pass
        while self.workers:
            await asyncio.gather(*(worker.ended() for worker in self.workers))
            await asyncio.sleep(0)  # lets the watchers remove the workers
        await asyncio.gather(*self._watching)

    async def aclose(self) -> None:
        """Kill the workers that still run. Idempotent."""
        self._ending = True
        for worker in self.workers:
            worker.kill()
        await asyncio.gather(*(worker.ended() for worker in self.workers if worker.pid))
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        self.workers.clear()
        if self._runner is not None:
            await self._runner.cleanup()
        for listening in self._sockets:
            listening.close()

    async def _started(self, slot: int) -> Worker:
        worker = Worker(self._command, self._environment, self._sockets[slot])
        self.workers.append(worker)
        try:
            async with self._starting:
                await worker.start()
        except BaseException:
            self.workers.remove(worker)
            raise
        return worker

    def _watch(self, slot: int, worker: Worker) -> None:
        task = asyncio.create_task(self._keep_running(slot, worker), name=f"worker {worker.pid}")
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _keep_running(self, slot: int, worker: Worker) -> None:
        """Start another worker if this one ends without being told to."""
        code = await worker.ended()
        self.workers.remove(worker)
        if worker.last is not None:
            self.past = counted((self.past, worker.last.metrics))
        if self._ending and self._serving[slot] is worker:
            self._sockets[slot].close()
        lived_s = asyncio.get_running_loop().time() - worker.started_at
        if lived_s >= _STEADY_S:
            self._delays_s[slot] = 0.0
        while not self._ending and self._serving[slot] is worker:
            self.restarts += 1
            _logger.error("worker %d ended with %d; starting another", worker.pid, code)
            await self._hesitate(slot)
            async with self._rolling:
                await self._restart(slot, worker)

    async def _hesitate(self, slot: int) -> None:
        """Wait before a restart: nothing after a first crash, then longer after each crash at the start."""
        delay_s = self._delays_s[slot]
        self._delays_s[slot] = min(_LONGEST_DELAY_S, max(_FIRST_DELAY_S, 2 * delay_s))
        if delay_s:
            # Close the socket, so that the kernel gives its callers to the other workers. The next worker
            # listens on the new one when it is ready.
            old = self._sockets[slot]
            self._sockets[slot] = _bound(old.family, old.getsockname())
            old.close()
            await asyncio.sleep(delay_s)

    async def _restart(self, slot: int, ended: Worker) -> None:
        if self._ending or self._serving[slot] is not ended:
            return
        try:
            new = await self._started(slot)
        except StartFailed as error:
            _logger.error("%s", error)
            return
        self._serving[slot] = new
        self._watch(slot, new)
        self._end_late(new)

    def _end_late(self, worker: Worker) -> None:
        """Stop a worker that was started while the others were ending."""
        if self._ending:
            worker.signal(signal.SIGTERM)

    async def _start_admin(self) -> None:
        self._runner = web.AppRunner(admin(self), access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._admin_port).start()


def _listening(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind one socket for each worker to one address."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Fails if the address is in use. Another server with SO_REUSEPORT would silently share callers.
    _bound(family, address, shared=False).close()
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(_bound(family, address))
            sockets[-1].listen(_BACKLOG)
            address = sockets[-1].getsockname()
    except BaseException:
        for listening in sockets:
            listening.close()
        raise
    return sockets


def _bound(family: int, address: Any, *, shared: bool = True) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made
