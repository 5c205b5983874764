"""Chat vendors that are configured: their channels and the receiving side of their callbacks.

A vendor's module is imported only when it is used: the three cost a second of start-up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.clock import Clock
from core.config import Settings
from core.db import Database
from core.tasks import files

if TYPE_CHECKING:
    import httpx

    from bots.wecom import Callbacks, WeCom
    from core.outbox.channel import Channel


class Vendors:
    """Built once by api/main; empty when nothing is configured."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        db: Database,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.wecom: WeCom | None = None
        self.callbacks: Callbacks | None = None
        self._settings, self._db = settings, db
        if settings.wecom_corp_id:
            from bots.wecom import callbacks_of, channel_of

            self.wecom = channel_of(settings, clock, transport, picture_of=self._picture_of)
            self.callbacks = callbacks_of(settings, clock)

    @property
    def channels(self) -> dict[str, Channel]:
        """By the name that chat identities carry."""
        return {} if self.wecom is None else {self.wecom.name: self.wecom}

    async def close(self) -> None:
        """Close the vendors' connections."""
        if self.wecom is not None:
            await self.wecom.aclose()

    async def _picture_of(self, file_id: str) -> bytes:
        found = await self._db.read(lambda conn: files.file(conn, file_id))
        path = files.path_of(self._settings.files_dir, found.sha256)
        return await asyncio.to_thread(path.read_bytes)
