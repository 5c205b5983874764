"""A person presses, types or sends a photo: the real callback goes out, the answer comes in.

As the vendor does it: over the long connection, or signed over HTTP, with 2 seconds to answer; the
answer changes the presser's card. On order a callback comes twice, or several are kept back and
come in another order, or the content has the other of the two published shapes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import orjson

from bots.simulator.dingtalk.doors import Doors
from bots.simulator.dingtalk.gateway import CARD_TOPIC, ROBOT_TOPIC, Gateway, Pushed
from bots.simulator.dingtalk.vendor import Card, Vendor, View
from core.clock import HOUR

JsonObject = dict[str, Any]


class CannotPress(Exception):  # noqa: N818  # the name says what happened
    """The card in the pane offers no such button (any more)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """How one callback went. `statuses`: 200 for each that was answered in time, 0 for the others;
    empty when it could not be brought at all. `spoken`: what the answer says to the presser."""

    statuses: tuple[int, ...]
    reply: JsonObject = field(default_factory=dict)
    spoken: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    topic: str
    data: JsonObject
    card: Card | None
    user_id: str


@dataclass(slots=True)
class Fingers:
    """What people do. `copies`, `keep_back` and `shape` are faults to order."""

    vendor: Vendor
    gateway: Gateway
    doors: Doors
    client: httpx.AsyncClient | None = None
    message_url: str = ""
    answer_seconds: float = 2.0
    copies: int = 1
    keep_back: bool = False
    shape: Literal["content", "value", "beside"] = "content"
    _kept: list[_Kept] = field(default_factory=list)

    async def press(self, user_id: str, label: str, msg_id: str = "") -> Posted:
        """Press the visible button with that text on the newest card that has it.

        Raises:
            CannotPress: nothing in this pane shows such a button.
        """
        for view in reversed(list(self.vendor.views.values())):
            mine = view.user_id == user_id and view.kind == "card" and not view.gone
            if not mine or msg_id not in {"", view.msg_id}:
                continue
            for block in self.vendor.blocks(view):
                if block["type"] == "button" and block["text"] == label:
                    if block["action"] != "request":
                        raise CannotPress(f"「{label}」 opens {block['url']}")
                    return await self._bring(self._click(view, block))
        raise CannotPress(f"{user_id} sees no button 「{label}」")

    async def say(self, user_id: str, text: str, *, group: bool = False) -> Posted:
        """Type a text to the robot, alone with it or in a group."""
        data = self._message(user_id, "text", group=group) | {"text": {"content": text}}
        self.vendor.show(user_id, "words", {"content": text}, mine=True)
        return await self._bring(_Kept(ROBOT_TOPIC, data, None, user_id))

    async def photo(self, user_id: str, data: bytes, caption: str = "") -> Posted:
        """Send a picture to the robot; with words it becomes a rich text, as in the app."""
        code = self.vendor.new_id("code")
        self.vendor.media[code] = data
        self.vendor.show(user_id, "photo", {"media": code, "content": caption}, mine=True)
        picture = {"downloadCode": code, "pictureDownloadCode": code}
        if caption:
            rich = [{"text": caption}, picture | {"type": "picture"}]
            message = self._message(user_id, "richText") | {"content": {"richText": rich}}
        else:
            message = self._message(user_id, "picture") | {"content": picture}
        return await self._bring(_Kept(ROBOT_TOPIC, message, None, user_id))

    async def release(self, *, reverse: bool = True) -> list[Posted]:
        """Bring what was kept back, the last one first unless told otherwise."""
        kept, self._kept, self.keep_back = self._kept, [], False
        return [await self._bring(each) for each in (reversed(kept) if reverse else kept)]

    # -- inside ----------------------------------------------------------------------------------
    def _click(self, view: View, block: JsonObject) -> _Kept:
        card = self.vendor.cards[view.track]
        private = {"actionIds": [block["action_id"]], "params": block["params"]}
        data: JsonObject = {
            "type": "actionCallback",
            "outTrackId": view.track,
            "corpId": self.vendor.corp_id,
            "userId": view.user_id,
            "userIdType": 1,
            "spaceType": "IM",
            "spaceId": view.user_id,
        }
        if self.shape == "beside":
            beside = {"cardPrivateData": {"actionIds": private["actionIds"]}}
            inner: JsonObject = beside | {"params": private["params"]}
        else:
            inner = {"cardPrivateData": private}
            data["extension"] = "{}"
        name = "value" if self.shape == "value" else "content"
        data[name] = orjson.dumps(inner).decode()
        return _Kept(CARD_TOPIC, data, card, view.user_id)

    def _message(self, user_id: str, kind: str, *, group: bool = False) -> JsonObject:
        vendor = self.vendor
        session = vendor.new_id("session")
        self.doors.sessions[session] = user_id
        now = vendor.clock.now() // 1000
        person = vendor.people.get(user_id)
        return {
            "conversationId": "cid" + user_id,
            "conversationType": "2" if group else "1",
            "chatbotCorpId": vendor.corp_id,
            "chatbotUserId": "$:LWCP_v1:$robot",
            "msgId": vendor.new_id("msg"),
            "senderNick": person.name if person else user_id,
            "isAdmin": False,
            "senderStaffId": user_id,
            "senderId": f"$:LWCP_v1:${user_id}",
            "senderCorpId": vendor.corp_id,
            "sessionWebhook": f"{vendor.base}/robot/sendBySession?session={session}",
            "sessionWebhookExpiredTime": now + HOUR // 1000,
            "createAt": now,
            "robotCode": vendor.robot_code,
            "msgtype": kind,
        }

    async def _bring(self, kept: _Kept) -> Posted:
        if self.keep_back:
            self._kept.append(kept)
            return Posted(())
        statuses: list[int] = []
        reply: JsonObject = {}
        for _ in range(self.copies):
            status, answer = await self._once(kept)
            statuses += [] if status is None else [status]
            reply = reply or answer
        return Posted(tuple(statuses), reply, self._apply(kept, reply))

    async def _once(self, kept: _Kept) -> tuple[int | None, JsonObject]:
        over_http = kept.card.callback_type == "HTTP" if kept.card else bool(self.message_url)
        if over_http:
            return await self._post(kept)
        pushed = await self.gateway.push("CALLBACK", kept.topic, kept.data)
        if not pushed.tries:
            return None, {}
        return await self._answer_to(pushed)

    async def _answer_to(self, pushed: Pushed) -> tuple[int, JsonObject]:
        try:
            async with asyncio.timeout(self.answer_seconds):
                await pushed.answered.wait()
        except TimeoutError:
            return 0, {}
        response = pushed.answer.get("response")
        return 200, response if isinstance(response, dict) else {}

    async def _post(self, kept: _Kept) -> tuple[int, JsonObject]:
        """One POST; 0 stands for no answer in time."""
        assert self.client is not None, "callbacks over HTTP need a client"
        stamp = str(self.vendor.clock.now() // 1000)
        if kept.card:
            url, secret = self.vendor.routes[kept.card.route_key]
            name, signed = "x-ddpaas-signature", stamp
            headers = {"x-ddpaas-signature-timestamp": stamp}
        else:
            url, secret = self.message_url, self.vendor.client_secret
            name, signed = "sign", f"{stamp}\n{secret}"
            headers = {"timestamp": stamp}
        mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
        headers |= {name: base64.b64encode(mac).decode(), "Content-Type": "application/json"}
        body = orjson.dumps(kept.data)
        try:
            answer = await self.client.post(
                url, content=body, headers=headers, timeout=self.answer_seconds
            )
        except httpx.TransportError:
            return 0, {}
        try:
            found = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            found = {}
        return answer.status_code, found if isinstance(found, dict) else {}

    def _apply(self, kept: _Kept, reply: JsonObject) -> str:
        """Let the answer change the presser's card, or show its words."""
        if kept.card is None:
            words = str((reply.get("text") or {}).get("content") or "")
            if words:
                self.vendor.show(kept.user_id, "sampleText", {"content": words})
            return words
        public = (reply.get("cardData") or {}).get("cardParamMap") or {}
        private = (reply.get("userPrivateData") or {}).get("cardParamMap") or {}
        if public or private:
            options = reply.get("cardUpdateOptions") or {}
            self.vendor.change(kept.card, public, {kept.user_id: private}, options)
        return " ".join(str(value) for value in private.values() if value)
