"""How updates reach the bot: kept until a poll confirms them, or posted to its webhook.

As published: an update is confirmed by a getUpdates with a higher offset; a webhook's post is
repeated unless it answers 2xx; the two ways exclude each other, and so do two pollers (409). An
update stays 24 hours there, here until the process ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from bots.simulator.telegram.checks import ApiError, JsonObject, bad

TRIES = 3
ANSWER_SECONDS = 10.0
LONGEST_POLL = 50
FIRST_UPDATE = 700_000_001
NEVER_UNASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(slots=True)
class Webhook:
    """Where updates are posted; without url they wait for a poll."""

    url: str = ""
    secret: str = ""
    last_error: str = ""


@dataclass(slots=True)
class Updates:
    """The queue of one bot. `keep_back` and `copies` are faults to order."""

    client: httpx.AsyncClient | None = None
    webhook: Webhook = field(default_factory=Webhook)
    allowed: list[str] = field(default_factory=list)
    waiting: list[JsonObject] = field(default_factory=list)
    keep_back: bool = False
    copies: int = 1
    _kept: list[JsonObject] = field(default_factory=list)
    _last: int = FIRST_UPDATE - 1
    _poller: int = 0
    _quiet: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _posting: asyncio.Lock = field(default_factory=asyncio.Lock)

    # -- the bot's side --------------------------------------------------------------------------
    async def get(self, asked: JsonObject) -> list[JsonObject]:
        """getUpdates: wait up to `timeout` seconds for something; a newer poll ends an older."""
        self._poller += 1
        mine, quiet, offset = self._poller, self._quiet, _whole(asked, "offset", 0)
        limit = max(1, min(_whole(asked, "limit", 100), 100))
        seconds = max(0, min(_whole(asked, "timeout", 0), LONGEST_POLL))
        await self._wake()
        self._may_poll(mine)
        self._allow(asked)
        if offset < 0:
            offset = max([each["update_id"] for each in self.waiting], default=0) + 1 + offset
        if offset:
            self.waiting = [each for each in self.waiting if each["update_id"] >= offset]
            await self._wake()
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(
                    lambda: self.waiting or (mine, quiet) != (self._poller, self._quiet)
                )
        except TimeoutError:
            pass
        self._may_poll(mine)
        found = [each for each in self.waiting if each["update_id"] >= offset]
        found.sort(key=lambda each: int(each["update_id"]))
        return [each for each in found[:limit] for _ in range(self.copies)]

    def set_webhook(self, asked: JsonObject) -> bool:
        url = str(asked.get("url") or "")
        if url and not url.startswith("https://"):
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = Webhook(url, str(asked.get("secret_token") or ""))
        self._poller += 1
        self._allow(asked)
        if _true(asked.get("drop_pending_updates")):
            self.waiting = []
        return True

    def delete_webhook(self, asked: JsonObject) -> bool:
        return self.set_webhook({key: asked[key] for key in asked if key != "url"})

    def webhook_info(self, _: JsonObject) -> JsonObject:
        info: JsonObject = {
            "url": self.webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.waiting),
        }
        if self.allowed:
            info["allowed_updates"] = self.allowed
        if self.webhook.last_error:
            info |= {"last_error_message": self.webhook.last_error, "last_error_date": 1}
        return info

    # -- the people's side -----------------------------------------------------------------------
    async def emit(self, kind: str, content: JsonObject) -> list[int]:
        """Something happened; the HTTP statuses of the webhook's posts, none when it waits."""
        if (self.allowed and kind not in self.allowed) or (
            not self.allowed and kind in NEVER_UNASKED
        ):
            return []
        self._last += 1
        update = {"update_id": self._last, kind: content}
        if self.keep_back:
            self._kept.append(update)
            return []
        return await self.bring(update)

    async def bring(self, update: JsonObject) -> list[int]:
        """Queue one update, and post it when there is a webhook."""
        self.waiting.append(update)
        await self._wake()
        return await self.post_waiting() if self.webhook.url else []

    async def release(self, *, reverse: bool = True) -> list[int]:
        """Send what was kept back, with the numbers of another order unless told otherwise."""
        kept, self._kept, self.keep_back = self._kept, [], False
        numbers = [each["update_id"] for each in kept]
        statuses: list[int] = []
        for number, update in zip(numbers, reversed(kept) if reverse else kept, strict=True):
            statuses += await self.bring(update | {"update_id": number})
        return statuses

    async def post_waiting(self) -> list[int]:
        """Post in order; what is not taken in TRIES stays, and everything behind it."""
        statuses: list[int] = []
        async with self._posting:
            while self.waiting and self.webhook.url:
                update = self.waiting[0]
                for _ in range(TRIES):
                    statuses.append(await self._post(update))
                    if 200 <= statuses[-1] < 300:
                        break
                else:
                    return statuses
                for _ in range(self.copies - 1):
                    statuses.append(await self._post(update))
                self.waiting = [each for each in self.waiting if each is not update]
        return statuses

    async def be_quiet(self) -> None:
        """The long polls that wait now end with nothing, as they do after their timeout."""
        self._quiet += 1
        await self._wake()

    async def taken(self) -> None:
        """Until the bot has confirmed everything."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self.waiting)

    # -- inside ----------------------------------------------------------------------------------
    async def _post(self, update: JsonObject) -> int:
        assert self.client is not None, "a webhook needs the client that posts to it"
        headers = {"Content-Type": "application/json"}
        if self.webhook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.webhook.secret
        try:
            answer = await self.client.post(
                self.webhook.url,
                content=orjson.dumps(update),
                headers=headers,
                timeout=ANSWER_SECONDS,
            )
        except httpx.TransportError as problem:
            self.webhook.last_error = f"Connection failed: {type(problem).__name__}"
            return 0
        if not answer.is_success:
            words = f"{answer.status_code} {answer.reason_phrase}"
            self.webhook.last_error = f"Wrong response from the webhook: {words}"
        return answer.status_code

    def _may_poll(self, mine: int) -> None:
        if self.webhook.url:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        if mine != self._poller:
            raise ApiError(
                409,
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
            )

    def _allow(self, asked: JsonObject) -> None:
        """What is asked for stays asked for, until something else is."""
        if isinstance(asked.get("allowed_updates"), list):
            self.allowed = [str(each) for each in asked["allowed_updates"]]

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _whole(asked: JsonObject, name: str, default: int) -> int:
    value: Any = asked.get(name, default)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise bad(f"{name} must be a number") from None


def _true(value: object) -> bool:
    return value is True or str(value).lower() == "true"
