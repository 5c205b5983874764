"""「升级」: the next rung now, because a person says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.db import Database
from core.errors import AppError
from core.people import Actor
from core.tasks import board, hold, pause
from core.tasks.early import escalate_now
from core.tasks.policy import Policy, Rung
from tests.core.task_room import Room

LADDER = Policy(
    "ladder",
    2 * HOUR,
    claim_expires=HOUR,
    rungs=(
        Rung(HOUR, ("role:supervisor",), stop_on="claim", repeat_every=20 * MINUTE, repeat_times=2),
        Rung(3 * HOUR, ("role:director",)),
    ),
)


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def li(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def boss(room: Room) -> Actor:
    return room.person("周主管", "supervisor")


@pytest.fixture
def director(room: Room) -> Actor:
    return room.person("陈总监", "director")


async def test_the_next_rung_comes_at_once_and_the_one_after_counts_from_now(
    room: Room, li: Actor, boss: Actor, director: Actor
) -> None:
    task = room.open("role:buyer", policy=LADDER)
    await room.deliver()
    room.after(10 * MINUTE)
    now = room.do(lambda tx: escalate_now(tx, li, task.id, "客户在门口"))
    assert (now.level, now.holder_id) == (1, boss.person_id)
    await room.deliver()
    (card,) = [shown.card for shown in room.null.live("周主管")]
    assert card.lead == "李某 提前升级给你：客户在门口。张江仓等结果。"
    assert "没有人处理" not in card.lead
    (climbed,) = room.events("task.escalated")
    assert (climbed.payload["late_us"], climbed.payload["early"]) == (0, True)
    room.after(HOUR)
    assert room.now(task).level == 1, "the old moment of this rung is past and means nothing"
    assert [each.payload["key"] for each in room.events("task.reminded")] == ["L1#1", "L1#2"]
    room.after(2 * HOUR)
    assert room.now(task).level == 2, "three hours after it was raised"
    assert room.null.live("李某"), "he may still answer"


def test_a_claimed_task_climbs_too_and_its_claim_ends(
    room: Room, li: Actor, boss: Actor, director: Actor
) -> None:
    """The first rung lies in the drawer of the claim, the second waits: the first is next."""
    task = room.open("role:buyer", policy=LADDER)
    room.do(lambda tx: hold.claim(tx, li, task.id))
    now = room.do(lambda tx: escalate_now(tx, li, task.id))
    assert (now.state, now.level, now.holder_id) == ("open", 1, boss.person_id)
    room.after(3 * HOUR)
    assert room.now(task).level == 2
    assert [event.payload["level"] for event in room.events("task.escalated")] == [1, 2]


def test_at_the_top_nobody_is_called_again(
    room: Room, li: Actor, boss: Actor, director: Actor
) -> None:
    task = room.open("role:buyer", policy=LADDER)
    for _ in range(2):
        room.do(lambda tx: escalate_now(tx, li, task.id))
    with pytest.raises(AppError, match="最高一级，现在由 陈总监 负责"):
        room.do(lambda tx: escalate_now(tx, li, task.id))
    assert len(room.events("task.raised")) == 2
    room.after(DAY)
    assert room.now(task).level == 2


def test_who_may_raise_it_and_when(room: Room, li: Actor, boss: Actor, director: Actor) -> None:
    other = room.person("王某", "warehouse")
    task = room.open("role:buyer", policy=LADDER)
    with pytest.raises(AppError, match="升级任务"):
        room.do(lambda tx: escalate_now(tx, other, task.id))
    room.do(lambda tx: pause.pause(tx, li, task.id, "等样品"))
    with pytest.raises(AppError, match="不能升级"):
        room.do(lambda tx: escalate_now(tx, li, task.id))
    room.do(lambda tx: pause.resume(tx, li, task.id))
    room.close(li, task)
    with pytest.raises(AppError, match="已由 李某"):
        room.do(lambda tx: escalate_now(tx, li, task.id))


def test_whoever_asked_for_it_may_raise_it(room: Room, boss: Actor, director: Actor) -> None:
    asker = room.person("赵某", "warehouse")
    new = replace(room.new("role:director", policy=LADDER), kind="errand")
    task = room.do(lambda tx: board.ask(tx, asker, new))
    assert room.do(lambda tx: escalate_now(tx, asker, task.id, "急")).level == 1


def test_a_snoozed_task_is_woken_by_it(room: Room, li: Actor, boss: Actor) -> None:
    task = room.open("role:buyer", policy=LADDER)
    room.do(lambda tx: pause.snooze(tx, li, task.id, room.clock.now() + DAY))
    assert room.do(lambda tx: escalate_now(tx, li, task.id)).state == "open"


def test_a_rung_behind_which_nobody_stands_is_passed_by(
    room: Room, li: Actor, director: Actor
) -> None:
    """Not even one that would hold until somebody is on duty (simulation, seed 605245)."""
    admin = room.person("管理员", "admin")
    task = room.open("role:buyer", policy=LADDER)  # there is no supervisor
    now = room.do(lambda tx: escalate_now(tx, li, task.id))
    assert (now.level, now.holder_id) == (2, director.person_id)
    rungs = (Rung(HOUR, ("rota:night",), if_nobody="hold"), Rung(HOUR, ("role:director",)))
    task = room.open("role:buyer", policy=Policy("held", HOUR, rungs=rungs))
    now = room.do(lambda tx: escalate_now(tx, li, task.id))
    assert (now.level, now.holder_id) == (1, admin.person_id)
    room.after(HOUR)
    assert room.now(task).holder_id == director.person_id


@pytest.mark.parametrize("held", ["claimed", "snoozed", "claimed after a snooze"])
async def test_a_held_task_climbs_past_a_rung_behind_which_nobody_stands(
    room: Room, li: Actor, director: Actor, held: str
) -> None:
    """The rungs that a claim stops and the one that it does not are one ladder again."""
    room.person("王某")
    task = room.open("role:buyer", policy=LADDER)  # there is no supervisor
    if "snooze" in held:
        room.do(lambda tx: pause.snooze(tx, li, task.id, room.clock.now() + DAY))
    if "claimed" in held:
        room.do(lambda tx: hold.claim(tx, li, task.id))
    before = room.now(task)
    now = room.do(lambda tx: escalate_now(tx, li, task.id))
    assert (now.state, now.level, now.holder_id) == ("open", 2, director.person_id)
    assert now.generation == before.generation + 1
    await room.deliver()
    assert len(room.null.live("陈总监")) == 1
    assert len(room.null.live("王某")) == 1, "his first card was dropped when it was taken"
    room.after(DAY)
    assert room.now(task).state == "open"
    assert [event.payload["level"] for event in room.events("task.escalated")] == [1, 2]
