"""Rules that a supervisor sets and people in chat feel: two pairs of eyes, and a DING."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import HOUR
from core.db import Tx
from core.people import ENGINE, bind_chat, unbind_chat
from core.tasks.policies import policy_of, save_policy
from core.tasks.policy import Policy
from tests.api.chat_room import ChatRoom

POLICY = "qc_failed_natural"


def policy(chat: ChatRoom) -> Policy:
    return chat.jieli.db.read_now(lambda conn: policy_of(conn, POLICY))


def changed(chat: ChatRoom, stands: Policy) -> None:
    chat.jieli.db.write_now(lambda tx: save_policy(tx, ENGINE, stands))


async def test_the_first_press_asks_a_second_person_who_decides_in_chat(chat: ChatRoom) -> None:
    changed(chat, replace(policy(chat), second=(("scrap", "role:director"),)))
    await chat.fail_inspection()
    posted = await chat.stage.simulator.press("buyer", "报废")
    assert posted.spoken == "已请director 某确认「报废」，同意后才会办。"
    await chat.settle()
    card = chat.cards("director")[-1]
    assert card.content["main_title"]["title"] == "请确认：报废"
    assert (await chat.task_of("buyer", "qc_decide"))["state"] == "open"
    await chat.stage.simulator.press("director", "看过了，同意")
    await chat.settle()
    found = await chat.ask("admin", "/api/tasks", kind="qc_decide", state=["done"])
    (done,) = found["items"]
    assert "已由 buyer 某 在企业微信处理：报废，director 某确认" in done["result"]
    assert chat.cards("buyer")[-1].grey, "the buyer's own card closes too"


async def test_a_policy_with_a_second_person_is_set_over_the_api(chat: ChatRoom) -> None:
    body = policy(chat).to_json() | {"second": {"scrap": "role:director"}}
    for name in ("code", "version"):
        body.pop(name)
    await chat.do("admin", f"/api/policies/{POLICY}", {"body": body})
    assert policy(chat).second == (("scrap", "role:director"),)
    wrong = body | {"second": {"scrap": "somebody"}}
    refused = await chat.send("admin", f"/api/policies/{POLICY}", {"body": wrong})
    assert refused.status_code == 422
    assert "第二人确认" in refused.text


@pytest.mark.parametrize("ding", [True, False])
async def test_a_rung_may_ring_with_a_ding(chat: ChatRoom, ding: bool) -> None:
    """Once, for whoever the rung calls; not for edits, nor for whoever had the task before."""
    director = chat.ids.people["director"]

    def rebind(tx: Tx) -> None:
        unbind_chat(tx, ENGINE, "wecom", "director")
        bind_chat(tx, ENGINE, director, "dingtalk", "ding-director")

    chat.jieli.db.write_now(rebind)
    chat.stage.dingtalk.add_person("ding-director", "周岚")
    await chat.stage.register()
    rungs = tuple(replace(rung, ding=ding) for rung in policy(chat).rungs)
    changed(chat, replace(policy(chat), rungs=rungs))
    await chat.fail_inspection()
    chat.clock.advance(49 * HOUR)
    await chat.settle()
    await chat.settle()
    kinds = [view.kind for view in chat.stage.dingtalk.pane("ding-director")]
    assert kinds.count("card") == 1
    assert kinds.count("ding") == (1 if ding else 0)


async def test_a_rung_may_be_said_in_the_teams_group_and_so_is_its_end(chat: ChatRoom) -> None:
    rungs = tuple(replace(rung, group=True) for rung in policy(chat).rungs)
    changed(chat, replace(policy(chat), rungs=rungs))
    await chat.fail_inspection()
    await chat.settle()
    said = chat.stage.group.said
    assert said == []
    chat.clock.advance(49 * HOUR)
    await chat.settle()
    await chat.settle()
    assert len(said) == 1, said
    (climbed,) = said
    assert climbed.startswith("【升级】质检不合格")
    assert "燕麦奶" in climbed
    await chat.stage.simulator.press("director", "退回供应商")
    await chat.settle()
    assert len(said) == 2
    assert "已由 director 某 在企业微信处理：退回供应商" in said[1]


async def test_without_a_group_nobody_misses_it(chat: ChatRoom) -> None:
    """The card itself arrived: that is no dead letter."""
    rungs = tuple(replace(rung, group=True) for rung in policy(chat).rungs)
    changed(chat, replace(policy(chat), rungs=rungs))
    chat.stage.dingtalk.groups.clear()
    await chat.fail_inspection()
    chat.clock.advance(49 * HOUR)
    await chat.settle()
    await chat.settle()
    dead = await chat.ask("admin", "/api/tasks", kind="dead_letter")
    assert dead["items"] == []
