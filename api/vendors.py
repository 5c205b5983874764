"""Chat vendors that are configured: their channels and the receiving side of their callbacks.

A vendor's module is imported only when it is used: the three cost a second of start-up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from api.h5 import link_of
from core.clock import Clock
from core.config import Settings
from core.db import Database
from core.tasks import files

if TYPE_CHECKING:
    import httpx

    from bots.face import Face
    from bots.wecom import Callbacks
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
        self.faces: dict[str, Face] = {}  # by the name that chat identities carry
        self.wecom_callbacks: Callbacks | None = None
        self._settings, self._db = settings, db
        if settings.wecom_corp_id:
            from bots.wecom import callbacks_of, channel_of

            self.faces["wecom"] = channel_of(
                settings,
                clock,
                transport,
                picture_of=self._picture_of,
                page_of=lambda delivery: link_of(settings, delivery),
            )
            self.wecom_callbacks = callbacks_of(settings, clock)

    @property
    def channels(self) -> dict[str, Channel]:
        """What the outbox delivers through."""
        return dict(self.faces)

    async def bind_links(self, code: str) -> dict[str, str]:
        """By channel, an address that opens the chat with the code said already, where one can."""
        found = {name: await face.bind_link(code) for name, face in self.faces.items()}
        return {name: link for name, link in found.items() if link}

    async def close(self) -> None:
        """Close the vendors' connections."""
        for face in self.faces.values():
            await face.aclose()

    async def _picture_of(self, file_id: str) -> bytes:
        found = await self._db.read(lambda conn: files.file(conn, file_id))
        path = files.path_of(self._settings.files_dir, found.sha256)
        return await asyncio.to_thread(path.read_bytes)
