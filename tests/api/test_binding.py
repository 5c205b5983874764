"""Who is that account? A one-time code asks, an administrator decides, and unbinding is at once."""

from __future__ import annotations

import re

import pytest

from core import people
from core.clock import DAY, HOUR
from core.people import ENGINE
from tests.api.chat_room import ChatRoom


async def code_for(chat: ChatRoom, login: str, by: str = "admin") -> str:
    made = await chat.do(by, f"/api/people/{chat.ids.people[login]}/chats/code")
    assert made["say"] == f"绑定 {made['code']}"
    code: str = made["code"]
    return code


@pytest.fixture
async def admin_in_chat(chat: ChatRoom) -> ChatRoom:
    """The administrator is reached in chat too."""
    admin = chat.ids.people["admin"]
    chat.jieli.db.write_now(lambda tx: people.bind_chat(tx, ENGINE, admin, "wecom", "admin"))
    for login in ("admin", "warehouse"):
        chat.stage.simulator.add_person(login, login)
    return chat


async def test_a_code_asks_and_an_administrator_decides(admin_in_chat: ChatRoom) -> None:
    chat, say = admin_in_chat, admin_in_chat.stage.simulator.say
    code = await code_for(chat, "warehouse")
    assert re.fullmatch("[A-HJ-NP-Z2-9]{8}", code)
    asked = await say("warehouse", f"绑定 {code.lower()}")
    assert asked.spoken.startswith("收到。管理员批准以后")
    assert "还没有和接力里的人绑定" in (await say("warehouse", "待办")).spoken
    await chat.settle()
    card = chat.cards("admin")[-1]
    assert card.content["main_title"]["title"] == "绑定聊天账号：warehouse 某 · 企业微信"
    await chat.stage.simulator.press("admin", "是本人，批准")
    await chat.settle()
    assert (await say("warehouse", "待办")).spoken.startswith("等你处理（2 件）")
    hello, *missed = chat.cards("warehouse")
    assert hello.content["main_title"]["title"] == "warehouse 某，你好：账号已绑定"
    assert len(missed) == 2, "the cards of what waited follow"
    made = await chat.ask("admin", "/api/audit", thing=f"person:{chat.ids.people['warehouse']}")
    assert "chat.code" in [each["verb"] for each in made["items"]]


async def test_a_code_counts_once_and_for_a_day(admin_in_chat: ChatRoom) -> None:
    chat, say = admin_in_chat, admin_in_chat.stage.simulator.say
    void = "没绑定：这个绑定码不对、已用过或超过一天。"
    assert (await say("warehouse", "绑定 ABCD2345")).spoken.startswith(void)
    old = await code_for(chat, "warehouse")
    chat.clock.advance(DAY + HOUR)
    assert (await say("warehouse", f"绑定 {old}")).spoken.startswith(void)
    code = await code_for(chat, "warehouse")
    await say("warehouse", f"绑定 {code}")
    assert (await say("stranger", f"绑定 {code}")).spoken.startswith(void)


async def test_a_refused_account_stays_a_stranger(admin_in_chat: ChatRoom) -> None:
    chat, say = admin_in_chat, admin_in_chat.stage.simulator.say
    await say("stranger", f"绑定 {await code_for(chat, 'warehouse')}")
    await chat.settle()
    await chat.stage.simulator.press("admin", "不是，拒绝")
    await chat.settle()
    assert "还没有和接力里的人绑定" in (await say("stranger", "待办")).spoken


async def test_one_gets_a_code_for_oneself_and_for_nobody_else(chat: ChatRoom) -> None:
    await code_for(chat, "buyer", by="buyer")
    director = chat.ids.people["director"]
    refused = await chat.send("buyer", f"/api/people/{director}/chats/code")
    assert refused.status_code == 403


async def test_who_is_bound_gets_the_cards_that_were_missed(admin_in_chat: ChatRoom) -> None:
    chat = admin_in_chat
    buyer = chat.ids.people["buyer"]
    chat.jieli.db.write_now(lambda tx: people.unbind_chat(tx, ENGINE, "wecom", "buyer"))
    await chat.fail_inspection()
    assert chat.cards("buyer") == []
    body = {"channel": "wecom", "user_id": "buyer"}
    await chat.do("admin", f"/api/people/{buyer}/chats", body)
    await chat.settle()
    titles = [each.content["main_title"]["title"] for each in chat.cards("buyer")]
    assert len(titles) == 2
    assert any("质检不合格" in title for title in titles)
    await chat.stage.simulator.press("buyer", "退回供应商")
    found = await chat.ask("admin", "/api/tasks", kind="qc_decide", state=["done"])
    assert len(found["items"]) == 1


async def test_unbound_is_unbound_at_once(chat: ChatRoom) -> None:
    """The card that stands there loses its buttons; what waits goes elsewhere or not at all."""
    await chat.fail_inspection()
    (card,) = chat.cards("buyer")
    body = {"channel": "wecom", "user_id": "buyer"}
    await chat.do("admin", f"/api/people/{chat.ids.people['buyer']}/chats/unbind", body)
    await chat.settle()
    (after,) = chat.cards("buyer")
    assert after.msg_id == card.msg_id
    assert after.grey, "the buttons are gone"
    assert "已解绑" in str(after.content)


async def test_who_gets_no_card_is_seen_on_the_board(chat: ChatRoom) -> None:
    """Neither a chat account nor a badge: the board and the roster say so, the doctor too."""
    await chat.fail_inspection()
    buyer = chat.ids.people["buyer"]
    seen = await chat.ask("admin", "/api/tasks", kind="qc_decide")
    assert seen["out_of_reach"] == []
    body = {"channel": "wecom", "user_id": "buyer"}
    await chat.do("admin", f"/api/people/{buyer}/chats/unbind", body)
    seen = await chat.ask("admin", "/api/tasks", kind="qc_decide")
    assert seen["out_of_reach"] == [{"id": buyer, "name": "buyer 某"}]
    roster = {each["login"]: each for each in (await chat.ask("admin", "/api/people"))["items"]}
    assert roster["director"]["reachable"]
    assert not roster["buyer"]["reachable"]
