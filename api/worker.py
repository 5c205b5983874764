"""`jieli worker`: the engine without doors; any number of them beside any number of web processes.

A step that another process is at is left to it; a message is leased to whoever sends it. Not for
requests: those need `jieli serve`.
"""

from __future__ import annotations

import asyncio
import signal

import structlog

from api.heap import settle
from api.main import build, running
from core.clock import SystemClock
from core.config import Settings
from core.migrations.run import upgrade

log = structlog.get_logger(__name__)


def work(settings: Settings) -> None:
    """Run until told to stop (SIGTERM, SIGINT)."""
    import uvloop

    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    jieli = build(settings.model_copy(update={"engine": True}), SystemClock())
    await asyncio.to_thread(upgrade, jieli.db)
    settle()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with running(jieli) as engine:
        assert engine is not None, "a worker is its engine"
        log.info("worker_ready", steps=len(jieli.engine.steps))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((engine, stopping), return_when=asyncio.FIRST_COMPLETED)
