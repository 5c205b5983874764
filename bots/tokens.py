"""The access token of one application: fetched once for everybody who waits, never in a storm.

One token lives about 2 hours, may die early, and asking for it too often blocks a WeCom account for
an hour (channels.md §1.1, §2.1). So: one fetch in flight, a refusal is remembered for a minute, a
token is replaced only by whoever failed with the one still in use, and at most every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bots.refusal import Refused, later
from core.clock import MINUTE, SECOND, Clock, Instant

EARLY: Instant = 5 * MINUTE
REFUSAL_KEPT: Instant = MINUTE
REFRESH_GAP: Instant = 5 * SECOND
FETCH_SECONDS = 6


@dataclass(slots=True)
class Tokens:
    """`fetch` answers (token, seconds it lives) or raises Refused; `vendor` is its Chinese name."""

    vendor: str
    fetch: Callable[[], Awaitable[tuple[str, int]]]
    clock: Clock
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _token: str = ""
    _fresh_until: Instant = 0
    _fetched_at: Instant | None = None
    _refusal: Refused | None = None
    _refused_at: Instant = 0

    async def get(self) -> str:
        """A token that should work.

        Raises:
            Refused: the vendor gives none; the same answer for a minute without asking again.
        """
        async with self._lock:
            if self._token and self.clock.now() < self._fresh_until:
                return self._token
            return await self._fetch()

    async def instead_of(self, failed: str) -> str:
        """A token to try once more after `failed` was refused.

        Raises:
            Refused: there is none, or the one in use is so new that asking again would be a storm.
        """
        async with self._lock:
            if self._token and self._token != failed:
                return self._token
            now = self.clock.now()
            if self._fetched_at is not None and 0 <= now - self._fetched_at < REFRESH_GAP:
                raise Refused(
                    later(
                        "token",
                        f"{self.vendor}刚发的凭证又被它拒绝，稍后再试。",
                        10,
                        scope="account",
                    )
                )
            return await self._fetch()

    async def _fetch(self) -> str:
        now = self.clock.now()
        if self._refusal is not None and 0 <= now - self._refused_at < REFUSAL_KEPT:
            raise Refused(self._refusal.result, self._refusal.code)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                token, seconds = await self.fetch()
        except Refused as refusal:
            self._refusal, self._refused_at, self._token = refusal, now, ""
            raise
        except TimeoutError:
            raise Refused(
                later("unreachable", f"{self.vendor}没有响应，稍后再试。", 5, scope="account")
            ) from None
        lives = seconds * SECOND
        self._token, self._fetched_at, self._refusal = token, now, None
        self._fresh_until = now + max(lives - EARLY, lives // 2)
        return token
