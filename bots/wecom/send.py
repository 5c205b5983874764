"""The WeCom channel: brings a card to a member, changes it, and says how each attempt ended.

A card can be changed as often as we hold unspent response codes, each good for one call within
72 hours. When none is left the old card is recalled (24 h) and the news goes another way: a closed
task as plain text, an open one as a new card. Nothing here retries or waits: core/outbox does.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx

from bots.refusal import Refused, never
from bots.text import cut_bytes
from bots.wecom.api import Account, Api
from bots.wecom.callback import TEXT_BYTES
from bots.wecom.limits import broken_limit
from bots.wecom.render import Frame, closed_card, plain_message, template_card
from bots.wecom.verdict import CARD_CODES, TOKEN_CODES
from core.clock import DAY, HOUR, MINUTE, Clock, Instant
from core.outbox.card import Card
from core.outbox.channel import Capabilities, Delivery, Handle, SendResult
from core.outbox.surfaces import take_code

log = logging.getLogger(__name__)

CODE_LIVES: Instant = 72 * HOUR
CODE_MARGIN: Instant = 5 * MINUTE
RECALL_WITHIN: Instant = DAY - 10 * MINUTE
MEDIA_LIVES: Instant = 2 * DAY + 12 * HOUR
MEDIA_KEPT = 500
SPENT_KEPT = 5_000
DUPLICATE_SECONDS = 14_400
CODE_BYTES = 512

PageOf = Callable[[Delivery], str]
PictureOf = Callable[[str], Awaitable[bytes]]
# The outcomes of an update after which the code may still be unspent: WeCom did not look at it.
_NOT_LOOKED_AT = TOKEN_CODES | {-1, 45009, 45033, 60020, 40013, 40056, 301002, 48002, 60011}


class WeCom:
    """`core.outbox.channel.Channel` for one application.

    `page_of` gives the page behind a card; `picture_of` the bytes of a file id (None: cards go
    without pictures). The client is injected: its transport is the simulator's in tests.
    """

    def __init__(
        self,
        account: Account,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        page_of: PageOf,
        picture_of: PictureOf | None = None,
    ) -> None:
        self.api = Api(account, client, clock)
        self._account = account
        self._client = client
        self._clock = clock
        self._page_of = page_of
        self._picture_of = picture_of
        self._used: OrderedDict[str, None] = OrderedDict()
        self._media: OrderedDict[str, tuple[str, Instant]] = OrderedDict()

    @property
    def name(self) -> str:
        return "wecom"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            edit=True,
            receipts=False,
            inputs=frozenset({"choice"}),
            buttons=6,
            pictures=self._picture_of is not None,
        )

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()

    async def send(self, delivery: Delivery) -> SendResult:
        """One attempt to bring a new card to the member."""
        return await self._new_card(delivery, delivery.card_id)

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """Make the member's card show `delivery.card`; see the module for what happens when it
        cannot be changed any more."""
        spent: list[str] = []
        left: Mapping[str, Any] = handle
        while True:
            code, left = take_code(left, self._clock.now() + CODE_MARGIN)
            if not code:
                break
            if code in self._used:  # an attempt that was cut off may have spent it
                spent.append(code)
                continue
            self._use(code)
            result = await self._update(delivery, handle, code)
            if result.code in _UNSPENT:
                self._used.pop(code, None)
            else:
                spent.append(code)
            if result.kind != "never":
                return _with_spent(result, spent)
            log.warning("wecom_code_refused", extra={"why": result.code})
        return _with_spent(await self._instead(delivery, handle), spent)

    async def tell(self, user_id: str, text: str) -> SendResult:
        """Plain words outside any card; one attempt."""
        try:
            said = {"content": cut_bytes(text, TEXT_BYTES)}
            body = self._envelope(user_id, "text", said, checked=False)
            await self.api.post("message/send", body)
        except Refused as refusal:
            return refusal.result
        return SendResult("sent")

    def sign_in_url(self, back: str, state: str) -> str:
        """WeCom's silent sign-in for pages inside it (channels.md §1.6)."""
        query = {
            "appid": self._account.corp_id,
            "redirect_uri": back,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
            "agentid": self._account.agent_id,
        }
        base = self._account.login_base
        return f"{base}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    async def who(self, proof: Mapping[str, str]) -> str:
        """The member behind a code of the silent sign-in.

        Raises:
            LookupError: used up, too old, or not a member of the corporation.
        """
        try:
            return await self.api.user_of(proof.get("code", "")[:CODE_BYTES])
        except Refused as refusal:
            raise LookupError(refusal.result.reason) from refusal

    async def bind_link(self, code: str) -> str:  # noqa: ARG002  # nothing can say it for a member
        return ""

    async def show(self, user_id: str, picture: bytes, name: str) -> SendResult:
        """A picture outside any card; one attempt."""
        try:
            media_id = await self.api.upload(name, picture, "image/png", kind="image")
            body = self._envelope(user_id, "image", {"media_id": media_id}, checked=False)
            await self.api.post("message/send", body)
        except Refused as refusal:
            return refusal.result
        return SendResult("sent")

    async def fetch(self, media: str) -> bytes:
        """The picture that a member sent.

        Raises:
            LookupError: it is older than three days, or WeCom cannot be reached.
        """
        try:
            return await self.api.download(media)
        except Refused as refusal:
            raise LookupError(refusal.result.reason) from refusal

    async def _update(self, delivery: Delivery, handle: Mapping[str, Any], code: str) -> SendResult:
        """Change the card in place with one response code."""
        try:
            frame = await self._frame(delivery, str(handle.get("task_id") or delivery.card_id))
            card = delivery.card
            shown = closed_card(card, frame) if card.closed else template_card(card, frame)
            if problem := broken_limit(shown):
                return _never_valid(problem)
            whom: dict[str, Any] = {"atall": 1} if card.closed else {"userids": [delivery.user_id]}
            body = whom | {"agentid": self._account.agent_id, "response_code": code}
            await self.api.post("message/update_template_card", body | {"template_card": shown})
        except Refused as refusal:
            return refusal.result
        return SendResult("sent")

    def _use(self, code: str) -> None:
        self._used[code] = None
        while len(self._used) > SPENT_KEPT:
            self._used.popitem(last=False)

    async def _instead(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """The card cannot be changed: take it back where possible and say it another way."""
        await self._recall(handle)
        if delivery.card.closed:
            return await self._text(delivery)
        return await self._new_card(delivery, f"{delivery.card_id}@{delivery.card_rev}")

    async def _recall(self, handle: Mapping[str, Any]) -> None:
        """Best effort: a card that stays answers a press with how the task ended."""
        message_id = str(handle.get("ref") or "")
        if not message_id or self._clock.now() - int(handle.get("sent_us", 0)) > RECALL_WITHIN:
            return
        try:
            await self.api.post("message/recall", {"msgid": message_id})
        except Refused as refusal:
            log.info("wecom_not_recalled", extra={"why": refusal.result.code})

    async def _new_card(self, delivery: Delivery, task_id: str) -> SendResult:
        try:
            shown = template_card(delivery.card, await self._frame(delivery, task_id))
            if problem := broken_limit(shown):
                return _never_valid(problem)
            answer = await self._send(delivery, "template_card", shown)
        except Refused as refusal:
            if refusal.code not in CARD_CODES:
                return refusal.result
            # The card itself was refused, or (a repetition) its task_id is taken: plain words, so
            # that the person hears of it; hearing twice is the lesser evil.
            log.warning("wecom_card_refused", extra={"why": refusal.result.code})
            return await self._text(delivery)
        return self._delivered(delivery, answer, task_id)

    async def _text(self, delivery: Delivery) -> SendResult:
        kind, content = plain_message(delivery.card, self._page_of(delivery))
        try:
            answer = await self._send(delivery, kind, content)
        except Refused as refusal:
            return refusal.result
        return self._delivered(delivery, answer, "")

    async def _send(self, delivery: Delivery, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        body = self._envelope(delivery.user_id, kind, content, checked=True)
        return await self.api.post("message/send", body)

    def _envelope(
        self, user_id: str, kind: str, content: dict[str, Any], *, checked: bool
    ) -> dict[str, Any]:
        """`checked`: WeCom drops the same content to the same member, for the repeats of a card."""
        body = {"touser": user_id, "msgtype": kind, "agentid": self._account.agent_id}
        body[kind] = content
        if checked:
            body |= {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_SECONDS}
        return body

    def _delivered(self, delivery: Delivery, answer: dict[str, Any], task_id: str) -> SendResult:
        """errcode 0 is not yet delivered: the one receiver may be listed as refused."""
        user = delivery.user_id.lower()
        if user in str(answer.get("invaliduser") or "").lower().split("|"):
            return never("wecom_invaliduser", "此人不在应用的可见范围内，或已离开企业微信。")
        if user in str(answer.get("unlicenseduser") or "").lower().split("|"):
            return never("wecom_unlicensed", "此人没有企业微信接口许可，收不到应用消息。")
        now = self._clock.now()
        handle: Handle = {"ref": str(answer.get("msgid") or ""), "sent_us": now, "task_id": task_id}
        code = str(answer.get("response_code") or "")
        handle["codes"] = [{"code": code, "expires_us": now + CODE_LIVES}] if code else []
        return SendResult("sent", handle=handle)

    async def _frame(self, delivery: Delivery, task_id: str) -> Frame:
        media_id = await self._media_id(delivery.card)
        return Frame(task_id, self._page_of(delivery), delivery.tokens, media_id)

    async def _media_id(self, card: Card) -> str:
        """The picture's id at WeCom, uploaded once in two days. A card never waits for a picture
        that cannot be had: it goes without."""
        if not card.picture or self._picture_of is None:
            return ""
        now = self._clock.now()
        known, until = self._media.get(card.picture, ("", 0))
        if now < until:
            return known
        try:
            media_id = await self.api.upload("photo.jpg", await self._picture_of(card.picture))
        except Refused as refusal:
            log.warning("wecom_picture_left_out", extra={"why": refusal.result.code})
            return ""
        self._media[card.picture] = (media_id, now + MEDIA_LIVES)
        while len(self._media) > MEDIA_KEPT:
            self._media.popitem(last=False)
        return media_id


_UNSPENT = frozenset(f"wecom_{code}" for code in _NOT_LOOKED_AT) | {
    "unreachable",
    "token",
    "card_invalid",
    "http_429",
    "http_503",
}


def card_id_of(task_id: str) -> str:
    """Our card id inside a vendor task_id; a card sent anew carries `@revision` behind it."""
    return task_id.partition("@")[0]


def _with_spent(result: SendResult, spent: list[str]) -> SendResult:
    return replace(result, spent=tuple(spent))


def _never_valid(problem: str) -> SendResult:
    return never("card_invalid", f"卡片不合企业微信的格式，没有发出：{problem}")
