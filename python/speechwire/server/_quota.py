"""The quota that the workers of a server share through Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from speechwire.server.config import Config
from speechwire.server.server import CONTRACT_CALLS, Server
from speechwire.session import ConnectionLimiter

__all__ = ["shared_quota"]

_SOCKET_TIMEOUT_S: Final = 5.0

OnPlaces = Callable[[int], None] | None


@asynccontextmanager
async def shared_quota(config: Config, server: Server) -> AsyncIterator[None]:
    """Keep the server's connections, and its places for calls, within the quota; nothing without Redis."""
    if not config.redis_url:
        yield
        return
    from redis.asyncio import Redis  # noqa: PLC0415  # an optional dependency

    from speechwire.cluster import SharedQuota  # noqa: PLC0415

    redis: Redis = Redis.from_url(config.redis_url, socket_timeout=_SOCKET_TIMEOUT_S)
    workers = config.quota_workers or config.workers

    def quota(kind: str, limiter: ConnectionLimiter, limit: int, on_places: OnPlaces = None) -> SharedQuota:
        name = f"{config.quota_name}/{kind}"
        return SharedQuota(redis, limiter, name=name, limit=limit, workers=workers, on_places=on_places)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(redis.aclose)
        calls = config.max_calls or CONTRACT_CALLS
        listen = quota("listen", server.pool.listen_limiter, calls, server.admission.resize)
        await stack.enter_async_context(listen)
        if config.max_speaking:
            speak = quota("speak", server.pool.speak_limiter, config.max_speaking)
            await stack.enter_async_context(speak)
        yield
