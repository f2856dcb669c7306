"""The quota that the workers of a server share through Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from speechwire.errors import InvalidArgument
from speechwire.server.config import Config
from speechwire.server.server import CONTRACT_CALLS, Server

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["shared_quota"]

_SOCKET_TIMEOUT_S: Final = 5.0


@asynccontextmanager
async def shared_quota(config: Config, server: Server) -> AsyncIterator[None]:
    """Keep the server's connections and its places for calls within the shared quota.

    Does nothing where no Redis is configured.

    Raises:
        InvalidArgument: ``redis_url`` is not a Redis URL.
    """
    if not config.redis_url:
        yield
        return
    from speechwire.cluster import SharedQuota  # noqa: PLC0415

    redis = _client(config.redis_url)
    pool, admission = server.pool, server.admission
    workers = config.quota_workers or config.workers
    async with AsyncExitStack() as stack:
        stack.push_async_callback(redis.aclose)
        listen = SharedQuota(
            redis,
            pool.listen_limiter,
            name=f"{config.quota_name}/listen",
            limit=config.max_calls or CONTRACT_CALLS,
            demand=lambda: admission.taken + admission.waiting,
            on_places=admission.resize,
            workers=workers,
        )
        admission.on_change = listen.demand_changed
        await stack.enter_async_context(listen)
        if config.max_speaking:
            speak = SharedQuota(
                redis,
                pool.speak_limiter,
                name=f"{config.quota_name}/speak",
                limit=config.max_speaking,
                workers=workers,
            )
            await stack.enter_async_context(speak)
        yield


def _client(url: str) -> Redis:
    from redis.asyncio import Redis  # noqa: PLC0415  # an optional dependency

    try:
        redis: Redis = Redis.from_url(url, socket_timeout=_SOCKET_TIMEOUT_S)
        cast(Any, redis.connection_pool).make_connection()  # checks the options without connecting
    except (TypeError, ValueError):  # its message may quote part of the password
        allowed = "redis://, rediss:// or unix://, with %XX for what is special in a password"
        raise InvalidArgument("redis_url", "a secret", allowed) from None
    return redis
