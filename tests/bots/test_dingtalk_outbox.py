"""The channel behind the real outbox: queue, deliver, press, change, close; nothing is mocked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bots.dingtalk import Account
from bots.said import Click
from bots.simulator.dingtalk import Fault, View
from core.clock import MINUTE, SECOND, ManualClock
from core.db import Database
from core.outbox.queue import find_token
from core.outbox.surfaces import surfaces_of
from tests.bots.conftest import CARD, ENDED
from tests.bots.dingtalk_firm import CLIENT_ID, SECRET, TEMPLATE, Firm, open_firm
from tests.bots.office import TASK, Outboxed

CREATE = "card/instances/createAndDeliver"
BOTH = ("WangFang", "LiSi")


class Office(Outboxed):
    """Two people on DingTalk."""

    def __init__(self, db: Database, firm: Firm) -> None:
        accounts = {"王芳": {"dingtalk": "WangFang"}, "李四": {"dingtalk": "LiSi"}}
        super().__init__(db, firm.clock, {"dingtalk": firm.channel}, accounts)
        self.firm = firm

    def shows(self, user_id: str) -> list[View]:
        return [view for view in self.firm.sim.pane(user_id) if not view.gone]


@pytest.fixture
async def office(db: Database, clock: ManualClock) -> AsyncIterator[Office]:
    account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, mode="http")
    async with open_firm(clock, account=account) as firm:
        yield Office(db, firm)


async def test_a_task_goes_out_is_pressed_and_closes_on_every_phone(office: Office) -> None:
    await office.send()
    await office.firm.sim.press("WangFang", "退回供应商：效期不足")
    (said,) = [each.said for each in office.firm.received]
    assert isinstance(said, Click)
    token = office.db.read_now(lambda conn: find_token(conn, said.token))
    assert token is not None
    assert (token.task_id, token.action) == (TASK, "return")
    assert token.person_id == office.people[0]
    assert said.inputs == {"reason": "expiry"}
    await office.change(ENDED)
    for user_id in BOTH:
        (view,) = office.shows(user_id)
        assert view.closed
        assert view.content["lead"] == ENDED.result
    assert office.firm.sim.calls(CREATE) == 2


async def test_trouble_at_the_vendor_delays_and_never_doubles(office: Office) -> None:
    sim = office.firm.sim
    sim.order(Fault(CREATE, status=503))
    sim.order(Fault(CREATE, after=True))
    sim.order(Fault(CREATE, undelivered="system error"))
    sim.order(Fault("PUT card/instances", status=500, code="system.busy"))
    await office.send()
    for _ in range(30):
        await office.wait(MINUTE)
    for user_id in BOTH:
        assert [view.kind for view in office.shows(user_id)] == ["card"]
    await office.change(ENDED)
    await office.wait(5 * MINUTE)
    assert all(view.closed for user_id in BOTH for view in office.shows(user_id))


async def test_a_card_that_lost_its_answer_can_still_be_closed(office: Office) -> None:
    office.firm.sim.order(Fault(CREATE, after=True))
    await office.send()
    await office.wait(5 * MINUTE)
    await office.change(ENDED)
    await office.wait(5 * MINUTE)
    live = office.db.read_now(lambda conn: surfaces_of(conn, TASK, live_only=True))
    assert live == []
    for user_id in BOTH:
        (view,) = office.shows(user_id)
        assert view.closed


async def test_a_task_that_moved_on_while_its_card_was_in_doubt_shows_one_card(
    office: Office,
) -> None:
    office.firm.sim.order(Fault(CREATE, after=True))
    await office.send()
    await office.change(replace(CARD, lead="李四 正在处理"))
    for _ in range(10):
        await office.wait(MINUTE)
    for user_id in BOTH:
        (view,) = office.shows(user_id)
        assert view.content["lead"] == "李四 正在处理"


async def test_twenty_calls_a_second_are_kept_and_everything_arrives_once(office: Office) -> None:
    for number in range(15):
        await office.send(task=f"{number:032x}")
    for _ in range(120):
        office.firm.clock.advance(SECOND)
        await office.engine.drain()
    await office.wait(30 * MINUTE)
    for user_id in BOTH:
        assert len(office.shows(user_id)) == 15


async def test_a_template_taken_away_does_not_stop_the_news(office: Office) -> None:
    office.firm.sim.vendor.templates.clear()
    await office.send()
    assert [view.kind for view in office.shows("LiSi")] == ["sampleActionCard"]
    await office.change(ENDED)
    (view,) = office.shows("LiSi")
    assert ENDED.result in view.content["text"]


async def test_whoever_left_is_not_tried_again(office: Office) -> None:
    office.firm.sim.leaves("LiSi")
    await office.send()
    before = office.firm.sim.calls(CREATE)
    await office.wait(60 * MINUTE)
    assert office.firm.sim.calls(CREATE) == before
    assert [view.kind for view in office.shows("WangFang")] == ["card"]
