"""A corporation in memory: the simulator, our adapter, and a small door between them.

The other vendors' worlds have files of their own (tests/bots/telegram_world.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots.said import CallbackRejected, Click, Received, Word
from bots.simulator.wecom import WeComSimulator
from bots.wecom import Account, Callbacks, Crypto, WeCom
from core.clock import ManualClock
from core.outbox.card import Button, Card, Fact, Field
from core.outbox.channel import Delivery
from tests.bots.telegram_world import TelegramWorld, telegram_world

CORP, AGENT, SECRET, TOKEN = "wwjieli", 1000002, "app-secret", "QDG6eK"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"

REASON = Field(
    "reason", "退回原因", "choice", (("dent", "外包装破损"), ("expiry", "效期不足")), True
)
CARD = Card(
    title="质检不合格：低糖基料 24 箱",
    lead="张江仓等结果，还剩 46 小时",
    facts=(Fact("批次", "L-7"), Fact("数量", "24 箱 = 288 件")),
    buttons=(
        Button("return", "退回供应商", "danger", (REASON,)),
        Button("concede", "让步接收", "primary"),
    ),
    footer="48 小时没人处理，会转给赵敏。",
)
ENDED = CARD.ended("已由 王芳 在企业微信处理：退回供应商（16:21）")


def delivery(number: int = 1, user: str = "WangFang", card: Card = CARD, rev: int = 1) -> Delivery:
    """Message `number` with a token on each of its buttons."""
    tokens = {each.key: f"a1:{number:04d}{each.key:0<18}"[:25] for each in card.buttons}
    return Delivery(
        message_id=f"{number:032x}",
        card_id=f"{number:032x}",
        task_id=f"{number + 900:032x}",
        person_id=number,
        user_id=user,
        card=card,
        card_rev=rev,
        tokens=tokens,
    )


@dataclass
class Corp:
    """Everything a story needs: press on the simulator, look at what arrived."""

    clock: ManualClock
    sim: WeComSimulator
    channel: WeCom
    callbacks: Callbacks
    received: list[Received] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # answers to give before taking callbacks

    def clicks(self) -> list[Click]:
        return [each.said for each in self.received if isinstance(each.said, Click)]

    async def edit(self, handle: dict[str, Any], card: Card, rev: int = 2) -> Any:
        """Edit message 1, whatever its card is now."""
        return await self.channel.edit(replace(delivery(card=card, rev=rev)), handle)

    async def door(self, request: Request) -> Response:
        """What api/callbacks.py does, without a database behind it."""
        query = dict(request.query_params)
        try:
            if request.method == "GET":
                return Response(self.callbacks.verify_echo(query))
            received = self.callbacks.receive(query, await request.body())
        except CallbackRejected as refusal:
            self.rejected.append(refusal.code)
            return Response(status_code=refusal.status)
        if self.statuses:
            return Response(status_code=self.statuses.pop(0))
        self.callbacks.remember(received)
        self.received.append(received)
        if isinstance(received.said, Click):
            return Response(self.callbacks.reply_pressed(received.said, "已处理"))
        if isinstance(received.said, Word):
            return Response(
                self.callbacks.reply_text(received.said.user_id, f"你说：{received.said.text}")
            )
        return Response("")


@pytest.fixture
async def corp(clock: ManualClock) -> AsyncIterator[Corp]:
    """Two members, one application, everything over ASGI in this process."""
    callbacks = Callbacks(Crypto(CORP, TOKEN, AES_KEY), AGENT, clock)
    holder: list[Corp] = []

    async def door(request: Request) -> Response:
        return await holder[0].door(request)

    app = Starlette(routes=[Route("/callbacks/wecom", door, methods=["GET", "POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as to_us:
        sim = WeComSimulator(
            clock=clock,
            corp_id=CORP,
            agent_id=AGENT,
            secret=SECRET,
            token=TOKEN,
            aes_key=AES_KEY,
            callback_url="http://jieli/callbacks/wecom",
            client=to_us,
        )
        sim.add_person("WangFang", "王芳", "采购")
        sim.add_person("LiSi", "李四", "质检")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(sim.app)) as to_vendor:
            channel = WeCom(
                Account(CORP, AGENT, SECRET, "http://wecom/cgi-bin"),
                to_vendor,
                clock,
                page_of=lambda sent: f"https://jieli.example/t/{sent.task_id}",
                picture_of=_picture,
            )
            holder.append(Corp(clock, sim, channel, callbacks))
            yield holder[0]


async def _picture(file_id: str) -> bytes:
    return b"\xff\xd8picture of " + file_id.encode()


@pytest.fixture
async def telegram(clock: ManualClock) -> AsyncIterator[TelegramWorld]:
    """Two people and one bot at Telegram, everything over ASGI in this process."""
    async with telegram_world(clock) as world:
        yield world
