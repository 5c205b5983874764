"""Work notices as DingTalk takes them: the limits, and the same words swallowed for a day.

Source: asynchronous-sending-of-enterprise-session-messages (channels.md §2): at most 100 receivers,
2048 bytes, 500 a day to one person; what was said to somebody that day is taken and not shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request

from bots.simulator.dingtalk.checks import OldError
from bots.simulator.dingtalk.vendor import Vendor
from core.clock import DAY

MESSAGE_BYTES = 2048
RECEIVERS = 100
PER_DAY = 500
_FIELDS = {
    "text": {"content"},
    "markdown": {"title", "text"},
    "action_card": {"title", "markdown", "single_title", "single_url"},
}

JsonObject = dict[str, Any]


@dataclass(slots=True)
class Notices:
    """The two methods over one corporation, and what was swallowed."""

    vendor: Vendor
    agent_id: str
    swallowed: int = 0
    _said: dict[tuple[str, bytes], int] = field(default_factory=dict)
    _today: Counter[tuple[str, int]] = field(default_factory=Counter)
    _shown: dict[str, list[str]] = field(default_factory=dict)

    async def send(self, request: Request) -> JsonObject:
        """POST topapi/message/corpconversation/asyncsend_v2."""
        body = await self._body(request)
        users = str(body.get("userid_list") or "").split(",")
        if not 1 <= len(users) <= RECEIVERS or not all(users):
            raise OldError(33012, "userid_list")
        message = body.get("msg")
        if not isinstance(message, dict):
            raise OldError(33009, "msg")
        content = message.get(message.get("msgtype"))
        wanted = _FIELDS.get(str(message.get("msgtype")))
        if wanted is None or not isinstance(content, dict) or not content.keys() >= wanted:
            raise OldError(33009, "msg")
        data = orjson.dumps(message)
        if len(data) > MESSAGE_BYTES:
            raise OldError(33010, "msg too long")
        number = self.vendor.new_id("notice")
        self._shown[number] = []
        for user_id in users:
            self._to(user_id, data, content, number)
        return {"task_id": number}

    async def recall(self, request: Request) -> JsonObject:
        """POST topapi/message/corpconversation/recall, within a day."""
        body = await self._body(request)
        shown = self._shown.get(str(body.get("msg_task_id")))
        if shown is None:
            raise OldError(33013, "msg_task_id")
        for msg_id in shown:
            view = self.vendor.views.get(msg_id)
            if view is not None and self.vendor.clock.now() - view.at <= DAY:
                view.gone = True
        self.vendor.rev += 1
        return {}

    async def _body(self, request: Request) -> JsonObject:
        if not self.vendor.knows_token(request.query_params.get("access_token", "")):
            raise OldError(40014, "不合法的access_token")
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict) or str(body.get("agent_id")) != self.agent_id:
            raise OldError(40056, "不合法的agentid")
        return body

    def _to(self, user_id: str, data: bytes, content: JsonObject, number: str) -> None:
        """Taken for everybody; shown to whom it can be."""
        day = self.vendor.clock.now() // DAY
        if user_id not in self.vendor.people or self.vendor.people[user_id].left:
            return
        if self._said.get((user_id, data)) == day or self._today[user_id, day] >= PER_DAY:
            self.swallowed += 1
            return
        self._said[user_id, data] = day
        self._today[user_id, day] += 1
        shown = {
            "title": str(content.get("title") or ""),
            "text": str(content.get("markdown") or content.get("text") or content.get("content")),
        }
        if "single_url" in content:
            shown |= {"singleTitle": content["single_title"], "singleURL": content["single_url"]}
        kind = "sampleActionCard" if "singleURL" in shown else "sampleMarkdown"
        self._shown[number].append(self.vendor.show(user_id, kind, shown).msg_id)
