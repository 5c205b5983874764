"""Long connections to chat vendors: polled or streamed, by one process at a time.

A lease says who listens, so two processes do not take each other's updates (Telegram answers two
pollers with conflicts); whoever loses it stops, and another goes on where the vendor was left.
What comes is stored before the vendor hears that we have it. Not for HTTP callbacks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from api.callbacks.understanding import take
from api.deps import Jieli
from bots.said import Answer, Received
from core import leases
from core.clock import SECOND, Instant
from core.errors import AppError
from core.ids import secret_token

log = logging.getLogger(__name__)

LEASE: Instant = 9 * SECOND  # who stopped without a word is replaced after that
RENEW_SECONDS = 3.0
DINGTALK_SECONDS = 1.4  # of two; its adapter waits 1.5 before it lets the deadline pass


class Listener(Protocol):
    """A vendor that tells us things over a connection of ours."""

    async def listen(self, handle: Callable[[Received], Awaitable[Answer]]) -> None:
        """Run until cancelled; reconnect by itself."""


def connections(jieli: Jieli) -> list[asyncio.Task[None]]:
    """What this process does so that it is told: listen, or say where our doors are."""
    vendors = jieli.vendors
    found = [asyncio.create_task(vendors.register(), name="register")]
    if vendors.telegram is not None and not vendors.telegram.by_webhook:
        work = listening(jieli, "telegram", vendors.telegram.face)
        found.append(asyncio.create_task(work, name="listen-telegram"))
    if vendors.dingtalk is not None and not vendors.dingtalk.by_http:
        work = listening(jieli, "dingtalk", vendors.dingtalk.face, DINGTALK_SECONDS)
        found.append(asyncio.create_task(work, name="listen-dingtalk"))
    return found


async def listening(
    jieli: Jieli,
    channel: str,
    listener: Listener,
    seconds: float | None = None,
    *,
    renew: float = RENEW_SECONDS,
) -> None:
    """Listen on `channel` whenever the lease is ours, until cancelled.

    `seconds` is the vendor's patience with one thing said (see `take`); the lease is looked at each
    `renew` seconds.
    """
    owner, name = secret_token(96), f"listen:{channel}"

    async def handle(received: Received) -> Answer:
        return await take(jieli, channel, received, seconds)

    work: asyncio.Task[None] | None = None
    kept_until = 0
    try:
        while True:
            now = jieli.clock.now()
            ours = await _renewed(jieli, name, owner)
            kept_until = now + LEASE if ours else kept_until
            if ours is False or now >= kept_until:
                await _stop(work)
                work = None
            elif work is None or work.done():
                if work is not None:
                    log.error("listener_ended", extra={"channel": channel})
                work = asyncio.create_task(listener.listen(handle), name=name)
            await asyncio.sleep(renew)  # tidy: banned — a lease is renewed in real time
    finally:
        await _stop(work)
        with suppress(AppError):
            await jieli.db.write(lambda tx: leases.let_go(tx, name, owner))


async def _renewed(jieli: Jieli, name: str, owner: str) -> bool | None:
    """True when the lease is ours, False when it is not, None when nobody can say."""
    try:
        return await jieli.db.write(
            lambda tx: leases.take(tx, name, owner, jieli.clock.now() + LEASE)
        )
    except AppError:
        return None


async def _stop(work: asyncio.Task[None] | None) -> None:
    if work is None:
        return
    work.cancel()
    with suppress(asyncio.CancelledError):
        try:
            await work
        except Exception:  # said, and begun again
            log.exception("listener_failed")
