"""The vendor's own SDKs judge the simulator, so that it cannot be as wrong as our adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bots.simulator.dingtalk import DingTalkSimulator
from core.clock import SECOND, ManualClock
from tests.bots.dingtalk_firm import CLIENT_ID, SECRET, TEMPLATE, exported, served
from tests.bots.sdks import Sdk, sdk

PATIENCE = 30.0


@dataclass
class Judge:
    """A simulator and an official client that is connected to it."""

    clock: ManualClock
    sim: DingTalkSimulator
    theirs: Sdk

    async def live(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.sim.gateway.until_live()

    async def heard(self, what: str) -> dict[str, object]:
        found = await self.theirs.hears()
        assert found["heard"] == what, found
        return found


@asynccontextmanager
async def judged(clock: ManualClock, script: str) -> AsyncIterator[Judge]:
    sim = DingTalkSimulator(
        clock=clock,
        client_id=CLIENT_ID,
        client_secret=SECRET,
        templates={TEMPLATE: exported()},
    )
    sim.add_person("WangFang", "王芳")
    sim.fingers.answer_seconds = PATIENCE  # node and requests start slowly
    app = Starlette(routes=[Mount("/dingtalk", routes=sim.routes())])
    async with served(app) as address:
        base = f"{address}/dingtalk"
        known = {"CLIENT_ID": CLIENT_ID, "SECRET": SECRET, "TEMPLATE": TEMPLATE, "BASE": base}
        async with sdk(script, DINGTALK_OPENAPI_ENDPOINT=base, **known) as theirs:
            judge = Judge(clock, sim, theirs)
            await judge.live()
            yield judge


def _card(sim: DingTalkSimulator) -> str:
    """A card that nobody's adapter made: the vendor's own request, written down."""
    made = sim.vendor.create_and_deliver(
        {
            "cardTemplateId": TEMPLATE,
            "outTrackId": "track-1",
            "callbackType": "STREAM",
            "cardData": {
                "cardParamMap": {
                    "title": "审批",
                    "b1_text": "同意",
                    "b1_data": "a1:x",
                    "b1_show": "press",
                }
            },
            "openSpaceId": "dtv1.card//IM_ROBOT.WangFang",
            "imRobotOpenSpaceModel": {"supportForward": False},
            "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": CLIENT_ID},
        }
    )
    return str(made["result"]["outTrackId"])


async def _protocol(judge: Judge, name: str) -> None:
    """What both clients do: a press, an event, a ping."""
    sim = judge.sim
    track = _card(sim)
    posted = await sim.press("WangFang", "同意")
    assert posted.statuses == (200,)
    assert posted.spoken == f"{name}: a1:x"
    assert await judge.heard("card") == {
        "heard": "card",
        "user": "WangFang",
        "track": track,
        "data": "a1:x",
    }
    pushed = await sim.gateway.push("EVENT", "*", {"eventType": "user_add_org"})
    assert (await judge.heard("event"))["topic"] == "*"
    async with asyncio.timeout(PATIENCE):
        await pushed.answered.wait()
        await sim.gateway.ping()
        await sim.gateway.until_answered_pings(1)


async def _reconnects(judge: Judge) -> None:
    """Told to disconnect, closed ten seconds later, and back."""
    sim = judge.sim
    await sim.gateway.disconnect()
    judge.clock.advance(10 * SECOND)
    await sim.gateway.tick()
    async with asyncio.timeout(PATIENCE):
        await sim.gateway.until_open(2)
    posted = await sim.press("WangFang", "同意")
    assert posted.statuses == (200,)
    assert (await judge.heard("card"))["data"] == "a1:x"


@pytest.mark.timeout(90)
async def test_the_npm_client_is_served(clock: ManualClock) -> None:
    async with judged(clock, "dingtalk.mjs") as judge:
        await judge.heard("connected")
        await _protocol(judge, "npm")
        posted = await judge.sim.say("WangFang", "库存 JL-203")
        assert posted.statuses == (200,)
        found = await judge.heard("message")
        assert (found["user"], found["text"]) == ("WangFang", "库存 JL-203")
        await _reconnects(judge)


@pytest.mark.timeout(90)
async def test_the_pypi_client_is_served(clock: ManualClock) -> None:
    async with judged(clock, "dingtalk_official.py") as judge:
        await _protocol(judge, "pypi")
        sim = judge.sim
        posted = await sim.say("WangFang", "库存 JL-203")
        assert posted.statuses == (200,)
        found = await judge.heard("message")
        assert (found["user"], found["text"]) == ("WangFang", "库存 JL-203")
        *_, words, card = sim.pane("WangFang")
        assert words.content == {"content": "你说：库存 JL-203"}
        assert (card.track, card.edited) == (found["card"], True)
        assert card.content["lead"] == "改过一次"
        await sim.press("WangFang", "好")
        assert (await judge.heard("card"))["data"] == "sdk"
        await sim.photo("WangFang", b"\xff\xd8")
        assert str((await judge.heard("picture"))["url"]).startswith(sim.vendor.base + "/files/")
        await _reconnects(judge)
