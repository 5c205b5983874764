"""The channel behind the real outbox: queue, deliver, press, change, close; nothing is mocked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.simulator.telegram import Fault
from bots.telegram import PACE
from bots.wecom import WeCom
from core.clock import HOUR, MINUTE, SECOND
from core.db import Database
from core.outbox.channel import Channel
from core.outbox.queue import find_token
from core.outbox.surfaces import surfaces_of
from tests.bots.conftest import CARD, ENDED, Corp
from tests.bots.office import TASK, Outboxed
from tests.bots.telegram_world import LI, WANG, TelegramWorld

CONCEDE = "让步接收"


class Office(Outboxed):
    """Two people on Telegram, and on WeCom when it is given."""

    def __init__(
        self,
        db: Database,
        telegram: TelegramWorld,
        wecom: WeCom | None = None,
        *,
        paced: bool = True,
    ) -> None:
        channels: dict[str, Channel] = {"telegram": telegram.channel}
        accounts = {"王芳": {"telegram": WANG}, "李四": {"telegram": LI}}
        if wecom is not None:
            channels["wecom"] = wecom
            accounts["王芳"]["wecom"], accounts["李四"]["wecom"] = "WangFang", "LiSi"
        limits = {"telegram": PACE} if paced else None
        super().__init__(db, telegram.clock, channels, accounts, limits)
        self.telegram = telegram

    def shown(self) -> list[int]:
        return [len(self.telegram.sim.pane(each)) for each in (WANG, LI)]


async def test_a_task_goes_out_is_pressed_and_closes_on_every_phone(
    db: Database, telegram: TelegramWorld
) -> None:
    office = Office(db, telegram)
    await office.send()
    async with telegram.listening():
        await telegram.sim.press(WANG, "退回供应商：效期不足")
        await telegram.sim.taken()
    (click,) = telegram.clicks()
    token = db.read_now(lambda conn: find_token(conn, click.token))
    assert token is not None
    assert (token.task_id, token.action) == (TASK, "return")
    assert token.person_id == office.people[0]
    assert click.inputs == {"reason": "expiry"}
    known = db.read_now(lambda conn: surfaces_of(conn, TASK))
    (surface,) = [each for each in known if each.recipient == WANG]
    assert surface.handle["ref"] == click.card
    await office.change(ENDED)
    for user_id in (WANG, LI):
        (view,) = telegram.sim.pane(user_id)
        assert view.grey
        assert ENDED.result in view.content["text"]


async def test_a_card_changes_as_often_as_the_task_does(
    db: Database, telegram: TelegramWorld
) -> None:
    office = Office(db, telegram)
    await office.send()
    for number in range(1, 6):
        await office.change(replace(CARD, lead=f"第 {number} 次"), generation=number + 1)
        await office.wait(MINUTE)
    assert office.shown() == [1, 1]
    assert "第 5 次" in telegram.sim.pane(WANG)[0].content["text"]


async def test_oncall_1103_a_limit_delays_the_notification_and_never_loses_it(
    db: Database, telegram: TelegramWorld
) -> None:
    """A 429 ended the notification."""
    telegram.sim.order(Fault("sendMessage", retry_after=40, times=2))
    office = Office(db, telegram)
    await office.send()
    assert office.shown() == [0, 0]
    await office.wait(39 * SECOND)
    assert office.shown() == [0, 0], "not before Telegram said"
    await office.wait(10 * SECOND)
    assert office.shown() == [1, 1]


async def test_oncall_3055_a_busy_chat_is_paced_and_nobody_else_waits(
    db: Database, telegram: TelegramWorld
) -> None:
    """The task was repeated at once instead of being planned for later: ever more 429."""
    office = Office(db, telegram)
    bucket = telegram.sim.vendor.pace
    for _ in range(3):
        assert bucket.seconds_to_wait(int(WANG)) == 0
    await office.send()
    assert office.shown() == [0, 1]
    assert telegram.sim.calls("sendMessage") == 2, "one refusal, no storm"
    for _ in range(10):
        await office.wait(SECOND)
    assert office.shown() == [1, 1]
    assert telegram.sim.calls("sendMessage") == 3


@pytest.mark.parametrize("paced", [True, False])
async def test_many_cards_for_one_person_all_arrive(
    db: Database, telegram: TelegramWorld, paced: bool
) -> None:
    """In its own pace the outbox is never refused; without it, refusals only delay."""
    office = Office(db, telegram, paced=paced)
    for number in range(1, 13):
        await office.send(replace(CARD, title=f"任务 {number}"), f"{number:032x}")
    for _ in range(60):
        await office.wait(2 * SECOND)
    assert office.shown() == [12, 12]
    assert (telegram.sim.calls("sendMessage") == 24) is paced


async def test_trouble_at_the_vendor_delays(db: Database, telegram: TelegramWorld) -> None:
    office = Office(db, telegram)
    telegram.sim.order(Fault("sendMessage", silent="connect", times=3))
    await office.send()
    for _ in range(30):
        await office.wait(MINUTE)
    assert office.shown() == [1, 1]


async def test_a_lost_answer_may_double_the_card_and_the_deed_stays_one(
    db: Database, telegram: TelegramWorld
) -> None:
    office = Office(db, telegram)
    telegram.sim.order(Fault("sendMessage", silent="after"))
    await office.send()
    for _ in range(10):
        await office.wait(MINUTE)
    assert sorted(office.shown()) == [1, 2]
    await office.change(ENDED)
    await office.wait(MINUTE)
    (doubled,) = [each for each in (WANG, LI) if len(telegram.sim.pane(each)) == 2]
    first, second = telegram.sim.pane(doubled)
    assert second.grey
    async with telegram.listening():
        await telegram.sim.press(doubled, CONCEDE, first.msg_id)
        await telegram.sim.taken()
    (click,) = telegram.clicks()
    assert db.read_now(lambda conn: find_token(conn, click.token)) is not None


async def test_a_token_that_is_revoked_stops_the_account_and_nothing_dies(
    db: Database, telegram: TelegramWorld
) -> None:
    office = Office(db, telegram)
    ours = telegram.sim.vendor.token
    telegram.sim.revoke_token("7000001:fresh")
    await office.send()
    await office.wait(HOUR)
    asked = telegram.sim.calls("sendMessage")
    assert asked <= 6, "an account that is refused is asked rarely"
    telegram.sim.vendor.token = ours
    for _ in range(6):
        await office.wait(10 * MINUTE)
    assert office.shown() == [1, 1]


async def test_who_blocked_the_bot_gets_it_on_the_next_channel(
    db: Database, telegram: TelegramWorld, corp: Corp
) -> None:
    office = Office(db, telegram, corp.channel)
    telegram.sim.vendor.people[WANG].blocked = True
    await office.send()
    await office.wait(MINUTE)
    assert office.shown() == [0, 1]
    assert [view.content["main_title"]["title"] for view in corp.sim.pane("WangFang")] == [
        CARD.title
    ]
    assert corp.sim.pane("LiSi") == []
    await office.send(replace(CARD, title="下一件"), f"{2:032x}")
    assert telegram.sim.calls("sendMessage") == 3, "a dead account is not tried again"
    assert len(corp.sim.pane("WangFang")) == 2
