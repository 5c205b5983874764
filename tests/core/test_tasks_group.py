"""The team's group hears what climbed: its words are nobody's own card."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from api.engine_steps import open_dead_letter
from core.clock import HOUR, MINUTE, ManualClock
from core.db import Database
from core.outbox.channel import Channel, SendResult
from core.outbox.deliver import deliver_steps
from core.outbox.null import Null, Scripted
from core.people import ENGINE, Actor
from core.tasks import again, binding
from core.tasks.policy import Policy, Rung
from core.tasks.queries import inbox
from tests.core.task_room import Room, at

POLICY = Policy(
    "p",
    HOUR,
    rungs=(Rung(HOUR, ("role:director",), repeat_every=10 * MINUTE, repeat_times=1, group=True),),
)
WAIT = Scripted(SendResult("later", retry_after_s=600, code="130101", scope="account"))


@dataclass
class Team(Room):
    """A room with a group robot, or with none."""

    group: Null = field(default_factory=lambda: Null("group"))
    wired: bool = True

    async def deliver(self) -> None:
        channels: dict[str, Channel] = {"null": self.null}
        if self.wired:
            channels["group"] = self.group
        while sum([await s.run() for s in deliver_steps(self.db, channels, open_dead_letter)]):
            pass


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Team:
    made = Team(db, clock)
    made.person("李某")
    return made


async def test_it_hears_although_the_director_was_reminded_meanwhile(room: Team) -> None:
    room.person("陈总监", "director")
    room.open("role:buyer", policy=POLICY)
    room.group.will("team", WAIT)
    room.after(HOUR)
    await room.deliver()
    assert room.group.phone("team") == []
    for _ in range(2):
        room.after(10 * MINUTE)
        await room.deliver()
    assert len(room.group.phone("team")) == 1


async def test_its_words_do_not_go_to_the_directors_own_app(room: Team) -> None:
    room.person("陈总监", "director")
    room.open("role:buyer", policy=POLICY)
    room.group.will("team", *[WAIT] * 9)
    room.after(HOUR)
    for _ in range(8):
        await room.deliver()
        room.after(11 * MINUTE)
    assert len(room.null.phone("陈总监")) == 2, "his card, and one reminder"
    room.group.script.clear()
    await room.deliver()
    assert len(room.group.phone("team")) == 1


async def test_one_persons_quiet_hours_are_not_the_teams(room: Team) -> None:
    room.clock.move_to(at("2026-03-02 22:30"))
    room.person("陈总监", "director", quiet_from=22 * 60, quiet_to=7 * 60)
    room.open("role:buyer", policy=POLICY)
    room.after(HOUR)
    await room.deliver()
    assert room.null.phone("陈总监") == []
    assert len(room.group.phone("team")) == 1


async def test_who_has_no_account_has_not_been_told_by_it(room: Team) -> None:
    boss = room.person("陈总监", "director", phone=False)
    room.open("role:buyer", policy=POLICY)
    room.after(HOUR)
    await room.deliver()
    assert len(room.group.phone("team")) == 1
    room.do(lambda tx: binding.bind(tx, ENGINE, boss.person_id, "null", "陈总监"))
    await room.deliver()
    hello, card = room.null.phone("陈总监")
    assert "有 1 件事等你处理" in hello.card.lead
    assert card.card.buttons


@pytest.mark.parametrize("has_account", [True, False])
async def test_without_a_robot_an_administrator_hears_of_it(room: Team, has_account: bool) -> None:
    admin: Actor = room.person("管理员", "admin")
    room.person("陈总监", "director", phone=has_account)
    room.open("role:buyer", policy=POLICY)
    room.wired = False
    room.after(HOUR)
    await room.deliver()
    assert len(room.null.phone("陈总监")) == int(has_account)
    (view,) = room.db.read_now(lambda conn: inbox(conn, admin.person_id))
    assert view.task.card.lead.startswith("团队群没有收到这张卡片。接通群机器人后重发")
    room.wired = True
    letter = str(view.task.context["message_id"])
    assert room.do(lambda tx: again.resend(tx, ENGINE, letter))
    await room.deliver()
    assert len(room.group.phone("team")) == 1
    assert len(room.null.phone("陈总监")) == int(has_account)
