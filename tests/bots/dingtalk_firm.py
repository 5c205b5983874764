"""A corporation on DingTalk for the tests: the simulator, our adapter, and a server when needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from bots.dingtalk import Account, DingTalk, GroupRobot, Pace, card_answer
from bots.dingtalk.template import FILE
from bots.said import Answer, CallbackRejected, Click, Received
from bots.simulator.dingtalk import DingTalkSimulator
from core.clock import ManualClock
from core.outbox.card import Card
from core.outbox.channel import SendResult
from tests.bots.conftest import delivery

CLIENT_ID, SECRET, TEMPLATE = "dingjieli", "app-secret", "jieli.schema"
AGENT = "3000002"
GROUP = GroupRobot("group-token", "SECgroup")
BASE = "http://vendor/dingtalk"
OURS = "http://jieli/callbacks/dingtalk"


@dataclass
class Firm:
    """Everything a story needs: press on the simulator, look at what arrived."""

    clock: ManualClock
    sim: DingTalkSimulator
    channel: DingTalk
    app: Starlette
    received: list[Received] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: Answer("nothing"))

    def clicks(self) -> list[Click]:
        return [each.said for each in self.received if isinstance(each.said, Click)]

    async def edit(self, handle: Mapping[str, Any], card: Card, rev: int = 2) -> SendResult:
        """Edit message 1, whatever its card is now."""
        return await self.channel.edit(replace(delivery(card=card, rev=rev)), handle)

    async def handle(self, received: Received) -> Answer:
        """What api/ does, without a database behind it."""
        self.received.append(received)
        return self.answer

    async def door(self, request: Request) -> Response:
        """The same over HTTP."""
        try:
            found = self.channel.callbacks.receive(request.headers, await request.body())
        except CallbackRejected as refusal:
            self.rejected.append(refusal.code)
            return Response(status_code=refusal.status)
        answer = await self.handle(found)
        return Response(orjson.dumps(card_answer(answer)), media_type="application/json")


def exported() -> dict[str, Any]:
    """The card template of the repository, as a person would import it."""
    found: dict[str, Any] = orjson.loads(FILE.read_bytes())
    return found


@asynccontextmanager
async def open_firm(
    clock: ManualClock, *, account: Account | None = None, pace: Pace | None = None, base: str = ""
) -> AsyncIterator[Firm]:
    """Two people; in memory, or at `base` when the app is served there."""
    holder: list[Firm] = []

    async def door(request: Request) -> Response:
        return await holder[0].door(request)

    ours = Starlette(routes=[Route("/callbacks/dingtalk", door, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ours)) as to_us:
        sim = DingTalkSimulator(
            clock=clock,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            agent_id=AGENT,
            templates={TEMPLATE: exported()},
            client=to_us,
        )
        sim.add_person("WangFang", "王芳", "采购")
        sim.add_person("LiSi", "李四", "质检")
        sim.add_group(GROUP.token, GROUP.secret)
        app = Starlette(routes=[Mount("/dingtalk", routes=sim.routes())])
        known = account or Account(CLIENT_ID, SECRET, template_id=TEMPLATE)
        where = base or BASE
        transport = None if base else httpx.ASGITransport(app)
        channel = DingTalk(
            replace(known, api_base=where, oapi_base=where),
            httpx.AsyncClient(transport=transport, trust_env=False),
            clock,
            page_of=lambda each: f"https://jieli.example/t/{each.task_id}",
            picture_of=_picture,
            callback_url=OURS,
            group_robot=GROUP,
            pace=pace,
        )
        holder.append(Firm(clock, sim, channel, app))
        try:
            yield holder[0]
        finally:
            await channel.aclose()


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app behind a real server on the loopback; its address."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # cut cables are wanted here
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    await server.up.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await running


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()


async def _picture(file_id: str) -> bytes:
    return b"\xff\xd8picture of " + file_id.encode()
