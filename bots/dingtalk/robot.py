"""What the robot can do besides cards: words to a person, DING, a group, photos of people.

Not for tasks' cards (send.py). A message of the robot cannot be changed, only taken back within a
day, and repeating it cannot be made harmless: DingTalk has no id of ours for it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import orjson

from bots.dingtalk.api import Api
from bots.refusal import Refused, later, never
from bots.text import cut_bytes
from core.clock import MINUTE, SECOND, Clock, Instant
from core.outbox.channel import SendResult

log = logging.getLogger(__name__)

WORDS_BYTES = 2000
DING_AT_ONCE = 200
GROUP_PER_MINUTE = 20


@dataclass(frozen=True, slots=True)
class GroupRobot:
    """A group's own robot: the access_token of its address, and its 加签 secret."""

    token: str = field(repr=False)
    secret: str = field(repr=False)


class Robot:
    """The robot of one application, and optionally one group's."""

    def __init__(self, api: Api, clock: Clock, group_robot: GroupRobot | None = None) -> None:
        self._api = api
        self._clock = clock
        self._group = group_robot
        self._to_group: deque[Instant] = deque(maxlen=GROUP_PER_MINUTE)

    async def message(self, user_id: str, key: str, params: dict[str, str]) -> SendResult:
        """One message to one person; `handle["ref"]` is what `recall` needs."""
        body = {
            "robotCode": self._api.account.robot,
            "userIds": [user_id],
            "msgKey": key,
            "msgParam": orjson.dumps(params).decode(),
        }
        try:
            answer = await self._api.post("robot/oToMessages/batchSend", body)
        except Refused as refusal:
            return refusal.result
        return _delivered(user_id, answer)

    async def tell(self, user_id: str, text: str) -> SendResult:
        """Plain words to one person."""
        content = cut_bytes(text, WORDS_BYTES)
        return await self.message(user_id, "sampleText", {"content": content})

    async def reply(self, webhook: str, user_id: str, text: str) -> SendResult:
        """Words in the conversation they answer; to the person when its address cannot be used."""
        if webhook and self._api.account.trusts(webhook):
            content = {"content": cut_bytes(text, WORDS_BYTES)}
            try:
                await self._api.bare(webhook, {"msgtype": "text", "text": content})
            except Refused as refusal:
                if refusal.result.kind == "ambiguous":  # perhaps said already: not twice
                    return refusal.result
                log.info("dingtalk_webhook_refused", extra={"why": refusal.result.code})
            else:
                return SendResult("sent")
        return await self.tell(user_id, text)

    async def recall(self, query_key: str) -> None:
        """Take a message back, best effort: one that stays only says what was true once."""
        body = {"robotCode": self._api.account.robot, "processQueryKeys": [query_key]}
        try:
            await self._api.post("robot/otoMessages/batchRecall", body)
        except Refused as refusal:
            log.info("dingtalk_not_recalled", extra={"why": refusal.result.code})

    async def ding(self, user_ids: Sequence[str], text: str) -> SendResult:
        """A DING inside the application: rings through do-not-disturb. Needs 专业版 or 专属版."""
        if not 1 <= len(user_ids) <= DING_AT_ONCE:
            return never("ding_invalid", f"DING 一次 1 到 {DING_AT_ONCE} 人，没有发出。")
        body = {
            "robotCode": self._api.account.robot,
            "remindType": 1,
            "receiverUserIdList": list(user_ids),
            "content": cut_bytes(text, WORDS_BYTES),
        }
        try:
            answer = await self._api.post("robot/ding/send", body)
        except Refused as refusal:
            return refusal.result
        failed = answer.get("failedList")
        if isinstance(failed, dict) and failed:
            missed = {str(user) for users in failed.values() for user in _list(users)}
            if missed >= set(user_ids):
                why = "，".join(str(each) for each in failed)[:120]
                return never("ding_failed", f"DING 没有送达任何人：{why}")
            log.warning("dingtalk_ding_missed", extra={"people": len(missed)})
        return SendResult("sent", handle={"ref": str(answer.get("openDingId") or "")})

    async def group(self, text: str) -> SendResult:
        """Words into the group of the configured group robot, which takes 20 a minute."""
        if self._group is None:
            return never("no_group_robot", "没有配置群机器人，没有发出。")
        now = self._clock.now()
        if len(self._to_group) == GROUP_PER_MINUTE and now - self._to_group[0] < MINUTE:
            wait = (MINUTE - (now - self._to_group[0])) // SECOND + 1
            # The 21st would silence the robot for ten minutes.
            return later(
                "group_full", "群机器人一分钟最多 20 条，稍后再发。", wait, scope="account"
            )
        self._to_group.append(now)
        url = f"{self._api.account.oapi_base}/robot/send?{_signed(self._group, now)}"
        content = {"content": cut_bytes(text, WORDS_BYTES)}
        try:
            await self._api.bare(url, {"msgtype": "text", "text": content})
        except Refused as refusal:
            return refusal.result
        return SendResult("sent")

    async def fetch(self, media: str) -> bytes:
        """The bytes of a photo that somebody sent, by its download code.

        Raises:
            LookupError: with a sentence, when it cannot be had (any more).
        """
        body = {"downloadCode": media, "robotCode": self._api.account.robot}
        try:
            answer = await self._api.post("robot/messageFiles/download", body)
            return await self._api.download(str(answer.get("downloadUrl") or ""))
        except Refused as refusal:
            log.warning("dingtalk_photo_lost", extra={"why": refusal.result.code})
            if refusal.result.code == "too_large":
                raise LookupError(refusal.result.reason) from None
            raise LookupError("这张照片已经取不到了，请再发一次。") from None


def _signed(robot: GroupRobot, now: Instant) -> str:
    """The query of one request: a signature is good for an hour, so each gets its own."""
    stamp = str(now // 1000)
    mac = hmac.new(robot.secret.encode(), f"{stamp}\n{robot.secret}".encode(), hashlib.sha256)
    sign = quote_plus(base64.b64encode(mac.digest()))
    return f"access_token={quote_plus(robot.token)}&timestamp={stamp}&sign={sign}"


def _delivered(user_id: str, answer: dict[str, Any]) -> SendResult:
    """HTTP 200 is not yet delivered: the one receiver may be listed as refused."""
    if user_id in _list(answer.get("invalidStaffIdList")):
        reason = "钉钉里没有这个人，或已离职。请重新绑定此人的钉钉账号。"
        return never("dingtalk_invalid_staff", reason, gone=True)
    if user_id in _list(answer.get("flowControlledStaffIdList")):
        return later("dingtalk_flow_controlled", "给此人发得太密，钉钉限流。稍后自动重发。", 60)
    if user_id in _list(answer.get("filteredStaffIdList")):
        return never("dingtalk_filtered", "此人不在机器人的可见范围内，或屏蔽了机器人。")
    return SendResult("sent", handle={"ref": str(answer.get("processQueryKey") or "")})


def _list(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
