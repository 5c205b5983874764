"""WeCom refuses our address for ever (60020): the next app is called, or an admin reads why.

The commonest fault in the field is of a server whose address is not in 企业可信IP: messages that
are retried without end and never seen by anybody.
"""

from __future__ import annotations

from bots.simulator.wecom import Fault
from core.clock import MINUTE
from core.people import ENGINE, bind_chat
from tests.api.chat_room import ChatRoom

FOR_EVER = 2_000


def refuse_us(chat: ChatRoom) -> None:
    chat.stage.simulator.order(Fault("message/send", errcode=60020, times=FOR_EVER))


async def wait(chat: ChatRoom, minutes: int) -> None:
    """The clock moves from one due moment to the next."""
    until = chat.clock.now() + minutes * MINUTE
    while (due := await chat.jieli.engine.next_due()) is not None and due < until:
        chat.clock.move_to(max(due, chat.clock.now()))
        await chat.settle()
    chat.clock.move_to(until)
    await chat.settle()


async def test_60020_for_ever_becomes_a_letter_that_says_where_to_enter_which_address(
    chat: ChatRoom,
) -> None:
    refuse_us(chat)
    await chat.fail_inspection()
    chat.clock.advance(5 * MINUTE)
    await chat.settle()
    assert (await chat.ask("admin", "/api/outbox/dead"))["items"] == [], "it is tried again first"
    await wait(chat, minutes=7 * 60)
    dead = (await chat.ask("admin", "/api/outbox/dead"))["items"]
    mine = [each for each in dead if each["person_id"] == chat.ids.people["buyer"]]
    assert mine, dead
    assert "企业可信IP" in mine[0]["reason"]
    assert "127.0.0.1" in mine[0]["reason"]
    assert await chat.task_of("admin", "dead_letter")
    assert chat.cards("buyer") == []


async def test_60020_for_ever_goes_to_the_next_app_of_the_person(chat: ChatRoom) -> None:
    buyer = chat.ids.people["buyer"]
    chat.jieli.db.write_now(lambda tx: bind_chat(tx, ENGINE, buyer, "telegram", "70000001"))
    chat.stage.telegram.add_person("70000001", "王芳")
    refuse_us(chat)
    await chat.fail_inspection()
    pane = chat.stage.telegram.pane
    await wait(chat, minutes=14)
    assert pane("70000001") == [], "the first choice is given a quarter of an hour"
    await wait(chat, minutes=20)
    assert "质检不合格" in str([chat.stage.telegram.wire(each) for each in pane("70000001")])
    await chat.stage.telegram.press("70000001", "退回供应商")
    await wait(chat, minutes=7 * 60)
    dead = (await chat.ask("admin", "/api/outbox/dead"))["items"]
    assert buyer not in [each["person_id"] for each in dead]
