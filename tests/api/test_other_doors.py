"""DingTalk's and Telegram's doors: forged, doubled, overtaken and late; the database away."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import httpx
import orjson
import pytest

from api.demo.stage import SECRET, WEBHOOK_SECRET
from bots.dingtalk.receive import card_secret
from bots.simulator.dingtalk import CannotPress as NoDingButton
from core.clock import MINUTE, SECOND
from core.db import Tx
from core.people import ENGINE, bind_chat, unbind_chat
from tests.api.chat_room import ChatRoom
from tests.api.test_callbacks import deeds, state_of, stored, waiting
from tests.api.test_spool import SOON, stopped, understood

ACCOUNTS = {"dingtalk": "ding-buyer", "telegram": "70000001"}


class Door:
    """One vendor's way to the buyer and back."""

    def __init__(self, chat: ChatRoom, channel: str) -> None:
        self.chat, self.channel, self.user = chat, channel, ACCOUNTS[channel]
        self.path = f"/callbacks/{channel}"

    async def press(self, label: str) -> tuple[int, ...]:
        stage = self.chat.stage
        if self.channel == "dingtalk":
            return (await stage.dingtalk.press(self.user, label)).statuses
        return (await stage.telegram.press(self.user, label)).statuses

    async def say(self, text: str) -> None:
        stage = self.chat.stage
        if self.channel == "dingtalk":
            await stage.dingtalk.say(self.user, text)
        else:
            await stage.telegram.say(self.user, text)
        await self.chat.settle()
        for each in list(self.chat.jieli.late):
            await each

    def twice(self) -> None:
        stage = self.chat.stage
        if self.channel == "dingtalk":
            stage.dingtalk.fingers.copies = 2
        else:
            stage.telegram.updates.copies = 2

    def keep_back(self) -> None:
        stage = self.chat.stage
        if self.channel == "dingtalk":
            stage.dingtalk.fingers.keep_back = True
        else:
            stage.telegram.updates.keep_back = True

    async def release(self) -> None:
        """Everything kept back arrives, the last one first."""
        stage = self.chat.stage
        if self.channel == "dingtalk":
            await stage.dingtalk.fingers.release()
        else:
            await stage.telegram.updates.release()

    def pane(self) -> str:
        """All that this person sees."""
        stage = self.chat.stage
        if self.channel == "dingtalk":
            return str([stage.dingtalk.wire(each) for each in stage.dingtalk.pane(self.user)])
        return str([stage.telegram.wire(each) for each in stage.telegram.pane(self.user)])

    def proof(self, at: int) -> dict[str, str]:
        """The headers that a genuine press carries."""
        if self.channel == "telegram":
            return {"X-Telegram-Bot-Api-Secret-Token": WEBHOOK_SECRET}
        stamp = str(at // 1000)
        mac = hmac.new(card_secret(SECRET).encode(), stamp.encode(), hashlib.sha256).digest()
        return {
            "x-ddpaas-signature-timestamp": stamp,
            "x-ddpaas-signature": base64.b64encode(mac).decode(),
        }

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.chat.http.post(self.path, content=body, headers=headers)


@pytest.fixture(params=["dingtalk", "telegram"])
async def door(request: pytest.FixtureRequest, chat: ChatRoom) -> Door:
    made = Door(chat, request.param)
    buyer = chat.ids.people["buyer"]

    def rebind(tx: Tx) -> None:
        unbind_chat(tx, ENGINE, "wecom", "buyer")
        bind_chat(tx, ENGINE, buyer, made.channel, made.user)

    chat.jieli.db.write_now(rebind)
    chat.stage.dingtalk.add_person(ACCOUNTS["dingtalk"], "王芳")
    chat.stage.telegram.add_person(ACCOUNTS["telegram"], "王芳")
    await chat.stage.register()
    await chat.fail_inspection()
    return made


async def test_a_press_decides_once_however_often_it_comes(door: Door) -> None:
    door.twice()
    statuses = await door.press("退回供应商")
    assert set(statuses) == {200}
    await door.chat.settle()
    done = await state_of(door.chat)
    assert (await deeds(door.chat, done["id"])).count("task.done") == 1
    assert "已由 buyer 某" in door.pane()


async def test_presses_that_overtake_each_other_have_one_effect(door: Door) -> None:
    """The thumb slipped and corrected itself, and the network turned the two round."""
    door.keep_back()
    await door.press("退回供应商")
    await door.press("让步接收")
    assert (await state_of(door.chat))["state"] == "open"
    await door.release()
    for each in list(door.chat.jieli.late):
        await each
    await door.chat.settle()
    done = await state_of(door.chat)
    assert (await deeds(door.chat, done["id"])).count("task.done") == 1
    assert "让步接收" in done["result"], "what arrived first is done"
    assert "已由 buyer 某" in door.pane(), "and the other one is told"


async def test_words_are_verbs_and_are_answered(door: Door) -> None:
    await door.say("待办")
    assert "等你处理（1 件）" in door.pane()
    await door.say("把货给我弄过来")
    assert "没看懂「把货给我弄过来」" in door.pane()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"update_id": "x"}', b"\xff\xfe", b"[" * 60_000, b"{" * 9],
)
async def test_malformed_bodies_are_refused_and_change_nothing(door: Door, body: bytes) -> None:
    answer = await door.post(body, door.proof(door.chat.clock.now()))
    assert answer.status_code in (200, 400), answer.text
    assert (stored(door.chat), waiting(door.chat)) in ((0, 0), (1, 0))
    assert (await state_of(door.chat))["state"] == "open"


async def test_forged_ones_are_refused(door: Door) -> None:
    genuine = door.proof(door.chat.clock.now())
    for name in genuine:
        for wrong in ({}, genuine | {name: "0" + genuine[name][1:] + "x"}):
            answer = await door.post(b"{}", wrong)
            assert answer.status_code in (400, 403), (name, answer.text)
            assert answer.json()["code"].startswith("callback_")
    assert stored(door.chat) == 0


async def test_a_huge_body_is_refused(door: Door) -> None:
    answer = await door.post(b"x" * 200_000, door.proof(door.chat.clock.now()))
    assert answer.status_code == 413


async def test_late_signatures_of_dingtalk_are_refused(door: Door) -> None:
    """Its signature does not cover the body: a captured pair of headers is good for minutes."""
    if door.channel != "dingtalk":
        return
    old = door.proof(door.chat.clock.now() - 6 * MINUTE)
    assert (await door.post(b"{}", old)).status_code == 403


async def test_a_captured_signature_with_another_body_presses_nothing(door: Door) -> None:
    """Only a token that we made, from the person it was made for, is a press."""
    task = await state_of(door.chat)
    forged = {
        "dingtalk": {
            "type": "actionCallback",
            "outTrackId": "0" * 32,
            "userId": door.user,
            "content": orjson.dumps(
                {"cardPrivateData": {"actionIds": ["x"], "params": {"data": "a1:" + "A" * 22}}}
            ).decode(),
        },
        "telegram": {
            "update_id": 9,
            "callback_query": {
                "id": "1",
                "from": {"id": int(ACCOUNTS["telegram"]), "is_bot": False, "first_name": "x"},
                "chat_instance": "1",
                "data": "a1:" + "A" * 22,
            },
        },
    }[door.channel]
    answer = await door.post(orjson.dumps(forged), door.proof(door.chat.clock.now()))
    assert answer.status_code == 200
    await door.chat.settle()
    assert (await state_of(door.chat))["state"] == task["state"] == "open"


async def test_somebody_elses_card_is_refused_with_a_sentence(door: Door) -> None:
    """A forwarded card: pressed by another who is bound, too."""
    other = {"dingtalk": "ding-director", "telegram": "70000002"}[door.channel]
    director = door.chat.ids.people["director"]
    door.chat.jieli.db.write_now(lambda tx: bind_chat(tx, ENGINE, director, door.channel, other))
    stage = door.chat.stage
    if door.channel == "dingtalk":
        stage.dingtalk.add_person(other, "周岚")
        with pytest.raises(NoDingButton):  # DingTalk itself shows a card to its receiver only
            await stage.dingtalk.press(other, "退回供应商")
        return
    stage.telegram.add_person(other, "周岚")
    view = stage.telegram.pane(door.user)[-1]
    data = view.content["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    query = {
        "update_id": 77,
        "callback_query": {
            "id": "77",
            "from": {"id": int(other), "is_bot": False, "first_name": "周岚"},
            "chat_instance": "1",
            "data": data,
        },
    }
    answer = await door.post(orjson.dumps(query), door.proof(door.chat.clock.now()))
    assert answer.status_code == 200
    assert (await state_of(door.chat))["state"] == "open"


async def test_while_the_database_is_away_it_is_acknowledged_and_done_once(door: Door) -> None:
    door.chat.jieli.store_seconds = SOON
    door.twice()
    with stopped(door.chat.jieli.db):
        statuses = await door.press("退回供应商")
        assert set(statuses) == {200}
    await understood(door.chat)
    done = await state_of(door.chat)
    assert done["state"] == "done"
    assert (await deeds(door.chat, done["id"])).count("task.done") == 1
    assert waiting(door.chat) == 0
    assert "已由 buyer 某" in door.pane()


async def test_who_presses_what_is_over_reads_who_won(door: Door) -> None:
    task = await door.chat.task_of("buyer", "qc_decide")
    press = {"action": "return", "generation": task["generation"], "inputs": {"reason": "发霉"}}
    await door.chat.do("buyer", f"/api/tasks/{task['id']}/act", press)
    door.chat.clock.advance(3 * SECOND)
    await door.press("让步接收")
    for each in list(door.chat.jieli.late):
        await each
    assert "已由 buyer 某" in door.pane()
    assert "退回供应商" in door.pane()


@pytest.mark.parametrize("channel", ["dingtalk", "telegram"])
async def test_without_credentials_the_door_does_not_exist(room: Any, channel: str) -> None:
    assert (await room.http.post(f"/callbacks/{channel}", content=b"{}")).status_code == 404
