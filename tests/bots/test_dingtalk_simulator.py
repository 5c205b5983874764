"""The simulated vendor keeps its own rules: limits, tickets, repetitions, what a pane shows."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bots.dingtalk import Account
from bots.simulator.dingtalk import CannotPress, DingTalkSimulator, Fault
from core.clock import DAY, SECOND, ManualClock
from tests.bots.conftest import CARD, delivery
from tests.bots.dingtalk_firm import (
    CLIENT_ID,
    SECRET,
    TEMPLATE,
    Firm,
    exported,
    open_firm,
    served,
)

PAGE = Path(__file__).parents[2] / "bots/simulator/page"


@pytest.fixture
async def firm(clock: ManualClock) -> AsyncIterator[Firm]:
    account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, mode="http")
    async with open_firm(clock, account=account) as found:
        yield found


@pytest.fixture
async def ask(firm: Firm) -> AsyncIterator[Any]:
    """A call with a good token: `await ask(path, body)` gives status and answer."""
    transport = httpx.ASGITransport(firm.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vendor/dingtalk") as client:

        async def call(path: str, body: Any, method: str = "POST") -> tuple[int, Any]:
            headers = {"x-acs-dingtalk-access-token": await firm.channel.api.tokens.get()}
            answer = await client.request(method, f"/v1.0/{path}", json=body, headers=headers)
            return answer.status_code, answer.json()

        yield call


def card(**change: Any) -> dict[str, Any]:
    return {
        "cardTemplateId": TEMPLATE,
        "outTrackId": "t1",
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": {"title": "x"}},
        "openSpaceId": "dtv1.card//IM_ROBOT.WangFang",
        "imRobotOpenSpaceModel": {"supportForward": False},
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": CLIENT_ID},
    } | change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cardTemplateId": ""}, "param.cardTemplateIdEmpty"),
        ({"cardTemplateId": "other"}, "param.templateNotExist"),
        ({"outTrackId": ""}, "param.outTrackIdEmpty"),
        ({"cardData": {"cardParamMap": {"n": 7}}}, "param.invalid"),
        ({"cardData": {"cardParamMap": {"n": "长" * 342}}}, "param.invalid"),
        ({"cardData": {"cardParamMap": {"n" * 101: ""}}}, "param.invalid"),
        ({"cardData": {"cardParamMap": {}}}, "param.cardPublicDataEmpty"),
        ({"openSpaceId": ""}, "param.openSpaceIdEmpty"),
        ({"openSpaceId": "IM_ROBOT.WangFang"}, "param.openSpaceIdInvalid"),
        ({"openSpaceId": "dtv1.card//IM_ROBOT.Nobody"}, "param.userIdNotExist"),
        ({"imRobotOpenSpaceModel": None}, "param.openSpaceModelInvalid"),
        ({"imRobotOpenDeliverModel": None}, "param.openDeliverModelEmpty"),
        ({"imRobotOpenDeliverModel": {"robotCode": CLIENT_ID}}, "param.openDeliverModelError"),
        ({"callbackType": "HTTP", "callbackRouteKey": "unknown"}, "param.invalid"),
        ({"privateData": {"Nobody": {"cardParamMap": {}}}}, "param.userIdNotExist"),
    ],
)
async def test_a_card_that_breaks_a_rule_is_refused_as_published(
    firm: Firm, ask: Any, change: dict[str, Any], code: str
) -> None:
    status, answer = await ask("card/instances/createAndDeliver", card(**change))
    assert (status, answer["code"]) == (400, code)
    assert firm.sim.pane("WangFang") == []


async def test_one_name_is_one_card_and_delivering_it_twice_shows_it_twice(
    firm: Firm, ask: Any
) -> None:
    """The stricter reading: so an adapter that repeats a delivery is found out."""
    assert (await ask("card/instances", card()))[0] == 200
    assert firm.sim.pane("WangFang") == []
    for _ in range(2):
        status, answer = await ask("card/instances/deliver", card())
        assert (status, answer["result"][0]["success"]) == (200, True)
    assert len(firm.sim.pane("WangFang")) == 2
    status, answer = await ask("card/instances/createAndDeliver", card())
    assert (status, answer["code"]) == (400, "param.cardAlreadyExist")


async def test_without_by_key_an_update_replaces_everything(firm: Firm, ask: Any) -> None:
    await ask("card/instances/createAndDeliver", card())
    body: dict[str, Any] = {"outTrackId": "t1", "cardData": {"cardParamMap": {"lead": "y"}}}
    by_key = {"cardUpdateOptions": {"updateCardDataByKey": True}}
    await ask("card/instances", body | by_key, "PUT")
    (view,) = firm.sim.pane("WangFang")
    assert view.content == {"title": "x", "lead": "y"}
    await ask("card/instances", body, "PUT")
    assert view.content == {"lead": "y"}
    status, answer = await ask("card/instances", {"outTrackId": "t1"}, "PUT")
    assert (status, answer["code"]) == (400, "param.cardDataAndPrivateDataBothEmpty")
    status, answer = await ask("card/instances", body | {"outTrackId": "t2"}, "PUT")
    assert (status, answer["code"]) == (400, "param.cardNotExist")


async def test_no_token_no_answer(firm: Firm) -> None:
    transport = httpx.ASGITransport(firm.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://vendor/dingtalk") as client:
        answer = await client.post("/v1.0/card/instances", json=card())
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidAuthentication")


@pytest.mark.parametrize(
    "change",
    [
        {"msgKey": "sampleNothing"},
        {"msgParam": "not json"},
        {"msgParam": json.dumps({"title": "x"})},
        {"msgParam": {"title": "x", "text": "y"}},
        {"userIds": []},
        {"userIds": [str(n) for n in range(21)]},
    ],
)
async def test_a_message_that_breaks_a_rule_is_refused(ask: Any, change: dict[str, Any]) -> None:
    body = {
        "robotCode": CLIENT_ID,
        "userIds": ["WangFang"],
        "msgKey": "sampleMarkdown",
        "msgParam": json.dumps({"title": "x", "text": "y"}),
    }
    assert (await ask("robot/oToMessages/batchSend", body))[0] == 200
    assert (await ask("robot/oToMessages/batchSend", body | change))[0] == 400


async def test_groups_and_recalls(firm: Firm, ask: Any) -> None:
    message = {"msgKey": "sampleText", "msgParam": json.dumps({"content": "早"})}
    group = {"robotCode": CLIENT_ID, "openConversationId": "cid1"} | message
    assert (await ask("robot/groupMessages/send", group))[0] == 200
    assert [view.content["content"] for view in firm.sim.pane("cid1")] == ["早"]
    single = {"robotCode": CLIENT_ID, "userIds": ["LiSi"]} | message
    key = (await ask("robot/oToMessages/batchSend", single))[1]["processQueryKey"]
    firm.clock.advance(DAY + SECOND)
    recall = {"robotCode": CLIENT_ID, "processQueryKeys": [key, "unknown"]}
    _, answer = await ask("robot/otoMessages/batchRecall", recall)
    assert (answer["successResult"], len(answer["failedResult"])) == ([], 2)


async def test_a_ticket_is_good_once_and_for_ninety_seconds(firm: Firm, ask: Any) -> None:
    wanted = {"subscriptions": [{"type": "EVENT", "topic": "*"}]}
    keys = {"clientId": CLIENT_ID, "clientSecret": SECRET}
    assert (await ask("gateway/connections/open", keys))[0] == 400
    status, answer = await ask("gateway/connections/open", wanted | keys | {"clientSecret": "x"})
    assert (status, answer["code"]) == (401, "invalidClientIdOrSecret")

    tickets = [(await ask("gateway/connections/open", wanted | keys))[1] for _ in range(2)]
    assert tickets[0]["endpoint"] == "ws://vendor/dingtalk/connect"
    async with served(firm.app) as address:
        where = "ws" + address.removeprefix("http") + "/dingtalk/connect?ticket="
        async with connect(where + tickets[0]["ticket"], proxy=None):
            with pytest.raises(InvalidStatus):
                await connect(where + tickets[0]["ticket"], proxy=None)
        firm.clock.advance(90 * SECOND)
        with pytest.raises(InvalidStatus):
            await connect(where + tickets[1]["ticket"], proxy=None)


async def test_presses_can_be_kept_back_and_come_in_another_order(firm: Firm) -> None:
    await firm.channel.send(delivery())
    firm.sim.fingers.keep_back = True
    await firm.sim.press("WangFang", "让步接收")
    await firm.sim.press("WangFang", "退回供应商：效期不足")
    assert firm.received == []
    await firm.sim.fingers.release()
    assert [each.token for each in firm.clicks()] == [
        delivery().tokens["return"],
        delivery().tokens["concede"],
    ]


async def test_only_what_is_seen_can_be_pressed(firm: Firm) -> None:
    await firm.channel.send(delivery())
    for user_id, label in (("LiSi", "让步接收"), ("WangFang", "没有这个")):
        with pytest.raises(CannotPress):
            await firm.sim.press(user_id, label)
    with pytest.raises(CannotPress):
        await firm.sim.press("WangFang", "让步接收", "another-message")


async def test_an_address_that_is_not_ours_is_told(firm: Firm) -> None:
    await firm.channel.send(delivery())
    firm.sim.vendor.routes[f"jieli-{CLIENT_ID}"] = ("http://nowhere/x", "s")
    posted = await firm.sim.press("WangFang", "让步接收")
    assert posted.statuses == (404,)


async def test_every_change_of_a_pane_is_a_new_revision(firm: Firm) -> None:
    seen = [firm.sim.rev]
    handle = (await firm.channel.send(delivery())).handle or {}
    seen.append(firm.sim.rev)
    await firm.edit(handle, CARD)
    seen.append(firm.sim.rev)
    firm.sim.order(Fault("createAndDeliver", status=500))
    await firm.channel.send(delivery(2))
    assert firm.sim.rev == seen[-1]
    assert seen == sorted(set(seen))


async def test_the_page_draws_what_the_wire_says(firm: Firm) -> None:
    """The page's own script, in node, over a document of a few lines: words stay words."""
    evil = CARD.ended("<img src=x onerror=alert(1)>")
    await firm.channel.send(delivery())
    await firm.channel.send(delivery(2, card=evil))
    await firm.channel.tell("WangFang", "在的 <b>")
    wires = [firm.sim.wire(view) for view in firm.sim.pane("WangFang")]
    script = (PAGE / "dingtalk.js").read_text()
    done = await asyncio.to_thread(
        subprocess.run,
        ["node", "-e", _DOM + script + _DRAW],
        input=json.dumps(wires),
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = json.loads(done.stdout)
    assert "让步接收" in first["text"]
    assert first["buttons"] == ["退回供应商：外包装破损", "退回供应商：效期不足", "让步接收"]
    assert "批次" in first["text"]
    assert "onerror" in second["text"]
    assert second["buttons"] == []
    assert third["text"] == "在的 <b>"
    assert first["pressed"] == ["WangFang", wires[0]["msg_id"], "让步接收"]


def test_a_simulator_can_be_read_without_people(clock: ManualClock) -> None:
    sim = DingTalkSimulator(
        clock=clock, client_id="c", client_secret="s", templates={"t": exported()}
    )
    assert sim.pane("x") == []
    assert Starlette(routes=sim.routes()).routes


_DOM = """
const window = {};
class Node {
  constructor(tag) { this.tag = tag; this.children = []; this.on = {}; }
  append(...all) { this.children.push(...all); }
  get text() {
    return this.children.map((each) => (each instanceof Node ? each.text : String(each))).join("");
  }
  find(tag) {
    const nodes = this.children.filter((each) => each instanceof Node);
    return nodes.flatMap((each) => [...(each.tag === tag ? [each] : []), ...each.find(tag)]);
  }
}
const el = (tag, attributes = {}, ...children) => {
  const node = new Node(tag);
  node.on = attributes.on || {};
  node.append(...children);
  return node;
};
"""
_DRAW = """
let pressed = null;
const tools = { el, safe: (url) => url, press: (...all) => { pressed = all; } };
const wires = JSON.parse(require("fs").readFileSync(0, "utf8"));
const drawn = wires.map((each) => {
  const node = window.drawers.dingtalk({ user_id: "WangFang" }, each, tools);
  const buttons = node.find("button");
  pressed = null;
  if (buttons.length) buttons[buttons.length - 1].on.click();
  return { text: node.text, buttons: buttons.map((button) => button.text), pressed };
});
console.log(JSON.stringify(drawn));
"""
