"""Somebody leaves the firm: what happens to his cards, and to the tasks that he had."""

from __future__ import annotations

import pytest

from core.clock import HOUR, MINUTE, ManualClock
from core.db import Database
from core.outbox.claiming import claim
from core.outbox.recording import record
from core.people import ENGINE, Actor, deactivate, update_person
from core.tasks import hold, leaving, pause
from core.tasks.board import history
from core.tasks.policy import Policy, Rung
from tests.core.task_room import Room

REMINDS = Policy("reminds", 4 * HOUR, remind=(HOUR,))
CLIMBS = Policy("climbs", 48 * HOUR, rungs=(Rung(HOUR, ("role:director",)),))


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def li(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def boss(room: Room, li: Actor) -> Actor:
    """His manager."""
    boss = room.person("周主管", "supervisor")
    room.do(lambda tx: update_person(tx, ENGINE, li.person_id, {"manager_id": boss.person_id}))
    return boss


def leave(room: Room, who: Actor) -> None:
    room.do(lambda tx: leaving.leave(tx, ENGINE, who.person_id, "离职"))


async def test_who_left_gets_no_new_card(room: Room, li: Actor) -> None:
    room.person("王某")
    room.open("role:buyer", policy=REMINDS)
    await room.deliver()
    room.do(lambda tx: deactivate(tx, ENGINE, li.person_id, "离职"))
    room.after(3 * HOUR + MINUTE)
    await room.deliver()
    assert len(room.null.phone("王某")) == 2
    assert len(room.null.phone("李某")) == 1


async def test_a_card_that_waits_for_who_left_is_not_sent(room: Room, li: Actor) -> None:
    room.person("王某")
    room.open("role:buyer", policy=REMINDS)
    room.do(lambda tx: deactivate(tx, ENGINE, li.person_id, "离职"))
    await room.deliver()
    assert room.null.phone("李某") == []
    assert len(room.null.live("王某")) == 1


async def test_his_cards_lose_their_buttons(room: Room, li: Actor) -> None:
    room.person("王某")
    room.open("role:buyer")
    await room.deliver()
    leave(room, li)
    await room.deliver()
    (shown,) = room.null.phone("李某")
    assert (shown.card.closed, dict(shown.tokens)) == (True, {})
    assert "已停用" in shown.card.result
    assert len(room.null.live("王某")) == len(room.null.phone("王某")) == 1


async def test_a_card_on_its_way_is_closed_when_it_lands(room: Room, li: Actor) -> None:
    room.person("王某")
    room.open("role:buyer")
    flying = room.do(lambda tx: claim(tx, "slow", "null"))
    leave(room, li)
    for each in flying:
        result = await room.null.send(each.delivery)
        room.do(lambda tx, each=each, result=result: record(tx, each, result))  # type: ignore[misc]
    await room.deliver()
    assert room.null.live("李某") == []
    assert len(room.null.live("王某")) == 1


async def test_what_he_alone_had_goes_to_his_manager_at_once(
    room: Room, li: Actor, boss: Actor
) -> None:
    task = room.open("role:buyer")
    await room.deliver()
    leave(room, li)
    await room.deliver()
    now = room.now(task)
    assert (now.people, now.holder_name, now.level) == ((boss.person_id,), "周主管", 0)
    assert now.generation == task.generation
    (shown,) = room.null.live("周主管")
    assert shown.card.lead.startswith("李某 已离职，转给你。")
    told = [each.sentence for each in room.db.read_now(lambda conn: history(conn, task.id))]
    assert told[-1] == "接力 转交：李某 已离职，由别人接手"
    room.close(boss, task, now.generation)


async def test_without_a_manager_it_goes_to_the_administrators(room: Room, li: Actor) -> None:
    admin = room.person("管理员", "admin")
    task = room.open(f"person:{li.person_id}")
    leave(room, li)
    await room.deliver()
    assert room.now(task).people == (admin.person_id,)
    assert len(room.null.live("管理员")) == 1


def test_whoever_has_his_role_by_now_comes_before_his_manager(
    room: Room, li: Actor, boss: Actor
) -> None:
    task = room.open("role:buyer")
    wang = room.person("王某")
    leave(room, li)
    assert room.via(task) == {wang.person_id: "role:buyer"}


async def test_what_he_had_claimed_is_open_for_the_others(
    room: Room, li: Actor, boss: Actor
) -> None:
    room.person("王某")
    task = room.open("role:buyer", policy=CLIMBS)
    await room.deliver()
    room.do(lambda tx: hold.claim(tx, li, task.id))
    leave(room, li)
    await room.deliver()
    assert (room.now(task).state, room.now(task).holder_name) == ("open", "")
    assert "李某 已离职" in room.null.live("王某")[-1].card.lead
    assert room.null.phone("周主管") == []


@pytest.mark.parametrize("rests", ["claimed", "snoozed", "paused"])
async def test_what_he_alone_had_and_held_goes_on(
    room: Room, li: Actor, boss: Actor, rests: str
) -> None:
    director = room.person("陈总监", "director")
    task = room.open("role:buyer", policy=CLIMBS)
    if rests == "claimed":
        room.do(lambda tx: hold.claim(tx, li, task.id))
    elif rests == "snoozed":
        room.do(lambda tx: pause.snooze(tx, li, task.id, tx.now + 9 * HOUR))
    else:
        room.do(lambda tx: pause.pause(tx, li, task.id, "等供应商"))
    leave(room, li)
    await room.deliver()
    assert room.now(task).state == ("paused" if rests == "paused" else "open")
    assert len(room.null.live("周主管")) == 1
    if rests == "paused":
        room.do(lambda tx: pause.resume(tx, boss, task.id))
    room.after(HOUR)
    assert room.now(task).holder_id == director.person_id


async def test_the_rung_he_was_alone_on_has_somebody_again(room: Room, li: Actor) -> None:
    admin = room.person("管理员", "admin")
    director = room.person("陈总监", "director")
    task = room.open("role:buyer", policy=CLIMBS)
    room.after(HOUR)
    leave(room, director)
    await room.deliver()
    now = room.now(task)
    assert (now.people, now.holder_id) == ((li.person_id, admin.person_id), admin.person_id)
    assert len(room.null.live("管理员")) == 1


def test_somebody_below_left_and_nobody_needs_to_be_told(room: Room, li: Actor) -> None:
    director = room.person("陈总监", "director")
    task = room.open("role:buyer", policy=CLIMBS)
    room.after(HOUR)
    before = room.now(task)
    leave(room, li)
    assert room.now(task) == before
    assert before.holder_id == director.person_id


async def test_who_comes_back_may_answer_what_was_passed_on_meanwhile(
    room: Room, li: Actor, boss: Actor
) -> None:
    wang = room.person("王某")
    task = room.open("role:buyer")
    leave(room, wang)
    leave(room, li)
    assert boss.person_id in room.now(task).people
    room.do(lambda tx: leaving.come_back(tx, ENGINE, wang.person_id))
    await room.deliver()
    (shown,) = room.null.live("王某")
    assert shown.tokens
    now = room.now(task)
    assert wang.person_id in now.people, "a card that can be pressed can be answered"
    room.close(wang, task, now.generation)


def test_nobody_is_left_at_all(room: Room, li: Actor) -> None:
    task = room.open("role:buyer")
    leave(room, li)
    assert room.now(task).is_live


async def test_it_was_a_mistake_and_his_cards_come_again(room: Room, li: Actor) -> None:
    room.person("王某")
    room.open("role:buyer")
    await room.deliver()
    leave(room, li)
    await room.deliver()
    for _ in range(2):
        room.do(lambda tx: leaving.come_back(tx, ENGINE, li.person_id))
        await room.deliver()
        assert len(room.null.live("李某")) == 1
    assert len(room.null.phone("李某")) == 2
