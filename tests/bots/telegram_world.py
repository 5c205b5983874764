"""Telegram in memory: the simulated Bot API, our adapter, and a small door for its webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots import simulator
from bots.said import Answer, CallbackRejected, Click, Received
from bots.simulator import telegram as simulated
from bots.telegram import Account, Callbacks, Telegram
from core.clock import ManualClock
from core.outbox.card import Card
from core.outbox.channel import Delivery, SendResult

TOKEN, SECRET = "7000001:AAH-test_token", "webhook_secret-1"
WANG, LI = "1001", "1002"
HOOK = "https://jieli.example/callbacks/telegram"
assert simulator, "the simulator of WeCom stays as it is beside this one"


@dataclass
class Pauses:
    """How long `listen` wanted to wait; it goes on when the test says so."""

    asked: list[float] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _let_go: int = 0

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        mine = len(self.asked)
        async with self._changed:
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._let_go >= mine)

    async def reach(self, number: int) -> list[float]:
        """Let earlier pauses pass until the `number`-th has begun; all lengths so far."""
        async with self._changed:
            self._let_go = number - 1
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self.asked) >= number)
        return self.asked

    async def end(self) -> None:
        """No pause holds any more."""
        async with self._changed:
            self._let_go = 10**9
            self._changed.notify_all()


@dataclass
class TelegramWorld:
    """Everything a story needs: press on the simulator, look at what arrived."""

    clock: ManualClock
    sim: simulated.Telegram
    channel: Telegram
    callbacks: Callbacks
    pauses: Pauses
    transport: httpx.AsyncBaseTransport
    received: list[Received] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # answers to give before taking updates
    answers: list[Answer] = field(default_factory=list)  # to give back, in order; then nothing
    broken: list[Exception] = field(default_factory=list)  # raised by `handle` before it works

    def clicks(self) -> list[Click]:
        return [each.said for each in self.received if isinstance(each.said, Click)]

    async def handle(self, received: Received) -> Answer:
        """What api/ does with an update, without a database behind it."""
        if self.broken:
            raise self.broken.pop(0)
        self.received.append(received)
        return self.answers.pop(0) if self.answers else Answer("nothing")

    async def sent(self, delivery: Delivery) -> dict[str, Any]:
        """Send and expect that it went; the handle."""
        result = await self.channel.send(delivery)
        assert result.kind == "sent", result
        assert result.handle is not None
        return result.handle

    async def edit(
        self, delivery: Delivery, handle: dict[str, Any], card: Card, rev: int = 2
    ) -> SendResult:
        return await self.channel.edit(replace(delivery, card=card, card_rev=rev), handle)

    async def door(self, request: Request) -> Response:
        """What api/callbacks.py does, without a database behind it."""
        try:
            received = self.callbacks.receive(request.headers, await request.body())
        except CallbackRejected as refusal:
            self.rejected.append(refusal.code)
            return Response(status_code=refusal.status)
        if self.statuses:
            return Response(status_code=self.statuses.pop(0))
        answer = await self.handle(received)
        await self.channel.answer(received, answer)
        return Response()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """With `listen` running; afterwards it is cancelled."""
        task = asyncio.create_task(self.channel.listen(self.handle))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def picture_of(file_id: str) -> bytes:
    if file_id == "lost":
        raise FileNotFoundError(file_id)
    return b"\xff\xd8picture of " + file_id.encode() * (3_000_000 if file_id == "huge" else 1)


@asynccontextmanager
async def telegram_world(clock: ManualClock) -> AsyncIterator[TelegramWorld]:
    """王芳 and 李四 have pressed Start; the adapter calls the simulator in memory."""
    holder: list[TelegramWorld] = []

    async def door(request: Request) -> Response:
        return await holder[0].door(request)

    app = Starlette(routes=[Route("/callbacks/telegram", door, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as to_us:
        sim = simulated.Telegram(clock, TOKEN, client=to_us)
        sim.add_person(WANG, "王芳", "采购")
        sim.add_person(LI, "李四", "质检")
        transport = httpx.ASGITransport(Starlette(routes=sim.routes()))
        pauses = Pauses()
        channel = Telegram(
            Account(TOKEN, "http://telegram", webhook_secret=SECRET),
            clock,
            transport,
            page_of=lambda delivery: f"https://jieli.example/tasks/{delivery.task_id}",
            picture_of=picture_of,
            pause=pauses,
        )
        world = TelegramWorld(clock, sim, channel, Callbacks(clock, SECRET), pauses, transport)
        holder.append(world)
        yield world
        await channel.aclose()
