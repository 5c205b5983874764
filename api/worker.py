"""`jieli worker`: the engine without doors; any number of them beside any number of web processes.

A step that another process is at is left to it; a message is leased to whoever sends it. Not for
requests: those need `jieli serve`.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import structlog

from api.main import build, close, start
from core.clock import SystemClock
from core.config import Settings
from core.migrations.run import upgrade

log = structlog.get_logger(__name__)

GOODBYE_SECONDS = 10  # for what is on its way; a lease covers the rest


def work(settings: Settings) -> None:
    """Run until told to stop (SIGTERM, SIGINT)."""
    import uvloop

    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    jieli = build(settings, SystemClock())
    await asyncio.to_thread(upgrade, jieli.db)
    await asyncio.to_thread(start, jieli)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    running = asyncio.create_task(jieli.engine.run(), name="engine")
    log.info("worker_ready", steps=len(jieli.engine.steps))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await asyncio.gather(running, return_exceptions=True)
    await close(jieli)
