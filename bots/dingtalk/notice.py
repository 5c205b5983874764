"""Work notices (工作通知): the way to a person whom the robot may not write to.

DingTalk swallows what says the same to the same person within a day. Here that is a gift: every
notice carries the number of its card and revision, so a reminder is never taken for the one before,
and a repeat after a silence, being the same to the byte, is not shown twice.
"""

from __future__ import annotations

from typing import Any

from bots.dingtalk.api import Api
from bots.dingtalk.render import plain_message
from bots.refusal import Refused, later, never
from bots.text import cut_bytes
from core.outbox.channel import Delivery, SendResult

NOTICE_BYTES = 1400  # of words; the whole message may have 2048 with title, address and JSON
WRONG_AGENT = "40056"
_FOLDER = "topapi/message/corpconversation"


class Notices:
    """Work notices of one application; `agent_id` is its number in the console."""

    def __init__(self, api: Api, agent_id: str) -> None:
        self._api = api
        self._agent_id = int(agent_id) if agent_id.isdecimal() else agent_id

    async def send(self, delivery: Delivery, page: str) -> SendResult:
        """One attempt; `handle["notice"]` is what `recall` needs.

        `sent` means that DingTalk took it: whether the person saw it is not known.
        """
        body = {
            "agent_id": self._agent_id,
            "userid_list": delivery.user_id,
            "msg": notice(delivery, page),
        }
        try:
            answer = await self._api.old(f"{_FOLDER}/asyncsend_v2", body)
        except Refused as refusal:
            return _harmless(refusal)
        number = str(answer.get("task_id") or "")
        return SendResult("sent", handle={"ref": f"notice-{number}", "notice": number})

    async def recall(self, number: str) -> SendResult:
        """Take a notice back, within a day."""
        body = {"agent_id": self._agent_id, "msg_task_id": number}
        try:
            await self._api.old(f"{_FOLDER}/recall", body)
        except Refused as refusal:
            return refusal.result
        return SendResult("sent")


def _harmless(refusal: Refused) -> SendResult:
    """Repeating is safe, so silence is no doubt; a wrong number is ours and not the person's."""
    if refusal.code == WRONG_AGENT:
        reason = "钉钉不认应用的 AgentId，工作通知没有发出。请核对 JIELI_DINGTALK_AGENT_ID。"
        return never("dingtalk_agent", reason)
    if refusal.result.kind == "ambiguous":
        return later("no_answer", refusal.result.reason, 5)
    return refusal.result


def notice(delivery: Delivery, page: str) -> dict[str, Any]:
    """The message: words, a button to the page, and the number that makes it one of its kind."""
    _, said = plain_message(delivery.card, page)
    number = f"{delivery.card_id[-8:]}·{delivery.card_rev}"
    words = f"{cut_bytes(said['text'], NOTICE_BYTES)}\n\n编号 {number}"
    title = cut_bytes(said["title"], 120)
    if "singleURL" not in said:
        return {"msgtype": "markdown", "markdown": {"title": title, "text": words}}
    link = {"single_title": said["singleTitle"], "single_url": said["singleURL"]}
    return {"msgtype": "action_card", "action_card": {"title": title, "markdown": words, **link}}
