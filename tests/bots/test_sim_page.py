"""The page of chat panes: it shows, presses, types, breaks things and tells of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Mount

from bots.simulator import Wiretap, together
from bots.simulator.desks import WeComDesk
from core.clock import HOUR
from tests.bots.conftest import CARD, ENDED, Corp, delivery


@dataclass
class Page:
    """The page of one vendor, in a browser's hands."""

    corp: Corp
    http: httpx.AsyncClient
    jumped: list[int]

    async def news(self, **query: str) -> Any:
        answer = await self.http.get("/sim/api/messages", params=query)
        assert answer.status_code == 200
        return answer.json()

    async def pane(self, user_id: str) -> list[dict[str, Any]]:
        (vendor,) = (await self.news())["vendors"]
        found: list[dict[str, Any]] = vendor["panes"][user_id]
        return found

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"/sim/api/{path}", json={"vendor": "wecom"} | body)


@pytest.fixture
async def page(corp: Corp) -> Page:
    jumped: list[int] = []
    desk = WeComDesk(corp.sim)
    app = together([desk], corp.sim.routes(), corp.clock, Wiretap(corp.clock), jumped.append)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sim")
    return Page(corp, client, jumped)


async def test_the_page_and_its_files_are_served(page: Page) -> None:
    shown = await page.http.get("/sim", follow_redirects=True)
    assert "聊天模拟器" in shown.text
    for name in ("sim.js", "sim.css", "wecom.js", "dingtalk.js", "telegram.js"):
        assert name == "sim.css" or name in shown.text
        assert (await page.http.get(f"/sim/{name}")).status_code == 200


async def test_it_works_mounted_below_another_address(corp: Corp) -> None:
    inner = together([WeComDesk(corp.sim)], corp.sim.routes(), corp.clock, Wiretap(corp.clock))
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/simulator", app=inner)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        shown = await client.get("/simulator/sim", follow_redirects=True)
        assert shown.url.path == "/simulator/sim/"
        for path in ("sim.js", "sim.css", "api/messages", "api/calls"):
            assert (await client.get(f"/simulator/sim/{path}")).status_code == 200


async def test_it_sees_presses_and_says(page: Page) -> None:
    await page.corp.channel.send(delivery())
    (message,) = await page.pane("WangFang")
    assert message["content"]["main_title"]["title"] == CARD.title
    assert message["at"] == "03-02 09:00"
    rev = (await page.news())["rev"]
    same = await page.http.get("/sim/api/messages", params={"rev": rev})
    assert same.status_code == 204
    press = {"user_id": "WangFang", "msg_id": message["msg_id"]}
    press["key"] = delivery().tokens["concede"]
    assert (await page.post("press", **press)).status_code == 200
    assert (await page.post("press", **press)).status_code == 409
    assert (await page.post("say", user_id="LiSi", text="你好")).status_code == 200
    assert (await page.post("say", user_id="nobody", text="你好")).status_code == 422
    assert (await page.post("say", vendor="pager", user_id="LiSi", text="x")).status_code == 422


async def test_another_web_page_cannot_press(page: Page) -> None:
    for path in ("press", "say", "switch"):
        answer = await page.http.post(
            f"/sim/api/{path}", content=b"{}", headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 415


async def test_people_can_be_added(page: Page) -> None:
    body = {"user_id": "Li", "name": "李伟", "title": "仓库"}
    assert (await page.post("people", **body)).status_code == 200
    assert await page.pane("Li") == []
    assert (await page.post("people")).status_code == 422


async def test_pictures_go_both_ways(page: Page) -> None:
    media_id = await page.corp.channel.api.upload("中文照片.jpg", b"\xff\xd8 picture")
    answer = await page.http.get(f"/sim/api/media/wecom/{media_id}")
    assert answer.content == b"\xff\xd8 picture"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    sent = await page.http.post(
        "/sim/api/photo",
        data={"vendor": "wecom", "user_id": "LiSi"},
        files={"file": ("a.jpg", out.getvalue(), "image/jpeg")},
    )
    assert sent.status_code == 200
    (mine,) = await page.pane("LiSi")
    assert mine["kind"] == "image"
    shown = await page.http.get(f"/sim/api/media/wecom/{mine['content']['media_id']}")
    assert shown.content == out.getvalue()


async def test_ending_a_card_that_nobody_pressed_shows_in_the_pane(page: Page) -> None:
    result = await page.corp.channel.send(delivery())
    await page.corp.edit(result.handle or {}, ENDED)
    assert (await page.pane("WangFang"))[0]["grey"] == "已结束"


async def test_switches_break_things_and_mend_them(page: Page) -> None:
    (vendor,) = (await page.news())["vendors"]
    assert {"timeout", "busy", "ip", "token", "twice", "back"} == {
        each["name"] for each in vendor["switches"]
    }
    await page.post("switch", switch="busy", on=True)
    assert (await page.corp.channel.send(delivery())).code == "wecom_45009"
    assert (await page.corp.channel.send(delivery())).kind == "sent"
    await page.post("switch", switch="twice", on=True)
    await page.corp.sim.press("WangFang", "让步接收")
    assert len(page.corp.rejected) + len(page.corp.received) == 2
    await page.post("switch", switch="twice", on=False)
    assert page.corp.sim.pressing.copies == 1
    await page.post("switch", switch="back", on=True)
    await page.corp.sim.say("LiSi", "早")
    before = len(page.corp.received)
    await page.post("switch", switch="back", on=False)
    assert len(page.corp.received) == before + 1
    assert (await page.post("switch", switch="made-up")).status_code == 404


async def test_hours_can_be_let_pass(page: Page) -> None:
    assert (await page.news())["can_jump"]
    assert (await page.post("clock", hours=48)).status_code == 200
    assert page.jumped == [48]
    for wrong in (0, -1, "48", 10**9):
        assert (await page.post("clock", hours=wrong)).status_code == 422
    assert page.corp.clock.now() % HOUR == 0, "the manual clock was left alone"


async def test_what_went_over_the_wire_can_be_read_without_secrets(page: Page) -> None:
    client = httpx.AsyncClient(transport=page.http._transport, base_url="http://w")
    query = {"corpid": "ww", "corpsecret": "very-secret"}
    await client.get("/cgi-bin/gettoken", params=query)
    (call,) = (await page.http.get("/sim/api/calls")).json()["items"]
    assert call["line"].startswith("GET /cgi-bin/gettoken?corpid=ww")
    assert "very-secret" not in str(call)
    assert "invalid corpid" in call["answered"]
    seen = await page.http.get("/sim/api/calls", params={"after": str(call["n"])})
    assert seen.json()["items"] == []
