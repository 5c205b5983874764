"""Tries of strangers, counted in sliding windows: of one process, or of all of them through Redis.

Redis is asked briefly. When it does not answer, this process counts by itself for a while: nobody
is locked out and nobody gets an error because a server that keeps nothing is away. The windows are
weighed, not remembered try by try: where a minute turns, one try more may pass. Not for the PIN of
a scanner (pda/session.py).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from core.chain import fingerprint
from core.clock import perf
from core.errors import TOO_MANY, AppError

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

log = logging.getLogger(__name__)

PER_LOGIN = RateLimitItemPerMinute(5)  # one person mistyping
PER_ADDRESS = RateLimitItemPerMinute(60)  # a whole office behind one address
PATIENCE_SECONDS = 0.5
ALONE_SECONDS = 10.0  # before Redis is asked again


class Attempts:
    """Counts tries; `redis_url` shares the count among processes."""

    def __init__(self, redis_url: str = "") -> None:
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._pool = _pool(redis_url) if redis_url else None
        self._shared = None if self._pool is None else _limiter(redis_url, self._pool)
        self._alone_until = 0.0

    async def close(self) -> None:
        """Let go of Redis."""
        if self._pool is not None:
            await self._pool.aclose()

    async def check(self, what: str, name: str, address: str) -> None:
        """Count one try.

        Raises:
            AppError(too_many): more than the window allows; says after how many seconds.
        """
        for item, keys in (
            (PER_LOGIN, (what, name.strip().casefold()[:64], address)),
            (PER_ADDRESS, (what, address)),
        ):
            if not await self._hit(item, keys):
                raise AppError(TOO_MANY, seconds=item.get_expiry())

    async def _hit(self, item: RateLimitItem, keys: tuple[str, ...]) -> bool:
        """Both count, so what was tried is known when Redis goes; its word counts while it is."""
        own = await self._own.hit(item, *keys)
        if self._shared is None or perf() < self._alone_until:
            return own
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Hashed: what is typed as a login is now and then a password.
                return await self._shared.hit(item, fingerprint(keys))
        except Exception as problem:  # noqa: BLE001  # whatever it is, we can count ourselves
            self._alone_until = perf() + ALONE_SECONDS
            log.warning("attempts_counted_alone", extra={"why": type(problem).__name__})
            return own


def _pool(redis_url: str) -> ConnectionPool:
    from redis.asyncio import ConnectionPool
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    never_again = Retry(NoBackoff(), 0)
    return ConnectionPool.from_url(redis_url, retry=never_again)


def _limiter(redis_url: str, pool: ConnectionPool) -> SlidingWindowCounterRateLimiter:
    from limits.aio.storage import RedisStorage

    options: dict[str, Any] = {"connection_pool": pool}
    storage = RedisStorage(
        f"async+{redis_url}", implementation="redispy", key_prefix="jieli-attempts", **options
    )
    return SlidingWindowCounterRateLimiter(storage)
