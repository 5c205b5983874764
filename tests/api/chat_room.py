"""A room whose people are reached in chat; the vendors are played by the simulator."""

from __future__ import annotations

from typing import Any

from api.demo.stage import Stage
from tests.api.room import Room


class ChatRoom(Room):
    """A room whose buyer and director are reached through the simulator."""

    stage: Stage

    async def settle(self) -> None:
        await self.jieli.engine.drain()

    async def fail_inspection(self) -> None:
        """Goods arrive and are rejected: the buyer is asked what to do."""
        arrive = {
            "order_line_id": self.ids.lines["N"],
            "quantity": "288",
            "lot_code": "L-7",
            "accepted": "0",
            "rejected": "288",
            "reason": "发霉",
        }
        await self.do("warehouse", "/api/receipts/combined", arrive)
        await self.settle()

    def cards(self, login: str) -> list[Any]:
        views = self.stage.simulator.pane(login)
        return [view for view in views if view.kind == "template_card"]
