"""Chat vendors that are configured: their channels, how their callbacks come, and who listens.

A vendor's module is imported only when it is used: the three cost a second of start-up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.h5 import link_of
from bots.pictures import thumbnail
from bots.said import Answer
from core.clock import Clock
from core.config import Settings
from core.db import Database
from core.outbox.rules import Limits
from core.tasks import files

if TYPE_CHECKING:
    import httpx

    from bots import dingtalk, telegram, wecom
    from bots.face import Face
    from core.outbox.channel import Channel, SendResult

log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TelegramDoor:
    """Telegram's side that lets things in."""

    face: telegram.Telegram
    callbacks: telegram.Callbacks
    by_webhook: bool


@dataclass(frozen=True, slots=True)
class DingTalkDoor:
    """DingTalk's side that lets things in; `answered` is what a pressed card is told."""

    face: dingtalk.DingTalk
    callbacks: dingtalk.Callbacks
    by_http: bool
    answered: Callable[[Answer], dict[str, Any]]


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
        self.groups: dict[str, Channel] = {}  # channels to no person
        self.limits: dict[str, Limits] = {}
        self.wecom_callbacks: wecom.Callbacks | None = None
        self.dingtalk: DingTalkDoor | None = None
        self.telegram: TelegramDoor | None = None
        self._settings, self._db, self._clock, self._transport = settings, db, clock, transport
        if settings.wecom_corp_id:
            self._add_wecom()
        if settings.dingtalk_client_id:
            self._add_dingtalk()
        if settings.telegram_token.get_secret_value():
            self._add_telegram()

    def _add_wecom(self) -> None:
        from bots import wecom

        self.faces["wecom"] = wecom.channel_of(
            self._settings,
            self._clock,
            self._transport,
            picture_of=self._picture_of,
            page_of=self._page_of,
        )
        self.wecom_callbacks = wecom.callbacks_of(self._settings, self._clock)

    def _add_dingtalk(self) -> None:
        from bots import dingtalk

        token = self._settings.dingtalk_group_token.get_secret_value()
        secret = self._settings.dingtalk_group_secret.get_secret_value()
        face = dingtalk.channel_of(
            self._settings,
            self._clock,
            self._transport,
            picture_of=self._picture_of,
            page_of=self._page_of,
            group_robot=dingtalk.GroupRobot(token, secret) if token else None,
        )
        if token:
            group = dingtalk.Group(face.robot)
            self.groups[group.name] = group
            self.limits[group.name] = dingtalk.GROUP_PACE
        callbacks = dingtalk.callbacks_of(self._settings, self._clock)
        by_http = self._settings.dingtalk_mode == "http"
        self.faces["dingtalk"] = face
        self.limits["dingtalk"] = dingtalk.PACE
        self.dingtalk = DingTalkDoor(face, callbacks, by_http, dingtalk.card_answer)

    def _add_telegram(self) -> None:
        from bots import telegram

        face = telegram.channel_of(
            self._settings,
            self._clock,
            self._transport,
            picture_of=self._picture_of,
            page_of=self._page_of,
        )
        callbacks = telegram.callbacks_of(self._settings, self._clock)
        by_webhook = self._settings.telegram_mode == "webhook"
        self.faces["telegram"] = face
        self.limits["telegram"] = telegram.PACE
        self.telegram = TelegramDoor(face, callbacks, by_webhook)

    @property
    def channels(self) -> dict[str, Channel]:
        """What the outbox delivers through."""
        return {**self.faces, **self.groups}

    async def bind_links(self, code: str) -> dict[str, str]:
        """By channel, an address that opens the chat with the code said already, where one can."""
        found = {name: await face.bind_link(code) for name, face in self.faces.items()}
        return {name: link for name, link in found.items() if link}

    async def register(self) -> None:
        """Tell the vendors that call us where our doors are; again each minute until they know."""
        base = self._settings.public_url.rstrip("/")
        asked: dict[str, Callable[[], Awaitable[SendResult]]] = {}
        if self.dingtalk is not None and self.dingtalk.by_http:
            face = self.dingtalk.face
            asked["dingtalk"] = lambda: face.registered(f"{base}/callbacks/dingtalk")
        if self.telegram is not None and self.telegram.by_webhook:
            other = self.telegram.face
            asked["telegram"] = lambda: other.register_webhook(f"{base}/callbacks/telegram")
        while asked:
            for name, ask in list(asked.items()):
                result = await ask()
                if result.kind in {"sent", "never"}:
                    del asked[name]
                if result.kind != "sent":
                    log.error("not_registered", extra={"channel": name, "why": result.reason})
            if asked:
                await asyncio.sleep(AGAIN_SECONDS)  # tidy: banned — a vendor that is away

    async def close(self) -> None:
        """Close the vendors' connections."""
        for face in self.faces.values():
            await face.aclose()

    def _page_of(self, delivery: Any) -> str:
        return link_of(self._settings, delivery)

    async def _picture_of(self, file_id: str) -> bytes:
        found = await self._db.read(lambda conn: files.file(conn, file_id))
        path = files.path_of(self._settings.files_dir, found.sha256)
        return await asyncio.to_thread(lambda: thumbnail(path.read_bytes()))
