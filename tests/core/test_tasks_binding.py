"""An account is bound: what its person has missed follows, and nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from api.engine_steps import open_dead_letter
from core.clock import HOUR, MINUTE, ManualClock
from core.db import Database
from core.outbox.channel import Channel
from core.outbox.deliver import deliver_steps
from core.outbox.letters import dead_letters
from core.outbox.null import LEFT_THE_COMPANY, Null
from core.people import ENGINE, Actor
from core.tasks import binding
from core.tasks.board import history
from core.tasks.policy import Policy
from core.tasks.queries import inbox
from tests.core.task_room import Room

REMINDS = Policy("reminds", 9 * HOUR, remind=(8 * HOUR,))


@dataclass
class Apps(Room):
    """A room with two chat apps, where dead letters become tasks."""

    telegram: Null = field(default_factory=lambda: Null("telegram"))

    async def deliver(self) -> None:
        channels: dict[str, Channel] = {"null": self.null, "telegram": self.telegram}
        while sum([await s.run() for s in deliver_steps(self.db, channels, open_dead_letter)]):
            pass

    def bind(self, who: Actor, account: str, channel: str = "null") -> None:
        self.clock.advance(MINUTE)
        self.do(lambda tx: binding.bind(tx, ENGINE, who.person_id, channel, account))

    def unbind(self, account: str) -> None:
        self.do(lambda tx: binding.unbind(tx, ENGINE, "null", account))


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Apps:
    return Apps(db, clock)


@pytest.fixture
def li(room: Apps) -> Actor:
    return room.person("李某")


@pytest.mark.parametrize("account", ["李某", "李某2"])
async def test_cards_that_died_come_on_the_new_account(room: Apps, li: Actor, account: str) -> None:
    admin = room.person("管理员", "admin")
    room.null.will("李某", LEFT_THE_COMPANY)
    room.open("role:buyer")
    await room.deliver()
    assert room.null.phone("李某") == []
    (asked,) = room.db.read_now(lambda conn: inbox(conn, admin.person_id))
    room.bind(li, account)
    await room.deliver()
    hello, card = room.null.phone(account)
    assert hello.card.lead == "有 1 件事等你处理，卡片随后就到。"
    assert card.card.title == "质检不合格"
    assert room.db.read_now(dead_letters) == []
    assert room.db.read_now(lambda conn: inbox(conn, admin.person_id)) == [], "nobody need decide"
    told = room.db.read_now(lambda conn: history(conn, asked.task.id))
    assert "李某已绑定账号，卡片重新发送" in told[-1].sentence


async def test_a_reminder_that_died_comes_though_the_first_card_stands_on_the_lost_phone(
    room: Apps, li: Actor
) -> None:
    room.open("role:buyer", policy=REMINDS)
    await room.deliver()
    room.null.will("李某", LEFT_THE_COMPANY)
    room.after(HOUR)
    await room.deliver()
    room.bind(li, "李某2")
    await room.deliver()
    assert [shown.card.title for shown in room.null.phone("李某2")][1:] == ["质检不合格"]


async def test_another_phone_gets_what_stood_on_the_old_one(room: Apps, li: Actor) -> None:
    room.open("role:buyer")
    await room.deliver()
    room.unbind("李某")
    for times in (1, 2):
        room.bind(li, "李某2")
        await room.deliver()
        assert len([s for s in room.null.live("李某2") if s.card.buttons]) == 1
        assert len(room.null.phone("李某2")) == 1 + times, "the card, and a hello each time"
    assert room.null.live("李某") == []


async def test_the_same_phone_bound_anew_gets_its_cards_anew(room: Apps, li: Actor) -> None:
    room.open("role:buyer")
    await room.deliver()
    for _ in range(2):
        room.unbind("李某")
        room.bind(li, "李某")
        await room.deliver()
        assert len([s for s in room.null.live("李某") if s.card.buttons]) == 1


async def test_a_second_app_gets_no_second_card(room: Apps, li: Actor) -> None:
    room.open("role:buyer")
    await room.deliver()
    room.bind(li, "li", "telegram")
    await room.deliver()
    room.open("role:buyer")
    await room.deliver()
    card, hello, other = [shown.card for shown in room.null.phone("李某")]
    assert hello.lead == "有 1 件事等你处理。"
    assert card.buttons == other.buttons
    assert room.telegram.phone("li") == []
