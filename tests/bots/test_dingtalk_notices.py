"""Work notices: whom the robot may not write to still hears, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest

from bots.dingtalk import Account
from bots.dingtalk.notice import notice
from bots.simulator.dingtalk import Fault
from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.outbox.card import Card, Fact
from tests.bots.conftest import CARD, ENDED, delivery
from tests.bots.dingtalk_firm import AGENT, CLIENT_ID, SECRET, TEMPLATE, Firm, open_firm

SEND = "corpconversation/asyncsend_v2"


@pytest.fixture
async def firm(clock: ManualClock) -> AsyncIterator[Firm]:
    account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, agent_id=AGENT)
    async with open_firm(clock, account=account) as found:
        found.sim.vendor.no_robot.add("WangFang")
        yield found


async def test_whom_the_robot_may_not_write_to_gets_a_work_notice(firm: Firm) -> None:
    result = await firm.channel.send(delivery())
    assert result.kind == "sent"
    (view,) = firm.sim.pane("WangFang")
    assert view.content["title"] == CARD.title
    assert view.content["singleURL"].startswith("https://jieli.example/t/")
    assert view.content["singleTitle"] == "打开任务"


async def test_the_same_reminder_is_not_swallowed(firm: Firm) -> None:
    """Museum: the same text to the same person within a day is taken and not shown."""
    first = delivery()
    for number in range(3):
        said = replace(first, card_id=f"{number:032x}", message_id=f"{number:032x}")
        assert (await firm.channel.send(said)).kind == "sent"
        firm.clock.advance(MINUTE)
    assert len(firm.sim.pane("WangFang")) == 3
    assert firm.sim.notices.swallowed == 0


async def test_a_repeat_after_a_silence_is_not_shown_twice(firm: Firm) -> None:
    firm.sim.order(Fault(SEND, after=True))
    first = await firm.channel.send(delivery())
    assert (first.kind, first.scope) == ("later", "person"), "repeating is harmless"
    firm.clock.advance(MINUTE)
    again = await firm.channel.send(delivery())
    assert again.kind == "sent"
    assert len(firm.sim.pane("WangFang")) == 1
    assert firm.sim.notices.swallowed == 1


async def test_news_takes_the_old_notice_back(firm: Firm) -> None:
    sent = await firm.channel.send(delivery())
    assert sent.handle is not None
    firm.clock.advance(HOUR)
    assert (await firm.edit(sent.handle, ENDED)).kind == "sent"
    old, new = firm.sim.pane("WangFang")
    assert old.gone
    assert not new.gone
    assert ENDED.result in new.content["text"]
    assert "singleURL" not in new.content


async def test_after_a_day_the_end_is_still_told(firm: Firm) -> None:
    sent = await firm.channel.send(delivery())
    assert sent.handle is not None
    firm.clock.advance(2 * DAY)
    assert (await firm.edit(sent.handle, ENDED)).kind == "sent"
    assert ENDED.result in firm.sim.pane("WangFang")[-1].content["text"]


async def test_without_an_agent_the_refusal_stands(clock: ManualClock) -> None:
    async with open_firm(clock) as firm:
        firm.sim.vendor.no_robot.add("WangFang")
        result = await firm.channel.send(delivery())
        assert result.kind == "never"
        assert "机器人" in result.reason
        assert firm.sim.pane("WangFang") == []


async def test_a_wrong_agent_is_said(clock: ManualClock) -> None:
    account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, agent_id="7")
    async with open_firm(clock, account=account) as firm:
        firm.sim.vendor.no_robot.add("WangFang")
        result = await firm.channel.send(delivery())
        assert result.kind == "never"
        assert "JIELI_DINGTALK_AGENT_ID" in result.reason


async def test_the_longest_card_fits(firm: Firm) -> None:
    facts = (Fact("质检不合格原因" * 3, "外包装破损、日期不清、数量不符；" * 40),) * 20
    long = Card("质检不合格，请决定退货还是让步接收" * 10, "等张江仓质检员复核" * 20, facts)
    assert (await firm.channel.send(delivery(card=long))).kind == "sent"
    body = notice(delivery(card=long), "https://jieli.example/" + "x" * 120)
    assert len(orjson.dumps(body)) <= 2048
