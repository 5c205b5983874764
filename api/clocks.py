"""Looks at the clocks once at the start and every minute: a machine whose time is wrong says so.

`/readyz`, `/metrics` and `jieli doctor` measure for themselves whenever they are asked; this is for
the log of a machine that nobody asks. Never changes a clock.
"""

from __future__ import annotations

import asyncio
import logging

from core.clock import SECOND
from core.config import Settings
from core.db import Database
from core.skew import skew

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


async def watch_clock(db: Database, settings: Settings) -> None:
    """One line when the clocks begin to differ, one when they agree again; until cancelled."""
    differed = False
    while True:
        try:
            differs = (await db.read(lambda conn: skew(conn, db.clock)) or 0) / SECOND
        except Exception as problem:  # noqa: BLE001  # the database is away; others say so
            log.debug("clock_unknown", extra={"why": type(problem).__name__})
        else:
            too_much = abs(differs) > settings.clock_skew_seconds
            if too_much != differed:
                told = "clock_differs" if too_much else "clock_agrees"
                level = logging.ERROR if too_much else logging.INFO
                log.log(level, told, extra={"seconds": round(differs, 3)})
            differed = too_much
        await asyncio.wait((asyncio.get_running_loop().create_future(),), timeout=EVERY_SECONDS)
