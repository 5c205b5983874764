"""Callbacks that the database cannot take at once: kept as files until it can.

A chat vendor waits five seconds and gives up after three tries; a database that restarts needs
longer. One synced file for each, so it also outlasts this process; whoever starts next on the same
folder takes it in. Stored twice is stored once: the inbox knows it by the vendor's own key.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from core.clock import Clock
from core.db import Database
from core.durable import write_whole
from core.errors import AppError
from core.outbox import inbox
from core.outbox.inbox import Stored

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0


class Spool:
    """The way of a verified callback into the inbox."""

    def __init__(self, folder: Path, db: Database, clock: Clock) -> None:
        self._folder, self._db, self._clock = folder, db, clock
        self._news = asyncio.Event()

    async def take(
        self, channel: str, dedupe: str, body: dict[str, Any], within: float
    ) -> Stored | None:
        """Store a callback; None when that takes longer than `within` seconds and a file has it.

        Raises:
            OSError: the disk does not take it either. The vendor must try again.
        """
        writing = asyncio.ensure_future(
            self._db.write(lambda tx: inbox.store(tx, channel, dedupe, body))
        )
        try:
            return await asyncio.wait_for(asyncio.shield(writing), within)
        except TimeoutError:
            writing.add_done_callback(_heard)
        except AppError as refusal:
            if refusal.status < 500:
                raise
        await asyncio.to_thread(self._keep, channel, dedupe, body)
        log.warning("callback_spooled", extra={"channel": channel})
        self._news.set()
        return None

    def _keep(self, channel: str, dedupe: str, body: dict[str, Any]) -> None:
        known_as = hashlib.sha256(f"{channel}\0{dedupe}".encode()).hexdigest()[:16]
        path = self._folder / f"{self._clock.now():020d}-{known_as}.json"
        write_whole(path, orjson.dumps({"channel": channel, "dedupe": dedupe, "body": body}))

    def waiting(self) -> list[Path]:
        """The files that are not in the inbox yet, oldest first."""
        return sorted(self._folder.glob("*.json"))

    async def drain(self) -> int:
        """Bring the files into the inbox; how many are left."""
        for path in await asyncio.to_thread(self.waiting):
            kept = await asyncio.to_thread(_read, path)
            if kept is None:
                continue
            try:
                await self._db.write(
                    lambda tx, kept=kept: inbox.store(  # type: ignore[misc]
                        tx, kept["channel"], kept["dedupe"], kept["body"]
                    )
                )
            except AppError:
                break
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return len(await asyncio.to_thread(self.waiting))

    async def run(self) -> None:
        """Bring in what an earlier process left, then whatever comes, until cancelled."""
        while True:
            self._news.clear()  # before looking: what comes meanwhile is looked at once more
            try:
                left = await self.drain()
            except Exception:  # said, and tried again
                log.exception("callback_spool_failed")
                left = 1
            if left:
                await asyncio.sleep(AGAIN_SECONDS)  # tidy: banned — a database that is away
            else:
                await self._news.wait()


def _heard(writing: asyncio.Future[Stored]) -> None:
    """It may still succeed, or fail; the file has it either way."""
    if not writing.cancelled():
        writing.exception()


def _read(path: Path) -> dict[str, Any] | None:
    """What a file holds. One that nobody can read is laid aside, for somebody to look at."""
    try:
        kept: dict[str, Any] = orjson.loads(path.read_bytes())
        return {name: kept[name] for name in ("channel", "dedupe", "body")}
    except FileNotFoundError:  # another process was faster
        return None
    except (OSError, ValueError, KeyError, TypeError):
        log.exception("callback_unreadable", extra={"file": path.name})
        with suppress(FileNotFoundError):  # another process was faster
            path.rename(path.with_suffix(".bad"))
        return None
