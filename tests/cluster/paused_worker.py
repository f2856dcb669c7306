"""A worker in a process of its own, for a test to pause: ``python -m tests.cluster.paused_worker PORT``.

It reads commands: ``connect N`` tries so many connections and says how many are open, ``state`` what is
leased. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys

from benches.python.storm.parts import OpenSocket
from redis.asyncio import Redis
from tests.cluster.quota_workers import Worker

__all__ = ["main"]


async def main(port: int) -> None:
    worker = Worker(Redis(host="127.0.0.1", port=port))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async with worker.quota:
        print("ready", flush=True)
        while line := (await reader.readline()).decode().split():
            match line:
                case ["connect", count]:
                    print(await worker.connect_all(int(count)), flush=True)
                case ["now", count]:
                    print(_open_at_once(worker, int(count)), flush=True)
                case _:
                    print(worker.quota.state().leased, flush=True)


def _open_at_once(worker: Worker, count: int) -> int:
    """How many are let in before this process has done anything else, such as renewed its lease."""
    before = worker.limiter.taken
    for _ in range(count):
        step = worker.limiter.admit()
        try:
            step.send(None)
        except StopIteration:
            worker.open.append(worker.limiter.opened(OpenSocket()))
        finally:
            step.close()
    return worker.limiter.taken - before


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
