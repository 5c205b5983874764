"""The team's group, spoken to by its own robot: what climbed, and later how it ended.

A channel of its own beside the persons' cards: words only, nothing to press, twenty a minute. Open
changes in between are not said; the group hears the beginning and the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.dingtalk.robot import GROUP_PER_MINUTE, Robot
from core.clock import HOUR, MINUTE
from core.outbox.card import Card
from core.outbox.channel import GROUP, Capabilities, Delivery, SendResult
from core.outbox.rules import Limits, Window

PACE = Limits(
    rings=(Window(GROUP_PER_MINUTE - 4, MINUTE), Window(600, HOUR)),
    all=(Window(GROUP_PER_MINUTE - 1, MINUTE), Window(900, HOUR)),
    account=(Window(GROUP_PER_MINUTE - 1, MINUTE),),
)


class Group:
    """`core.outbox.channel.Channel` for one group."""

    def __init__(self, robot: Robot) -> None:
        self._robot = robot

    @property
    def name(self) -> str:
        return GROUP

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(edit=True, buttons=0, pictures=False)

    async def send(self, delivery: Delivery) -> SendResult:
        """Say what the card says."""
        result = await self._robot.group(_words(delivery.card))
        if result.kind != "sent":
            return result
        return SendResult("sent", handle={"ref": delivery.card_id})

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:  # noqa: ARG002
        """A group robot cannot change what it said: the end is said, what lies between is not."""
        if not delivery.card.closed:
            return SendResult("sent")
        return await self._robot.group(f"{delivery.card.title}\n{delivery.card.result}")


def _words(card: Card) -> str:
    lines = [f"【升级】{card.title}", card.lead]
    lines += [f"{fact.label}：{fact.value}" for fact in card.facts]
    return "\n".join(line for line in lines if line)
