"""A vendor refuses our whole account for ever: the next app is called, or an admin reads why.

The commonest fault in the field is a server whose address is not in WeCom's 企业可信IP (60020):
messages that are retried without end and never seen by anybody.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.doctor import of_books
from bots.simulator import dingtalk, wecom
from core.clock import MINUTE
from core.db import Tx
from core.people import ENGINE, bind_chat, unbind_chat
from tests.api.chat_room import ChatRoom

FOR_EVER = 2_000
ACCOUNTS = {"wecom": "buyer", "dingtalk": "ding-buyer", "telegram": "70000001"}


def address_refused(chat: ChatRoom) -> None:
    chat.stage.simulator.order(wecom.Fault("message/send", errcode=60020, times=FOR_EVER))


def secret_changed(chat: ChatRoom) -> None:
    chat.stage.dingtalk.vendor.client_secret = "another"  # of the simulator
    chat.stage.dingtalk.vendor.expire_tokens()


def template_gone_and_robot_off(chat: ChatRoom) -> None:
    """Without the template a message would do, but the robot is switched off as well."""
    chat.stage.dingtalk.vendor.templates.clear()
    fault = dingtalk.Fault("batchSend", status=404, code="resource.not.found", times=FOR_EVER)
    chat.stage.dingtalk.order(fault)


def token_revoked(chat: ChatRoom) -> None:
    chat.stage.telegram.revoke_token("70000000:AAfreshfreshfreshfreshfreshfreshfre")


CASES: list[tuple[str, Callable[[ChatRoom], None], tuple[str, ...]]] = [
    ("wecom", address_refused, ("企业可信IP", "127.0.0.1")),
    ("dingtalk", secret_changed, ("JIELI_DINGTALK_CLIENT_ID",)),
    ("dingtalk", template_gone_and_robot_off, ("JIELI_DINGTALK_ROBOT_CODE",)),
    ("telegram", token_revoked, ("JIELI_TELEGRAM_TOKEN",)),
]
every_case = pytest.mark.parametrize(
    ("channel", "refuse", "says"), CASES, ids=[case[1].__name__ for case in CASES]
)


def reach_buyer(chat: ChatRoom, *channels: str) -> None:
    """The buyer has accounts on `channels` only, the first of them preferred."""
    buyer = chat.ids.people["buyer"]

    def rebind(tx: Tx) -> None:
        unbind_chat(tx, ENGINE, "wecom", ACCOUNTS["wecom"])
        for channel in channels:
            bind_chat(tx, ENGINE, buyer, channel, ACCOUNTS[channel])

    chat.jieli.db.write_now(rebind)
    chat.stage.dingtalk.add_person(ACCOUNTS["dingtalk"], "王芳")
    chat.stage.telegram.add_person(ACCOUNTS["telegram"], "王芳")


def shown(chat: ChatRoom, channel: str) -> str:
    """All that the buyer sees on this app."""
    if channel == "wecom":
        return str(chat.cards("buyer"))
    sim = getattr(chat.stage, channel)
    return "".join(str(sim.wire(each)) for each in sim.pane(ACCOUNTS[channel]))


async def wait(chat: ChatRoom, minutes: int) -> None:
    """The clock moves from one due moment to the next."""
    until = chat.clock.now() + minutes * MINUTE
    while (due := await chat.jieli.engine.next_due()) is not None and due < until:
        chat.clock.move_to(max(due, chat.clock.now()))
        await chat.settle()
    chat.clock.move_to(until)
    await chat.settle()


async def dead_of_buyer(chat: ChatRoom) -> list[str]:
    dead = (await chat.ask("admin", "/api/outbox/dead"))["items"]
    return [each["reason"] for each in dead if each["person_id"] == chat.ids.people["buyer"]]


@every_case
async def test_it_becomes_a_letter_that_says_what_to_do(
    chat: ChatRoom, channel: str, refuse: Callable[[ChatRoom], None], says: tuple[str, ...]
) -> None:
    reach_buyer(chat, channel)
    await chat.stage.register()
    refuse(chat)
    await chat.fail_inspection()
    await wait(chat, minutes=5)
    assert await dead_of_buyer(chat) == [], "it is tried again first"
    (stopped,) = (await chat.ask("admin", "/api/tasks"))["stopped"]
    assert stopped["channel"] == channel
    assert all(words in stopped["reason"] for words in says), "the board says why nothing goes out"
    now = chat.clock.now()
    found = await chat.jieli.db.read(lambda conn: list(of_books(conn, now)))
    (trouble,) = [each for each in found if each.name == "消息发送"]
    assert not trouble.ok
    assert all(words in trouble.said for words in says)
    await wait(chat, minutes=7 * 60)
    reasons = await dead_of_buyer(chat)
    assert reasons
    for words in says:
        assert words in reasons[-1]
    assert "质检不合格" not in shown(chat, channel)
    assert await chat.task_of("admin", "dead_letter")


@every_case
async def test_the_next_app_is_called_after_a_quarter_of_an_hour(
    chat: ChatRoom,
    channel: str,
    refuse: Callable[[ChatRoom], None],
    says: tuple[str, ...],  # what is read when there is no next one
) -> None:
    second = "telegram" if channel != "telegram" else "dingtalk"
    reach_buyer(chat, channel, second)
    await chat.stage.register()
    refuse(chat)
    await chat.fail_inspection()
    await wait(chat, minutes=14)
    assert "质检不合格" not in shown(chat, second)
    await wait(chat, minutes=20)
    assert "质检不合格" in shown(chat, second)
    await getattr(chat.stage, second).press(ACCOUNTS[second], "退回供应商")
    await wait(chat, minutes=7 * 60)
    assert await dead_of_buyer(chat) == []
    assert "已由 buyer 某" in shown(chat, second)
